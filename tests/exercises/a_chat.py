"""What learners write in lesson 16."""

from __future__ import annotations

from contextlib import suppress
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, serve
from socketserver_trace.examples.chat_naive import NaiveChatHandler, NaiveChatServer
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.3
"""How many seconds a client waits for words that may not come: they have come already, or never will."""

# --- A line is a line ---------------------------------------------------------------------------------------------

PIECES = {"alice": [b"alice\nhello\n"], "bob": [b"bo", b"b\n", b"caf\xc3", b"\xa9\n", b"\n", b"bye\n"]}


def in_pieces(handle: Callable[[Any], object], base: type[Any] = StreamRequestHandler) -> Any:
    """Alice says her name and something at once, and bob says everything in pieces."""
    with serve(ThreadingTCPServer, type("Guest", (base,), {"handle": handle}), timeout=CALM) as served:
        for name, pieces in PIECES.items():
            with served.client(name) as client, suppress(OSError):
                for piece in pieces:
                    client.send(piece)
                    served.settle(CALM)
                client.half_close()
                client.receive_all()
    return served


def _lines(handler: Any) -> None:
    name = handler.rfile.readline().decode().rstrip("\r\n")
    handler.wfile.write(f"welcome, {name}\n".encode())
    for line in handler.rfile:
        handler.wfile.write(f"<{name}> {line.decode()}".encode())


def _buffered(handler: Any) -> None:
    """Put the pieces together by hand, and answer in bytes."""
    waiting, name = b"", None
    while data := handler.request.recv(1024):
        *lines, waiting = (waiting + data).split(b"\n")
        for line in lines:
            handler.request.sendall(b"welcome, %s\n" % line if name is None else b"<%s> %s\n" % (name, line))
            name = line if name is None else name


def _in_bytes(handler: Any, *, stop: bytes = b"") -> None:
    """As it comes: a name and words are what one recv returned."""
    name = handler.request.recv(1024).strip()
    handler.request.sendall(b"welcome, %s\n" % name)
    while (words := handler.request.recv(1024)) and words != stop:
        handler.request.sendall(b"<%s> %s\n" % (name, words.strip()))


def _in_text(handler: Any) -> None:
    name = handler.request.recv(1024).decode().strip()
    handler.request.sendall(f"welcome, {name}\n".encode())
    while words := handler.request.recv(1024).decode().strip():
        handler.request.sendall(f"<{name}> {words}\n".encode())


def _first_line_only(handler: Any) -> None:
    """Take the first line of the first piece, and then piece by piece."""
    name, _, rest = handler.request.recv(1024).partition(b"\n")
    handler.request.sendall(b"welcome, %s\n" % name)
    while rest or (rest := handler.request.recv(1024)):
        handler.request.sendall(b"<%s> %s\n" % (name, rest.rstrip(b"\n")))
        rest = b""


def _stripped(handler: Any) -> None:
    name = handler.rfile.readline().decode().strip()
    handler.wfile.write(f"welcome, {name}\n".encode())
    while line := handler.rfile.readline().decode().strip():
        handler.wfile.write(f"<{name}> {line}\n".encode())


def _with_ends(handler: Any) -> None:
    name = handler.rfile.readline().decode()
    handler.wfile.write(f"welcome, {name}\n".encode())
    for line in handler.rfile:
        handler.wfile.write(f"<{name}> {line.decode()}\n".encode())


def _as_text(handler: Any) -> None:
    handler.wfile.write("welcome")


# --- The leaver ---------------------------------------------------------------------------------------------------


class Member(StreamRequestHandler):
    """One who has said a name, and is told what the others say."""

    server: Any

    def setup(self) -> None:
        """Come in."""
        super().setup()
        self.name = self.rfile.readline().decode().strip()
        self.server.members[self.name] = self

    def handle(self) -> None:
        """Say line after line."""
        for line in self.rfile:
            self.broadcast(f"<{self.name}> ".encode() + line)

    def broadcast(self, line: bytes) -> None:
        """Say it to all: what a learner writes."""
        raise NotImplementedError


def leaving(broadcast: Callable[..., object], forget: Callable[[Any], object]) -> Any:
    """Bob is lost, and his handler has not noticed; alice says something; carol came after them."""

    def finish(member: Any) -> None:
        super(handler, member).finish()
        forget(member)

    handler = type("Sturdy", (Member,), {"broadcast": broadcast, "finish": finish})
    made: Any = lambda: NaiveChatServer(("127.0.0.1", 0), handler)  # noqa: E731 - a function that makes a server
    with serve(made, timeout=CALM) as served:
        people = []
        for name in ("bob", "alice", "carol"):
            people.append(served.client(name))
            people[-1].send(name.encode() + b"\n")
            served.settle(CALM)
        served.breakpoints.add("handle", phase="raise", connection=1)
        people[0].reset()
        served.breakpoints.wait(timeout=CALM)
        people[1].send(b"hello\n")
        served.settle(CALM)
        served.breakpoints.clear()
        for client in people[1:]:
            client.timeout = PATIENCE
            with suppress(WaitedInVain):
                client.receive_line()
    return served


