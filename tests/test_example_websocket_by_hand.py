"""WebSocket by hand: with a client not made for it, with a browser, and with frames that nobody should send."""

from __future__ import annotations

import os
import socket
import struct
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from playwright.sync_api import Browser, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from socketserver_trace import serve
from socketserver_trace.examples import websocket_by_hand
from socketserver_trace.examples.websocket_by_hand import HEAD, MESSAGE, WebSocketHandler, WebSocketServer
from tests.browser import axe_findings, started_browser, watched_page
from tests.examples import PATIENCE, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = ("127.0.0.1", 0)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: here\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

CLOSE, PING, PONG = b"\x88", b"\x89", b"\x8a"


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A server."""
    with served(WebSocketServer(ANY)) as address:
        yield address


def connected(address: tuple[str, int], **options: Any) -> ClientConnection:
    """A member. It keeps all that it hears: with a full queue it would not even read that the end was agreed upon."""
    patience = {"open_timeout": PATIENCE, "close_timeout": PATIENCE}
    return connect("ws://{}:{}/ws".format(*address), max_queue=None, **patience, **options)


def code_of(member: ClientConnection) -> int | None:
    """The code with which the other end ends the connection."""
    with suppress(ConnectionClosed):
        while True:  # what was said before is still to be read
            member.recv(PATIENCE)
    ending = member.protocol.close_rcvd
    return ending.code if ending is not None else None


def frame(beginning: bytes, payload: bytes) -> bytes:
    """A frame as clients send them, with a mask that changes nothing."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return beginning + length + bytes(4) + payload


@contextmanager
def raw(address: tuple[str, int], *frames: bytes) -> Iterator[Peer]:
    """A member that sends whatever bytes it likes, and reads them as they come."""
    with Peer(address) as peer:
        peer.socket.sendall(HANDSHAKE + b"".join(frames))
        assert peer.until("\r")[0] == "HTTP/1.1 101 Switching Protocols\r"
        yield peer


def asked(address: tuple[str, int], request: bytes) -> bytes:
    """The answer to what is no handshake."""
    with Peer(address) as peer:
        peer.socket.sendall(request)
        return peer.rest()


def test_what_one_says_all_hear(address: tuple[str, int]) -> None:
    """Text and bytes, up to the greatest size, in whatever frames; and in the same order."""
    with connected(address) as alice, connected(address) as bob:
        for message in ("hello", "", "żółw \U0001f422", b"\x00\xff", "x" * MESSAGE, bytes(MESSAGE)):
            alice.send(message)
            assert alice.recv(PATIENCE) == bob.recv(PATIENCE) == message
        bob.send(["one ", "", "mess", "age"])
        assert alice.recv(PATIENCE) == bob.recv(PATIENCE) == "one message"


def test_a_ping_is_answered_also_within_a_message(address: tuple[str, int]) -> None:
    """With what it said."""
    with connected(address) as alice:
        assert alice.ping(b"are you there?").wait(PATIENCE)
    with raw(address, frame(b"\x01", b"one "), frame(PING, b"?"), frame(b"\x80", b"message")) as peer:
        assert peer.file.read(3) == PONG + b"\x01?"
        assert peer.file.read(13) == b"\x81\x0bone message"


def test_the_end_is_agreed_upon(address: tuple[str, int]) -> None:
    """A close frame is answered by one with the same code, and nothing is said any more; the others go on."""
    with connected(address) as alice:
        with connected(address) as bob:
            bob.close(4321, "enough")
            assert bob.protocol.close_rcvd is not None
            assert bob.protocol.close_rcvd.code == 4321
        alice.send("hello")
        assert alice.recv(PATIENCE) == "hello"
    with raw(address, frame(CLOSE, b""), frame(b"\x81", b"more")) as peer:
        assert peer.rest() == CLOSE + b"\x00"


