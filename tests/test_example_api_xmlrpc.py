"""The API of XML-RPC: with the standard library's client, and with XML that nobody should send."""

from __future__ import annotations

import datetime as dt
import gzip
import shutil
import socket
import subprocess
import xmlrpc.client
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from xmlrpc.client import Fault, MultiCall, ServerProxy, dumps, loads

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import api_store, api_xmlrpc
from socketserver_trace.examples.api_xmlrpc import BODY, NO_METHOD, NO_PARAMETERS, NO_XML_RPC, BookServer
from tests.examples import Peer, at_once, served, shell, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ANY = ("127.0.0.1", 0)
EMMA = ("Emma", ["Jane Austen"], 1815)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """An empty library."""
    with served(BookServer(ANY)) as address:
        yield address


@contextmanager
def client(address: tuple[str, int], **options: Any) -> Iterator[Any]:
    """The standard library's client."""
    with ServerProxy("http://{}:{}/RPC2".format(*address), **options) as proxy:
        yield proxy


def code_of(ask: Callable[..., object], *values: object) -> int:
    """The code of the fault that is the answer."""
    with pytest.raises(Fault) as caught:
        ask(*values)
    assert str(caught.value.faultString).endswith(".")
    return caught.value.faultCode


def post(body: bytes, headers: bytes = b"") -> bytes:
    """A request."""
    return b"POST /RPC2 HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), headers, body)


