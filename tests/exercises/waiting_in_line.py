"""What learners write in lesson 08."""

from __future__ import annotations

import contextlib
import select
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServerPaused, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.5
"""How many seconds a client waits for what will not come."""


# --- The clerk ----------------------------------------------------------------------------------------------------


def clerk(
    handle: Callable[[Any], object],
    server: type[Any] = TCPServer,
    *,
    hangs: bool = False,
    base: type[Any] = BaseRequestHandler,
    **members: Any,
) -> Any:
    """Mallory comes first and says nothing, bob says hello. For what does not answer nobody waits long."""
    made = type("Clerk", (base,), {"handle": handle, **members})
    patience = PATIENCE if hangs else CALM
    with serve(server, made, timeout=CALM) as served:
        mallory, bob = served.client("mallory", timeout=patience), served.client("bob", timeout=patience)
        bob.send(b"hello")
        for client in (bob, mallory):
            with contextlib.suppress(OSError):
                client.receive_all()
    return served


def _clerk(
    handler: Any, *, wait: float | None = 0.2, word: Any = b"too late", errors: Any = TimeoutError, late: bool = False
) -> None:
    handler.request.settimeout(wait)
    try:
        data = handler.request.recv(1024)
    except errors:
        data = None
    handler.request.settimeout(CALM)
    if data is None or late:
        handler.request.sendall(word)
    else:
        handler.request.sendall(data.upper())


def _look_first(handler: Any) -> None:
    """Another way: ask whether there is something before reading it."""
    ready, _, _ = select.select([handler.request], [], [], 0.2)
    handler.request.sendall(handler.request.recv(1024).upper() if ready else b"too late")


def _read_a_word(handler: Any) -> None:
    """Another way, with files and the timeout of a StreamRequestHandler."""
    try:
        handler.wfile.write(handler.rfile.read1(1024).upper())
    except TimeoutError:
        handler.wfile.write(b"too late")


# --- The rush -----------------------------------------------------------------------------------------------------


class Shout(StreamRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class Failing(Shout):
    """It fails when it has answered."""

    def handle(self) -> None:
        super().handle()
        raise ValueError("I dropped it")


def rush(server: type[Any] = TCPServer, handler: type[Any] = Shout, **members: Any) -> Any:
    """Twelve guests come while the server stands still at alice."""
    made = type("Roomy", (server,), members)
    with serve(made, handler, timeout=CALM) as served:
        served.breakpoints.add("handle", connection=1)
        crowd = [served.client("alice")]
        served.breakpoints.wait(timeout=CALM)
        with contextlib.suppress(OSError, ServerPaused):
            crowd.extend(served.client(f"guest {number}", timeout=PATIENCE) for number in range(1, 13))
        served.breakpoints.clear()
        for client in crowd:
            client.timeout = CALM
            with contextlib.suppress(OSError):
                client.send(b"hello\n")
                client.receive_line()
    return served


class Listening(TCPServer):
    """Another way: to listen once more, when the constructor has."""

    def server_activate(self) -> None:
        self.socket.listen(20)


class TooLate(TCPServer):
    """It says so when the constructor has listened."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.request_queue_size = 12


def _for_alice_only(server: Any, *_asked: Any) -> bool:
    server.seen = getattr(server, "seen", 0) + 1
    return bool(server.seen == 1)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("08-the-clerk", lambda: clerk(_clerk)),
    ("08-the-clerk", lambda: clerk(_look_first)),
    ("08-the-clerk", lambda: clerk(_read_a_word, base=StreamRequestHandler, timeout=0.2)),
    ("08-the-rush", lambda: rush(request_queue_size=12)),
    ("08-the-rush", lambda: rush(Listening)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("08-the-clerk", "waits", lambda: clerk(lambda h: _clerk(h, wait=None), hangs=True), "was in mallory's handle"),
    ("08-the-clerk", "a thread each", lambda: clerk(_clerk, ThreadingTCPServer), "a thread of his own"),
    (
        "08-the-clerk",
        "no time at all",
        lambda: clerk(lambda h: _clerk(h, wait=0, errors=BlockingIOError)),
        "bob was lucky",
    ),
    ("08-the-clerk", "the error gets out", lambda: clerk(lambda h: _clerk(h, errors=ValueError)), "nobody caught it"),
    ("08-the-clerk", "it fails", lambda: clerk(lambda h: _clerk(h, word="too late")), "with a b in front"),
    (
        "08-the-clerk",
        "everybody is late",
        lambda: clerk(lambda h: _clerk(h, late=True)),
        "he had said his word in time",
    ),
    ("08-the-clerk", "without a word", lambda: clerk(lambda h: _clerk(h, word=b"")), "was not told why"),
    ("08-the-rush", "full", rush, "before all twelve stood in it"),
    ("08-the-rush", "full", lambda: rush(TooLate), "the constructor looks at it"),
    ("08-the-rush", "a thread each", lambda: rush(ThreadingTCPServer, request_queue_size=12), "one thread shall serve"),
    (
        "08-the-rush",
        "turned away",
        lambda: rush(request_queue_size=12, verify_request=_for_alice_only),
        "they only have to wait",
    ),
    ("08-the-rush", "it fails", lambda: rush(request_queue_size=5, handler=Failing), "A handler failed"),
]


def _how_many_get_in() -> str:
    """What the lesson does: nobody accepts."""

    class Narrow(TCPServer):
        request_queue_size = 1

    served = serve(Narrow, Shout, timeout=CALM)
    inside: list[Any] = []
    with contextlib.suppress(OSError):
        inside += [served.client(name, timeout=PATIENCE) for name in ("alice", "bob", "carol", "dave")]
    inside = [event.lane for event in served.trace if event.kind == "connect" and event.phase == "return"]
    served.stop()
    return ["None", "One", "Two", "Three", "All four"][len(inside)]


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("08-how-many-get-in", _how_many_get_in)]
