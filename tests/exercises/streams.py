"""What learners write in lesson 05: solutions, and mistakes that people make."""

from __future__ import annotations

from contextlib import suppress
from socketserver import StreamRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 1
"""How many seconds a client waits for a server that may not answer."""


def letters(handle: Callable[[Any], object]) -> Any:
    """Alice's messages come in pieces, and bob leaves in the middle of one."""
    made = type("ByLength", (StreamRequestHandler,), {"handle": handle})
    with serve(TCPServer, made, timeout=CALM) as served:
        with served.client("alice", timeout=PATIENCE) as alice, suppress(OSError, EOFError):
            for piece, answers in ((b"\x05he", ()), (b"llo\x03a", (6,)), (b"\nb\x00\x01z", (4, 1, 2))):
                alice.send(piece)
                served.settle()
                for size in answers:
                    alice.receive_exactly(size)
        with served.client("bob", timeout=PATIENCE) as bob, suppress(OSError):
            bob.send(b"\x04wood\x09half")
            bob.half_close()
            bob.receive_all()
    return served


def _by_length(handler: Any, *, often: int = 9, framed: bool = True, looks: bool = True) -> None:
    while often and (head := handler.rfile.read(1)):
        often -= 1
        message = handler.rfile.read(head[0])
        if looks and len(message) < head[0]:
            return
        handler.wfile.write((head if framed else b"") + message.upper())


def _with_a_buffer(handler: Any) -> None:
    """Keeps what came by recv, and takes messages off as long as one is whole."""
    rest = b""
    while data := handler.request.recv(1024):
        rest += data
        while rest and len(rest) > rest[0]:
            handler.wfile.write(rest[: 1 + rest[0]].upper())
            rest = rest[1 + rest[0] :]


def _by_portions(handler: Any) -> None:
    while data := handler.request.recv(1024):
        handler.wfile.write(data.upper())


def _by_line(handler: Any) -> None:
    for line in handler.rfile:
        handler.wfile.write(line.upper())


def _as_long_as_there_is_something(handler: Any) -> None:
    while size := int.from_bytes(handler.rfile.read(1), "big"):
        message = handler.rfile.read(size)
        if len(message) == size:
            handler.wfile.write(bytes([size]) + message.upper())


def _until_it_fails(handler: Any) -> None:
    while True:
        size = handler.rfile.read(1)[0]
        message = handler.rfile.read(size)
        if len(message) == size:
            handler.wfile.write(bytes([size]) + message.upper())


def _with_a_number(handler: Any) -> None:
    head = handler.rfile.read(1)
    handler.wfile.write(head[0] + handler.rfile.read(head[0]).upper())


def _that_fails_late(handler: Any) -> None:
    _by_length(handler)
    raise ValueError("late")


def dictate(handle: Callable[[Any], object]) -> Any:
    """Alice has a long line between two short ones, and bob has lines of just 20 and 21 bytes."""
    made = type("Dictation", (StreamRequestHandler,), {"handle": handle})
    with serve(TCPServer, made, timeout=CALM) as served:
        for name, lines in (
            ("alice", (b"hello\n", b"x" * 50, b"x" * 50 + b"\nagain\n")),
            ("bob", (b"y" * 19 + b"\n", b"w" * 20 + b"\n", b"ok\n")),
        ):
            with served.client(name, timeout=PATIENCE) as client, suppress(OSError):
                for line in lines:
                    client.send(line)
                    client.receive_line()
                client.half_close()
                client.receive_all()
    return served


def _dictation(handler: Any, *, most: int = 20, then: str = "pass over", word: Any = b"too long\n") -> None:
    while line := handler.rfile.readline(most + 1):
        if len(line) <= most:
            handler.wfile.write(line.upper())
            continue
        handler.wfile.write(word)
        if then == "return":
            return
        if then == "swallow":
            handler.rfile.readline()
        while then == "pass over" and line and not line.endswith(b"\n"):
            line = handler.rfile.readline(most + 1)


def _with_a_flag(handler: Any) -> None:
    """Remembers that the line is a long one until its newline comes."""
    told = False
    while piece := handler.rfile.readline(21):
        ends = piece.endswith(b"\n")
        if not told and len(piece) <= 20:
            handler.wfile.write(piece.upper())
        elif not told:
            handler.wfile.write(b"too long\n")
            told = True
        if ends:
            told = False


def _too_late(handler: Any) -> None:
    for line in handler.rfile:
        with suppress(OSError):
            handler.wfile.write(line.upper() if len(line) <= 20 else b"too long\n")


def first_bytes() -> str:
    """Inside which hook the first bytes of a handler with a buffer are sent."""

    class Saving(StreamRequestHandler):
        wbufsize = -1

        def handle(self) -> None:
            for word in (b"one ", b"two ", b"three"):
                self.wfile.write(word)

    with serve(TCPServer, Saving, timeout=CALM) as served, served.client("alice") as alice:
        alice.receive_all()
    first = served.trace.select(kind="send", lane="server", phase="enter")[0]
    inside = next(event.hook for event in served.trace if event.call == first.parent)
    return {"finish": "when finish runs", "handle": "with the first write"}[inside]


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("05-by-length", lambda: letters(_by_length)),
    ("05-by-length", lambda: letters(_with_a_buffer)),
    ("05-too-long", lambda: dictate(_dictation)),
    ("05-too-long", lambda: dictate(_with_a_flag)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("05-by-length", "the end fails", lambda: letters(_until_it_fails), "there is no first byte"),
    ("05-by-length", "text", lambda: letters(_with_a_number), "a number is no bytes"),
    ("05-by-length", "a portion is a message", lambda: letters(_by_portions), "Its head says"),
    (
        "05-by-length",
        "without a head",
        lambda: letters(lambda h: _by_length(h, framed=False)),
        "has no length in front",
    ),
    ("05-by-length", "half is answered", lambda: letters(lambda h: _by_length(h, looks=False)), "and it was answered"),
    ("05-by-length", "by line", lambda: letters(_by_line), "waited in vain for its answer"),
    ("05-by-length", "only the first", lambda: letters(lambda h: _by_length(h, often=1)), "and no other"),
    ("05-by-length", "empty is the end", lambda: letters(_as_long_as_there_is_something), "taken for the end"),
    ("05-by-length", "it fails", lambda: letters(_that_fails_late), "look at served.errors"),
    ("05-too-long", "it fails", lambda: dictate(lambda h: _dictation(h, word="too long")), "bytes and not text"),
    ("05-too-long", "no limit", lambda: dictate(_by_line), "however far that is"),
    ("05-too-long", "the rest is a line", lambda: dictate(lambda h: _dictation(h, then="")), "for another line"),
    ("05-too-long", "hangs up", lambda: dictate(lambda h: _dictation(h, then="return")), "must be kept"),
    ("05-too-long", "waits for the end", lambda: dictate(_too_late), "waited in vain to hear"),
    ("05-too-long", "one too few", lambda: dictate(lambda h: _dictation(h, most=19)), "which is allowed"),
    ("05-too-long", "one too many", lambda: dictate(lambda h: _dictation(h, most=21)), "one too many"),
    ("05-too-long", "swallows the next", lambda: dictate(lambda h: _dictation(h, then="swallow")), "his next line"),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("05-first-bytes", first_bytes)]
