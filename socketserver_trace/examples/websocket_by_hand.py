"""WebSocket by hand: a connection that begins as HTTP goes on with messages, in both directions, as long as one likes.

    GET /           a page with a little script that talks to /ws
    GET /ws         upgrades to a WebSocket (RFC 6455)

There whatever one member says, text or bytes, is said to all, in one order, and so to itself, too. A message has at
most 65,536 bytes, in as many frames as its sender likes. A ping is answered. Who has said nothing for 20 seconds is
asked with a ping, and let go when nothing comes for 20 seconds more. A connection ends with a close frame that has been
answered by one; when it is the server that ends it, the code says why:

    1001  the server is going away          1007  a text that is no UTF-8
    1002  what no WebSocket says            1009  a message that is too big

h11 and wsproto know the two protocols and no sockets. Compression is not offered: a few bytes could become very many.

The law: a browser lets the script of any page connect to any server, also to one on its visitor's own machine, and
sends the visitor's cookies along; what it will not do is let the script lie about where it comes from. So a handshake
with an Origin other than this very server is refused with 403. A program that is no browser sends none, or what it
likes; it has nobody's cookies.

Nobody waits for another. What is said is sent by the thread of who says it, to each member as far as there is room. The
rest waits, until the server's loop sends it (`service_actions`); who does not read until too much waits is let go.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from email.utils import formatdate
from hashlib import sha256
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

try:
    import h11
    from wsproto import ConnectionType, WSConnection
    from wsproto.events import AcceptConnection, CloseConnection, Message, Ping
    from wsproto.frame_protocol import CloseReason
    from wsproto.utilities import LocalProtocolError, RemoteProtocolError
except ImportError:
    if __name__ != "__main__":
        raise
    needs = "This needs the packages of the extra 'examples': pip install 'socketserver_trace[examples]'"
    raise SystemExit(needs) from None

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from wsproto.events import Event

    from socketserver_trace.serving import Served

MESSAGE: Final = 65_536
"""How many bytes a message may have."""

WAITING: Final = 1_000_000
"""How many bytes wait for a member who does not read."""

MEMBERS: Final = 500
"""How many may be connected at once."""

HEAD: Final = 16_384
"""How many bytes of a request are looked at, when its end does not come."""

CHUNK: Final = 16_384

STYLE: Final = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentcolor 20%, transparent); }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
[role="status"] { margin: 0.25rem 0 1.25rem; }
[role="log"] { height: 18rem; overflow-y: auto; padding: 0.25rem 1rem; }
[role="log"] p { margin: 0; padding: 0.375rem 0; overflow-wrap: anywhere; }
[role="log"] p + p { border-top: 1px solid var(--line); }
[role="log"], input, button { border: 1px solid var(--line); border-radius: 0.5rem; }
form { display: flex; gap: 0.5rem; margin-top: 1rem; }
input { flex: 1; min-width: 0; background: transparent; }
input, button { font: inherit; color: inherit; padding: 0.5rem 0.75rem; }
button:enabled { background: light-dark(#0b57d0, #a8c7fa); color: light-dark(#fff, #062e6f); }
"""

SCRIPT: Final = """
const [status, log, form] = ["[role=status]", "[role=log]", "form"].map((one) => document.querySelector(one));
const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[?#].*/, "") + "ws");
const tell = (text, isOpen) => {
  status.textContent = text;
  for (const element of form.elements) element.disabled = !isOpen;
};
socket.onopen = () => tell("Connected. Whoever has this page open hears what you say.", true);
socket.onclose = ({ code }) => tell(`The connection has ended, with code ${code}.`, false);
socket.onmessage = ({ data }) => {
  const line = document.createElement("p");
  line.textContent = typeof data === "string" ? data : `(${data.size} bytes)`;
  log.append(line);
  if (log.childElementCount > 200) log.firstElementChild.remove();
  log.scrollTop = log.scrollHeight;
};
form.onsubmit = (event) => {
  event.preventDefault();
  socket.send(form.elements.say.value);
  form.reset();
};
"""

PAGE: Final = f"""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>WebSocket by hand</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
<main>
<h1>WebSocket by hand</h1>
<div role="status">Connecting ...</div>
<div role="log" aria-label="What was said" tabindex="0"></div>
<form>
<input name="say" aria-label="Say" placeholder="Say something" autocomplete="off" maxlength="1000" required disabled>
<button disabled>Send</button>
</form>
</main>
<script>{SCRIPT}</script>
</html>
"""


