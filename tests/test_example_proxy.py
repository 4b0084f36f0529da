"""The proxy: bytes and their ends both ways, what may be reached, what a stranger cannot do, and one story of both."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve, well_formed
from socketserver_trace.examples import proxy
from tests.examples import Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = ("127.0.0.1", 0)


class Target(ThreadingTCPServer):
    """Has room for as many as come at once."""

    request_queue_size = 128
    allow_reuse_address = True


class Echo(StreamRequestHandler):
    """Sends back line by line."""

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.wfile.write(line)
        except ConnectionError:
            pass  # a proxy whose client has gone breaks off


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """Somebody behind the proxy."""
    with served(Target(ANY, Echo)) as address:
        yield address


@pytest.fixture
def forwarding(echo: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """A proxy for one target."""
    with served(proxy.ForwardingServer(ANY, echo)) as address:
        yield address


@pytest.fixture
def connecting() -> Iterator[tuple[str, int]]:
    """A proxy that is told its target."""
    with served(proxy.ConnectServer(ANY)) as address:
        yield address


@contextmanager
def through(connecting: tuple[str, int], target: tuple[str, int]) -> Iterator[Peer]:
    """A client that is connected to a target by CONNECT."""
    with Peer(connecting) as peer:
        peer.socket.sendall(f"CONNECT {target[0]}:{target[1]} HTTP/1.1\r\nHost: whoever\r\n\r\n".encode())
        assert peer.line() == "HTTP/1.1 200 Connection established\r"
        assert peer.line() == "\r"
        yield peer


def answer(connecting: tuple[str, int], request: bytes) -> tuple[str, str]:
    """The first line and the body of what is answered to a request."""
    with Peer(connecting) as peer:
        peer.socket.sendall(request)
        head, _, body = peer.rest().decode().partition("\r\n\r\n")
        return head.split("\r\n")[0], body


def test_lines_go_both_ways_and_so_does_their_end(forwarding: tuple[str, int]) -> None:
    """One who has said everything still hears the rest."""
    with Peer(forwarding) as peer:
        peer.say("hello")
        assert peer.line() == "hello"
        peer.say("a", "b")
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.rest() == b"a\nb\n"


def test_the_end_of_the_targets_stream_is_passed_on_while_the_client_goes_on(connecting: tuple[str, int]) -> None:
    """Half-close works in the other direction, too."""
    heard = bytearray()

    class Sink(StreamRequestHandler):
        def handle(self) -> None:
            self.connection.shutdown(socket.SHUT_WR)
            heard.extend(self.rfile.read())

    with served(Target(ANY, Sink)) as target, through(connecting, target) as peer:
        assert peer.rest() == b""
        peer.say("I go on")
        peer.socket.shutdown(socket.SHUT_WR)
    assert bytes(heard) == b"I go on\n"


def test_much_goes_both_ways_at_once(forwarding: tuple[str, int]) -> None:
    """More than all buffers hold, while the client reads nothing before it has said everything: nobody waits in vain.

    The client's own end is read by a thread, because the echo's answers have to go somewhere.
    """
    said = b"".join(b"%07d\n" % number for number in range(400_000))
    with Peer(forwarding) as peer:
        heard: list[bytes] = []
        reader = threading.Thread(target=lambda: heard.append(peer.rest()))
        reader.start()
        peer.socket.sendall(said)
        peer.socket.shutdown(socket.SHUT_WR)
        reader.join()
    assert heard == [said]


def test_who_says_more_than_the_request_at_once_is_heard(connecting: tuple[str, int], echo: tuple[str, int]) -> None:
    """What follows the empty line belongs to the target."""
    with Peer(connecting) as peer:
        peer.socket.sendall(f"CONNECT {echo[0]}:{echo[1]} HTTP/1.1\r\n\r\nhello\n".encode())
        assert [peer.line(), peer.line(), peer.line()] == ["HTTP/1.1 200 Connection established\r", "\r", "hello"]


def test_localhost_is_tried_by_all_its_addresses(connecting: tuple[str, int], echo: tuple[str, int]) -> None:
    """Whichever of ::1 and 127.0.0.1 comes first."""
    with through(connecting, ("localhost", echo[1])) as peer:
        peer.say("hello")
        assert peer.line() == "hello"


@pytest.mark.parametrize(
    ("request_line", "status", "sentence"),
    [
        ("hello", "400 Bad Request", "CONNECT host:port HTTP/1.1 is understood"),
        ("CONNECT 127.0.0.1:80 GOPHER", "400 Bad Request", "CONNECT host:port HTTP/1.1 is understood"),
        ("CONNECT 127.0.0.1 HTTP/1.1", "400 Bad Request", "the target is a host and a port: example.org:443"),
        ("CONNECT :80 HTTP/1.1", "400 Bad Request", "the target is a host and a port: example.org:443"),
        ("CONNECT 127.0.0.1:0 HTTP/1.1", "400 Bad Request", "the target is a host and a port: example.org:443"),
        ("CONNECT 127.0.0.1:65536 HTTP/1.1", "400 Bad Request", "the target is a host and a port: example.org:443"),
        ("CONNECT 127.0.0.1:² HTTP/1.1", "400 Bad Request", "the target is a host and a port: example.org:443"),
        ("CONNECT 192.0.2.1:80 HTTP/1.1", "403 Forbidden", "only targets on this machine are allowed"),
        ("CONNECT 0.0.0.0:80 HTTP/1.1", "403 Forbidden", "only targets on this machine are allowed"),
        ("CONNECT [::ffff:192.0.2.1]:80 HTTP/1.1", "403 Forbidden", "only targets on this machine are allowed"),
        ("GET http://127.0.0.1/ HTTP/1.1", "405 Method Not Allowed", "this proxy knows the method CONNECT alone"),
        ("CONNECT a..b:80 HTTP/1.1", "502 Bad Gateway", "nobody knows where a..b is"),
    ],
)
def test_what_cannot_be_reached_is_answered(
    connecting: tuple[str, int], request_line: str, status: str, sentence: str
) -> None:
    """With a status and a sentence."""
    assert answer(connecting, f"{request_line}\r\n\r\n".encode()) == (f"HTTP/1.1 {status}", f"{sentence}\n")


def test_a_target_at_which_nobody_listens_is_a_bad_gateway(connecting: tuple[str, int]) -> None:
    """Its port is held, so that nobody else can listen there meanwhile."""
    with socket.socket() as held:
        held.bind(ANY)
        host, port = held.getsockname()
        status, sentence = answer(connecting, f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
    assert (status, sentence) == ("HTTP/1.1 502 Bad Gateway", "the target cannot be reached: Connection refused\n")


@pytest.mark.parametrize("filler", [b"x" * proxy.LONGEST, b"x: y\r\n" * proxy.LONGEST])
def test_a_request_that_is_too_large_is_not_kept_until_its_end(connecting: tuple[str, int], filler: bytes) -> None:
    """Whether it is one long line or many short ones."""
    with Peer(connecting) as peer:
        peer.socket.sendall(b"CONNECT 127.0.0.1:80 HTTP/1.1\r\n" + filler[: proxy.LONGEST])
        assert peer.line() == "HTTP/1.1 431 Request Header Fields Too Large\r"


def test_a_request_that_takes_too_long_is_answered() -> None:
    """And the connection ends."""

    class Impatient(proxy.ConnectHandler):
        timeout = 0.01  # type: ignore[assignment] # the standard library's stub knows whole seconds only

    server = proxy.ConnectServer(ANY)
    server.RequestHandlerClass = Impatient
    with served(server) as address:
        status, sentence = answer(address, b"CONNECT ")
    assert (status, sentence) == ("HTTP/1.1 408 Request Timeout", "the request took too long\n")


def test_closing_the_proxy_ends_all_conversations(echo: tuple[str, int]) -> None:
    """Though neither client nor target would have ended them."""
    with served(proxy.ForwardingServer(ANY, echo)) as address:
        peer = Peer(address)
        peer.say("hello")
        assert peer.line() == "hello"
    with peer:
        assert peer.rest() == b""


def test_two_hundred_at_once(forwarding: tuple[str, int]) -> None:
    """Each hears what it has said, and nothing else."""

    def act(number: int) -> None:
        with Peer(forwarding) as peer:
            for turn in range(5):
                peer.say(f"{number} {turn}")
                assert peer.line() == f"{number} {turn}"

    at_once(200, act)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_gets_a_page_through_it(connecting: tuple[str, int]) -> None:
    """As people use such a proxy."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a page")

        def log_message(self, *_arguments: Any) -> None:
            """Nothing is printed."""

    with served(HTTPServer(ANY, Page)) as target:
        curl = ["curl", "--silent", "--proxytunnel", "--proxy", f"http://{connecting[0]}:{connecting[1]}"]
        page = subprocess.run([*curl, f"http://{target[0]}:{target[1]}/"], capture_output=True, check=True, timeout=30)
    assert page.stdout == b"a page"


