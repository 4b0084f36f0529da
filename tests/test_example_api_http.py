"""The API of JSON over HTTP: its two versions, what it refuses, and what nobody can smuggle into a connection."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import api_http, api_store
from socketserver_trace.examples.api_http import BODY, HEAD, TARGET, BookServer
from tests.examples import PATIENCE, Peer, answer_to_a_drip, at_once, curl, served, shell, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ANY = ("127.0.0.1", 0)
EMMA: dict[str, Any] = {"title": "Emma", "authors": ["Jane Austen"], "year": 1815}
GET = b"GET /v2/books HTTP/1.1\r\nHost: here\r\n\r\n"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    value: Any


class Client(http.client.HTTPConnection):
    """The standard library's client, for JSON."""

    def ask(
        self, method: str, path: str, value: object = None, headers: Mapping[str, str] | None = None, **more: str
    ) -> Answer:
        """Send a request, and read the answer."""
        body = None if value is None else json.dumps(value)
        kind = {} if value is None else {"Content-Type": "application/json"}
        self.request(method, path, body, {**kind, **(headers or {}), **more})
        response = self.getresponse()
        text = response.read()
        return Answer(response.status, response.headers, json.loads(text) if text else None)

    def change(self, path: str, tag: str | None, value: object, method: str = "PUT") -> Answer:
        """Change a book, of which that ETag was seen."""
        return self.ask(method, path, value, {} if tag is None else {"If-Match": tag})


class Impatient(api_http.BookHandler):
    """Waits for nobody."""

    idle = patience = lingering = 0.05


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """An empty library."""
    with served(BookServer(ANY)) as address:
        yield address


