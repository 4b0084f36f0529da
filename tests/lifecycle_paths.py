"""The ways through the lifecycle that the probe takes, and the servers and clients that take them.

A path says what the program overrides, what it calls, and what its client can read. Nothing sleeps: an event is set
where a hook ends, and waited for; and no path leaves a thread, a child or a socket behind.
"""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.lifecycle_recorder import Method, recorded, recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEADLINE = 10.0
POLL_INTERVAL = 0.01
STREAMS = tuple(prefix + name for prefix in ("", "Threading", "Forking") for name in ("TCPServer", "UnixStreamServer"))
DATAGRAMS = tuple(stream.replace("TCP", "UDP").replace("Stream", "Datagram") for stream in STREAMS)
KINDS = [name for name in STREAMS + DATAGRAMS if hasattr(socketserver, name)]
OOPS, EXIT = ValueError("on purpose"), SystemExit(3)


def raising(error: BaseException) -> Method:
    """A method that raises."""

    def method(*arguments: Any) -> None:
        raise error

    return method


def answering(answer: object) -> Method:
    """A method that returns an answer, whatever it is asked."""
    return lambda *arguments: answer


def once(error: BaseException) -> Method:
    """A get_request that raises the first time, before it takes anything from the socket."""
    errors = [error]

    def get_request(self: Any) -> Any:
        if errors:
            raise errors.pop()
        return super(type(self), self).get_request()

    return get_request


def raising_when_handled(error: BaseException) -> Method:
    """A method that raises once a request was handled, and does nothing before."""

    def method(self: Any, **options: Any) -> None:
        if recorder.handled.is_set():
            raise error

    return method


def closing_and_raising(error: BaseException) -> Method:
    """A close_request that raises when it has closed the request."""

    def close_request(self: Any, request: Any) -> None:
        super(type(self), self).close_request(request)
        raise error

    return close_request


def shout(self: Any) -> None:
    """The handle of a plain handler, for both kinds of request."""
    if isinstance(self.request, tuple):
        data, endpoint = self.request
        endpoint.sendto(data.upper(), self.client_address)
    else:
        self.request.sendall(self.request.recv(100).upper())


def shout_through_files(self: Any) -> None:
    """The handle of a handler with rfile and wfile."""
    self.wfile.write(self.rfile.readline().upper())


@dataclass(frozen=True)
class Path:
    """One way through the lifecycle: what the program overrides, what it calls, and what the client can read."""

    name: str
    run: Callable[[Path, str], None]
    server: dict[str, Method] = field(default_factory=dict)
    handler: dict[str, Method] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    reads: str = "reply"
    files: bool = False
    only: str = ""
    factory: Method | None = None


def server_class(path: Path, kind: str) -> Any:
    """The program's own server of a path: a subclass of the kind."""
    methods = {name: recorded(method, name, "User", "server") for name, method in path.server.items()}
    return type("User", (getattr(socketserver, kind),), {**path.attributes, **methods})


def handler_class(path: Path, kind: str) -> Any:
    """The program's own handler of a path, or the callable that stands in its place."""
    if path.factory:
        return path.factory
    base: Any = socketserver.BaseRequestHandler
    if path.files:
        base = socketserver.StreamRequestHandler if kind in STREAMS else socketserver.DatagramRequestHandler
    methods = {"handle": shout_through_files if path.files else shout, **path.handler}
    return type("User", (base,), {name: recorded(method, name, "User", "handler") for name, method in methods.items()})


def address_of(kind: str, name: str = "server") -> Any:
    """Where to bind: a file for the Unix kinds, any free port for the others."""
    return str(recorder.folder / name) if "Unix" in kind else ("127.0.0.1", 0)


def make(path: Path, kind: str, **options: Any) -> Any:
    """The server of a path, on an address of its kind."""
    return server_class(path, kind)(address_of(kind), handler_class(path, kind), **options)


def client_of(kind: str) -> socket.socket:
    """A socket of the kind that the server has."""
    family = socket.AF_UNIX if "Unix" in kind else socket.AF_INET
    client = socket.socket(family, socket.SOCK_STREAM if kind in STREAMS else socket.SOCK_DGRAM)
    client.settimeout(DEADLINE)
    return client


@contextlib.contextmanager
def asking(server: Any, kind: str) -> Iterator[socket.socket]:
    """A client that has sent its request; a Unix datagram client needs an address to be answered at."""
    with client_of(kind) as client:
        if "Unix" in kind and kind in DATAGRAMS:
            client.bind(address_of(kind, "client"))
        client.connect(server.server_address)
        # A server that drops the request at once may be faster than the client.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.send(b"hello\n")
        yield client


def read(client: socket.socket, path: Path, kind: str) -> None:
    """Read what there is to read: a stream up to its end, a datagram when there is one."""
    if path.reads == "reply":
        assert client.recv(100) == b"HELLO\n", path.name
    if path.reads != "nothing" and kind in STREAMS:
        # What the handler did not read makes the system reset the connection instead of ending it.
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b"", path.name