@settings(max_examples=40, deadline=None)
@given(some.lists(some.binary(max_size=200) | some.sampled_from([b"CONNECT ", b"127.0.0.1:9", b" HTTP/1.1\r\n\r\n"])))
def test_whatever_is_sent_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak, and an answer for whoever asks properly."""
    with serve(lambda: proxy.ConnectServer(ANY)) as traced:
        address = traced.server.server_address
        with Peer(address) as rude:
            try:
                rude.socket.sendall(b"".join(pieces))
                rude.socket.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass  # it was refused before it had said everything
            rude.rest()
        assert answer(address, b"GET / HTTP/1.1\r\n\r\n")[0] == "HTTP/1.1 405 Method Not Allowed"
    assert traced.errors == []


def test_the_trace_has_both_connections_as_one_story() -> None:
    """What alice says goes on to the target after the proxy has received it, and comes back after it was answered."""
    with serve(lambda: proxy.Proxy(ANY)) as traced:
        proxy.converse(traced)
    trace = traced.trace
    assert well_formed(trace)
    assert set(trace.lanes) == {"main", "alice", "Proxy for connection 1", "server", "server 2", "Thread 1", "Thread 2"}
    assert not any("inferred" in event.detail for event in trace)
    order = [
        (event.lane, event.kind)
        for event in trace
        if event.data == b"is anybody there?\n" and (event.phase == ("enter" if event.kind == "send" else "return"))
    ]
    onward = "Proxy for connection 1"
    assert order == [
        ("alice", "send"), ("Thread 1", "receive"), (onward, "send"), ("server", "receive"),
        ("server", "send"), (onward, "receive"), ("Thread 2", "send"), ("alice", "receive"),
    ]  # fmt: skip


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, shows the trace of a conversation, and says in a sentence what it cannot do."""
    assert "CONNECT 127.0.0.1:8000 HTTP/1.1" in shell("proxy", "--help").stdout
    shown = shell("proxy", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "Proxy for connection 1" in shown.stdout
    wrong = shell("proxy", "--to", "nowhere")
    assert wrong.returncode == 2
    assert wrong.stderr.endswith("argument --to: nowhere is not a host and a port: example.org:443\n")
