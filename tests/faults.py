"""Everything that goes wrong, as small programs: each is run untraced and traced, and tells what it saw.

A scene gets `make`, which makes the class that it is given traced or leaves it as it is, and a list in which it notes
what a person outside could notice. It returns its server, closed.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import socketserver
import struct
import sys
import threading
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, Any
from unittest import mock

from tests.helpers import TIMEOUT, BaseShout, ask, plain_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Make = Callable[[Any], Any]
    Scene = Callable[[Make, list[object]], Any]

ADDRESS = ("127.0.0.1", 0)


@contextmanager
def looping(server: Any, told: list[object]) -> Iterator[Any]:
    """The server, serving in a thread and closed in the end; how the loop ended, and what was printed, is told."""
    ended: list[object] = []

    def loop() -> None:
        try:
            server.serve_forever(0.01)
        except BaseException as error:  # noqa: BLE001 - told
            ended.append(f"the loop ended by {error!r}")

    printed = io.StringIO()
    thread = threading.Thread(target=loop)
    with redirect_stderr(printed):
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(TIMEOUT)
            told += ended
            _close(server, told)
    told.extend(_errors_in(printed.getvalue()))


def _close(server: Any, told: list[object]) -> None:
    try:
        server.server_close()
    except RuntimeError as error:
        told.append(f"server_close raised {error!r}")


def _errors_in(printed: str) -> list[str]:
    """The last line of each traceback that was printed."""
    return re.findall(r"^\w+Error\b.*$", printed, re.MULTILINE)


def handler_raises(make: Make, told: list[object]) -> Any:
    """`handle` raises for one client; the next one is served."""

    class Handler(BaseShout):
        def handle(self) -> None:
            if self.request.recv(10) == b"bad":
                raise ValueError("what is that?")
            self.request.sendall(b"fine")

    with looping(make(socketserver.TCPServer)(ADDRESS, Handler), told) as server:
        told += [ask(server, b"bad"), ask(server, b"good")]
    return server


def setup_raises(make: Make, told: list[object]) -> Any:
    """`setup` raises: neither `handle` nor `finish` runs."""

    class Handler(BaseShout):
        def setup(self) -> None:
            raise RuntimeError("not today")

    with looping(make(socketserver.ThreadingTCPServer)(ADDRESS, Handler), told) as server:
        told += [ask(server, b""), ask(server, b"")]
    return server


def verify_is_false(make: Make, told: list[object]) -> Any:
    """`verify_request` returns False, then None, then True."""

    class Server(socketserver.TCPServer):
        answers = iter([False, None, True])

        def verify_request(self, request: Any, client_address: Any) -> bool:
            return next(self.answers)  # type: ignore[return-value] # None is what is tried

    Server.answers = iter([False, None, True])
    with looping(make(Server)(ADDRESS, BaseShout), told) as server:
        told += [ask(server, b""), ask(server, b""), ask(server, b"yes")]
    return server


def verify_raises(make: Make, told: list[object]) -> Any:
    """`verify_request` raises, which ends the loop."""

    class Server(socketserver.TCPServer):
        def verify_request(self, request: Any, client_address: Any) -> bool:
            raise AttributeError("no such list")

    with looping(make(Server)(ADDRESS, BaseShout), told) as server:
        told.append(ask(server, b""))
    return server


def get_request_fails(make: Make, told: list[object]) -> Any:
    """`get_request` raises an OSError once; the loop tries again."""

    class Server(socketserver.TCPServer):
        failed = False

        def get_request(self) -> Any:
            if not self.failed:
                self.failed = True
                raise OSError("not now")
            return super().get_request()

    with looping(make(Server)(ADDRESS, BaseShout), told) as server:
        told.append(ask(server, b"yes"))
    return server


def thread_cannot_start(make: Make, told: list[object]) -> Any:
    """The system has no thread for the first request."""
    with looping(make(socketserver.ThreadingTCPServer)(ADDRESS, BaseShout), told) as server:
        with mock.patch.object(threading.Thread, "start", side_effect=RuntimeError("can't start new thread")):
            told.append(ask(server, b""))
        told.append(ask(server, b"yes"))
    return server


class Asking(socketserver.BaseRequestHandler):
    """Reads once, says so, waits until it may go on, and does `then`."""

    read: threading.Event
    go_on: threading.Event

    def handle(self) -> None:
        self.request.recv(10)
        self.read.set()
        assert self.go_on.wait(TIMEOUT)
        self.then()

    def then(self) -> None:
        raise NotImplementedError


def _after_the_client(make: Make, told: list[object], then: Callable[[Asking], object], *, resets: bool) -> Any:
    """A client sends, and leaves while the handler is at work; then the handler goes on."""
    handler = type("Handler", (Asking,), {"then": then, "read": threading.Event(), "go_on": threading.Event()})
    with looping(make(socketserver.TCPServer)(ADDRESS, handler), told) as server:
        with plain_client(server) as client:
            client.sendall(b"hello")
            assert handler.read.wait(TIMEOUT)  # type: ignore[attr-defined] # an attribute that it was made with
            if resets:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.go_on.set()  # type: ignore[attr-defined] # as above
        told.append(ask(server, b"and the next"))
    return server


def client_resets(make: Make, told: list[object]) -> Any:
    """The client breaks its connection off while the handler works."""
    return _after_the_client(make, told, lambda self: self.request.recv(10), resets=True)


def pipe_breaks(make: Make, told: list[object]) -> Any:
    """The handler sends to a client that has gone."""

    def then(self: Asking) -> None:
        for _ in range(2):
            self.request.sendall(b"for nobody")

    return _after_the_client(make, told, then, resets=False)


def client_half_closes(make: Make, told: list[object]) -> Any:
    """The client says that it will send no more, and reads on."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.read().upper())

    with looping(make(socketserver.TCPServer)(ADDRESS, Handler), told) as server, plain_client(server) as client:
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        told.append(client.recv(100))
        told.append(client.recv(100))
    return server