BROKEN = [
    ([frame(b"\x01", b"x" * 65_535), frame(b"\x80", b"xx")], 1009),
    ([frame(b"\x01", "\N{SNOWMAN}".encode() * 21_845), frame(b"\x80", b"xx")], 1009),
    ([b"\x82\xff" + struct.pack("!Q", 2**62) + bytes(4) + bytes(MESSAGE + 1)], 1009),
    ([frame(b"\x81", b"\xff")], 1007),
    ([frame(b"\x01", b"\xc3"), frame(b"\x80", b"\x28")], 1007),
    ([frame(b"\x81", b"\xc3")], 1007),
    ([frame(CLOSE, b"\x03\xe8\xff")], 1007),
    ([b"\x81\x02hi"], 1002),  # not masked
    ([frame(b"\xc1", b"hi")], 1002),  # compressed
    ([frame(b"\x83", b"hi")], 1002),  # no such kind
    ([frame(b"\x80", b"hi")], 1002),  # the end of a message that was not begun
    ([frame(b"\x01", b"hi"), frame(b"\x81", b"hi")], 1002),  # a message within another
    ([frame(b"\x09", b"")], 1002),  # half a ping
    ([frame(PING, b"x" * 126)], 1002),
    ([frame(CLOSE, b"\x03")], 1002),
    ([frame(CLOSE, b"\x03\xed")], 1002),  # 1005 is never sent
]
"""Frames, and the code with which they end a connection."""


def test_what_cannot_be_understood_ends_the_connection_with_a_code(address: tuple[str, int]) -> None:
    """And nothing of it is said to anybody else."""
    with connected(address) as other:
        for frames, code in BROKEN:
            with raw(address, *frames) as peer:
                ending = peer.file.read()
            assert (ending[:1], struct.unpack("!H", ending[2:4])[0]) == (CLOSE, code), frames
        other.send("next")
        assert other.recv(PATIENCE) == "next"


def test_a_message_that_is_too_big_is_told_to_who_still_sends(address: tuple[str, int]) -> None:
    """A client that is not made for it reads the code."""
    with connected(address) as alice:
        alice.send(bytes(MESSAGE + 1))
        assert code_of(alice) == 1009


def test_frames_with_nothing_in_them_cost_nothing(address: tuple[str, int]) -> None:
    """However many there are."""
    with raw(address, frame(b"\x01", b""), frame(b"\x00", b"") * 20_000, frame(b"\x80", b"end")) as peer:
        assert peer.file.read(5) == b"\x81\x03end"


HANDSHAKES = [
    ((b"Host: here", b"Host: here\r\nOrigin: http://elsewhere"), 403),
    ((b"Host: here", b"Host: here\r\nOrigin: null"), 403),
    ((b"Host: here", b"Host: here\r\nOrigin: http://here.elsewhere"), 403),
    ((b"Host: here", b"Host: here\r\nOrigin: http://here:81"), 403),
    ((b"Host: here", b"Host: here\r\nOrigin: http://HERE"), 101),
    ((b"Host: here", b"Host: \xff"), 400),
    ((b"Host: here", b"Host: xn--\xc3\xa4"), 400),
    ((b"Host: here", b"Host: here\r\nContent-Length: 2"), 400),
    ((b"Host: here\r\n", b""), 400),
    ((b"Connection: Upgrade", b"Connection: keep-alive"), 400),
    ((b"Connection: Upgrade", b"Connection: \xff, Upgrade"), 400),
    ((b"Upgrade: websocket", b"Upgrade: h2c"), 400),
    ((b"Version: 13", b"Version: 8"), 426),
    ((b"Sec-WebSocket-Key:", b"X:"), 400),
    ((b"HTTP/1.1", b"HTTP/1.0"), 400),
    ((b"GET /ws", b"POST /ws"), 405),
    ((b"GET /ws", b"HEAD /ws"), 405),
    ((b"GET /ws", b"GET /nothing"), 404),
    ((b"GET /ws", b"GET /" + b"x" * 2 * HEAD), 431),
    ((b"GET /ws HTTP/1.1", b"hello"), 400),
    ((b"GET /ws", b"GET /ws?query"), 101),
]
"""What is said otherwise than in the handshake above, and the status of the answer."""


def test_a_handshake_is_accepted_or_refused_in_a_sentence(address: tuple[str, int]) -> None:
    """A page of another origin may not speak for its visitor; what is no handshake is none."""
    for change, status in HANDSHAKES:
        answer = asked(address, HANDSHAKE.replace(*change) + frame(CLOSE, b""))
        assert int(answer.split(b" ")[1]) == status, change
        assert (b"\r\nConnection: close\r\n" in answer) == (status != 101)
        assert (b"Sec-WebSocket-Version: 13" in answer) == (status == 426)


