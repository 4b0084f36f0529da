"""What learners write in lesson 24."""

from __future__ import annotations

import contextlib
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingMixIn, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 0.5
"""How many seconds a client waits that can only wait in vain."""

ENOUGH = 2
"""How many seconds a client waits that is served at first, and then waits in vain."""


# --- As it was printed ----------------------------------------------------------------------------


def meant(handler: Any) -> None:
    """What the author has written."""
    for line in handler.rfile:
        if line == b"quit\n":
            handler.wfile.write(b"bye\n")
            return
        handler.wfile.write(line.upper())


def meant_as_well(handler: Any) -> None:
    """Another way: with an else, and a word instead of a line."""
    while (word := handler.rfile.readline().strip()) not in {b"quit", b""}:
        handler.wfile.write(b"%s\n" % word.upper())
    if word:
        handler.wfile.write(b"bye\n")


def printed(handler: Any, *, quit_by: bytes = b"quitn", bye: bytes = b"byen", at_once: bool = True) -> None:
    """As it stands on the page, with one mistake after the other mended."""
    for line in handler.rfile:
        if line == quit_by:
            handler.wfile.write(bye)
            if not at_once:
                return
        if at_once:
            return
        handler.wfile.write(line.upper())


def one_line(handler: Any) -> None:
    """The return has come under the shouting."""
    for line in handler.rfile:
        handler.wfile.write(line.upper())
        return


def goes_on(handler: Any) -> None:
    """The return is gone."""
    for line in handler.rfile:
        if line == b"quit\n":
            handler.wfile.write(b"bye\n")
        handler.wfile.write(line.upper())


def stays(handler: Any) -> None:
    """The return is gone, and there is an else."""
    for line in handler.rfile:
        handler.wfile.write(b"bye\n" if line == b"quit\n" else line.upper())


def as_text(handler: Any) -> None:
    """It takes lines for text."""
    for line in handler.rfile:
        handler.wfile.write(line.decode().upper())


def session(handle: Callable[[Any], None], patience: float = CALM) -> Any:
    """Alice says the three lines of the page, as long as she gets answers, and waits for the end."""
    handler = type("Polite", (StreamRequestHandler,), {"handle": handle})
    with serve(ThreadingTCPServer, handler, timeout=CALM) as served:
        with contextlib.suppress(OSError), served.client("alice", timeout=patience) as alice:
            for line in (b"hello\n", b"world\n", b"quit\n"):
                alice.send(line)
                if not alice.receive_line():
                    break
            alice.receive_all()
    return served


# --- Mend it --------------------------------------------------------------------------------------


def let_in(_server: Any, _request: Any, _address: Any) -> bool:
    """Everybody may come in."""
    return True


def lines(handler: Any) -> None:
    """Each line comes back."""
    for line in handler.rfile:
        handler.wfile.write(line)


def once(handler: Any) -> None:
    """As it stands in the lesson."""
    handler.request.sendall(handler.request.recv(1024).strip())


def pieces(handler: Any) -> None:
    """Another way: as it comes, line or not."""
    while data := handler.request.recv(1024):
        handler.request.sendall(data)


def mended(
    handle: Callable[[Any], None] = lines,
    *,
    bases: tuple[type[Any], ...] = (ThreadingMixIn, TCPServer),
    base: type[Any] = StreamRequestHandler,
    verify: Callable[[Any, Any, Any], Any] = let_in,
    patience: float = CALM,
) -> Any:
    """Bob is connected and says nothing; carol says two lines."""
    server = type("Mended", bases, {"verify_request": verify})
    handler = type("Echo", (base,), {"handle": handle})
    with serve(server, handler, timeout=CALM) as served:
        with served.client("bob"), served.client("carol", timeout=patience) as carol:
            with contextlib.suppress(OSError):
                for line in (b"one\n", b"  two\n"):
                    carol.send(line)
                    carol.receive_line()
    return served


# --- What will happen? ----------------------------------------------------------------------------


def how_many_complain() -> str:
    """How many of the four programs of the lesson end with an error."""
    programs = (
        "    import socket\n    print('hello')\n",
        'prompt = "Press Enter to exit...n"\n',
        "class Choosy:\n    def verify_request(self, request, client_address):\n        self.seen = 1\n",
        'if __name__ == "__main__":\n    place = "here"\nfound = place\n',
    )
    return f"{sum(map(ends_with_an_error, programs))} of {len(programs)}"


def ends_with_an_error(program: str) -> bool:
    """Run it."""
    try:
        exec(program, {"__name__": "__main__"})  # noqa: S102 - these four
    except (SyntaxError, NameError):
        return True
    return False


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("24-as-printed", lambda: session(meant)),
    ("24-as-printed", lambda: session(meant_as_well)),
    ("24-mend-it", mended),
    ("24-mend-it", lambda: mended(pieces, bases=(ThreadingTCPServer,), base=BaseRequestHandler)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("24-as-printed", "it fails", lambda: session(as_text), "rfile gives bytes, and wfile takes them"),
    ("24-as-printed", "nothing comes back", lambda: session(printed), "too far to the left"),
    ("24-as-printed", "one line only", lambda: session(one_line), "Only quit may end it"),
    (
        "24-as-printed",
        "quit is a word like others",
        lambda: session(lambda handler: printed(handler, at_once=False), ENOUGH),
        "what has become of it",
    ),
    (
        "24-as-printed",
        "bye without its end",
        lambda: session(lambda handler: printed(handler, quit_by=b"quit\n", at_once=False)),
        "a backslash is still missing",
    ),
    ("24-as-printed", "quit is answered twice", lambda: session(goes_on, ENOUGH), "QUIT as well"),
    ("24-as-printed", "it does not hang up", lambda: session(stays, ENOUGH), "the server hangs up first"),
    (
        "24-mend-it",
        "everybody is dropped",
        lambda: mended(verify=lambda *_: None),
        "None counts as false",
    ),
    (
        "24-mend-it",
        "the mix-in comes too late",
        lambda: mended(bases=(TCPServer, ThreadingMixIn), patience=SOON),
        "the mix-in must stand first",
    ),
    ("24-mend-it", "one recv only", lambda: mended(once), "not all that a client says"),
    ("24-mend-it", "it fails", lambda: mended(base=BaseRequestHandler), "look at served.errors"),
    (
        "24-mend-it",
        "nothing comes back",
        lambda: mended(lambda handler: handler.wfile.write(handler.rfile.read()), patience=SOON),
        "waits for the end",
    ),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("24-how-many-complain", how_many_complain)]
