"""What learners write in lesson 21."""

from __future__ import annotations

import contextlib
import io
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


# --- The next request -----------------------------------------------------------------------------


def post(body: bytes) -> bytes:
    """A request with a body, and how long it is."""
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def told(client: Any) -> bytes:
    """The body of an answer, as long as its head says."""
    size = 0
    while (line := client.receive_line()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    return client.receive_exactly(size)  # type: ignore[no-any-return]


def web(do_post: Callable[[Any], object], version: str = "HTTP/1.1") -> Any:
    """Alice has two requests, bob one in two pieces, and carol one that does not say how long it is."""

    class Web(BaseHTTPRequestHandler):
        protocol_version = version

        def log_message(self, *arguments: object) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            do_post(self)

    with serve(ThreadingHTTPServer, Web, timeout=CALM) as served:
        for name, requests in (
            ("alice", ([post(b"hello")], [post("café".encode())])),
            ("bob", ([post(b"hello")[:-3], b"llo"],)),
            ("carol", ([b"POST / HTTP/1.1\r\n\r\n"],)),
        ):
            with served.client(name, timeout=2) as client, contextlib.suppress(OSError, EOFError, ValueError):
                for pieces in requests:
                    for piece in pieces:
                        client.send(piece)
                        served.settle()
                    told(client)
    return served


def posted(  # what may be otherwise, each by itself
    handler: Any,
    *,
    read: Callable[[Any, int], bytes] = lambda handler, size: handler.rfile.read(size),  # type: ignore[no-any-return]
    default: str | None = None,
    capitals: Callable[[bytes], Any] = lambda body: body.decode().upper().encode(),
    length: Callable[[bytes], int | None] = len,
) -> None:
    """An answer to a POST, as most people write it."""
    announced = handler.headers.get("Content-Length", default)
    if announced is None:
        handler.send_error(411)
        return
    body = capitals(read(handler, int(announced)))
    handler.send_response_only(200)
    if (size := length(body)) is not None:
        handler.send_header("Content-Length", str(size))
    handler.end_headers()
    handler.wfile.write(body)


def by_hand(handler: Any) -> None:
    """Another way to write it: all in one, and one write."""
    try:
        size = int(handler.headers["content-length"])
    except (TypeError, ValueError):
        handler.wfile.write(b"HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\n\r\n")
    else:
        body = str(handler.rfile.read(size), "utf-8").upper().encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def trusting(handler: Any) -> None:
    """Takes it for granted that there is a length."""
    posted(handler, default="nothing")


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
    ("21-the-next-request", lambda: web(posted)),
    ("21-the-next-request", lambda: web(by_hand)),
    ("21-pass-it-on", lambda: relayed(lambda _source, sink: sink.shutdown(socket.SHUT_WR))),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "21-the-next-request",
        "it fails",
        lambda: web(lambda handler: posted(handler, capitals=bytes.decode)),
        "are bytes",
    ),
    ("21-the-next-request", "no answer", lambda: web(lambda _: None), "waits for what does not come"),
    (
        "21-the-next-request",
        "no answer",
        lambda: web(lambda handler: posted(handler, read=lambda handler, _: handler.rfile.read())),
        "for the end of the stream",
    ),
    (
        "21-the-next-request",
        "no length in the answer",
        lambda: web(lambda handler: posted(handler, length=lambda _: None)),
        "must have a Content-Length, too",
    ),
    (
        "21-the-next-request",
        "a portion is a text",
        lambda: web(lambda handler: posted(handler, read=lambda handler, size: handler.rfile.read1(size))),
        "take what is there",
    ),
    (
        "21-the-next-request",
        "only a to z",
        lambda: web(lambda handler: posted(handler, capitals=bytes.upper)),
        "The é stayed small",
    ),
    (
        "21-the-next-request",
        "letters are no bytes",
        lambda: web(lambda handler: posted(handler, length=lambda body: len(body.decode()))),
        "a length counts bytes",
    ),
    ("21-the-next-request", "hangs up", lambda: web(posted, "HTTP/1.0"), "the connection is kept"),
    ("21-the-next-request", "no length is a length", lambda: web(trusting), "is None then"),
    ("21-the-next-request", "carol is served", lambda: web(lambda handler: posted(handler, default="0")), "411"),
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
