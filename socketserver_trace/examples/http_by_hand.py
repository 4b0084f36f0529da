"""HTTP/1.1 by hand: what a web server does with a connection, request after request.

What is HTTP and what is not is decided by h11, which knows the protocol and no sockets: it is fed with bytes, gives
events, and makes bytes of the events that are to be sent. The rest is here: when to read, for how long, how much, and
what to do when the other end does otherwise. There are two resources:

    GET /           a page that says what the request was, and its number on this connection
    POST /echo      the body, as it came

HEAD is answered like GET, without the body. What cannot be done is answered in one sentence, as text:

    400  what is no HTTP                        413  a body of more than 65,536 bytes
    404  another path                           431  a head of which 16,384 bytes have come, and no end
    405  another method; Allow says which       501  a transfer coding other than chunked
    408  more than 10 seconds for a request     505  HTTP of another major version

After an answer the connection is kept for the next request: for 15 seconds, and for at most 100 requests. Requests may
be sent before the answers to earlier ones have come; they are answered in their order. A client that asks first whether
it may send a body (Expect: 100-continue) is told "100 Continue", or it is refused and need not send it.

The law: an answer is sent when its request has come to its end, or the connection ends with it. So no byte of a body is
ever taken for the next request. A connection that ends is not closed before the client has read the answer, or has had
the time to: who closes a socket with unread bytes in it resets the connection, and takes the answer along.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from email.utils import formatdate
from html import escape
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import NamedTuple

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

try:
    import h11
except ImportError:
    if __name__ != "__main__":
        raise
    needs = "This needs the packages of the extra 'examples': pip install 'socketserver_trace[examples]'"
    raise SystemExit(needs) from None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from socketserver_trace.serving import Served

HEAD: Final = 16_384
"""How many bytes a head may have: the request line and the headers."""

BODY: Final = 65_536
"""How many bytes a body may have."""

REQUESTS: Final = 100
"""How many requests a connection may be kept for."""

CHUNK: Final = 16_384

PATH: Final = re.compile(r"(?:http://[^/?]*)?(/[^?]*)(?:\?.*)?", re.IGNORECASE)
"""A target: a path, perhaps with a query after it, perhaps with scheme and host before it, as proxies are told."""

PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>HTTP by hand</title>
<link rel="icon" href="data:,">
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }}
pre {{ padding: 1rem; border: 1px solid color-mix(in srgb, currentcolor 25%, transparent); border-radius: 0.5rem;
       white-space: pre-wrap; overflow-wrap: anywhere; }}
</style>
<h1>Request {number} on this connection</h1>
<pre>{request}</pre>
<p><a href="/">Ask again</a>: the connection is kept, and the number goes up.</p>
</html>
"""

PAGE_HEADERS: Final = (("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'unsafe-inline'"),)
"""What a request says is escaped; should that ever be forgotten, the browser runs nothing of it either."""


class Answer(NamedTuple):
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    kind: str = "text/plain; charset=utf-8"
    more: tuple[tuple[str, str], ...] = ()