def loop(server: Any, call: str = "serve_forever", *arguments: float) -> threading.Thread:
    """A thread that serves until its call ends, however it does."""

    def serve() -> None:
        recorder.local.lane = "serve"
        with contextlib.suppress(BaseException):
            getattr(server, call)(*arguments)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


def close(server: Any) -> None:
    """Close the server, and wait for every thread and child that it left."""
    with contextlib.suppress(RuntimeError, ValueError, SystemExit):
        server.server_close()
    server.socket.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(DEADLINE)
    for pid in getattr(server, "active_children", None) or ():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)


def served(path: Path, kind: str) -> None:
    """The server serves in a thread, one request comes, and all is shut down."""
    server = make(path, kind)
    thread = loop(server, "serve_forever", POLL_INTERVAL)
    with asking(server, kind) as client:
        read(client, path, kind)
        assert recorder.handled.wait(DEADLINE), path.name
    server.shutdown()
    thread.join(DEADLINE)
    close(server)


def failing_to_start(path: Path, kind: str) -> None:
    """The server runs, and then the system has no more threads and processes."""
    server = make(path, kind)
    thread = loop(server, "serve_forever", POLL_INTERVAL)
    assert recorder.turned.wait(DEADLINE)
    fork, start = os.fork, threading.Thread.start
    os.fork = threading.Thread.start = raising(OSError("no more"))  # type: ignore[method-assign]
    try:
        with asking(server, kind) as client:
            read(client, path, kind)
            assert recorder.handled.wait(DEADLINE)
    finally:
        os.fork, threading.Thread.start = fork, start  # type: ignore[method-assign]
    server.shutdown()
    thread.join(DEADLINE)
    close(server)


def one_request(path: Path, kind: str) -> None:
    """The request waits, and handle_request takes it."""
    server = make(path, kind)
    with asking(server, kind) as client:
        with contextlib.suppress(ValueError, SystemExit):
            server.handle_request()
        read(client, path, kind)
    close(server)


def nobody_comes(path: Path, kind: str) -> None:
    """handle_request waits for its whole timeout."""
    server = make(path, kind)
    recorder.handled.set()
    with contextlib.suppress(ValueError, SystemExit):
        server.handle_request()
    close(server)


def idle(path: Path, kind: str) -> None:
    """The server serves nobody, and is closed twice."""
    server = make(path, kind)
    thread = loop(server, "serve_forever", POLL_INTERVAL)
    assert recorder.turned.wait(DEADLINE)
    server.shutdown()
    thread.join(DEADLINE)
    close(server)
    close(server)


def with_block(path: Path, kind: str) -> None:
    """The server is made and closed by a with statement."""
    with contextlib.suppress(ValueError, SystemExit), make(path, kind):
        pass


def step_by_step(path: Path, kind: str) -> None:
    """The program binds and activates by itself."""
    server = make(path, kind, bind_and_activate=False)
    server.server_bind()
    server.server_activate()
    close(server)


def after_the_end(path: Path, kind: str) -> None:
    """The program serves with a server that is closed."""
    server = make(path, kind)
    close(server)
    for call in ("serve_forever", "handle_request"):
        loop(server, call).join(DEADLINE)


def refused(path: Path, kind: str) -> None:
    """The constructor raises: its address is taken, or something that it calls raises."""
    with client_of(kind) as blocker:
        blocker.bind(address_of(kind, "taken"))
        if kind in STREAMS:
            blocker.listen()
        with contextlib.suppress(OSError, SystemExit):
            server = server_class(path, kind)(blocker.getsockname(), handler_class(path, kind))
            raise AssertionError(f"{server} was made")


def bare(path: Path, kind: str) -> None:
    """A server made of BaseServer alone, with a socket of its own."""
    listener = socket.create_server(address_of(kind))
    server = make(path, kind)
    server.server_address, server.socket = listener.getsockname(), listener
    server.server_activate()
    with asking(server, "TCPServer") as client:
        with contextlib.suppress(ValueError, SystemExit):
            server.handle_request()
        read(client, path, "TCPServer")
    close(server)


def closing_bare(error: BaseException | None = None) -> Method:
    """A close_request that closes what BaseServer's leaves open, and may then raise."""

    def close_request(self: Any, request: Any) -> None:
        super(type(self), self).close_request(request)
        request.close()
        if error:
            raise error

    return close_request


