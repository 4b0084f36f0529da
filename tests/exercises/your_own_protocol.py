"""What learners write in lesson 22."""

from __future__ import annotations

import contextlib
import itertools
import re
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


# --- Letter boxes, in frames ----------------------------------------------------------------------

HEAD = re.compile("([A-Z]{1,10}(?: [a-z0-9]{1,20})*) ([0-9]{1,4})\n")
FRAME = ValueError("that is no message; good-bye")


def message(*words: str, body: bytes = b"") -> bytes:
    """A message of the lesson's protocol."""
    return f"{' '.join(words)} {len(body)}\n".encode() + body


def read_message(file: Any) -> tuple[list[str], bytes]:
    """The next one."""
    head = HEAD.fullmatch(file.readline(100).decode("ascii", "replace"))
    if head is None:
        raise FRAME
    return head[1].split(), file.read(int(head[2]))


class Letters(StreamRequestHandler):
    """Version 1, as in the lesson."""

    greeted = False
    version = "0"

    def handle(self) -> None:
        while self.rfile.peek(1):  # type: ignore[attr-defined]
            self.wfile.write(self.answer(*read_message(self.rfile)))

    def answer(self, words: list[str], body: bytes) -> Any:
        boxes: dict[str, bytes] = self.server.boxes  # type: ignore[attr-defined]
        if words == ["HELLO", "1"]:
            self.greeted = True
            return message("OK", "1")
        if not self.greeted:
            return message("ERROR", body=b"say HELLO 1 first")
        if words[0] == "LEAVE":
            boxes[words[1]] = body
            return message("OK")
        return message("ERROR", body=b"there is nothing like that")


def office(answer: Callable[[Any, list[str], bytes], Any]) -> Any:
    """Alice speaks version 1, bob 2, carol 3; each leaves a letter and asks how many there are."""
    handler = type("Newer", (Letters,), {"answer": answer})
    questions = message("LEAVE", "dave", body=b"hi") + message("COUNT")
    with serve(ThreadingTCPServer, handler, timeout=CALM) as served:
        served.server.boxes = {}
        for name, version in (("alice", "1"), ("bob", "2"), ("carol", "3")):
            with served.client(name) as client, contextlib.suppress(ConnectionError):
                client.send(message("HELLO", version) + questions)
                client.half_close()
                client.receive_all()
    return served


def newer(  # what may be otherwise, each by itself
    handler: Any,
    words: list[str],
    body: bytes,
    *,
    versions: str = "12",
    counts: str = "2",
    greets: bool = True,
    number: Callable[[int], Any] = str,
) -> Any:
    """An answer of version 2, as most people write it."""
    if words[0] == "HELLO" and words[1] in versions:
        handler.greeted, handler.version = greets or words[1] == "1", words[1]
        return message("OK", words[1])
    if words == ["COUNT"] and handler.version in counts:
        return message("OK", number(len(handler.server.boxes)))
    return Letters.answer(handler, words, body)


def by_methods(handler: Any, words: list[str], body: bytes) -> Any:
    """Another way to write it: a table of what there is, for each version."""
    if words[0] == "HELLO":
        handler.table = {"1": {}, "2": {"COUNT": lambda: str(len(handler.server.boxes))}}.get(words[1])
        handler.greeted = handler.table is not None
        return message("OK", words[1]) if handler.greeted else message("ERROR", body=b"1 and 2 are spoken here")
    count = (handler.table or {}).get(words[0])
    return message("OK", count()) if count else Letters.answer(handler, words, body)


# --- Frames ---------------------------------------------------------------------------------------

LIMIT = 100


def framed(body: bytes) -> bytes:
    """A frame: four bytes that say how many follow, and those."""
    return len(body).to_bytes(4, "big") + body


class Frames:
    """What has come and is no whole frame yet."""

    def __init__(self, take: Callable[[Frames], bytes | None]) -> None:
        self.rest = b""
        self.taken = take

    def feed(self, data: bytes) -> None:
        """More has come."""
        self.rest += data

    def take(self) -> bytes | None:
        """As the learner has it."""
        return self.taken(self)


def pictures(take: Callable[[Frames], bytes | None]) -> Any:
    """Alice's frames are cut wrongly, bob announces too much, and carol leaves in the middle of one."""

    class Pictures(BaseRequestHandler):
        def handle(self) -> None:
            frames = Frames(take)
            try:
                while data := self.request.recv(1024):
                    frames.feed(data)
                    for frame in itertools.islice(iter(frames.take, None), 9):
                        self.request.sendall(framed(frame.upper()))
            except ValueError as reason:
                self.request.sendall(framed(str(reason).encode()))

    with serve(TCPServer, Pictures, timeout=CALM) as served:
        with served.client("alice", timeout=2) as alice, contextlib.suppress(OSError, EOFError):
            for piece, answers in CUT:
                alice.send(piece)
                served.settle()
                for size in answers:
                    alice.receive_exactly(size)
        with served.client("bob", timeout=2) as bob, contextlib.suppress(OSError):
            bob.send(b"\0\0\0\x65")
            bob.receive_all()
        with served.client("carol", timeout=2) as carol, contextlib.suppress(OSError):
            carol.send(framed(b"c" * 100) + b"\0\0\0\x09half")
            carol.half_close()
            carol.receive_all()
    return served