def client_is_silent(make: Make, told: list[object]) -> Any:
    """The client says nothing until the handler's timeout."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 0.02

        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    with looping(make(socketserver.TCPServer)(ADDRESS, Handler), told) as server:
        with plain_client(server) as client:
            told.append(client.recv(100))
        told.append(ask(server, b"next\n"))
    return server


class Leaving(socketserver.BaseRequestHandler):
    """Wants to end the program."""

    def handle(self) -> None:
        sys.exit(3)


def handler_exits(make: Make, told: list[object]) -> Any:
    """`sys.exit` in a handler of the serving thread ends the loop."""
    with looping(make(socketserver.TCPServer)(ADDRESS, Leaving), told) as server:
        told.append(ask(server, b""))
    return server


def handler_exits_in_a_thread(make: Make, told: list[object]) -> Any:
    """`sys.exit` in a thread ends that thread, in silence."""
    with looping(make(socketserver.ThreadingTCPServer)(ADDRESS, Leaving), told) as server:
        told += [ask(server, b""), ask(server, b"")]
    return server


def handler_exits_in_a_child(make: Make, told: list[object]) -> Any:
    """`sys.exit` in a child ends that child, in silence."""
    with looping(make(socketserver.ForkingTCPServer)(ADDRESS, Leaving), told) as server:
        told += [ask(server, b""), ask(server, b"")]
    return server


def interrupted(make: Make, told: list[object]) -> Any:
    """Ctrl-C while a handler works, in the main thread."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            signal.raise_signal(signal.SIGINT)

    with make(socketserver.TCPServer)(ADDRESS, Handler) as server, plain_client(server) as client:
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            server.serve_forever(0.01)
        except KeyboardInterrupt as error:
            told.append(repr(error))
        finally:
            signal.signal(signal.SIGINT, before)
        told.append(client.recv(10))
    return server


def closed_twice(make: Make, told: list[object]) -> Any:
    """`server_close` is called twice."""
    with looping(make(socketserver.ThreadingTCPServer)(ADDRESS, BaseShout), told) as server:
        told.append(ask(server, b"yes"))
    server.server_close()
    told.append(server.fileno())
    return server


def shut_down_twice(make: Make, told: list[object]) -> Any:
    """`shutdown` is called again after the loop has ended, and is remembered for the next one."""
    with looping(make(socketserver.TCPServer)(ADDRESS, BaseShout), told) as server:
        told.append(ask(server, b"yes"))
        server.shutdown()
        server.shutdown()
        server.serve_forever()
        told.append("the next serve_forever() returned at once")
    return server


def shut_down_too_early(make: Make, told: list[object]) -> Any:
    """`shutdown` waits for a loop that has not begun; the loop ends as soon as it does."""
    with make(socketserver.TCPServer)(ADDRESS, BaseShout) as server:
        stopping = threading.Thread(target=server.shutdown)
        stopping.start()
        server.serve_forever(0.01)
        stopping.join(TIMEOUT)
        told.append(stopping.is_alive())
    return server


def child_raises(make: Make, told: list[object]) -> Any:
    """A handler raises in a child."""

    class Handler(BaseShout):
        def handle(self) -> None:
            self.request.recv(10)
            raise ValueError("in the child")

    with looping(make(socketserver.ForkingTCPServer)(ADDRESS, Handler), told) as server:
        told += [ask(server, b"one"), ask(server, b"two")]
    return server


def child_is_killed(make: Make, told: list[object]) -> Any:
    """A child is killed by a signal while it handles its request."""

    class Handler(BaseShout):
        def handle(self) -> None:
            if self.request.recv(10) == b"die":
                os.kill(os.getpid(), signal.SIGKILL)
            self.request.sendall(b"alive")

    with looping(make(socketserver.ForkingTCPServer)(ADDRESS, Handler), told) as server:
        told += [ask(server, b"die"), ask(server, b"live")]
    return server


def child_forks(make: Make, told: list[object]) -> Any:
    """A handler that forks by itself: the child of the child answers."""

    class Handler(BaseShout):
        def handle(self) -> None:
            data = self.request.recv(10)
            if pid := os.fork():
                os.waitpid(pid, 0)
                return
            try:
                self.request.sendall(data.upper())
            finally:
                os._exit(0)

    with looping(make(socketserver.ForkingTCPServer)(ADDRESS, Handler), told) as server:
        told += [ask(server, b"one"), ask(server, b"two")]
    return server


def nobody_collects(make: Make, told: list[object]) -> Any:
    """Without serve_forever a child that has ended stays a zombie until the server is closed."""
    with make(socketserver.ForkingTCPServer)(ADDRESS, BaseShout) as server:
        with plain_client(server) as client:
            client.sendall(b"hello")
            server.handle_request()
            told.append(client.recv(10))
        told.append(len(server.active_children))
    told.append(len(server.active_children))
    return server


SCENES: dict[str, Scene] = {
    scene.__name__: scene
    for scene in (
        handler_raises, setup_raises, verify_is_false, verify_raises, get_request_fails, thread_cannot_start,
        client_resets, client_half_closes, client_is_silent, pipe_breaks, handler_exits, handler_exits_in_a_thread,
        interrupted, closed_twice, shut_down_twice, shut_down_too_early,
    )
}  # fmt: skip
"""The scenes that any system can play."""

if hasattr(os, "fork"):
    SCENES |= {
        scene.__name__: scene
        for scene in (handler_exits_in_a_child, child_raises, child_is_killed, child_forks, nobody_collects)
    }
