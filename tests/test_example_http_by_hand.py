"""HTTP by hand: what curl, the standard library and a browser get, and what somebody gets who speaks it badly."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from playwright.sync_api import Browser, expect

from socketserver_trace import serve
from socketserver_trace.examples import http_by_hand
from socketserver_trace.examples.http_by_hand import BODY, HEAD, REQUESTS
from tests.browser import started_browser, watched_page
from tests.examples import PATIENCE, Peer, answer_to_a_drip, at_once, curl, served, shell, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = ("127.0.0.1", 0)
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A server."""
    with served(http_by_hand.WebServer(ANY)) as address:
        yield address


@contextmanager
def client(address: tuple[str, int]) -> Iterator[http.client.HTTPConnection]:
    """The standard library's client."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE)
    try:
        yield connection
    finally:
        connection.close()


def asked(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """The status and the body of an answer."""
    connection.request(method, path, body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def status_of(answer: bytes) -> int:
    """The status of an answer that is alone on its connection, and says that it is the last."""
    assert b"\r\nConnection: close\r\n" in answer
    return int(answer.split(b" ")[1])


def test_the_page_says_what_the_request_was(address: tuple[str, int]) -> None:
    """And that the connection is kept: the number of the request goes up."""
    with client(address) as connection:
        assert "<h1>Request 1 on this connection</h1>" in asked(connection, "GET", "/")[1]
        assert "GET /?colour=red HTTP/1.1\nHost:" in asked(connection, "GET", "/?colour=red")[1]
        assert "<h1>Request 3 on this connection</h1>" in asked(connection, "GET", "/")[1]


def test_what_a_request_says_is_never_markup(address: tuple[str, int]) -> None:
    """In its target, in the names and in the values of its headers."""
    answer = told(
        address, b"GET /?<script>&\"' HTTP/1.1\r\nHost: <b>\r\nX-Caf\xe9: \xff<i>\r\n\r\n".replace(b"f\xe9", b"f")
    )

    assert b"/?&lt;script&gt;&amp;&quot;&#x27; HTTP/1.1\nHost: &lt;b&gt;\nX-Caf: \xc3\xbf&lt;i&gt;" in answer
    assert b"Content-Security-Policy: default-src 'none';" in answer


def test_a_body_comes_back_as_it_was_sent(address: tuple[str, int]) -> None:
    """With its length said before, or chunk by chunk; empty, and as large as may be; as text and nothing else."""
    body = bytes(range(256)) * (BODY // 256)
    with client(address) as connection:
        for sent in (b"", body, [body[:5], body[5:60_000], body[60_000:]]):
            connection.request("POST", "/echo", sent)
            response = connection.getresponse()
            assert response.read() == (sent if isinstance(sent, bytes) else body)
            assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_head_says_what_get_would_say_without_the_body(address: tuple[str, int]) -> None:
    """Nothing of a body follows, or the next answer would not be understood."""
    with client(address) as connection:
        connection.request("HEAD", "/")
        head = connection.getresponse()
        assert (head.status, head.read()) == (200, b"")
        connection.request("GET", "/", headers={"A": "B"})
        assert int(head.headers["Content-Length"]) < len(connection.getresponse().read())
        assert asked(connection, "HEAD", "/echo") == (405, "")
        assert asked(connection, "GET", "/")[0] == 200


def test_where_nothing_is_and_what_cannot_be_done(address: tuple[str, int]) -> None:
    """A sentence; and the connection is kept, the body being read and thrown away."""
    with client(address) as connection:
        assert asked(connection, "GET", "/nothing")[0] == 404
        assert asked(connection, "POST", "/nothing", b"GET / HTTP/1.1\r\n\r\n") == (
            404,
            "There is nothing here: / and /echo are there.\n",
        )
        connection.request("DELETE", "/", b"x" * BODY)
        response = connection.getresponse()
        assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
        assert response.read() == b"GET, HEAD can be done here.\n"
        assert "<h1>Request 4 on" in asked(connection, "GET", "/")[1]


def test_requests_may_be_sent_before_the_answers_have_come(address: tuple[str, int]) -> None:
    """However the bytes are cut; they are answered in their order."""
    post = b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\none"
    last = b"POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
    whole = post + GET + last
    for pieces in ([whole], [whole[:70], whole[70:]], [bytes([byte]) for byte in whole]):
        answers = told(address, *pieces)
        places = [answers.index(text) for text in (b"\r\n\r\none", b"<h1>Request 2 on", b"\r\n\r\ntwo")]
        assert places == sorted(places)
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == 3


def test_the_last_request_of_a_connection_is_told_so(address: tuple[str, int]) -> None:
    """What a client sends after it is not answered."""
    answers = told(address, GET * (REQUESTS + 5), ends=False)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == REQUESTS
    assert answers.count(b"Connection: close") == 1


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: here\r\n\r\n", 505),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\nshort", 400),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (BODY + 1), 413),
        (b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        (
            b"POST /echo HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1000\r\n%s\r\n" % bytes(4096) * 17,
            413,
        ),
        (b"GET /" + b"x" * 2 * HEAD, 431),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"Header: x\r\n" * HEAD, 431),
        (b"GET /nothing HTTP/1.0\r\n\r\n", 404),
        (b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n", 404),
    ],
)  # fmt: skip
def test_what_is_refused_ends_the_connection_when_it_has_not_come_to_its_end(
    address: tuple[str, int], said: bytes, status: int
) -> None:
    """One answer, which says so; nothing after it is taken for a request."""
    answer = told(address, said + GET, ends=status == 400)

    assert status_of(answer) == status
    assert answer.count(b"HTTP/1.1 ") == 1


def test_a_target_may_name_scheme_and_host(address: tuple[str, int]) -> None:
    """As a proxy is told; and a path is compared as it came, so that nothing is decoded twice."""
    for target, status in (("http://here/?a", 200), ("HTTP://here/", 200), ("//", 404), ("/%65cho", 404), ("*", 404)):
        answer = told(address, f"GET {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
        assert status_of(answer) == status


def test_who_asks_whether_to_send_a_body_is_answered_first(address: tuple[str, int]) -> None:
    """Go on; or no, and then the body need not be sent, and the connection ends."""
    head = "POST %s HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with Peer(address) as peer:
        for body in (b"one", b"two"):
            peer.socket.sendall((head % ("/echo", 3)).encode())
            assert [peer.line(), peer.line()] == ["HTTP/1.1 100 Continue\r", "\r"]
            peer.socket.sendall(body)
            peer.until("\r")
            assert peer.file.read(3) == body
    for path, size, status in (("/", 3, 405), ("/nothing", 3, 404), ("/echo", BODY + 1, 413)):
        assert status_of(told(address, (head % (path, size)).encode(), ends=False)) == status


def test_an_offer_of_another_protocol_is_not_taken(address: tuple[str, int]) -> None:
    """The request is answered as it is."""
    answers = told(address, b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" + GET)

    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2


class Impatient(http_by_hand.WebHandler):
    """Waits for nobody."""

    idle = patience = lingering = 0.05


def test_who_says_nothing_is_let_go_and_who_says_half_is_told() -> None:
    """Between two requests, within a head, within a body."""
    with served(http_by_hand.WebServer(ANY, Impatient)) as address:
        assert told(address, ends=False) == b""
        assert status_of(told(address, b"GET / HTTP", ends=False)) == 408
        answers = told(address, GET + b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nshort", ends=False)
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == answers.count(b"HTTP/1.1 408 Request Timeout\r\n") == 1


def test_a_request_has_one_time_for_all_of_it() -> None:
    """Who sends a byte now and then does not hold a thread for as long as there are bytes."""
    assert (
        answer_to_a_drip(lambda clock: http_by_hand.WebServer(ANY, clock=clock), b"GET /")
        == "HTTP/1.1 408 Request Timeout\r"
    )


def test_who_does_not_read_is_let_go() -> None:
    """When no answer fits into what the system keeps for the client any more."""
    gone = threading.Event()

    class Noticed(Impatient):
        def finish(self) -> None:
            super().finish()
            gone.set()

    with served(http_by_hand.WebServer(ANY, Noticed)) as address, Peer(address) as peer:
        while not gone.wait(0):
            with suppress(BlockingIOError, ConnectionError):
                peer.socket.send(GET * 100, socket.MSG_DONTWAIT)


def test_the_last_answer_is_read_by_who_still_sends(address: tuple[str, int]) -> None:
    """Unread bytes in a socket that is closed would make a reset of it, and take the answer away."""
    head = b"POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 900000\r\n\r\n"
    with Peer(address) as peer:
        peer.socket.sendall(head + bytes(900_000))
        peer.socket.shutdown(socket.SHUT_WR)
        assert status_of(peer.file.read()) == 413


def test_closing_the_server_ends_conversations() -> None:
    """One that is idle, one that is in the middle of a request."""
    with ExitStack() as stack:
        with served(http_by_hand.WebServer(ANY)) as address:
            idle, busy = (stack.enter_context(Peer(address)) for _ in range(2))
            for peer in (idle, busy):
                peer.socket.sendall(GET)
                peer.until("</html>")
            busy.socket.sendall(b"POST /echo HTTP/1.1\r\nHost: here\r\n")
        assert idle.rest() == b""
        busy.rest()


@needs_curl
def test_curl_keeps_the_connection(address: tuple[str, int]) -> None:
    """Two addresses in one command are two requests on one connection."""
    url = "http://{}:{}/".format(*address)
    pages = curl(url, url)

    assert "<h1>Request 1 on" in pages
    assert "<h1>Request 2 on" in pages


@needs_curl
def test_curl_posts_asks_first_and_wants_the_head_only(address: tuple[str, int]) -> None:
    """As it does it by itself: with a length, chunk by chunk, after an Expect."""
    url = "http://{}:{}".format(*address)

    assert curl("--data-binary", "@-", f"{url}/echo", data=b"hello") == "hello"
    assert curl("--data-binary", "@-", "-H", "Transfer-Encoding: chunked", f"{url}/echo", data=b"hello") == "hello"
    assert curl("--include", "--data-binary", "@-", "-H", "Expect: 100-continue", f"{url}/echo", data=b"x").startswith(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
    )
    assert curl("--head", f"{url}/").startswith("HTTP/1.1 200 OK\r\n")
    assert curl("--write-out", "%{http_code}", "--data-binary", "@-", f"{url}/echo", data=bytes(10**6)).endswith("413")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with started_browser() as browser:
        yield browser


@pytest.mark.browser
def test_a_browser_keeps_the_connection(browser: Browser, address: tuple[str, int]) -> None:
    """It has nothing to complain about, and asks for nothing else."""
    with watched_page(browser) as watched:
        url = "http://{}:{}/".format(*address)
        watched.page.goto(url)
        expect(watched.page.get_by_role("heading")).to_have_text("Request 1 on this connection")
        watched.page.get_by_role("link").click()
        expect(watched.page.get_by_role("heading")).to_have_text("Request 2 on this connection")
        assert [one for one in watched.requests if not one.startswith("data:")] == [url, url]
        assert watched.complaints == []


def test_two_hundred_clients_at_once(address: tuple[str, int]) -> None:
    """Each has a connection of its own, and gets back what it sent."""

    def act(number: int) -> None:
        with client(address) as connection:
            for turn in range(3):
                text = f"{number}, {turn}"
                assert asked(connection, "POST", "/echo", text.encode()) == (200, text)

    at_once(200, act)


PIECES = [
    b"GET / HTTP/1.1\r\n", b"POST /echo HTTP/1.1\r\n", b"HEAD / HTTP/1.0\r\n", b"Host: here\r\n", b"\r\n", b"\n",
    b"Content-Length: 5\r\n", b"Content-Length: 99999\r\n", b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n",
    b"0\r\n\r\n", b"hello", b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"x" * 20_000, GET,
]  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(some.lists(some.sampled_from(PIECES) | some.binary(max_size=200), max_size=12))
def test_whatever_is_sent_the_answers_are_http_and_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, and h11 as a client understands all that comes."""
    with serve(lambda: http_by_hand.WebServer(ANY)) as traced:
        answers = told(traced.server.server_address, *pieces)
        assert not answers or answers.startswith(b"HTTP/1.1 ")
        with client(traced.server.server_address) as connection:
            assert asked(connection, "GET", "/")[0] == 200
    assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation, the same every time."""
    assert "POST /echo" in shell("http_by_hand", "--help").stdout
    shown, again = (shell("http_by_hand", "--trace") for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "100 Continue" in shown.stdout
    assert shown.stdout == again.stdout


def test_what_is_not_installed_is_one_sentence(tmp_path: Path) -> None:
    """It says what to install."""
    (tmp_path / "h11.py").write_text("raise ImportError")
    shown = shell("http_by_hand", "--help", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert shown.returncode != 0
    assert shown.stderr == (
        "This needs the packages of the extra 'examples': pip install 'socketserver_trace[examples]'\n"
    )


def test_h11_is_what_it_is_built_on() -> None:
    """What a client that is h11 itself says is understood, with all that it may say."""
    with served(http_by_hand.WebServer(ANY)) as address, Peer(address) as peer:
        protocol = h11.Connection(h11.CLIENT)
        request = h11.Request(method="POST", target="/echo", headers=[("Host", "h"), ("Transfer-Encoding", "chunked")])
        said = [request, h11.Data(data=b"hello"), h11.EndOfMessage(headers=[("Trailer", "x")])]
        for _ in range(2):
            peer.socket.sendall(b"".join(protocol.send(event) or b"" for event in said))
            events = []
            while not isinstance(event := protocol.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    protocol.receive_data(peer.socket.recv(100))
                else:
                    events.append(event)
            assert b"".join(bytes(event.data) for event in events if isinstance(event, h11.Data)) == b"hello"
            protocol.start_next_cycle()