CUT: tuple[tuple[bytes, tuple[int, ...]], ...] = (
    (b"\0\0", ()),
    (b"\0\5hel", ()),
    (b"lo" + framed(b"a\nb") + framed(b"") + b"\0", (9, 7, 4)),
    (b"\0\0\1z", (5,)),
)


def take(  # what may be otherwise, each by itself
    frames: Frames,
    *,
    head: int = 4,
    limit: int = LIMIT,
    looks: bool = True,
    keeps: bool = True,
    removes: bool = True,
    starts: int = 4,
    early: bool = True,
) -> bytes | None:
    """The next whole frame, as most people write it."""
    if len(frames.rest) < head:
        return None
    size = int.from_bytes(frames.rest[:4], "big")
    whole = len(frames.rest[4:]) >= size
    if size > limit and (early or whole):
        raise ValueError("too large")
    if looks and not whole:
        return None
    frame = frames.rest[starts : 4 + size]
    if removes:
        frames.rest = frames.rest[4 + size :] if keeps else b""
    return frame


def by_slices(frames: Frames) -> bytes | None:
    """Another way to write it: the bytes one by one."""
    stream = iter(frames.rest)
    head = bytes(itertools.islice(stream, 4))
    if len(head) == 4 and int.from_bytes(head, "big") > LIMIT:
        raise ValueError("too large")
    body = bytes(itertools.islice(stream, int.from_bytes(head, "big")))
    if len(head) < 4 or framed(body)[:4] != head:
        return None
    frames.rest = bytes(stream)
    return body


# --- What will happen? ----------------------------------------------------------------------------


def a_dot_alone() -> str:
    """What comes of a letter in which a line is only a dot."""
    boxes = {b"carol": b"for carol"}

    class Dots(StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(self.rfile)
            for line in lines:
                words = line.split()
                if words[0] == b"LEAVE":
                    boxes[words[1]] = b"".join(itertools.takewhile(lambda text: text != b".\n", lines))
                elif words[0] == b"EMPTY":
                    boxes.pop(words[1], None)

    letter = b"A letter ends with\n.\nand a box is emptied by\nEMPTY carol\n"
    with serve(TCPServer, Dots, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"LEAVE bob\n" + letter + b".\n")
        alice.half_close()
        alice.receive_all()
    if boxes[b"bob"] == letter:
        return "bob gets the letter as she wrote it"
    return f"bob gets its beginning, and the rest is {'ignored' if b'carol' in boxes else 'obeyed'}"


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("22-version-two", lambda: office(newer)),
    ("22-version-two", lambda: office(by_methods)),
    ("22-whatever-the-pieces", lambda: pictures(take)),
    ("22-whatever-the-pieces", lambda: pictures(by_slices)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("22-version-two", "it fails", lambda: office(lambda *_: "OK"), "An answer is bytes"),
    (
        "22-version-two",
        "old clients are lost",
        lambda: office(lambda *said: newer(*said, versions="2") if said[1] != ["HELLO", "1"] else message("ERROR")),
        "must find everything as it was",
    ),
    ("22-version-two", "everybody may count", lambda: office(lambda *said: newer(*said, counts="12")), "does not have"),
    ("22-version-two", "two is still refused", lambda: office(Letters.answer), "was not answered by OK 2 0"),
    ("22-version-two", "not greeted", lambda: office(lambda *said: newer(*said, greets=False)), "self.greeted"),
    (
        "22-version-two",
        "everything is a version",
        lambda: office(lambda *said: newer(*said, versions="123")),
        "Nobody knows what she means",
    ),
    (
        "22-version-two",
        "the number as a letter",
        lambda: office(lambda *said: newer(*said, number=lambda _: "many")),
        "the number is a word",
    ),
    (
        "22-whatever-the-pieces",
        "again and again",
        lambda: pictures(lambda frames: take(frames, removes=False)),
        "taken off self.rest",
    ),
    ("22-whatever-the-pieces", "it fails", lambda: pictures(lambda frames: frames.rest[9]), "look at served.errors"),  # type: ignore[return-value]
    (
        "22-whatever-the-pieces",
        "half a head",
        lambda: pictures(lambda frames: take(frames, head=0)),
        "before they are there",
    ),
    (
        "22-whatever-the-pieces",
        "not yet whole",
        lambda: pictures(lambda frames: take(frames, looks=False)),
        "before its last bytes had come",
    ),
    (
        "22-whatever-the-pieces",
        "the head comes along",
        lambda: pictures(lambda frames: take(frames, starts=0)),
        "without its head",
    ),
    ("22-whatever-the-pieces", "nothing comes out", lambda: pictures(lambda _: None), "None each time"),
    (
        "22-whatever-the-pieces",
        "the rest is lost",
        lambda: pictures(lambda frames: take(frames, keeps=False)),
        "only what was returned",
    ),
    (
        "22-whatever-the-pieces",
        "empty is none",
        lambda: pictures(lambda frames: take(frames) or None),
        "None is no frame",
    ),
    (
        "22-whatever-the-pieces",
        "waits for it",
        lambda: pictures(lambda frames: take(frames, early=False)),
        "he waited in vain",
    ),
    (
        "22-whatever-the-pieces",
        "one too few",
        lambda: pictures(lambda frames: take(frames, limit=99)),
        "those are allowed",
    ),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("22-a-dot-alone", a_dot_alone)]