def _source(text: str) -> str:
    """How a policy names an inline script or style: only the one with this checksum is heeded."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


POLICY: Final = (
    f"default-src 'none'; connect-src 'self'; img-src data:; script-src {_source(SCRIPT)}; style-src {_source(STYLE)}"
)


class RefusedError(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.status = HTTPStatus(status)
        self.headers = headers


class Member:
    """One whose handshake is accepted. It may be used from any thread: a lock guards the protocol.

    The connection has a timeout, so that one `send` takes what there is room for, and not all.
    """

    def __init__(self, connection: socket.socket, protocol: WSConnection) -> None:
        self._connection = connection
        self._protocol = protocol
        self._waiting = bytearray(protocol.send(AcceptConnection()))
        self._lock = threading.Lock()
        self._writable = selectors.DefaultSelector()
        self._writable.register(connection, selectors.EVENT_WRITE)
        self._is_open = True

    def heard(self, data: bytes) -> list[Event]:
        """What these bytes say."""
        with self._lock:
            self._protocol.receive_data(data)
            return list(self._protocol.events())

    def say(self, event: Event) -> None:
        """Send it, now or later. Does not wait, and does not raise. Who has too much to read already is let go."""
        with self._lock:
            with suppress(LocalProtocolError):  # after a close frame nothing is said
                self._waiting += self._protocol.send(event)
            if len(self._waiting) > WAITING:
                with suppress(OSError):  # the other end was faster
                    self._connection.shutdown(socket.SHUT_RDWR)
        self.send()

    def send(self) -> None:
        """Send what waits, as far as there is room."""
        with self._lock, suppress(OSError):  # it has gone; its handler will notice
            while self._is_open and self._waiting and self._writable.select(0):
                del self._waiting[: self._connection.send(self._waiting)]

    def end(self) -> None:
        """Send the rest, however long that takes; nothing is said any more. For the handler, which may wait."""
        with self._lock:
            self._is_open = False
            self._writable.close()
            rest, self._waiting = self._waiting, bytearray()
        if rest:
            self._connection.sendall(rest)


class Room:
    """All members. May be used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: list[Member] = []
        self._is_open = True

    @contextmanager
    def member(self, connection: socket.socket, protocol: WSConnection) -> Iterator[Member]:
        """A member, until the block ends. RefusedError when there is no room."""
        with self._lock:
            if not self._is_open or len(self._members) >= MEMBERS:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "There is no room.", ("Retry-After", "60"))
            member = Member(connection, protocol)
            self._members.append(member)
        member.send()
        try:
            yield member
        finally:
            with self._lock:
                self._members.remove(member)
            member.end()

    def say(self, message: Event) -> None:
        """Say it to all: under the lock, so that all hear the same in the same order. Saying does not wait."""
        with self._lock:
            for member in self._members:
                member.say(message)

    def close(self) -> None:
        """Take nobody in any more, and tell all that the server goes away."""
        with self._lock:
            self._is_open = False
        self.say(CloseConnection(CloseReason.GOING_AWAY))

    def members(self) -> list[Member]:
        """All of them. A copy: while one walks through it, members come and go."""
        with self._lock:
            return list(self._members)


