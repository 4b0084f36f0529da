"""What learners write in lesson 01: solutions, and mistakes that people make."""

from __future__ import annotations

import contextlib
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, WaitedInVain, serve
from tests.samples import CALM, sample

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 2
"""How many seconds a client waits for a server whose loop has ended."""


class Greeter(BaseRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        self.request.sendall(b"welcome")


def closing(verify: Callable[[Any], Any], handler: type[BaseRequestHandler] = Greeter) -> Any:
    """Four clients of a doorkeeper, who is asked `verify`."""

    class ClosingTime(TCPServer):
        guests = 0

        def verify_request(self, request: Any, _client_address: Any) -> Any:
            try:
                return verify(self)
            except AttributeError:
                request.close()  # which nobody else does, because the loop ends
                raise

    served = serve(ClosingTime, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded, WaitedInVain), served:  # a lesson's cell shows these, and its check runs
        for name in ("alice", "bob", "carol", "dave"):
            with served.client(name, timeout=PATIENCE) as client:
                client.receive_all()
    return served


def counted(server: Any) -> int:
    """Count a guest."""
    server.guests += 1
    return int(server.guests)


class OnlyTwo(BaseRequestHandler):
    """Turns people away when it is too late for that."""

    def handle(self) -> None:
        if counted(self.server) <= 2:
            self.request.sendall(b"welcome")


def book(handle: Callable[[Any], Any]) -> Any:
    """Three guests of a handler."""

    class Inn(TCPServer):
        guests = 0

    class Book(BaseRequestHandler):
        number = 0

        def handle(self) -> None:
            handle(self)

    with serve(Inn, Book, timeout=CALM) as served:
        for name in ("alice", "bob", "carol"):
            with served.client(name) as client:
                client.receive_all()
    return served


def _from_nought(handler: Any) -> None:
    handler.request.sendall(b"welcome, guest %d" % handler.server.guests)
    handler.server.guests += 1


def _in_the_handler(handler: Any) -> None:
    handler.number += 1
    handler.request.sendall(b"welcome, guest %d" % handler.number)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("01-closing-time", lambda: closing(lambda server: counted(server) <= 2)),
    ("01-closing-time", lambda: closing(lambda server: not counted(server) > 2)),
    ("01-guest-book", lambda: book(lambda h: h.request.sendall(b"welcome, guest %d" % counted(h.server)))),
    (
        "01-guest-book",
        lambda: book(lambda h: [h.request.sendall(part) for part in (b"welcome, guest ", b"%d" % counted(h.server))]),
    ),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("01-closing-time", "everybody", lambda: closing(lambda _server: True), "Everybody was let in."),
    ("01-closing-time", "one too many", lambda: closing(lambda s: counted(s) <= 3), "your count is off by one"),
    ("01-closing-time", "too few", lambda: closing(lambda s: counted(s) < 2), "two may come in"),
    ("01-closing-time", "nobody", lambda: closing(lambda s: counted(s) > 2), "turned away already"),
    ("01-closing-time", "no answer", lambda: closing(lambda s: [counted(s)][1:].clear()), "None counts as false"),
    ("01-closing-time", "it fails", lambda: closing(lambda s: s.visitors), "raised an exception"),
    ("01-closing-time", "too late", lambda: closing(lambda _server: True, OnlyTwo), "a handler was made for it"),
    ("01-guest-book", "always the first", lambda: book(_in_the_handler), "Every guest is number 1."),
    ("01-guest-book", "from nought", lambda: book(_from_nought), "count first, and greet then"),
    ("01-guest-book", "text", lambda: book(lambda h: h.request.sendall("welcome, guest 1")), "bytes and not text"),
    ("01-guest-book", "it fails", lambda: book(lambda h: h.server.visitors), "raised an exception"),
    ("01-guest-book", "other words", lambda: book(lambda h: h.request.sendall(b"hello")), "The words differ"),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("01-before-the-answer", lambda: sample("one_request"))]