class RefusedError(Exception):
    """A request that cannot be answered as it wishes. `answer` says why."""

    def __init__(self, status: HTTPStatus, sentence: str, *more: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.answer = Answer(status, f"{sentence}\n".encode(), more=more)


class WebHandler(BaseRequestHandler):
    """One connection."""

    server: WebServer
    idle = 15.0
    """How many seconds the connection is kept for a next request."""

    patience = 10.0
    """How many seconds a request may take to come, from its first byte on, and an answer to be taken."""

    lingering = 2.0
    """How many seconds a client has to read the last answer and to go."""

    def setup(self) -> None:
        """Have heard nothing yet."""
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
        self.number = 0  # of the request on this connection
        self._is_head = False
        self._has_begun = False
        self._until = 0.0

    def handle(self) -> None:
        """Answer request after request, until one of the two has had enough."""
        with suppress(ConnectionError, TimeoutError):  # it has gone without a word, or does not read
            try:
                while self._answer_next():
                    self.http.start_next_cycle()
            except h11.RemoteProtocolError as error:
                status = HTTPStatus(error.error_status_hint)
                self._send(RefusedError(status, f"This is no HTTP that is understood: {error}.").answer)
            except TimeoutError:
                if self._has_begun:
                    self._send(RefusedError(HTTPStatus.REQUEST_TIMEOUT, "The request takes too long.").answer)

    def finish(self) -> None:
        """Hear the client out, for a moment: see the law."""
        hear_out(self.request, self.lingering, self.server.clock)

    def _answer_next(self) -> bool:
        """Answer the next request. Returns whether there may be another one."""
        self._has_begun = bool(self.http.trailing_data[0])  # a client need not wait for an answer
        self._until = self.server.clock() + (self.patience if self._has_begun else self.idle)
        self._is_head = False
        request = self._next_event()
        if not isinstance(request, h11.Request):
            return False  # the stream has ended between two requests
        self.number += 1
        self._is_head = request.method == b"HEAD"
        try:
            answer = self._answer(request)
        except RefusedError as refused:
            answer = refused.answer
        self._send(answer)
        return self.http.our_state is h11.DONE and self.http.their_state is h11.DONE

    def _answer(self, request: h11.Request) -> Answer:
        """What the resource says, after the whole body has come. RefusedError when there is no such resource."""
        if not request.http_version.startswith(b"1."):
            raise RefusedError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "What is spoken here is HTTP/1.1.")
        if _length(request) > BODY:
            raise _too_large()
        try:
            act = self._resource(request)
        except RefusedError:
            if not self.http.they_are_waiting_for_100_continue:  # who waits need not send it
                self._body()
            raise
        if self.http.they_are_waiting_for_100_continue:
            self._write(h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[], reason=b"Continue"))
        return act(request, self._body())

    def _resource(self, request: h11.Request) -> Callable[[h11.Request, bytes], Answer]:
        resources: dict[str, dict[bytes, Callable[[h11.Request, bytes], Answer]]] = {
            "/": {b"GET": self.page, b"HEAD": self.page},
            "/echo": {b"POST": self.echo},
        }
        target = PATH.fullmatch(request.target.decode("ascii"))
        methods = resources.get(target[1]) if target is not None else None
        if methods is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here: / and /echo are there.")
        if request.method not in methods:
            allowed = ", ".join(method.decode() for method in methods)
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, f"{allowed} can be done here.", ("Allow", allowed))
        return methods[request.method]

    def _body(self) -> bytes:
        """The body, up to its end. RefusedError as soon as it is too large."""
        pieces: list[bytes] = []
        size = 0
        while isinstance(event := self._next_event(), h11.Data):
            pieces.append(bytes(event.data))
            size += len(event.data)
            if size > BODY:
                raise _too_large()
        return b"".join(pieces)

    def page(self, request: h11.Request, _body: bytes) -> Answer:
        """What the request was, in HTML."""
        first = b"%s %s HTTP/%s" % (request.method, request.target, request.http_version)
        lines = [first, *(b"%s: %s" % header for header in request.headers.raw_items())]
        text = escape(b"\n".join(lines).decode("latin-1"))  # what the bytes of a header mean is nowhere said
        page = PAGE.format(number=self.number, request=text)
        return Answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8", PAGE_HEADERS)

    def echo(self, _request: h11.Request, body: bytes) -> Answer:
        """The body. It is text and nothing else, whatever a browser would guess: it may be from another site's form."""
        return Answer(HTTPStatus.OK, body, more=(("X-Content-Type-Options", "nosniff"),))

    def _next_event(self) -> object:
        """What comes next, as soon as all of it has come. TimeoutError when it takes too long."""
        while (event := self.http.next_event()) is h11.NEED_DATA:
            left = self._until - self.server.clock()
            if left <= 0:
                raise TimeoutError
            self.request.settimeout(left)
            self.http.receive_data(self.request.recv(CHUNK))
            if not self._has_begun:
                self._has_begun, self._until = True, self.server.clock() + self.patience
        return event

    def _send(self, answer: Answer) -> None:
        """Send an answer. It says that the connection ends when not all of the request has come, or enough of them."""
        if self.http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return  # the answer has been sent already
        headers = [
            ("Content-Type", answer.kind),
            ("Content-Length", str(len(answer.body))),
            *answer.more,
            ("Date", formatdate(usegmt=True)),
        ]
        if self.http.their_state in {h11.IDLE, h11.SEND_BODY, h11.ERROR} or self.number >= REQUESTS:
            headers.append(("Connection", "close"))
        self._write(
            h11.Response(status_code=answer.status, headers=headers, reason=answer.status.phrase.encode()),
            *([] if self._is_head else [h11.Data(data=answer.body)]),
            h11.EndOfMessage(),
        )

    def _write(self, *events: h11.Event) -> None:
        """All that is to be said at once in one send: small pieces would wait for each other (Nagle's algorithm)."""
        self.request.settimeout(self.patience)
        self.request.sendall(b"".join(self.http.send(event) or b"" for event in events))


def _length(request: h11.Request) -> int:
    """How long the body is said to be; 0 when that is not said, but will be chunk by chunk."""
    return int(dict(request.headers).get(b"content-length", 0))


def _too_large() -> RefusedError:
    return RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {BODY:,} bytes.")


class WebServer(LettingGoMixIn, ThreadingTCPServer):
    """A thread for each connection. `clock` gives seconds, which may begin anywhere."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[WebHandler] = WebHandler,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        super().__init__(address, handler)


def converse(served: Served) -> None:
    """Three requests on one connection; the second asks first whether it may send its body, the third is the last."""
    with served.client("alice") as alice:
        alice.send(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        alice.receive()
        alice.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        alice.receive()
        alice.send(b"hello")
        alice.receive()
        alice.send(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        alice.receive_all()


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: WebServer((options.host, options.port)), converse).run())
