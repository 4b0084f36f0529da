"""An API of JSON over a socket, in frames with a length: the books of `api_store`, for programs that talk much.

A frame is the length of what follows, as 4 bytes, the most significant one first, and then so many bytes of JSON:

    00 00 00 42  {"version": 1, "id": 7, "method": "get", "params": {"number": 37}}

Each request is answered by a frame with its id, in the order of the requests. A client need not wait for an answer
before it sends the next request.

    {"version": 1, "id": 7, "result": {"number": 37, "version": 2, "title": "...", "authors": ["..."], "year": 1984}}
    {"version": 1, "id": 7, "error": {"code": "missing", "message": "There is no such book."}}

    list     after=0, limit=20                      {"books": [...], "after": 37}, or null when there are no more
    get      number                                 a book
    add      title, authors, year                   the book, with its number
    replace  number, version, title, authors, year  the book, with its new version; "conflict" when it has another one
    remove   number, version                        null

"version" is that of this protocol, and every message says it: what a later one changes is then no riddle to anybody.
The id is a text of at most 100 characters, a number, or null; it is null in an answer to what has none. The codes:
no_json, no_request, unknown_version, unknown_method, invalid, missing, conflict, full, unavailable; and too_long and
too_slow, after which the connection ends.

The law: a length is a promise of somebody one does not know. One above 65,536 is answered at once, and nothing of that
frame is kept; a frame of which nothing comes for 30 seconds is not waited for. After every other error the next frame
is where it must be, so that the conversation goes on.
"""

from __future__ import annotations

import inspect
import json
import struct
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

from socketserver_trace.examples.api_store import LARGEST, InvalidError, Store, StoreError, read_json
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Final

    from socketserver_trace.clients import StreamClient
    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

LENGTH: Final = struct.Struct("!I")

LONGEST: Final = 65_536
"""How many bytes of JSON a request may have. An answer may have more: a page of books has at most what is in it."""

VERSION: Final = 1

IDENTITY: Final = 100
"""How many characters an id may have."""


