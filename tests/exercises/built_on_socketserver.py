"""What learners write in lesson 21."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, serve
from socketserver_trace.examples.proxy import Proxy
from tests.samples import CALM, Shout

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


# --- A relay --------------------------------------------------------------------------------------


def relayed(end: Callable[[socket.socket, socket.socket], object]) -> Any:
    """Alice speaks, half-closes, and waits for the answer of somebody behind a relay."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(1024):
            sink.sendall(data)
        end(source, sink)

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(self.server.target, timeout=1) as other:  # type: ignore[attr-defined]
                with ThreadPoolExecutor() as pool:
                    back = pool.submit(carry, other, self.request)
                    carry(self.request, other)
                    back.result()

    with serve(lambda: Proxy(("127.0.0.1", 0)), timeout=CALM) as served:
        served.server.RequestHandlerClass = Relay
        with served.client("alice") as alice:
            alice.send(b"is anybody there?\n")
            alice.half_close()
            with contextlib.suppress(OSError):
                alice.receive_all()
    return served


def _both(_source: socket.socket, sink: socket.socket) -> None:
    """As SHUT_RDWR does; the answer never comes through, however slow anybody is."""
    sink.shutdown(socket.SHUT_RD)
    if threading.current_thread().name.startswith("ThreadPoolExecutor"):
        _TURNED.set()
        return
    _TURNED.wait(CALM)  # the other direction has seen its end
    _TURNED.clear()
    sink.shutdown(socket.SHUT_WR)


_TURNED = threading.Event()


# --- What will happen? ----------------------------------------------------------------------------


def whose_handle() -> str:
    """The class whose handle runs when somebody asks for a page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(204)
            self.end_headers()

    with serve(ThreadingHTTPServer, Page, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"GET / HTTP/1.0\r\n\r\n")
        alice.receive_all()
    return f"that of {served.trace.select(hook='handle', phase='enter')[0].provider}"


def one_after_the_other() -> str:
    """What bob gets through a proxy that carries first the one direction and then the other."""
    answers = io.BytesIO()

    class OneAfterTheOther(StreamRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(target.server.server_address) as other:
                for line in self.rfile:
                    other.sendall(line)
                other.shutdown(socket.SHUT_WR)
                while data := other.recv(1024):
                    answers.write(data)

    with serve(ThreadingTCPServer, Shout, timeout=CALM) as target:
        with serve(ThreadingTCPServer, OneAfterTheOther, timeout=CALM) as proxy:
            with proxy.client("bob", timeout=0.3) as bob:
                bob.send(b"hello\n")
                try:
                    return f"he gets {bob.receive()}"
                except WaitedInVain:
                    return "he waits in vain"


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("21-version-two", lambda: office(newer)),
    ("21-version-two", lambda: office(by_methods)),
    ("21-pass-it-on", lambda: relayed(lambda _source, sink: sink.shutdown(socket.SHUT_WR))),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("21-version-two", "it fails", lambda: office(lambda *_: "OK"), "An answer is bytes"),
    (
        "21-version-two",
        "old clients are lost",
        lambda: office(lambda *said: newer(*said, versions="2") if said[1] != ["HELLO", "1"] else message("ERROR")),
        "must find everything as it was",
    ),
    ("21-version-two", "everybody may count", lambda: office(lambda *said: newer(*said, counts="12")), "does not have"),
    ("21-version-two", "two is still refused", lambda: office(Letters.answer), "was not answered by OK 2 0"),
    ("21-version-two", "not greeted", lambda: office(lambda *said: newer(*said, greets=False)), "self.greeted"),
    (
        "21-version-two",
        "everything is a version",
        lambda: office(lambda *said: newer(*said, versions="123")),
        "Nobody knows what she means",
    ),
    (
        "21-version-two",
        "the number as a letter",
        lambda: office(lambda *said: newer(*said, number=lambda _: "many")),
        "the number is a word",
    ),
    ("21-pass-it-on", "kept to itself", lambda: relayed(lambda *_: None), "like everything else"),
    ("21-pass-it-on", "it fails", lambda: relayed(lambda _source, sink: sink.shutdown()), "look at served.errors"),  # type: ignore[call-arg]
    ("21-pass-it-on", "both directions", lambda: relayed(_both), "no way back for the answer"),
    (
        "21-pass-it-on",
        "the wrong one",
        lambda: relayed(lambda _source, sink: sink.shutdown(socket.SHUT_RD)),
        "the other direction",
    ),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("21-whose-handle", whose_handle),
    ("21-one-after-the-other", one_after_the_other),
]
