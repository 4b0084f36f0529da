"""An API of JSON over HTTP, on the standard library's http.server: the books of `api_store`, in two versions.

    GET    /v2/books?limit=20&after=0   a page: {"books": [...], "next": "/v2/books?limit=20&after=37"}, or null
    POST   /v2/books                    a new book: 201, and where it is (Location)
    GET    /v2/books/37                 {"id": 37, "title": "...", "authors": ["...", "..."], "year": 1984}
    PUT    /v2/books/37                 the book as it is to be
    DELETE /v2/books/37                 204

HEAD is understood where GET is. In /v1 everything is the same but for one thing: a book has one "author". That could
not be mended without breaking its clients, so /v2 exists. Each answer of /v1 says that it is deprecated (Deprecation,
RFC 9745), when it will end (Sunset, RFC 8594), and what comes after it (Link).

An ETag is the version of a book. PUT and DELETE need it in If-Match: without one the answer is 428, and 412 when the
book was changed meanwhile. An error is an application/problem+json (RFC 9457) with a sentence in "detail":

    400  what is no HTTP, no JSON      412  changed meanwhile       428  If-Match is missing
    404  not there                     413  more than 65,536 bytes  431  a head of more than 16,384 bytes
    405  Allow says which methods      414  an address too long     501  a method or coding nobody knows here
    408  more than 10 s for a request  415  not application/json    503  the library cannot be used just now
    411  a body without its length     422  JSON, but no book       505  no HTTP/1, 507  the library is full

The law: where a request ends is known beyond doubt, or the connection ends with the answer. http.server believes what
it is told: it takes "Content-Length : 5" for no header, and a number for whatever int() takes for one. Here one length
of digits is taken and nothing else, and what is left of a body is read before the next request. That only JSON is taken
keeps other sites out, too: a browser sends what their pages' forms hold, but JSON only after it has asked (CORS).
"""

from __future__ import annotations

import io
import json
import re
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qsl

from socketserver_trace.examples.api_store import (
    ConflictError,
    FullError,
    InvalidError,
    MissingError,
    Store,
    StoreError,
    read_json,
)
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any, Final

    from socketserver_trace.examples.api_store import Book
    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

HEAD: Final = 16_384
"""How many bytes a head may have: the request line and the headers."""

TARGET: Final = 2_000
"""How many bytes an address may have."""

BODY: Final = 65_536
"""How many bytes a body may have."""

FIRST: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/([0-9])\.[0-9]\r?\n")
"""A request line: a method, an address, a version."""

HEADER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r?\n")
"""A header: a name with the colon at once, and a value in one line, without controls."""

BOOKS: Final = re.compile(r"(?:(?i:http)://[^/?#]*)?/(v[12])/books(?:/([1-9][0-9]{0,14}))?(?:\?([^#]*))?")
"""An address here. It may begin with scheme and host, as proxies are told."""

DIGITS: Final = re.compile(r"[0-9]{1,15}")
ETAG: Final = re.compile(r'"([1-9][0-9]{0,14})"')

METHODS: Final = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
"""Those that HTTP has. To know one and not to allow it is another thing than not to know it."""

STATUSES: Final = {
    ConflictError: HTTPStatus.PRECONDITION_FAILED,
    FullError: HTTPStatus.INSUFFICIENT_STORAGE,
    InvalidError: HTTPStatus.UNPROCESSABLE_ENTITY,
    MissingError: HTTPStatus.NOT_FOUND,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}

DEPRECATION: Final = (
    ("Deprecation", "@1767225600"),  # since the beginning of 2026
    ("Sunset", "Fri, 31 Dec 2027 23:59:59 GMT"),
)


class ProblemError(Exception):
    """A sentence for a client, with a status and headers."""

    def __init__(self, status: HTTPStatus, sentence: str, *headers: tuple[str, str]) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


class Wish(NamedTuple):
    """What a request is about."""

    version: str
    number: int | None
    query: str