def fault_of(answer: bytes) -> int:
    """The code of the fault in an answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n")
    return code_of(loads, body)


def test_a_book_is_added_changed_and_taken_away(address: tuple[str, int]) -> None:
    """By who has seen its newest version."""
    with client(address) as alice:
        book = {"number": 1, "version": 1, "title": "Emma", "authors": ["Jane Austen"], "year": 1815}
        assert alice.books.add(*EMMA) == book
        assert alice.books.replace(1, 1, *EMMA) == {**book, "version": 2}
        assert code_of(alice.books.replace, 1, 1, *EMMA) == 2
        assert code_of(alice.books.remove, 1, 1) == 2
        assert alice.books.get(1) == {**book, "version": 2}
        assert alice.books.remove(1, 2) is True
        assert code_of(alice.books.get, 1) == 1


def test_pages_are_told_by_a_cursor(address: tuple[str, int]) -> None:
    """The last one says 0."""
    with client(address) as alice:
        for _ in range(3):
            alice.books.add(*EMMA)
        page = alice.books.list(0, 2)
        assert ([book["number"] for book in page["books"]], page["after"]) == ([1, 2], 2)
        assert alice.books.list(2)["after"] == 0
        assert len(alice.books.list()["books"]) == 3
        assert code_of(alice.books.list, 0, 101) == NO_PARAMETERS


def test_several_calls_are_one_request(address: tuple[str, int]) -> None:
    """Each has its own answer, or its own fault."""
    with client(address) as alice:
        calls = MultiCall(alice)
        calls.books.add(*EMMA)
        calls.books.get(1)
        calls.books.get(7)
        calls.dance()
        answers = calls()
        assert answers[0] == answers[1]
        assert code_of(lambda: answers[2]) == 1
        assert code_of(lambda: answers[3]) == NO_METHOD


def test_what_there_is_can_be_asked_for_and_nothing_else(address: tuple[str, int]) -> None:
    """No attribute of anything has a name that can be called."""
    with client(address) as alice:
        books = [f"books.{name}" for name in ("add", "get", "list", "remove", "replace")]
        assert [name for name in alice.system.listMethods() if not name.startswith("system.")] == books
        assert alice.system.methodHelp("books.get") == "books.get(number): a book."
        for name in ("dance", "server_close", "store.close", "books", "books.__class__", "_dispatch", "tell_book"):
            assert code_of(getattr(alice, name)) == NO_METHOD


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("books.get", ()),
        ("books.get", (1, 2)),
        ("books.get", ("1",)),
        ("books.get", (1.0,)),
        ("books.get", (True,)),
        ("books.get", (dt.datetime(2026, 1, 1),)),  # noqa: DTZ001 - XML-RPC has no zones
        ("books.add", (b"Emma", ["Jane Austen"], 1815)),
        ("books.add", ({"title": "Emma"},)),
        ("books.add", ("Emma", [["Jane"]], 1815)),
        ("books.add", ("Emma", [], 1815)),
        ("system.methodHelp", ()),
        ("system.methodHelp", ([],)),
        ("system.multicall", (5,)),
        ("system.multicall", ([{}],)),
        ("system.multicall", ([{"methodName": "books.list"}],)),
        ("system.multicall", (["books.list"],)),
    ],
)
def test_what_cannot_be_taken_is_a_fault(address: tuple[str, int], method: str, values: tuple[Any, ...]) -> None:
    """Which says what could be."""
    with client(address) as alice:
        assert code_of(getattr(alice, method), *values) == NO_PARAMETERS


def test_a_value_that_is_nothing_is_refused(address: tuple[str, int]) -> None:
    """Some clients have it, in a way of their own."""
    with client(address, allow_none=True) as alice:
        assert code_of(alice.books.get, None) == NO_PARAMETERS


CALL = b"<methodCall><methodName>books.list</methodName><params>%s</params></methodCall>"
VALUE = b"<param><value>%s</value></param>"

NO_CALLS = [
    b"",
    b"hello",
    b"<methodCall>",
    b"<methodCall/>",
    CALL[:-3] % b"",
    CALL.replace(b"methodName", b"name") % b"",
    b'<?xml version="1.0" encoding="nobody-knows"?>' + CALL % b"",
    b'<?xml version="1.0" encoding="utf-16"?>' + CALL % b"",
    CALL % VALUE % b"<int>one</int>",
    CALL % VALUE % b"<int></int>",
    CALL % VALUE % (b"<int>" + b"9" * 60_000 + b"</int>"),
    CALL % VALUE % b"<boolean>2</boolean>",
    CALL % VALUE % b"<struct><member><name>a</name></member></struct>",
    CALL % VALUE % b"<array></array></array>",
    CALL % VALUE % b"<object/>",
    CALL % VALUE % b"\x00",
    dumps(Fault(7, "mine")).encode(),
    dumps((1,), methodresponse=True).encode(),
]


def test_what_is_no_call_is_a_fault(address: tuple[str, int]) -> None:
    """With one code, whatever it is, and nothing about the inside."""
    for body in NO_CALLS:
        answer = told(address, post(body))
        assert fault_of(answer) == NO_XML_RPC, body
        assert b"class" not in answer.partition(b"\r\n\r\n")[2]


def test_brackets_in_brackets_are_no_riddle(address: tuple[str, int]) -> None:
    """Arrays in arrays, as deep as they can be; and a call of several calls is not one of them."""
    deep = b"<array><data><value>" * 1_000 + b"</value></data></array>" * 1_000
    assert fault_of(told(address, post(CALL % VALUE % deep))) == NO_PARAMETERS
    inner = {"methodName": "system.multicall", "params": [[{"methodName": "books.list", "params": []}]]}
    with client(address) as alice:
        assert code_of(alice.system.multicall, [inner]) == NO_PARAMETERS


LAUGHS = b"".join(b'<!ENTITY a%d "%s">' % (turn + 1, b"&a%d;" % turn * 10) for turn in range(9))
BLOWN_UP = b'<!ENTITY a "%s">' % (b"x" * 30_000) + b"%s"

BOMBS = [
    b'<!DOCTYPE x [<!ENTITY a0 "ha">' + LAUGHS + b"]>" + CALL % VALUE % b"<string>&a9;</string>",
    b"<!DOCTYPE x [" + BLOWN_UP % b"]>" + CALL % VALUE % (b"<string>" + b"&a;" * 10_000 + b"</string>"),
    b'<!DOCTYPE x SYSTEM "file:///etc/passwd">' + CALL % b"",
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + CALL % VALUE % b"<string>&a;</string>",
    ("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE x [<!ENTITY a 'b'>]>" + CALL.decode() % "").encode("utf-16"),
]


def test_what_declares_entities_is_refused_before_it_has_declared_them(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parser that would expand them never sees it, whichever expat there is."""
    monkeypatch.setattr(api_xmlrpc, "loads", lambda *_arguments, **_options: pytest.fail("it was parsed"))
    for bomb in BOMBS:
        assert fault_of(told(address, post(bomb))) == NO_XML_RPC


REFUSED = [
    (post(CALL % b"").replace(b"Content-Length: %d\r\n" % len(CALL % b""), b""), 411),
    (post(CALL % b"").replace(b"Content-Length: ", b"Content-Length: +"), 400),
    (post(CALL % b"").replace(b"Content-Length: ", b"Content-Length: -"), 400),
    (post(CALL % b"", b"Content-Length: 5\r\n"), 400),
    (post(dumps(EMMA, "books.add").encode() + b" ")[:-1], 400),
    (post(bytes(BODY + 1)), 413),
    (post(bytes(900_000)), 413),
    (post(gzip.compress(bytes(10_000_000)), b"Content-Encoding: gzip\r\n"), 415),
    (post(CALL % b"").replace(b"/RPC2", b"/"), 404),
    (b"GET /RPC2 HTTP/1.1\r\nHost: here\r\n\r\n", 501),
    (b"hello\r\n\r\n", 400),
]