def test_a_client_hears_why_it_is_refused(address: tuple[str, int]) -> None:
    """Its origin is another one; its own is fine."""
    with pytest.raises(InvalidStatus) as caught:
        connected(address, origin="http://elsewhere.example")
    assert caught.value.response.status_code == 403
    with connected(address, origin="http://{}:{}".format(*address)) as alice:
        alice.send("hello")
        assert alice.recv(PATIENCE) == "hello"


def test_the_room_can_be_full(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes then is told so, and may come when somebody has gone."""
    monkeypatch.setattr(websocket_by_hand, "MEMBERS", 1)
    with raw(address, frame(CLOSE, b"")) as peer:
        assert peer.rest() == CLOSE + b"\x00"
    with connected(address), pytest.raises(InvalidStatus) as caught:
        connected(address)
    assert caught.value.response.status_code == 503


class Impatient(WebSocketHandler):
    """Waits for nobody."""

    patience = lingering = 0.05


def test_who_says_nothing_is_asked_and_then_let_go() -> None:
    """A client that is alive answers the ping by itself."""
    with served(WebSocketServer(ANY, Impatient)) as address:
        with raw(address) as dead:
            assert dead.rest() == PING + b"\x00"
        with raw(address) as alive:
            for _ in range(3):
                assert alive.file.read(2) == PING + b"\x00"
                alive.socket.sendall(frame(PONG, b""))
        assert asked(address, b"GET /ws HTTP/1.1\r\n").startswith(b"HTTP/1.1 408 ")


class Narrow(WebSocketHandler):
    """A handler for whose client the system keeps little: what is said waits in the server."""

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)


@pytest.fixture
def narrow() -> Iterator[tuple[str, int]]:
    """A server that keeps what is not read, and not the system."""
    with served(WebSocketServer(ANY, Narrow)) as address:
        yield address


@contextmanager
def one_that_does_not_read(address: tuple[str, int]) -> Iterator[socket.socket]:
    """A member whose system keeps as little as it can."""
    with socket.socket() as peer:
        peer.settimeout(PATIENCE)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
        peer.connect(address)
        peer.sendall(HANDSHAKE)
        while not peer.recv(4096, socket.MSG_PEEK).endswith(b"\r\n\r\n"):
            pass
        peer.recv(4096)
        yield peer


def test_who_reads_late_hears_everything(narrow: tuple[str, int]) -> None:
    """What there was no room for comes when there is; nobody waits for it."""
    with one_that_does_not_read(narrow) as late, connected(narrow) as alice:
        for _ in range(10):
            alice.send(bytes(MESSAGE))
            assert alice.recv(PATIENCE) == bytes(MESSAGE)
        with late.makefile("rb") as file:
            assert file.read(10 * (10 + MESSAGE)) == 10 * (b"\x82\x7f" + struct.pack("!Q", MESSAGE) + bytes(MESSAGE))


def test_who_does_not_read_is_let_go(narrow: tuple[str, int]) -> None:
    """It reads what there was room for, and then the end; the others hear everything."""
    with one_that_does_not_read(narrow) as deaf, connected(narrow) as alice:
        for _ in range(20):
            alice.send(bytes(MESSAGE))
            assert alice.recv(PATIENCE) == bytes(MESSAGE)
        with deaf.makefile("rb") as file, suppress(ConnectionError):
            assert len(file.read()) < 20 * MESSAGE


def test_closing_the_server_says_so() -> None:
    """To all who are there, in a close frame; and who is in the middle of a handshake is let go."""
    with ExitStack() as stack:
        with served(WebSocketServer(ANY)) as address:
            members = [stack.enter_context(connected(address)) for _ in range(3)]
            half = stack.enter_context(Peer(address))
            half.socket.sendall(HANDSHAKE[:50])
        assert [code_of(member) for member in members] == [1001] * 3
        assert half.rest() == b""


def test_two_hundred_members_at_once(address: tuple[str, int]) -> None:
    """Each hears what it says, whatever the others say, and agrees upon the end."""

    def act(number: int) -> None:
        with connected(address) as member:
            member.send(f"{number}")
            while member.recv(PATIENCE) != f"{number}":
                pass
        assert member.protocol.close_rcvd is not None

    at_once(200, act)


def test_the_page_may_run_its_own_script_only(address: tuple[str, int]) -> None:
    """Its policy names the script and the style by their checksums."""
    answer = asked(address, b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n")
    assert b"default-src 'none'; connect-src 'self'; img-src data:; script-src 'sha256-" in answer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with started_browser() as browser:
        yield browser


@pytest.mark.browser
def test_two_pages_talk_to_each_other(browser: Browser) -> None:
    """What is said is text, whatever it looks like; when the server goes the pages say so. Anybody can use them."""
    with watched_page(browser) as alice, watched_page(browser, color_scheme="dark") as bob:
        with served(WebSocketServer(ANY)) as address:
            for watched in (alice, bob):
                watched.page.goto("http://{}:{}/".format(*address))
                expect(watched.page.get_by_role("status")).to_contain_text("Connected", timeout=PATIENCE * 1000)
            for page, text in ((alice.page, "hello"), (bob.page, "<img src=x onerror=alert(1)>")):
                page.get_by_label("Say").fill(text)
                page.keyboard.press("Enter")
                for watched in (alice, bob):
                    expect(watched.page.get_by_role("log").locator("p").last).to_have_text(
                        text, timeout=PATIENCE * 1000
                    )
            for watched in (alice, bob):
                assert axe_findings(watched.page, "main") == []
        for watched in (alice, bob):
            expect(watched.page.get_by_role("status")).to_contain_text("1001", timeout=PATIENCE * 1000)
            assert watched.complaints == []


@pytest.mark.browser
def test_a_page_of_another_site_cannot_speak_for_its_visitor(browser: Browser, address: tuple[str, int]) -> None:
    """The browser says where the script comes from."""
    with served(WebSocketServer(ANY)) as elsewhere, watched_page(browser) as watched:
        watched.page.goto("http://{}:{}/nothing".format(*elsewhere))
        answer = watched.page.evaluate(
            "url => new Promise(tell => { const socket = new WebSocket(url);"
            " socket.onopen = () => tell('open'); socket.onclose = () => tell('refused'); })",
            "ws://{}:{}/ws".format(*address),
        )
        assert answer == "refused"


REQUESTS = [HANDSHAKE.replace(*change) for change, _status in HANDSHAKES]

SOME_FRAMES = some.builds(
    frame,
    some.sampled_from([b"\x81", b"\x82", b"\x01", b"\x00", b"\x80", CLOSE, PING, PONG, b"\x83", b"\xc1"]),
    some.binary(max_size=130) | some.text(max_size=30).map(str.encode),
)


@settings(max_examples=40, deadline=None)
@given(
    some.sampled_from([HANDSHAKE, HANDSHAKE, b"", *REQUESTS]),
    some.lists(SOME_FRAMES | some.binary(max_size=100), max_size=8),
    some.integers(0, 300),
)
def test_whatever_is_sent_the_next_member_is_served(request: bytes, frames: list[bytes], cut: int) -> None:
    """No crash, no leak."""
    said = request + b"".join(frames)
    with serve(lambda: WebSocketServer(ANY)) as traced:
        with Peer(traced.server.server_address) as rude:
            rude.socket.sendall(said[: len(said) - cut] if cut else said)
            rude.socket.shutdown(socket.SHUT_WR)
            rude.rest()
        with connected(traced.server.server_address) as member:
            member.send("next")
            assert member.recv(PATIENCE) == "next"
    assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation, the same every time."""
    assert "GET /ws" in shell("websocket_by_hand", "--help").stdout
    shown, again = (shell("websocket_by_hand", "--trace") for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "hello" in shown.stdout
    assert shown.stdout == again.stdout


@pytest.mark.parametrize("missing", ["h11", "wsproto"])
def test_what_is_not_installed_is_one_sentence(tmp_path: Path, missing: str) -> None:
    """It says what to install."""
    (tmp_path / f"{missing}.py").write_text("raise ImportError")
    shown = shell("websocket_by_hand", "--help", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert shown.returncode != 0
    assert shown.stderr == (
        "This needs the packages of the extra 'examples': pip install 'socketserver_trace[examples]'\n"
    )