@contextmanager
def client(address: tuple[str, int]) -> Iterator[Client]:
    """A client."""
    connection = Client(*address, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


def post(body: bytes, headers: bytes = b"") -> bytes:
    """A request that adds a book."""
    return (
        b"POST /v2/books HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s"
        % (headers, len(body), body)
    )


def test_a_book_is_added_changed_and_taken_away(address: tuple[str, int]) -> None:
    """Where it is, and which version it has, stands in headers."""
    with client(address) as alice:
        added = alice.ask("POST", "/v2/books", EMMA)
        assert (added.status, added.value) == (201, {"id": 1, **EMMA})
        assert (added.headers["Location"], added.headers["ETag"]) == ("/v2/books/1", '"1"')
        seen = alice.ask("GET", "/v2/books/1")
        assert (seen.status, seen.value, seen.headers["ETag"]) == (200, added.value, '"1"')
        changed = alice.change("/v2/books/1", '"1"', {**seen.value, "year": 1816})
        assert (changed.status, changed.value["year"], changed.headers["ETag"]) == (200, 1816, '"2"')
        gone = alice.change("/v2/books/1", '"2"', None, "DELETE")
        assert (gone.status, gone.value, gone.headers["Content-Length"]) == (204, None, None)
        assert alice.ask("GET", "/v2/books/1").status == 404


def test_who_has_not_seen_the_newest_version_changes_nothing(address: tuple[str, int]) -> None:
    """Without an ETag nobody does."""
    with client(address) as alice:
        alice.ask("POST", "/v2/books", EMMA)
        alice.change("/v2/books/1", '"1"', EMMA)
        for tag, status in ((None, 428), ("*", 428), ('"1"', 412), ('W/"2"', 412), ('"2", "1"', 412), ("2", 412)):
            assert alice.change("/v2/books/1", tag, EMMA).status == status
            assert alice.change("/v2/books/1", tag, None, "DELETE").status == status
        assert alice.change("/v2/books/7", '"1"', EMMA).status == 404
        assert alice.ask("GET", "/v2/books/1").headers["ETag"] == '"2"'


def test_pages_are_linked(address: tuple[str, int]) -> None:
    """By a cursor; the last one says that it is the last."""
    with client(address) as alice:
        for number in range(5):
            alice.ask("POST", "/v2/books", {**EMMA, "year": number})
        page, years = alice.ask("GET", "/v2/books?limit=2"), []
        while page.value["next"]:
            assert page.headers["Link"] == f'<{page.value["next"]}>; rel="next"'
            years += [book["year"] for book in page.value["books"]]
            page = alice.ask("GET", page.value["next"])
        assert [*years, *(book["year"] for book in page.value["books"])] == [0, 1, 2, 3, 4]
        assert page.headers["Link"] is None
        assert len(alice.ask("GET", "/v2/books").value["books"]) == 5
        for query in (
            "limit=0",
            "limit=101",
            "limit=-1",
            "limit=x",
            "after=",
            "limit=1&limit=2",
            "x=1",
            "limit",
            "limit=٣",
        ):
            assert alice.ask("GET", "/v2/books?" + query.replace("٣", "%D9%A3")).status == 400


def test_the_first_version_goes_on_and_says_that_it_will_end(address: tuple[str, int]) -> None:
    """It knows one author; what comes after it is said in each answer, also when something is wrong."""
    with client(address) as alice:
        old = {"title": "Emma", "author": "Jane Austen", "year": 1815}
        assert alice.ask("POST", "/v1/books", old).value == {"id": 1, **old}
        assert alice.ask("GET", "/v2/books/1").value == {"id": 1, **EMMA}
        alice.ask("POST", "/v2/books", {**EMMA, "authors": ["A", "B"]})
        both = alice.ask("GET", "/v1/books?limit=1&after=1")
        assert both.value == {"books": [{"id": 2, **old, "author": "A, B"}], "next": None}
        for answer, after in ((both, "/v2/books"), (alice.ask("GET", "/v1/books/9"), "/v2/books/9")):
            assert answer.headers["Deprecation"] == "@1767225600"
            assert answer.headers["Sunset"] == "Fri, 31 Dec 2027 23:59:59 GMT"
            assert answer.headers["Link"] == f'<{after}>; rel="successor-version"'
        assert alice.ask("GET", "/v2/books").headers["Deprecation"] is None
        assert alice.ask("POST", "/v1/books", EMMA).status == 422
        assert alice.ask("POST", "/v2/books", old).status == 422


PROBLEMS: list[tuple[str, str, str | None, dict[str, str], int]] = [
    ("GET", "/", None, {}, 404),
    ("GET", "/v3/books", None, {}, 404),
    ("GET", "/V2/books", None, {}, 404),
    ("GET", "/v2/books/0", None, {}, 404),
    ("GET", "/v2/books/1/x", None, {}, 404),
    ("GET", "/v2/books/" + "9" * 15, None, {}, 404),
    ("GET", "/v2/books/" + "9" * 16, None, {}, 404),
    ("GET", "/v2/books/..%2f1", None, {}, 404),
    ("PUT", "/v2/books", "{}", {}, 405),
    ("POST", "/v2/books/1", "{}", {}, 405),
    ("OPTIONS", "/v2/books", None, {}, 405),
    ("DANCE", "/v2/books", "{}", {}, 501),
    ("POST", "/v2/books", "{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/v2/books", "{}", {"Content-Type": ""}, 415),
    ("POST", "/v2/books", "{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 415),
    ("POST", "/v2/books", "", {"Content-Type": "application/json"}, 400),
    ("POST", "/v2/books", "{", {"Content-Type": "application/json; charset=utf-8"}, 400),
    ("POST", "/v2/books", "[" * 60_000, {"Content-Type": "application/json"}, 400),
    ("POST", "/v2/books", "9" * 60_000, {"Content-Type": "application/json"}, 400),
    ("POST", "/v2/books", '{"a": 1, "a": 1}', {"Content-Type": "application/json"}, 400),
    ("POST", "/v2/books", "[]", {"Content-Type": "application/json"}, 422),
    ("POST", "/v2/books", json.dumps({**EMMA, "id": 1}), {"Content-Type": "application/json"}, 422),
    ("POST", "/v2/books", json.dumps({**EMMA, "year": "x"}), {"Content-Type": "application/json"}, 422),
    ("POST", "/v2/books", json.dumps({**EMMA, "title": "\ud800"}), {"Content-Type": "application/json"}, 422),
]
"""What is asked for, and the status of the answer."""


def test_a_problem_is_told_in_json_and_the_connection_is_kept(address: tuple[str, int]) -> None:
    """With a status, its name and a sentence."""
    with client(address) as alice:
        for method, path, body, headers, status in PROBLEMS:
            alice.request(method, path, body, headers)
            response = alice.getresponse()
            problem = json.loads(response.read())
            assert (response.status, problem["status"]) == (status, status), (method, path, body)
            assert response.headers["Content-Type"] == "application/problem+json"
            assert problem["title"] == http.client.responses[status]
            assert problem["detail"].endswith(".")
            assert (response.headers["Allow"] is not None) == (status == 405)
            assert response.headers["Connection"] is None
        assert alice.ask("GET", "/v2/books").value == {"books": [], "next": None}


UNCLEAR = [
    (b"hello\r\n\r\n", 400),
    (b"GET /v2/books\r\n\r\n", 400),
    (b"GET  /v2/books HTTP/1.1\r\nHost: here\r\n\r\n", 400),
    (b"GET /v2/books HTTP/2.0\r\nHost: here\r\n\r\n", 505),
    (b"GET /v2/books HTTP/0.9\r\n\r\n", 505),
    (b"GET /v2/books HTTP/1.1\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n", 400),
    (b"GET /v2/books?" + b"x" * TARGET + b" HTTP/1.1\r\nHost: here\r\n\r\n", 414),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nA: " + b"x" * HEAD + b"\r\n\r\n", 431),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\n" + b"A: x\r\n" * HEAD + b"\r\n", 431),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\n" + b"A: x\r\n" * 200 + b"\r\n", 431),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nContent-Length : 5\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nA: b\r\n Content-Length: 5\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nA: b\rContent-Length: 5\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nA: \x00\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nno colon\r\n\r\n", 400),
    (b"GET /v2/books HTTP/1.1\r\nHost: here\r\nA: b", 400),
    (post(b"{}", b"Content-Length: 2\r\n"), 400),
    (post(b"{}", b"Transfer-Encoding: chunked\r\n"), 501),
    (post(b"{}").replace(b"Length: 2", b"Length: +2"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: 0x2"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: 1_0"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: -2"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: 2, 2"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length:"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: \xb2"), 400),
    (post(b"{}").replace(b"Length: 2", b"Length: %d" % (BODY + 1)), 413),
    (post(b"{}").replace(b"Length: 2", b"Length: 999999"), 413),
    (post(b"{}").replace(b"Length: 2", b"Length: 9999"), 400),
    (post(b"{}", b"Connection: keep-alive, Close\r\n"), 422),
    (post(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"), 422),
]
"""What does not say, or nobody knows, where it ends; and what says that it is the last."""


def test_where_a_request_ends_is_known_or_the_connection_ends(address: tuple[str, int]) -> None:
    """One answer, which says so; nothing after it is taken for a request."""
    for said, status in UNCLEAR:
        answer = told(address, said + (GET if said.endswith(b"\n") or b"{}" in said else b""))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert int(answer.split(b" ")[1]) == status, said
        assert b"\r\nConnection: close" in head, said
        assert answer.count(b"HTTP/1.1 ") == 1, said
        assert json.loads(body)["status"] == status


def test_what_is_cut_off_or_too_slow_is_not_done() -> None:
    """Also when what has come would be enough."""
    book = json.dumps(EMMA).encode()
    added = post(book + b" ")[:-1]
    gone = b'DELETE /v2/books/1 HTTP/1.1\r\nHost: here\r\nIf-Match: "1"\r\nContent-Length: 1\r\n\r\n'
    with served(BookServer(ANY, handler=Impatient)) as address:
        assert told(address, post(book)).startswith(b"HTTP/1.1 201 ")
        assert told(address, added).startswith(b"HTTP/1.1 400 ")
        for said in (added, gone):
            assert told(address, said, ends=False).startswith(b"HTTP/1.1 408 ")
        with client(address) as alice:
            assert [one["id"] for one in alice.ask("GET", "/v2/books").value["books"]] == [1]


def test_a_body_without_a_length_is_none(address: tuple[str, int]) -> None:
    """What follows is the next request; the body that was meant is missing."""
    answers = told(address, post(b"").replace(b"Content-Length: 0\r\n", b"") + GET)

    assert answers.startswith(b"HTTP/1.1 411 ")
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 1


def test_requests_may_be_sent_before_the_answers_have_come(address: tuple[str, int]) -> None:
    """However the bytes are cut, with bodies that are read and with those that are not."""
    lost, elsewhere = post(GET).replace(b"/books", b"/nothing", 1), GET.replace(b"/v2", b"HTTP://elsewhere/v2")
    whole = post(json.dumps(EMMA).encode()) + lost + b"\r\n" + GET.replace(b"GET", b"HEAD") + elsewhere + GET
    for pieces in ([whole], [whole[:150], whole[150:]], [bytes([byte]) for byte in whole]):
        answers = told(address, *pieces)
        statuses = [int(part[1:4]) for part in answers.split(b"HTTP/1.1")[1:]]
        assert statuses == [201, 404, 200, 200, 200]
        assert answers.count(b'"books": [') == 2


def test_who_asks_whether_to_send_a_body_is_answered_first(address: tuple[str, int]) -> None:
    """Go on, when all is well so far; otherwise the answer, and the connection ends without the body."""
    body = json.dumps(EMMA).encode()
    head = post(body, b"Expect: 100-continue\r\n")[: -len(body)]
    with Peer(address) as peer:
        peer.socket.sendall(head)
        assert [peer.line(), peer.line()] == ["HTTP/1.1 100 Continue\r", "\r"]
        peer.socket.sendall(body)
        assert peer.line() == "HTTP/1.1 201 Created\r"
    for change, status in (((b"/books", b"/nothing"), 404), ((b"application/json", b"text/plain"), 415)):
        answer = told(address, head.replace(*change), ends=False)
        assert int(answer.split(b" ")[1]) == status
        assert b"\r\nConnection: close\r\n" in answer


def test_who_says_nothing_is_let_go_and_who_says_half_is_told() -> None:
    """Between two requests, within a head, within a body."""
    with served(BookServer(ANY, handler=Impatient)) as address:
        assert told(address, ends=False) == b""
        assert told(address, GET + b"GET /v2", ends=False).count(b"HTTP/1.1 408 Request Timeout\r\n") == 1
        assert b'"status": 408' in told(address, post(b"{}" * 9)[:-5], ends=False)


def test_a_request_has_one_time_for_all_of_it() -> None:
    """Who sends a byte now and then does not hold a thread for as long as there are bytes."""
    assert answer_to_a_drip(lambda clock: BookServer(ANY, clock=clock), b"GET /") == "HTTP/1.1 408 Request Timeout\r"


def test_who_does_not_read_is_let_go() -> None:
    """When no answer fits into what the system keeps for the client any more."""
    gone = threading.Event()

    class Noticed(Impatient):
        def finish(self) -> None:
            super().finish()
            gone.set()

    with served(BookServer(ANY, handler=Noticed)) as address, Peer(address) as peer:
        while not gone.wait(0):
            with suppress(BlockingIOError, ConnectionError):
                peer.socket.send(GET * 100, socket.MSG_DONTWAIT)


def test_the_last_answer_is_read_by_who_still_sends(address: tuple[str, int]) -> None:
    """Unread bytes in a socket that is closed would make a reset of it, and take the answer away."""
    with Peer(address) as peer:
        peer.socket.sendall(post(bytes(900_000)))
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.file.read().startswith(b"HTTP/1.1 413 ")


def test_the_library_can_be_full_or_unavailable(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """That is nobody's mistake, and has its own status."""
    monkeypatch.setattr(api_store, "BOOKS", 0)
    server = BookServer(ANY)
    with served(server) as other, client(other) as alice:
        assert alice.ask("POST", "/v2/books", EMMA).status == 507
        server.store.close()
        answer = alice.ask("GET", "/v2/books")
        assert (answer.status, answer.value["detail"].startswith("The library cannot be used")) == (503, True)


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    """Books, versions and the numbers that were given."""
    for turn in (1, 2, 3):
        with served(BookServer(ANY, tmp_path / "books.sqlite")) as address, client(address) as alice:
            assert alice.ask("POST", "/v2/books", EMMA).value["id"] == turn
            assert alice.change("/v2/books/1", f'"{turn}"', EMMA).status == 200


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs sqlite3")
def test_another_program_reads_the_file_while_it_runs(tmp_path: Path) -> None:
    """What was answered is there."""
    file = tmp_path / "books.sqlite"
    with served(BookServer(ANY, file)) as address, client(address) as alice:
        alice.ask("POST", "/v2/books", EMMA)
        command = ["sqlite3", "-readonly", str(file), "SELECT title, version FROM books"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Emma|1\n"


def test_closing_the_server_ends_conversations() -> None:
    """One that is idle, one that is in the middle of a request; and it waits for them, since they need the library."""
    ended = []

    class Noticed(api_http.BookHandler):
        def finish(self) -> None:
            super().finish()
            ended.append(self)

    with ExitStack() as stack:
        with served(BookServer(ANY, handler=Noticed)) as address:
            idle, busy = (stack.enter_context(Peer(address)) for _ in range(2))
            for peer in (idle, busy):
                peer.socket.sendall(GET)
                peer.until_it_begins('{"books"')
            busy.socket.sendall(b"POST /v2/books HTTP/1.1\r\nHost: here\r\n")
        assert len(ended) == 2
        assert idle.rest() == b""
        busy.rest()


@needs_curl
def test_curl_can_do_all_of_it(address: tuple[str, int]) -> None:
    """Two addresses in one command are two requests on one connection."""
    url = "http://{}:{}/v2/books".format(*address)
    as_json = ["-H", "Content-Type: application/json", "--data", json.dumps(EMMA)]
    assert json.loads(curl(*as_json, url)) == {"id": 1, **EMMA}
    assert json.loads(curl("-X", "PUT", "-H", 'If-Match: "1"', *as_json, f"{url}/1")) == {"id": 1, **EMMA}
    assert '\nETag: "2"\r\n' in curl("--head", f"{url}/1")
    shown = curl("--write-out", "%{num_connects} ", f"{url}/1", f"{url}/1")
    assert [shown.count("1 "), shown.count("0 ")] >= [1, 1]
    assert curl("--write-out", "%{http_code}", "-X", "DELETE", "-H", 'If-Match: "2"', f"{url}/1") == "204"


def test_two_hundred_clients_at_once(tmp_path: Path) -> None:
    """Each adds a book and changes it; nothing is lost."""
    with served(BookServer(ANY, tmp_path / "books.sqlite")) as address:

        def act(number: int) -> None:
            with client(address) as one:
                added = one.ask("POST", "/v2/books", {**EMMA, "title": f"Book {number}"})
                path, tag = added.headers["Location"], added.headers["ETag"]
                assert one.change(path, tag, {**added.value, "year": number}).value["title"] == f"Book {number}"

        at_once(200, act)
        with client(address) as one:
            books = [
                book
                for after in (0, 100)
                for book in one.ask("GET", f"/v2/books?limit=100&after={after}").value["books"]
            ]
        assert sorted(book["year"] for book in books) == list(range(200))


PIECES = [
    b"GET /v2/books HTTP/1.1\r\n", b"POST /v1/books HTTP/1.1\r\n", b"PUT /v2/books/1 HTTP/1.0\r\n", b"Host: here\r\n",
    b"\r\n", b"\n", b"Content-Length: 5\r\n", b"Content-Length: 99999\r\n", b"Transfer-Encoding: chunked\r\n", b"{}",
    b"Content-Type: application/json\r\n", b"Expect: 100-continue\r\n", b'If-Match: "1"\r\n', b"x" * 20_000, GET,
    post(b"{}"), post(json.dumps(EMMA).encode()), b"?limit=1&after=\xff",
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(some.lists(some.sampled_from(PIECES) | some.binary(max_size=200), max_size=12))
def test_whatever_is_sent_the_answers_are_http_and_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak."""
    with serve(lambda: BookServer(ANY)) as traced:
        answers = told(traced.server.server_address, *pieces)
        assert not answers or answers.startswith(b"HTTP/1.1 ")
        with client(traced.server.server_address) as one:
            assert one.ask("GET", "/v2/books?limit=1").status == 200
    assert traced.errors == []


def test_it_runs_from_a_terminal(tmp_path: Path) -> None:
    """It says what it is for, and shows the trace of a conversation, the same every time, without touching a file."""
    assert "--database" in shell("api_http", "--help").stdout
    shown, again = (shell("api_http", "--trace", "--database", str(tmp_path / "books.sqlite")) for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "412 Preconditio" in shown.stdout
    assert shown.stdout == again.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_library_is_one_sentence(tmp_path: Path) -> None:
    """And no socket is left open."""
    told = shell("api_http", "--database", str(tmp_path))
    assert (told.returncode, len(told.stderr.splitlines())) == (2, 1)
