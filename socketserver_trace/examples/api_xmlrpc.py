"""An API of XML-RPC, on the standard library's xmlrpc.server: the books of `api_store`, for clients that exist already.

    books.list(after, limit)                                 {"books": [...], "after": 37}, or 0 when there are no more
    books.get(number)                                        {"number": 37, "version": 2, "title": ..., "authors": ...}
    books.add(title, authors, year)                          the book, with its number
    books.replace(number, version, title, authors, year)     the book, with its new version
    books.remove(number, version)                            True

are called by POST to /RPC2, besides system.listMethods, system.methodHelp and system.multicall, which makes several
calls in one request. What cannot be done is a Fault:

    -32700  no XML-RPC               -32601  no such method        -32602  not these parameters, or not such values
    1       there is no such book    2       changed meanwhile     3       the library is full
    4       the library cannot be used just now

A request of more than 65,536 bytes is answered by 413, one without a length by 411, and one that is compressed by 415,
since a few bytes could become very many. Each call has a connection of its own (HTTP/1.0).

The law: only what was registered can be called. No object is registered as a whole, whose attributes a name with dots
could reach. And what is not needed is not read: XML-RPC has no document type, so that one is refused where it begins.
In it entities are declared that become very many bytes (the "billion laughs"); expat stops that by itself since 2.4.1,
for what becomes more than 8 MiB and a hundred times as much, but nobody knows which expat a Python was built with.
"""

from __future__ import annotations

import inspect
import io
import re
from contextlib import suppress
from http import HTTPStatus
from socketserver import ThreadingMixIn
from xml.parsers import expat
from xmlrpc.client import Fault, dumps, loads
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from socketserver_trace.examples.api_store import (
    ConflictError,
    FullError,
    InvalidError,
    MissingError,
    Store,
    StoreError,
)
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

BODY: Final = 65_536
"""How many bytes a request may have."""

LENGTH: Final = re.compile(r"[0-9]{1,15}")

NO_XML_RPC: Final = -32700
NO_METHOD: Final = -32601
NO_PARAMETERS: Final = -32602
FAULTS: Final = {InvalidError: NO_PARAMETERS, MissingError: 1, ConflictError: 2, FullError: 3, StoreError: 4}
"""The negative ones are those that XML-RPC servers have agreed upon."""


class RefusedError(Exception):
    """A request that is answered by a status, and not by XML."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class BookHandler(SimpleXMLRPCRequestHandler):
    """One call."""

    rpc_paths = ("/RPC2",)
    timeout = 10.0  # for each read and each send: who is slower than that is not served
    default_request_version = "HTTP/1.0"  # otherwise what is no HTTP at all is answered without a status (HTTP/0.9)
    encode_threshold = None  # type: ignore[assignment] # answers are not compressed either; None says so
    lingering = 2.0
    """How many seconds a client has to read the answer and to go."""

    def handle(self) -> None:
        """Answer one request."""
        with suppress(ConnectionError, TimeoutError):  # it has gone without a word, or does not read
            super().handle()

    def finish(self) -> None:
        """Hear the client out, for a moment: a socket closed with unread bytes is reset, and its answer is lost."""
        with suppress(OSError):  # it has gone, or takes too long
            super().finish()
        hear_out(self.connection, self.lingering)

    def do_POST(self) -> None:  # noqa: N802 - so http.server calls it
        """Answer a request that has all come, and of which the length was known before and is not too large."""
        try:
            with self.rfile:
                self.rfile = io.BytesIO(self._read_body())
        except RefusedError as refused:
            self.send_error(refused.status)
        except TimeoutError:
            self.send_error(HTTPStatus.REQUEST_TIMEOUT)
        else:
            super().do_POST()

    def _read_body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length", [])
        if not lengths:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED)
        if len(lengths) > 1 or not LENGTH.fullmatch(lengths[0]):
            raise RefusedError(HTTPStatus.BAD_REQUEST)
        if int(lengths[0]) > BODY:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if "Content-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        body = self.rfile.read(int(lengths[0]))
        if len(body) < int(lengths[0]):
            raise RefusedError(HTTPStatus.BAD_REQUEST)  # what is cut off was not said, also when it would be enough
        return body

    def version_string(self) -> str:
        """Who answers. Which Python that is nobody needs to know."""
        return "Books"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing on the terminal."""


