"""What learners write in lesson 03: solutions, and mistakes that people make."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 1
"""How many seconds a client waits for a server that may not answer."""

ASKED = b"a word, please\n"


def visit(handle: Callable[[Any], object], base: type[Any] = BaseRequestHandler) -> Any:
    """Alice has two words, and bob has one."""
    made = type("Letters", (base,), {"handle": handle})
    with serve(TCPServer, made, timeout=CALM) as served:
        for name, words in (("alice", (b"hello", b"sea")), ("bob", (b"networks",))):
            with served.client(name, timeout=PATIENCE) as client, suppress(OSError):
                client.receive_line()
                for word in words:
                    client.send(word)
                    client.receive_line()
    return served


def _letters(handler: Any, *, greeting: bytes = ASKED, often: int = 9, again: bool = False) -> None:
    if greeting:
        handler.request.sendall(greeting)
    while often and (word := handler.request.recv(1024)):
        often -= 1
        handler.request.sendall(b"%d letters\n" % len(word))
        if again:
            handler.request.sendall(greeting)


def _by_files(handler: Any) -> None:
    """The same with the files of a StreamRequestHandler."""
    handler.wfile.write(ASKED)
    while word := handler.rfile.read1():
        handler.wfile.write(f"{len(word)} letters\n".encode())


def sell(handle: Callable[[Any], object]) -> Any:
    """Alice's amounts come in pieces, and bob leaves in the middle of one."""
    made = type("Till", (BaseRequestHandler,), {"handle": handle})
    with serve(TCPServer, made, timeout=CALM) as served:
        with served.client("alice", timeout=PATIENCE) as alice, suppress(OSError, EOFError):
            for piece, answers in ((b"01", 0), (b"000250", 2), (b"0", 0), (b"007", 1)):
                alice.send(piece)
                served.settle()
                for _ in range(answers):
                    alice.receive_exactly(4)
        with served.client("bob", timeout=PATIENCE) as bob, suppress(OSError, EOFError):
            bob.send(b"12345")
            bob.half_close()
            bob.receive_all()
    return served


def recv_exactly(sock: socket.socket, size: int) -> bytes:
    """The function of the lesson."""
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise EOFError(f"the end came after {len(data)} of {size} bytes")
        data += piece
    return data


def _till(handler: Any, *, catches: bool = True, often: int = 9, sums: bool = True) -> None:
    total = 0
    for _ in range(often):
        try:
            amount = int(recv_exactly(handler.request, 4))
        except EOFError:
            if catches:
                return
            raise
        total = total + amount if sums else amount
        handler.request.sendall(b"%04d" % total)


def _till_with_a_buffer(handler: Any) -> None:
    """Keeps what came, and takes four bytes off as long as there are four."""
    total, rest = 0, b""
    while data := handler.request.recv(1024):
        rest += data
        while len(rest) >= 4:
            total += int(rest[:4])
            rest = rest[4:]
            handler.request.sendall(b"%04d" % total)


def _till_of_the_shop(handler: Any) -> None:
    """One sum for everybody."""
    server = handler.server
    with suppress(EOFError):
        while True:
            server.total = vars(server).get("total", 0) + int(recv_exactly(handler.request, 4))
            handler.request.sendall(b"%04d" % server.total)


def _till_that_counts_the_rest(handler: Any) -> None:
    """Waits for four bytes, and takes what there is at the end."""
    total = 0
    while amount := handler.request.recv(4, socket.MSG_WAITALL):
        total += int(amount)
        handler.request.sendall(b"%04d" % total)


def _till_by_pieces(handler: Any) -> None:
    total = 0
    while amount := handler.request.recv(4):
        total += int(amount)
        handler.request.sendall(b"%04d" % total)


def _till_at_the_end(handler: Any) -> None:
    """Collects all of it first."""
    everything = b"".join(iter(lambda: handler.request.recv(1024), b""))
    total = 0
    for start in range(0, len(everything) - 3, 4):
        total += int(everything[start : start + 4])
        with suppress(OSError):
            handler.request.sendall(b"%04d" % total)


def call_that_fails() -> str:
    """Connect and send to a socket that listens, and whose connections nobody accepts."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as alice:
        alice.settimeout(CALM)
        try:
            alice.connect(listener.getsockname())
        except OSError:
            return "connect, because nobody accepts"
        try:
            alice.sendall(b"hello")
        except OSError:
            return "sendall, because nobody receives"
    return "none of them"


def two_sends() -> bytes:
    """What one recv returns when two sends have come."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname(), timeout=CALM) as alice:
            connection, _address = listener.accept()
            with connection:
                alice.sendall(b"hello")
                alice.sendall(b"world")
                while len(connection.recv(10, socket.MSG_PEEK)) < 10:
                    pass
                return connection.recv(1024)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("03-letters", lambda: visit(_letters)),
    ("03-letters", lambda: visit(_by_files, StreamRequestHandler)),
    ("03-the-till", lambda: sell(_till)),
    ("03-the-till", lambda: sell(_till_with_a_buffer)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("03-letters", "it fails", lambda: visit(lambda h: h.connection.recv(1)), "What was `connection` by hand"),
    ("03-letters", "nothing at all", lambda: visit(lambda _h: None), "alice was let go at once"),
    ("03-letters", "nobody asks", lambda: visit(lambda h: _letters(h, greeting=b"")), "the greeting comes first"),
    ("03-letters", "asks again", lambda: visit(lambda h: _letters(h, again=True)), "and not in it"),
    ("03-letters", "one word", lambda: visit(lambda h: _letters(h, often=1)), "until recv returns no bytes"),
    ("03-letters", "other words", lambda: visit(lambda h: _letters(h, greeting=b"word?\n")), "The words differ"),
    ("03-the-till", "the end fails", lambda: sell(lambda h: _till(h, catches=False)), "Catch it, and return"),
    ("03-the-till", "a piece is a message", lambda: sell(_till_by_pieces), "were taken for an amount"),
    ("03-the-till", "one sum for all", lambda: sell(_till_of_the_shop), "where alice's ended"),
    ("03-the-till", "only the first", lambda: sell(lambda h: _till(h, often=1)), "and no other"),
    ("03-the-till", "at the end", lambda: sell(_till_at_the_end), "answers too late"),
    ("03-the-till", "no sum", lambda: sell(lambda h: _till(h, sums=False)), "must be the sum of both"),
    ("03-the-till", "text", lambda: sell(lambda h: h.request.sendall("0100")), "with a b in front"),
    ("03-the-till", "it fails", lambda: sell(lambda h: h.connection.recv(4)), "look at served.errors"),
]
if hasattr(socket, "MSG_WAITALL"):
    WRONG.append(("03-the-till", "the rest counts", lambda: sell(_till_that_counts_the_rest), "are no amount"))

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("03-which-call-fails", call_that_fails),
    ("03-two-sends", two_sends),
]