def test_what_is_refused_is_refused_by_its_status(address: tuple[str, int]) -> None:
    """And is read by who still sends."""
    for said, status in REFUSED:
        answer = told(address, said)
        assert int(answer.split(b" ")[1]) == status, said[:100]
    with client(address) as alice:
        assert alice.books.list()["books"] == []


def test_who_says_nothing_is_let_go_and_who_says_half_is_told() -> None:
    """Before a request, and within one."""

    class Impatient(api_xmlrpc.BookHandler):
        timeout = lingering = 0.05

    with served(BookServer(ANY, handler=Impatient)) as address, Peer(address) as nobody, Peer(address) as half:
        half.socket.sendall(post(CALL % b"")[:-5])
        assert nobody.rest() == b""
        assert half.rest().startswith(b"HTTP/1.0 408 ")


def test_who_goes_without_a_word_is_nothing_unusual() -> None:
    """Also when that is a reset, before the answer has been written."""
    with serve(lambda: BookServer(ANY)) as traced:
        for _ in range(20):
            with Peer(traced.server.server_address) as peer:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                peer.socket.sendall(post(CALL % b""))
    assert traced.errors == []


def test_the_library_can_be_full_or_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its code."""
    monkeypatch.setattr(api_store, "BOOKS", 0)
    server = BookServer(ANY)
    with served(server) as address, client(address) as alice:
        assert code_of(alice.books.add, *EMMA) == 3
        server.store.close()
        assert code_of(alice.books.list) == 4


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    """Books, versions and the numbers that were given."""
    for turn in (1, 2, 3):
        with served(BookServer(ANY, tmp_path / "books.sqlite")) as address, client(address) as alice:
            assert alice.books.add(*EMMA)["number"] == turn
            assert alice.books.replace(1, turn, *EMMA)["version"] == turn + 1


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs sqlite3")
def test_another_program_reads_the_file_while_it_runs(tmp_path: Path) -> None:
    """What was answered is there."""
    file = tmp_path / "books.sqlite"
    with served(BookServer(ANY, file)) as address, client(address) as alice:
        alice.books.add(*EMMA)
        command = ["sqlite3", "-readonly", str(file), "SELECT title, version FROM books"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Emma|1\n"


@needs_curl
def test_curl_can_call(address: tuple[str, int]) -> None:
    """It posts XML, and gets XML."""
    url = "http://{}:{}/RPC2".format(*address)
    command = ["curl", "--silent", "--show-error", "--data-binary", dumps(EMMA, "books.add"), url]
    (book,), _method = loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert book["title"] == "Emma"  # type: ignore[index,call-overload] # of a book


def test_two_hundred_clients_at_once(tmp_path: Path) -> None:
    """Each adds a book and changes it; nothing is lost."""
    with served(BookServer(ANY, tmp_path / "books.sqlite")) as address:

        def act(year: int) -> None:
            with client(address) as one:
                number = one.books.add(*EMMA)["number"]
                assert one.books.replace(number, 1, "Emma", ["Jane Austen"], year)["year"] == year

        at_once(200, act)
        with client(address) as one:
            books = [book for after in (0, 100) for book in one.books.list(after, 100)["books"]]
        assert sorted(book["year"] for book in books) == list(range(200))


@settings(max_examples=40, deadline=None)
@given(
    some.lists(
        some.sampled_from([*NO_CALLS, *BOMBS]).map(post)
        | some.sampled_from([said for said, _status in REFUSED])
        | some.binary(max_size=200).map(post)
        | some.binary(max_size=200),
        max_size=3,
    )
)
def test_whatever_is_sent_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak."""
    with serve(lambda: BookServer(ANY)) as traced:
        told(traced.server.server_address, b"".join(pieces))
        with client(traced.server.server_address) as one:
            assert one.books.list(0, 1)["books"] == []
    assert traced.errors == []


def test_it_runs_from_a_terminal(tmp_path: Path) -> None:
    """It says what it is for, and shows the trace of a conversation, the same every time, without touching a file."""
    assert "--database" in shell("api_xmlrpc", "--help").stdout
    shown, again = (shell("api_xmlrpc", "--trace", "--database", str(tmp_path / "books.sqlite")) for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "BookHandler in Thread 2" in shown.stdout
    assert shown.stdout == again.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_library_is_one_sentence(tmp_path: Path) -> None:
    """And no socket is left open."""
    told = shell("api_xmlrpc", "--database", str(tmp_path))
    assert (told.returncode, len(told.stderr.splitlines())) == (2, 1)


def test_the_client_is_told_by_an_error_of_its_own(address: tuple[str, int]) -> None:
    """What is too large for the server is a ProtocolError."""
    with client(address) as alice, pytest.raises(xmlrpc.client.ProtocolError) as caught:
        alice.books.add("x" * BODY, [], 1)
    assert caught.value.errcode == 413
