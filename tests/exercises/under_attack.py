"""What learners write in lesson 18."""

from __future__ import annotations

import contextlib
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 2
"""How many seconds a client waits for a server that may not answer."""


class Upper(StreamRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


def silent(
    server: type[Any] = TCPServer, patience: float | None = None, handle: Any = Upper.handle, **members: Any
) -> Any:
    """Mallory says nothing, and bob does."""
    made = type("Made", (server,), members)
    handler = type("Guarded", (Upper,), {"timeout": patience, "handle": handle})
    with serve(made, handler, timeout=CALM) as served:
        with contextlib.suppress(WaitedInVain, ConnectionError):
            with served.client("mallory"), served.client("bob", timeout=PATIENCE / 2) as bob:
                bob.send(b"hello\n")
                bob.receive_line()
    return served


def long_line(handle: Callable[[Any], object]) -> Any:
    """Bob says a short line, carol one that is just short enough, and mallory a long one without an end."""
    made = type("Short", (StreamRequestHandler,), {"handle": handle})
    lines = {"bob": b"hello\n", "carol": b"y" * 99 + b"\n", "mallory": b"x" * 101}
    with serve(ThreadingTCPServer, made, timeout=CALM) as served:
        for name, said in lines.items():
            with served.client(name, timeout=PATIENCE / 4) as client:
                client.send(said)
                with contextlib.suppress(ConnectionError, WaitedInVain):
                    client.receive_all() if name == "mallory" else client.receive_line()
    return served


def _short(handler: Any, *, most: int = 100, then: str = "return", word: Any = b"too long\n") -> None:
    while line := handler.rfile.readline(101):
        if len(line) > most:
            handler.wfile.write(word)
            if then == "return":
                return
            if then == "continue":
                continue
        handler.wfile.write(line.upper())


def _say_too_long(handler: Any) -> None:
    line = handler.rfile.readline(101)
    handler.wfile.write(line.upper() if len(line) == 100 else b"too long\n")


def _let_go(_handler: Any) -> None:
    """Nobody is answered."""


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("18-the-silent-one", lambda: silent(patience=0.2)),
    ("18-enough-is-enough", lambda: long_line(_short)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("18-the-silent-one", "waits", silent, "the server's only thread was in mallory's handle"),
    ("18-the-silent-one", "a thread each", lambda: silent(ThreadingTCPServer), "a thread of his own"),
    ("18-the-silent-one", "no time at all", lambda: silent(patience=0), "bob was lucky"),
    ("18-the-silent-one", "nobody is answered", lambda: silent(handle=_let_go), "does handle still read"),
    (
        "18-the-silent-one",
        "refused",
        lambda: silent(
            verify_request=lambda server, *_: vars(server).setdefault("first", []).append(1) or len(server.first) > 1
        ),
        "let him in",
    ),
    ("18-enough-is-enough", "waits for the end", lambda: long_line(Upper.handle), "waits for ever"),
    ("18-enough-is-enough", "goes on", lambda: long_line(lambda h: _short(h, then="")), "return, and it is over"),
    ("18-enough-is-enough", "stays", lambda: long_line(lambda h: _short(h, then="continue")), "went on to listen"),
    ("18-enough-is-enough", "off by one", lambda: long_line(lambda h: _short(h, most=99)), "which is allowed"),
    ("18-enough-is-enough", "it fails", lambda: long_line(lambda h: _short(h, word="too long")), "wfile takes bytes"),
    ("18-enough-is-enough", "everybody", lambda: long_line(_say_too_long), "bob's line is short"),
]


def behind_the_silent_one() -> str:
    """What bob has for his line, who comes after mallory."""
    with serve(TCPServer, Upper, timeout=CALM) as served:
        with served.client("mallory"), served.client("bob", timeout=0.3) as bob:
            bob.send(b"hello\n")
            try:
                return "HELLO" if bob.receive_line() else "an empty line"
            except WaitedInVain:
                return "nothing: he waits in vain"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("18-behind-the-silent-one", behind_the_silent_one)]