class BookServer(LettingGoMixIn, ThreadingMixIn, SimpleXMLRPCServer):
    """The library, and a thread for each call."""

    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        database: str | Path = ":memory:",
        handler: type[BookHandler] = BookHandler,
    ) -> None:
        self.store = Store(database)
        super().__init__(address, handler, logRequests=False, use_builtin_types=True)
        methods: dict[str, Any] = {
            "books.list": self.tell_page,
            "books.get": self.tell_book,
            "books.add": self.add,
            "books.replace": self.replace,
            "books.remove": self.remove,
        }
        for name, method in methods.items():
            self.register_function(method, name)
        self.register_introspection_functions()
        self.register_multicall_functions()

    def server_close(self) -> None:
        """End the calls, and close the library."""
        super().server_close()
        self.store.close()

    def tell_page(self, after: object = 0, limit: object = 20) -> dict[str, Any]:
        """books.list(after, limit): some of the books, and after which to go on, 0 at the end."""
        books, following = self.store.page(after, limit)
        return {"books": [book.told() for book in books], "after": following or 0}

    def tell_book(self, number: object) -> dict[str, Any]:
        """books.get(number): a book."""
        return self.store.get(number).told()

    def add(self, title: object, authors: object, year: object) -> dict[str, Any]:
        """books.add(title, authors, year): a new book; authors is a list."""
        return self.store.add(title, authors, year).told()

    def replace(self, number: object, version: object, title: object, authors: object, year: object) -> dict[str, Any]:
        """books.replace(number, version, title, authors, year): a book, of which that version was seen, changed."""
        return self.store.replace(number, version, title, authors, year).told()

    def remove(self, number: object, version: object) -> bool:
        """books.remove(number, version): a book, of which that version was seen, is taken away."""
        self.store.remove(number, version)
        return True

    def system_multicall(self, call_list: Any) -> Any:
        """system.multicall([{"methodName": ..., "params": [...]}, ...]): several calls, of which none is this one.

        Calls within calls within calls would end at Python's recursion limit, in the middle of an answer.
        """
        calls = (call for call in call_list if isinstance(call, dict))
        if any(call.get("methodName") == "system.multicall" for call in calls):
            raise Fault(NO_PARAMETERS, "system.multicall cannot call itself.")
        return super().system_multicall(call_list)

    def _dispatch(self, method: str, params: Any) -> Any:
        """Call what was registered under that name. Whatever cannot be done is a Fault with a code."""
        function = self.funcs.get(method)
        if function is None:
            raise Fault(NO_METHOD, "There is no such method; system.listMethods tells which there are.")
        names = inspect.signature(function).parameters
        try:
            inspect.signature(function).bind(*params)
            return function(*params)
        except StoreError as error:
            raise Fault(FAULTS[type(error)], str(error)) from None
        except (KeyError, TypeError):  # also what xmlrpc.server raises where it is not given what it expects
            raise Fault(NO_PARAMETERS, f"The parameters of {method} are {', '.join(names)}.") from None

    def _marshaled_dispatch(self, data: Any, dispatch_method: object = None, path: object = None) -> Any:
        """The answer to a request, both in XML. The one that is overridden has one code for all that goes wrong."""
        del dispatch_method, path  # of which the standard library says that nobody needs them any more
        try:
            params, method = _understood(data)
            answer = dumps((self._dispatch(method, params),), methodresponse=True)
        except Fault as fault:
            answer = dumps(fault)
        return answer.encode("utf-8")


def _understood(data: bytes) -> tuple[tuple[Any, ...], str]:
    """The parameters and the method of a call. A Fault when it is none."""
    try:
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = _refuse
        parser.Parse(data, True)  # noqa: FBT003 - it is all there is
        params, method = loads(data, use_builtin_types=True)
    except Exception:  # noqa: BLE001 - there are many things that XML-RPC is not, and as many errors
        raise Fault(NO_XML_RPC, "This is no call in XML-RPC.") from None
    if method is None:
        raise Fault(NO_XML_RPC, "This is no call in XML-RPC.")
    return params, method


def _refuse(*_arguments: object) -> None:
    raise ValueError("a document type")


def converse(served: Served) -> None:
    """Alice adds a book, and asks for one that is not there."""
    for method, params in (("books.add", ("Emma", ["Jane Austen"], 1815)), ("books.get", (7,))):
        with served.client("alice") as alice:
            call = dumps(params, method).encode()
            alice.send(b"POST /RPC2 HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(call), call))
            alice.receive_all()


def _made(options: Options) -> BookServer:
    database = ":memory:" if options.trace else options.database  # nobody's library gets a book from a demonstration
    return BookServer((options.host, options.port), database)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--database", default=":memory:", metavar="FILE", help="where the books are kept")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