class WebSocketHandler(BaseRequestHandler):
    """One connection: a request, and what it becomes."""

    server: WebSocketServer
    patience = 20.0
    """How many seconds a request may take to come, a message to be taken, and a member to say nothing."""

    lingering = 2.0
    """How many seconds the other end has to read the last thing that was said, and to go."""

    def setup(self) -> None:
        """Have heard nothing yet."""
        self.http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD)
        self._is_head = False
        self._pieces: list[Any] = []  # of a message, of which the end has not come
        self._size = 0

    def handle(self) -> None:
        """Answer one request; a WebSocket is a long answer."""
        with suppress(ConnectionError, TimeoutError):  # it has gone without a word, or says nothing any more
            try:
                request = self._request()
                if request is not None:
                    self._answer(request)
            except RefusedError as refused:
                self._send(refused.status, f"{refused}\n", ("Content-Type", "text/plain"), *refused.headers)
            except h11.RemoteProtocolError as error:
                self._send(HTTPStatus(error.error_status_hint), f"{error}\n", ("Content-Type", "text/plain"))

    def finish(self) -> None:
        """Hear the other end out, for a moment: a reset would take away what it has not read yet."""
        hear_out(self.request, self.lingering)

    def _request(self) -> h11.Request | None:
        """The head of a request; None when there is none."""
        until = time.monotonic() + self.patience
        self.request.settimeout(self.patience)
        while (event := self.http.next_event()) is h11.NEED_DATA:
            try:
                self.http.receive_data(self.request.recv(CHUNK))
            except TimeoutError:
                until = 0
            if until < time.monotonic():
                raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "The request takes too long.")
        return event if isinstance(event, h11.Request) else None

    def _answer(self, request: h11.Request) -> None:
        self._is_head = request.method == b"HEAD"
        path, _, _query = request.target.partition(b"?")
        if path not in {b"/", b"/ws"}:
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is nothing here: / and /ws are there.")
        if request.method != b"GET":
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "GET can be done here.", ("Allow", "GET"))
        if not isinstance(self.http.next_event(), h11.EndOfMessage):
            raise RefusedError(HTTPStatus.BAD_REQUEST, "A request with a body is not understood here.")
        if path == b"/":
            kind = ("Content-Type", "text/html; charset=utf-8")
            self._send(HTTPStatus.OK, PAGE, kind, ("Content-Security-Policy", POLICY))
        else:
            with self.server.room.member(self.request, _shake_hands(request)) as member:
                self._hear(member, self.http.trailing_data[0])

    def _send(self, status: HTTPStatus, text: str, *headers: tuple[str, str]) -> None:
        body = text.encode()
        more = [("Content-Length", str(len(body))), ("Date", formatdate(usegmt=True)), ("Connection", "close")]
        answer = h11.Response(status_code=status, headers=[*headers, *more], reason=status.phrase.encode())
        self.request.settimeout(self.patience)
        parts = [answer] if self._is_head else [answer, h11.Data(data=body)]
        self.request.sendall(b"".join(self.http.send(part) or b"" for part in [*parts, h11.EndOfMessage()]))

    def _hear(self, member: Member, data: bytes) -> None:
        """Do what a member says, until one of the two has said that it ends."""
        while True:
            for event in member.heard(data):
                if isinstance(event, Message):
                    if not self._take(event):
                        member.say(CloseConnection(CloseReason.MESSAGE_TOO_BIG))
                        return
                elif isinstance(event, Ping):
                    member.say(event.response())
                elif isinstance(event, CloseConnection):  # also what wsproto makes of what it cannot understand
                    member.say(event.response())
                    return
            data = self._receive(member)
            if not data:
                return

    def _receive(self, member: Member) -> bytes:
        """What a member says next, asked when it says nothing. TimeoutError when it does not answer either."""
        try:
            data: bytes = self.request.recv(CHUNK)
        except TimeoutError:
            member.say(Ping())
            data = self.request.recv(CHUNK)
        return data

    def _take(self, piece: Message[Any]) -> bool:
        """Put a message together, and say it to all when it is whole. Returns whether it is small enough so far."""
        self._size += len(piece.data.encode() if isinstance(piece.data, str) else piece.data)
        if self._size > MESSAGE:
            return False
        if piece.data:  # of frames with nothing in them there may be any number
            self._pieces.append(piece.data)
        if piece.message_finished:
            self.server.room.say(type(piece)(data=piece.data[:0].join(self._pieces)))
            self._pieces, self._size = [], 0
        return True


def _shake_hands(request: h11.Request) -> WSConnection:
    """A WebSocket that may be accepted. RefusedError when it must not be."""
    if request.http_version != b"1.1":
        raise RefusedError(HTTPStatus.BAD_REQUEST, "A handshake is HTTP/1.1.")
    headers = dict(request.headers)
    origin, host = headers.get(b"origin"), headers.get(b"host", b"")
    if origin is not None and origin.partition(b"://")[2].lower() != host.lower():
        raise RefusedError(HTTPStatus.FORBIDDEN, "Pages of another origin may not connect.")
    protocol = WSConnection(ConnectionType.SERVER)
    try:
        protocol.initiate_upgrade_connection(list(request.headers), request.target)
    except RemoteProtocolError as error:
        hint: Any = error.event_hint
        more = ((name.decode(), value.decode()) for name, value in hint.headers)
        raise RefusedError(hint.status_code, f"This is no handshake: {error}.", *more) from None
    except (h11.LocalProtocolError, UnicodeError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "This is no handshake.") from None
    return protocol


class WebSocketServer(LettingGoMixIn, ThreadingTCPServer):
    """A room, and a thread for each who is in it."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[WebSocketHandler] = WebSocketHandler) -> None:
        self.room = Room()
        super().__init__(address, handler)

    def service_actions(self) -> None:
        """Send what could not be sent when it was said, and then what `super()` does."""
        for member in self.room.members():
            member.send()
        super().service_actions()

    def server_close(self) -> None:
        """Say good-bye to all, and then what `super()` does."""
        self.room.close()
        super().server_close()


def converse(served: Served) -> None:
    """Alice and bob shake hands, alice says something to both, and they go."""
    with served.client("alice") as alice, served.client("bob") as bob:
        for one in (alice, bob):
            one.send(
                b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            one.receive()
        alice.send(_masked(b"\x81", b"hello"))
        alice.receive()
        bob.receive()
        for one in (alice, bob):
            one.send(_masked(b"\x88", CloseReason.NORMAL_CLOSURE.to_bytes(2, "big")))
            one.receive_all()


def _masked(beginning: bytes, payload: bytes, mask: bytes = b"\1\2\3\4") -> bytes:
    """A frame as clients send them; only that they throw dice for each mask."""
    masked = bytes(byte ^ mask[place % len(mask)] for place, byte in enumerate(payload))
    return beginning + bytes([0x80 | len(payload)]) + mask + masked


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: WebSocketServer((options.host, options.port)), converse).run())
