"""What learners write in lesson 07."""

from __future__ import annotations

import contextlib
import socket
import threading
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, StillWaiting, serve, trace_of, traced, tracing
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.5
"""How many seconds a client waits for what will not come."""


# --- The last word ------------------------------------------------------------------------------------------------


def quitting(
    handle: Callable[[Any], object],
    server: type[Any] = TCPServer,
    *,
    ends: bool = True,
    hangs: bool = False,
) -> Any:
    """Alice says hello, and bob says quit. For a loop that does not return, or a handler that hangs, nobody waits long.

    A handler that waits for its helper is freed afterwards, by the mark for which the helper waits.
    """
    made = type("Quits", (BaseRequestHandler,), {"handle": handle})
    served: Any = serve(server, made, timeout=CALM)
    with contextlib.suppress(ServingEnded, StillWaiting), served:
        for name, word in (("alice", b"hello"), ("bob", b"quit")):
            with served.client(name, timeout=PATIENCE if hangs else CALM) as client:
                client.send(word)
                with contextlib.suppress(OSError):
                    client.receive_all()
        with contextlib.suppress(TimeoutError):
            served.wait_for("serve_forever", timeout=CALM if ends else PATIENCE)
        seen = served.trace
        served.server._BaseServer__is_shut_down.set()
    return seen


def _quit(stop: Callable[[Any], object], *, word: bytes = b"good-bye") -> Callable[[Any], None]:
    def handle(handler: Any) -> None:
        data = handler.request.recv(1024)
        if data == b"quit":
            handler.request.sendall(word)
            stop(handler.server)
        else:
            handler.request.sendall(data.upper())

    return handle


def _ask_a_thread(server: Any) -> threading.Thread:
    thread = threading.Thread(target=server.shutdown)
    thread.start()
    return thread


def _ask_a_timer(server: Any) -> None:
    threading.Timer(0.01, server.shutdown).start()


def _leave(_server: Any) -> None:
    raise SystemExit


def _always(handler: Any) -> None:
    handler.request.recv(1024)
    handler.request.sendall(b"good-bye")
    _ask_a_thread(handler.server)


class Asking(TCPServer):
    """It asks for its end in shutdown_request, when bob has been answered: another way."""

    is_asked = False

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        if self.is_asked:
            _ask_a_thread(self)


def _ask_later(server: Any) -> None:
    server.is_asked = True


# --- Stop, and start again ----------------------------------------------------------------------------------------


class Shout(BaseRequestHandler):
    """Answers what comes first, in capitals."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(1024).upper())


class Again(TCPServer):
    """The class that is asked for."""

    allow_reuse_address = True


class TooLate(TCPServer):
    """It says so when its address has been taken."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.allow_reuse_address = True


class ByHand(TCPServer):
    """Another way to say it, and just in time."""

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        super().server_bind()


def twice(server: type[Any], stop: Callable[[Any], object]) -> Any:
    """One run for alice, and one for bob, at the same address."""
    runs: list[Any] = []
    address: Any = ("127.0.0.1", 0)
    with tracing() as seen, contextlib.suppress(OSError):
        for name in ("alice", "bob"):
            runs.append(serve(traced(server)(address, Shout), timeout=CALM).start())
            address = runs[-1].server.server_address
            with runs[-1].client(name) as client:
                client.send(b"hello")
                client.receive_all()
            stop(runs[-1].server)
    trace = seen.trace
    for served in runs:
        served.stop()
    return trace


def _stop(server: Any) -> None:
    server.shutdown()
    server.server_close()


def _stop_in_a_block(server: Any) -> None:
    with server:
        server.shutdown()


def _close_and_stop(server: Any) -> None:
    server.server_close()
    server.shutdown()


def _by_hand(server: Any) -> None:
    server.shutdown()
    server.socket.close()


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("07-the-last-word", lambda: quitting(_quit(_ask_a_thread))),
    ("07-the-last-word", lambda: quitting(_quit(_ask_a_timer))),
    ("07-the-last-word", lambda: quitting(_quit(_ask_later), Asking)),
    ("07-stop-and-start-again", lambda: twice(Again, _stop)),
    ("07-stop-and-start-again", lambda: twice(ByHand, _stop_in_a_block)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "07-the-last-word",
        "itself",
        lambda: quitting(_quit(lambda s: s.shutdown()), ends=False),
        "another thread call it",
    ),
    (
        "07-the-last-word",
        "waits for its helper",
        lambda: quitting(_quit(lambda server: _ask_a_thread(server).join()), ends=False, hangs=True),
        "do not join it",
    ),
    (
        "07-the-last-word",
        "a thread each",
        lambda: quitting(_quit(lambda server: server.shutdown()), ThreadingTCPServer),
        "must stay a plain TCPServer",
    ),
    ("07-the-last-word", "by an error", lambda: quitting(_quit(_leave), ends=False), "all the way through it"),
    ("07-the-last-word", "nobody", lambda: quitting(_quit(lambda _server: None), ends=False), "Nobody has called"),
    ("07-the-last-word", "everybody", lambda: quitting(_quit(_ask_a_thread, word=b"bye")), "only the word"),
    ("07-stop-and-start-again", "the loop alone", lambda: twice(Again, lambda s: s.shutdown()), "closes the door"),
    ("07-stop-and-start-again", "nothing", lambda: twice(Again, lambda _server: None), "has to stop the loop"),
    ("07-stop-and-start-again", "the door alone", lambda: twice(Again, lambda s: s.server_close()), "which now spins"),
    ("07-stop-and-start-again", "by hand", lambda: twice(Again, _by_hand), "Nobody but the server should touch it"),
    ("07-stop-and-start-again", "the wrong order", lambda: twice(Again, _close_and_stop), "came first"),
    ("07-stop-and-start-again", "still in use", lambda: twice(TCPServer, _stop), "must stand in the class"),
    ("07-stop-and-start-again", "still in use", lambda: twice(TooLate, _stop), "is in TIME_WAIT"),
]


def _a_handler_stops_its_server() -> str:
    """What the lesson does, with a server that hangs as the standard library's does, and is freed again."""
    called = threading.Event()

    class Bye(BaseRequestHandler):
        def handle(self) -> None:
            called.set()
            self.server.shutdown()

    server: Any = traced(TCPServer)(("127.0.0.1", 0), Bye)
    loop = threading.Thread(target=server.serve_forever)
    loop.start()
    with server, socket.create_connection(server.server_address):
        called.wait(CALM)
        while not (waits := trace_of(server).waits()):
            loop.join(0.01)
        server._BaseServer__is_shut_down.set()
        loop.join(CALM)
    return "It waits for itself, for ever" if waits[0].is_hopeless else "It ends after this request"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("07-a-handler-stops-its-server", _a_handler_stops_its_server)]