PATHS = [
    Path("normal", served),
    Path("normal, with files", served, files=True),
    Path("normal, nobody is waited for", served, attributes={"block_on_close": False}),
    Path("normal, daemon threads", served, attributes={"daemon_threads": True}, only="Threading"),
    Path("handle_request", one_request),
    Path("handle_request, verify_request raises", one_request, {"verify_request": raising(OOPS)}, reads="nothing"),
    Path("handle_request, timeout", nobody_comes, attributes={"timeout": POLL_INTERVAL}),
    Path("handle_request, handle_timeout raises", nobody_comes, {"handle_timeout": raising(OOPS)},
         attributes={"timeout": POLL_INTERVAL}),
    Path("handle_request, collect_children raises", nobody_comes, {"collect_children": raising_when_handled(OOPS)},
         attributes={"timeout": POLL_INTERVAL}, only="Forking"),
    Path("handle_request, collect_children exits", nobody_comes, {"collect_children": raising_when_handled(EXIT)},
         attributes={"timeout": POLL_INTERVAL}, only="Forking"),
    Path("handle_request, SystemExit in handle", one_request, handler={"handle": raising(EXIT)}, reads="end"),
    Path("verify_request false", served, {"verify_request": answering(False)}, reads="end"),
    Path("verify_request None", served, {"verify_request": answering(None)}, reads="end"),
    Path("verify_request false, close_request raises", served,
         {"verify_request": answering(False), "close_request": closing_and_raising(OOPS)}, reads="end"),
    Path("verify_request raises", served, {"verify_request": raising(OOPS)}, reads="nothing"),
    Path("handler raises", served, handler={"handle": raising(OOPS)}, reads="end"),
    Path("handler raises, with files", served, handler={"handle": raising(OOPS)}, reads="end", files=True),
    Path("setup raises", served, handler={"setup": raising(OOPS)}, reads="end"),
    Path("finish raises", served, handler={"finish": raising(OOPS)}),
    Path("handle and finish raise", served, handler={"handle": raising(OOPS), "finish": raising(OOPS)}, reads="end"),
    Path("SystemExit in handle", served, handler={"handle": raising(EXIT)}, reads="end"),
    Path("SystemExit in handle, ValueError in finish", served, handler={"handle": raising(EXIT),
         "finish": raising(OOPS)}, reads="end"),
    Path("SystemExit in setup", served, handler={"setup": raising(EXIT)}, reads="end"),
    Path("SystemExit in handle, close_request raises", served, {"close_request": closing_and_raising(OOPS)},
         {"handle": raising(EXIT)}, reads="end"),
    Path("get_request OSError", served, {"get_request": once(OSError("on purpose"))}),
    Path("get_request ValueError", served, {"get_request": raising(OOPS)}, reads="nothing"),
    Path("get_request SystemExit", served, {"get_request": raising(EXIT)}, reads="nothing"),
    Path("get_request None", served, {"get_request": answering(None)}, reads="nothing"),
    Path("service_actions raises", served, {"service_actions": raising_when_handled(OOPS)}),
    Path("service_actions exits", served, {"service_actions": raising_when_handled(EXIT)}),
    Path("collect_children raises", served, {"collect_children": raising_when_handled(OOPS)}, only="Forking"),
    Path("collect_children exits", served, {"collect_children": raising_when_handled(EXIT)}, only="Forking"),
    Path("process_request raises", served, {"process_request": raising(OOPS)}, reads="end"),
    Path("process_request fails", failing_to_start, reads="end", only="Threading"),
    Path("process_request fails", failing_to_start, reads="end", only="Forking"),
    Path("close_request raises", served, {"close_request": closing_and_raising(OOPS)}),
    Path("close_request exits", served, {"close_request": closing_and_raising(EXIT)}),
    Path("handle_error raises", served, {"handle_error": raising(OOPS)}, {"handle": raising(OOPS)}, reads="nothing"),
    Path("handle_error exits", served, {"handle_error": raising(EXIT)}, {"handle": raising(OOPS)}, reads="nothing"),
    Path("handle_error quiet, close_request raises", served,
         {"handle_error": answering(None), "close_request": closing_and_raising(OOPS)}, {"handle": raising(OOPS)},
         reads="end"),
    Path("a handler that does nothing", served, factory=socketserver.BaseRequestHandler, reads="end"),
    Path("a callable that makes no handler", served, factory=answering(None), reads="end"),
    Path("a callable that raises", served, factory=raising(OOPS), reads="end"),
    Path("idle, closed twice", idle),
    Path("with block", with_block),
    Path("with block, server_close raises", with_block, {"server_close": raising(OOPS)}),
    Path("with block, server_close exits", with_block, {"server_close": raising(EXIT)}),
    Path("step by step", step_by_step),
    Path("after the end", after_the_end),
    Path("no socket", refused, attributes={"address_family": 9999}),
    Path("bind fails", refused),
    Path("bind exits", refused, {"server_bind": raising(EXIT)}),
    Path("listen fails", refused, {"server_bind": answering(None), "server_activate": raising(OSError("on purpose"))}),
    Path("bind fails, server_close raises", refused, {"server_close": raising(OSError("on purpose"))}),
]  # fmt: skip

PASSIVE = {"get_request": lambda self: self.socket.accept(), "fileno": lambda self: self.socket.fileno()}
BARE = [
    Path("bare", bare, {**PASSIVE, "close_request": closing_bare()}),
    Path("bare, close_request raises", bare, {**PASSIVE, "close_request": closing_bare(OOPS)}),
    Path("bare, close_request exits", bare, {**PASSIVE, "close_request": closing_bare(EXIT)}),
]