class RequestError(Exception):
    """A request that cannot be understood. `code` says in a word what is wrong with it."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class FrameHandler(StreamRequestHandler):
    """One connection, frame after frame."""

    server: FrameServer
    timeout = 30.0  # for each read and each send: who is slower than that is not served
    disable_nagle_algorithm = True  # an answer shall not wait until the one before it has been acknowledged
    lingering = 2.0
    """How many seconds a client has to read the last answer and to go."""

    def handle(self) -> None:
        """Answer until the client has had enough."""
        with suppress(ConnectionError, TimeoutError):  # it has gone without a word, or does not read
            try:
                while (frame := self._next_frame()) is not None:
                    self._send(self._answer(frame))
            except RequestError as error:
                self._send(_told(None, error=error))

    def finish(self) -> None:
        """Hear the client out, for a moment: a socket closed with unread bytes is reset, and its answer is lost."""
        super().finish()
        hear_out(self.connection, self.lingering)

    def _next_frame(self) -> bytes | None:
        """What is in the next frame; None at the end, also when it comes within one: what is cut off was not said."""
        try:
            head = self.rfile.read(LENGTH.size)
            if len(head) < LENGTH.size:
                return None
            (length,) = LENGTH.unpack(head)
            if length > LONGEST:
                raise RequestError("too_long", f"A frame has at most {LONGEST:,} bytes.")
            frame = self.rfile.read(length)
        except TimeoutError:
            raise RequestError("too_slow", "Nothing has come for too long.") from None
        return frame if len(frame) == length else None

    def _send(self, answer: dict[str, Any]) -> None:
        data = json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
        self.wfile.write(LENGTH.pack(len(data)) + data)

    def _answer(self, frame: bytes) -> dict[str, Any]:
        """What is answered to a frame."""
        identity = None
        try:
            request = _request(frame)
            identity = _identity(request)
            return _told(identity, result=self._call(request))
        except (RequestError, StoreError) as error:
            return _told(identity, error=error)

    def _call(self, request: dict[str, Any]) -> object:
        """Do what a request asks for."""
        if request.get("version") != VERSION:
            raise RequestError("unknown_version", f"Version {VERSION} is understood.")
        methods: dict[object, Callable[..., object]] = {
            "list": self.tell_page,
            "get": self.tell_book,
            "add": self.add,
            "replace": self.replace,
            "remove": self.server.store.remove,
        }
        method, params = request.get("method"), request.get("params", {})
        if not isinstance(method, str) or method not in methods:
            raise RequestError("unknown_method", f"{', '.join(map(str, methods))} are understood.")
        if not isinstance(params, dict):
            raise InvalidError("params is an object.")
        signature = inspect.signature(methods[method])
        try:
            signature.bind(**params)
        except TypeError:
            raise InvalidError(f"The params of {method} are {', '.join(signature.parameters)}.") from None
        return methods[method](**params)

    def tell_page(self, after: object = 0, limit: object = 20) -> dict[str, Any]:
        """Some of the books, and after which to go on."""
        books, following = self.server.store.page(after, limit)
        return {"books": [book.told() for book in books], "after": following}

    def tell_book(self, number: object) -> dict[str, Any]:
        """One."""
        return self.server.store.get(number).told()

    def add(self, title: object, authors: object, year: object) -> dict[str, Any]:
        """A new one."""
        return self.server.store.add(title, authors, year).told()

    def replace(self, number: object, version: object, title: object, authors: object, year: object) -> dict[str, Any]:
        """One that was changed."""
        return self.server.store.replace(number, version, title, authors, year).told()


def _request(frame: bytes) -> dict[str, Any]:
    try:
        request = read_json(frame)
    except InvalidError as error:
        raise RequestError("no_json", str(error)) from None
    if not isinstance(request, dict):
        raise RequestError("no_request", "A request is an object.")
    return request


def _identity(request: dict[str, Any]) -> str | int | None:
    """The id of a request, which the answer will have. So it is not too long, and can be written."""
    identity = request.get("id")
    if isinstance(identity, str) and len(identity) <= IDENTITY and identity.isprintable():
        return identity
    if identity is None or (type(identity) is int and abs(identity) <= LARGEST):
        return identity
    raise RequestError("no_request", f"An id is a text of at most {IDENTITY} printable characters, a number, or null.")


def _told(identity: str | int | None, *, result: object = None, error: Exception | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = {"version": VERSION, "id": identity}
    if isinstance(error, (RequestError, StoreError)):
        return {**answer, "error": {"code": error.code, "message": str(error)}}
    return {**answer, "result": result}


class FrameServer(LettingGoMixIn, ThreadingTCPServer):
    """The library, and a thread for each connection."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        database: str | Path = ":memory:",
        handler: type[FrameHandler] = FrameHandler,
    ) -> None:
        self.store = Store(database)
        super().__init__(address, handler)

    def server_close(self) -> None:
        """End the conversations, and close the library."""
        super().server_close()
        self.store.close()


def converse(served: Served) -> None:
    """Alice sends two requests without waiting, then one that cannot be done, and then what is too long."""
    with served.client("alice") as alice:
        book = {"title": "Emma", "authors": ["Jane Austen"], "year": 1815}
        alice.send(_frame(1, "add", book) + _frame(2, "get", {"number": 1}))
        for _ in range(2):
            _receive_frame(alice)
        alice.send(_frame(3, "remove", {"number": 1, "version": 7}))
        _receive_frame(alice)
        alice.send(LENGTH.pack(LONGEST + 1))
        _receive_frame(alice)
        alice.receive_all()


def _frame(identity: int, method: str, params: dict[str, Any]) -> bytes:
    data = json.dumps({"version": VERSION, "id": identity, "method": method, "params": params}).encode()
    return LENGTH.pack(len(data)) + data


def _receive_frame(client: StreamClient) -> bytes:
    return client.receive_exactly(*LENGTH.unpack(client.receive_exactly(LENGTH.size)))


def _made(options: Options) -> FrameServer:
    database = ":memory:" if options.trace else options.database  # nobody's library gets a book from a demonstration
    return FrameServer((options.host, options.port), database)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--database", default=":memory:", metavar="FILE", help="where the books are kept")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