def _pop(member: Any) -> None:
    member.server.members.pop(member.name, None)


def _del(member: Any) -> None:
    del member.server.members[member.name]


def _to_a_copy(_: Any, line: bytes, *, members: Any = None) -> None:
    for member in members or list(_.server.members.values()):
        with suppress(OSError):
            member.wfile.write(line)


def _by_name(speaker: Any, line: bytes) -> None:
    """Take out who is lost, by the name, and once."""
    members = speaker.server.members
    for name in sorted(members):
        try:
            members[name].request.sendall(line)
        except OSError:
            members.pop(name)


def _naively(speaker: Any, line: bytes) -> None:
    for member in speaker.server.members.values():
        member.wfile.write(line)


def _taking_out(speaker: Any, line: bytes) -> None:
    for name, member in speaker.server.members.items():
        try:
            member.wfile.write(line)
        except OSError:
            del speaker.server.members[name]


def _taking_out_of_a_copy(speaker: Any, line: bytes) -> None:
    for name, member in list(speaker.server.members.items()):
        try:
            member.wfile.write(line)
        except OSError:
            del speaker.server.members[name]


def _until_an_error(speaker: Any, line: bytes) -> None:
    with suppress(OSError):
        _naively(speaker, line)


def _to_the_others(speaker: Any, line: bytes) -> None:
    _to_a_copy(speaker, line, members=[one for one in speaker.server.members.values() if one is not speaker])


def _in_words(speaker: Any, line: bytes) -> None:
    speaker.wfile.write(line.decode())


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("16-a-line-is-a-line", lambda: in_pieces(_lines)),
    ("16-a-line-is-a-line", lambda: in_pieces(_buffered, BaseRequestHandler)),
    ("16-the-leaver", lambda: leaving(_to_a_copy, _pop)),
    ("16-the-leaver", lambda: leaving(_to_a_copy, _del)),
    ("16-the-leaver", lambda: leaving(_by_name, _pop)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("16-a-line-is-a-line", "half a letter", lambda: in_pieces(_in_text), "Half a letter was decoded"),
    ("16-a-line-is-a-line", "one recv", lambda: in_pieces(_in_bytes), "it is what has come so far"),
    ("16-a-line-is-a-line", "it fails", lambda: in_pieces(_as_text), "take bytes and no text"),
    ("16-a-line-is-a-line", "the end of the line", lambda: in_pieces(_with_ends), "not where they belong"),
    ("16-a-line-is-a-line", "half a name", lambda: in_pieces(_first_line_only), "bob was welcomed as bo"),
    ("16-a-line-is-a-line", "empty is the end", lambda: in_pieces(_stripped), "pressed Enter on an empty line"),
    ("16-the-leaver", "bob's error is hers", lambda: leaving(_naively, _del), "because bob is lost"),
    ("16-the-leaver", "it changed", lambda: leaving(_taking_out, _pop), "changed it on the way"),
    ("16-the-leaver", "twice", lambda: leaving(_taking_out_of_a_copy, _del), "bob was taken out twice"),
    ("16-the-leaver", "it stops at bob", lambda: leaving(_until_an_error, _pop), "there your broadcast ended"),
    ("16-the-leaver", "not to herself", lambda: leaving(_to_the_others, _pop), "Everybody hears everything"),
    ("16-the-leaver", "it fails", lambda: leaving(_in_words, _pop), "look at served.errors"),
]


def thrown_out() -> str:
    """Who loses the connection when somebody comes in during a broadcast."""
    made: Any = lambda: NaiveChatServer(("127.0.0.1", 0), NaiveChatHandler)  # noqa: E731 - as above
    with serve(made, timeout=CALM) as served:
        bob = served.client("bob")
        bob.send(b"bob\n")
        served.settle(CALM)
        served.breakpoints.add("handle", connection=2)
        served.client("alice").send(b"alice\nhello\n")
        paused = served.breakpoints.wait(timeout=CALM)
        while not paused.place.startswith("after sendall()"):
            paused.step()
            paused = served.breakpoints.wait(timeout=CALM)
        served.client("carol").send(b"carol\n")
        served.settle(CALM)
        served.breakpoints.clear()
        bob.receive_line()
        closed = sorted({event.connection for event in served.trace.select(hook="close_request")})
    names = {1: "bob, who is told something", 2: "alice, who speaks", 3: "carol, who comes in"}
    return " and ".join(names[number] for number in closed) or "nobody"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("16-who-is-thrown-out", thrown_out)]