class PatientReader(io.RawIOBase):
    """Reads from a connection, up to a moment. What trickles in byte by byte does not put that moment off."""

    def __init__(self, connection: socket.socket, clock: Callable[[], float]) -> None:
        self._connection = connection
        self._clock = clock
        self._until = 0.0

    def wait(self, seconds: float) -> None:
        """From now on so long."""
        self._until = self._clock() + seconds

    def readable(self) -> bool:
        """It can be read from."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes. TimeoutError when the moment has come."""
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class BookHandler(BaseHTTPRequestHandler):
    """One connection, request after request."""

    server: BookServer
    protocol_version = "HTTP/1.1"  # which keeps connections
    wbufsize = -1  # a head and a body are one send
    idle = 15.0
    """How many seconds the connection is kept for a next request."""

    patience = 10.0
    """How many seconds a request may take to come, from its first byte on, and each part of an answer to be taken."""

    lingering = 2.0
    """How many seconds a client has to read the last answer and to go."""

    def setup(self) -> None:
        """Read with patience, but not for ever."""
        super().setup()
        self.rfile.close()
        self._reader = PatientReader(self.connection, self.server.clock)
        self.rfile = io.BufferedReader(self._reader)

    def finish(self) -> None:
        """Hear the client out, for a moment: a socket closed with unread bytes is reset, and its answer is lost."""
        with suppress(OSError):  # it has gone, or takes too long
            super().finish()
        hear_out(self.connection, self.lingering, self.server.clock)

    def handle(self) -> None:
        """Answer until one of the two has had enough."""
        with suppress(ConnectionError, TimeoutError):  # it has gone without a word, or does not read
            super().handle()

    def handle_one_request(self) -> None:
        """Answer one request. `close_connection` says whether it is the last."""
        self.close_connection = True
        self.command = self.requestline = self.request_version = ""
        self._wish = Wish("", None, "")
        self._left = 0  # of the body
        self._asks_first = self._is_told = False
        self._reader.wait(self.idle)
        if self._has_begun():
            self._reader.wait(self.patience)
            try:
                self._answer()
            except TimeoutError:
                if self._is_told:  # it is the answer that takes too long
                    raise
                self.close_connection = True
                self._tell_problem(HTTPStatus.REQUEST_TIMEOUT, "The request takes too long.")

    def handle_expect_100(self) -> bool:
        """The client asks whether it may send the body. It is told when the head says that all is well."""
        self._asks_first = True
        return True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself has to complain about is a problem like all others."""
        raise ProblemError(HTTPStatus(code), explain or message or HTTPStatus(code).phrase)

    def version_string(self) -> str:
        """Who answers. Which Python that is nobody needs to know."""
        return "Books"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""

    def _has_begun(self) -> bool:
        """Wait for the first byte of a request. False when none comes."""
        with suppress(TimeoutError):
            return bool(self.rfile.peek(1))  # type: ignore[attr-defined] # a BufferedReader has it
        return False

    def _answer(self) -> None:
        try:
            self._read_head()
            self._left = self._length()
        except ProblemError as problem:
            self.close_connection = True  # where the next request would begin is not known
            self._tell_problem(problem.status, str(problem))
            return
        try:
            self._act()
        except ProblemError as problem:
            self._tell_problem(problem.status, str(problem), *problem.headers)
        except StoreError as error:
            self._tell_problem(STATUSES[type(error)], str(error))

    def _read_head(self) -> None:
        """Read the request line and the headers, with no doubt where they end, and have http.server understand them."""
        first = self.rfile.readline(TARGET)
        if not first.strip(b"\r\n"):  # an empty line before a request is to be overlooked (RFC 9112, 2.2)
            first = self.rfile.readline(TARGET)
        if len(first) >= TARGET:
            raise ProblemError(HTTPStatus.REQUEST_URI_TOO_LONG, f"An address has less than {TARGET:,} bytes.")
        said = FIRST.fullmatch(first)
        if said is None:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "This is no request of HTTP/1.1.")
        if said[3] != b"1":
            raise ProblemError(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "What is spoken here is HTTP/1.1.")
        stream, self.raw_requestline, self.rfile = self.rfile, first, io.BytesIO(self._header_lines())
        try:
            self.parse_request()
        finally:
            self.rfile = stream
        if self.request_version != "HTTP/1.0" and len(self.headers.get_all("Host", [])) != 1:
            raise ProblemError(HTTPStatus.BAD_REQUEST, "A request has one Host.")
        options = self.headers.get("Connection", "").lower().split(",")
        self.close_connection |= "close" in [option.strip() for option in options]

    def _header_lines(self) -> bytes:
        head = b""
        while (line := self.rfile.readline(HEAD)) not in {b"\r\n", b"\n"}:
            head += line
            if len(head) >= HEAD:
                raise ProblemError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"A head has at most {HEAD:,} bytes.")
            if not HEADER.fullmatch(line):
                raise ProblemError(HTTPStatus.BAD_REQUEST, "A header is a name, a colon at once, and a value.")
        return head + b"\r\n"

    def _length(self) -> int:
        """How many bytes the body has."""
        if "Transfer-Encoding" in self.headers:
            raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "A body comes as it is, with its Content-Length.")
        lengths = self.headers.get_all("Content-Length", ["0"])
        if len(lengths) > 1 or not DIGITS.fullmatch(lengths[0].strip(" \t")):
            raise ProblemError(HTTPStatus.BAD_REQUEST, "Content-Length is one number.")
        if int(lengths[0]) > BODY:
            raise ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {BODY:,} bytes.")
        return int(lengths[0])

    def _act(self) -> None:
        """Do what is asked for, and answer."""
        if self.command not in METHODS:
            raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "HTTP has no such method.")
        address = BOOKS.fullmatch(self.path)
        if address is None:
            raise ProblemError(HTTPStatus.NOT_FOUND, "There is nothing here: /v2/books is there.")
        version, number, query = address.groups()
        self._wish = Wish(version, int(number) if number else None, query or "")
        acts: dict[str, Callable[[], None]] = (
            {"GET": self.tell_page, "HEAD": self.tell_page, "POST": self.add}
            if number is None
            else {"GET": self.tell_book, "HEAD": self.tell_book, "PUT": self.replace, "DELETE": self.remove}
        )
        if self.command not in acts:
            allowed = ", ".join(acts)
            raise ProblemError(HTTPStatus.METHOD_NOT_ALLOWED, f"{allowed} can be done here.", ("Allow", allowed))
        acts[self.command]()

    def tell_page(self) -> None:
        """GET of all books: some of them, and where the next ones are."""
        try:
            wanted = {"limit": 20, **_numbers(self._wish.query)}
            books, after = self.server.store.page(**wanted)
        except InvalidError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None
        following = after and f"/{self._wish.version}/books?limit={wanted['limit']}&after={after}"
        link = [("Link", f'<{following}>; rel="next"')] if following else []
        told = [_told(book, self._wish.version) for book in books]
        self._tell(HTTPStatus.OK, {"books": told, "next": following}, *link)

    def tell_book(self) -> None:
        """GET of one."""
        self._tell_book(HTTPStatus.OK, self.server.store.get(self._wish.number))

    def add(self) -> None:
        """POST of a new one."""
        book = self.server.store.add(**_values(self._read_body(), self._wish))
        self._tell_book(HTTPStatus.CREATED, book, ("Location", f"/{self._wish.version}/books/{book.number}"))

    def replace(self) -> None:
        """PUT of one that was changed."""
        seen = self._seen()
        values = _values(self._read_body(), self._wish)
        self._tell_book(HTTPStatus.OK, self.server.store.replace(self._wish.number, seen, **values))

    def remove(self) -> None:
        """DELETE of one."""
        seen = self._seen()
        self._skip_body()  # first: what has not come to its end is not done
        self.server.store.remove(self._wish.number, seen)
        self._tell(HTTPStatus.NO_CONTENT, None)

    def _seen(self) -> int:
        """The version that the client has seen."""
        said = self.headers.get("If-Match", "*").strip()
        if said == "*":
            raise ProblemError(HTTPStatus.PRECONDITION_REQUIRED, "If-Match says which ETag of the book was seen.")
        tag = ETAG.fullmatch(said)
        if tag is None:
            raise ProblemError(HTTPStatus.PRECONDITION_FAILED, "If-Match is no ETag that the book has had.")
        return int(tag[1])

    def _read_body(self) -> Any:
        """The value that the body is in JSON."""
        if self.headers.get_content_type() != "application/json" or "Content-Encoding" in self.headers:
            raise ProblemError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "A body is application/json, as it is.")
        if "Content-Length" not in self.headers:
            raise ProblemError(HTTPStatus.LENGTH_REQUIRED, "A body has a Content-Length.")
        if self._asks_first:
            self._asks_first = False
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
            self.wfile.flush()
        data = self.rfile.read(self._left)
        is_whole, self._left = len(data) == self._left, 0
        if not is_whole:
            self.close_connection = True
            raise ProblemError(HTTPStatus.BAD_REQUEST, "The body ends before its length.")
        try:
            return read_json(data)
        except InvalidError as error:
            raise ProblemError(HTTPStatus.BAD_REQUEST, str(error)) from None

    def _skip_body(self) -> None:
        """Read what is left of the body, which is no request. A client that asked first need not send it: no more."""
        self.close_connection |= self._asks_first and self._left > 0
        if self._left and not self.close_connection:
            self.close_connection = len(self.rfile.read(self._left)) < self._left
        self._left = 0

    def _tell_book(self, status: HTTPStatus, book: Book, *headers: tuple[str, str]) -> None:
        self._tell(status, _told(book, self._wish.version), ("ETag", f'"{book.version}"'), *headers)

    def _tell_problem(self, status: HTTPStatus, sentence: str, *headers: tuple[str, str]) -> None:
        problem = {"type": "about:blank", "title": status.phrase, "status": status, "detail": sentence}
        self._tell(status, problem, *headers, kind="application/problem+json")

    def _tell(
        self, status: HTTPStatus, value: object, *headers: tuple[str, str], kind: str = "application/json"
    ) -> None:
        """Send an answer, when the request is over."""
        self._skip_body()
        self._is_told = True
        self.connection.settimeout(self.patience)
        self.send_response(status)
        for header in (*headers, *_deprecation(self._wish)):
            self.send_header(*header)
        if self.close_connection:
            self.send_header("Connection", "close")
        body = b"" if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        if body:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()


def _told(book: Book, version: str) -> dict[str, object]:
    """A book as a version of the API tells it."""
    authors = {"author": ", ".join(book.authors)} if version == "v1" else {"authors": book.authors}
    return {"id": book.number, "title": book.title, **authors, "year": book.year}


def _values(said: Any, wish: Wish) -> dict[str, Any]:
    """The values of a book, of which a version of the API is told. The library looks at them."""
    name = "author" if wish.version == "v1" else "authors"
    if not isinstance(said, dict) or said.keys() - {"id"} != {"title", name, "year"}:
        raise InvalidError(f"A book has title, {name}, year, and nothing else.")
    if said.get("id", wish.number) != wish.number:
        raise InvalidError("The number of a book is nobody's choice.")
    authors = [said["author"]] if wish.version == "v1" else said["authors"]
    return {"title": said["title"], "authors": authors, "year": said["year"]}


def _numbers(query: str) -> dict[str, int]:
    """What a query says of a page."""
    pairs = parse_qsl(query, keep_blank_values=True)
    values = {name: int(value) for name, value in pairs if DIGITS.fullmatch(value)}
    if len(values) < len(pairs) or values.keys() - {"limit", "after"}:
        raise InvalidError("limit and after are understood, each once, and are numbers.")
    return values


def _deprecation(wish: Wish) -> list[tuple[str, str]]:
    if wish.version != "v1":
        return []
    successor = "/v2/books" if wish.number is None else f"/v2/books/{wish.number}"
    return [*DEPRECATION, ("Link", f'<{successor}>; rel="successor-version"')]


class BookServer(LettingGoMixIn, ThreadingHTTPServer):
    """The library, and a thread for each connection. `clock` gives seconds, which may begin anywhere."""

    daemon_threads = False  # ThreadingHTTPServer forgets its threads; here the library is closed when they have ended
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        database: str | Path = ":memory:",
        handler: type[BookHandler] = BookHandler,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clock = clock
        self.store = Store(database)
        super().__init__(address, handler)

    def server_close(self) -> None:
        """End the conversations, and close the library."""
        super().server_close()
        self.store.close()


def converse(served: Served) -> None:
    """Alice adds a book, bob changes it, and alice, who has seen the first version, cannot change it unseen."""
    with served.client("alice") as alice, served.client("bob") as bob:
        alice.send(_request("POST /v2/books", b'{"title": "Emma", "authors": ["J. Austen"], "year": 1815}'))
        alice.receive()
        for one, author in ((bob, b"Jane Austen"), (alice, b"Austen, Jane")):
            book = b'{"title": "Emma", "author": "%s", "year": 1815}' % author
            one.send(_request("PUT /v1/books/1", book, 'If-Match: "1"\r\n'))
            one.receive()
        alice.send(_request("GET /v2/books?limit=1"))
        alice.receive()


def _request(first: str, body: bytes = b"", headers: str = "") -> bytes:
    if body:
        headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{first} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() + body


def _made(options: Options) -> BookServer:
    database = ":memory:" if options.trace else options.database  # nobody's library gets a book from a demonstration
    return BookServer((options.host, options.port), database)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--database", default=":memory:", metavar="FILE", help="where the books are kept")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
