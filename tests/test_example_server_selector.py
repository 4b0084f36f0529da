"""One thread for all: who is served, who is not waited for, and what is bounded."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
from typing import Any

import pytest

from socketserver_trace.examples import server_selector, shout
from socketserver_trace.examples.server_selector import ReadyHandler, SelectorServer, SelectorShoutServer
from tests.examples import Clock, Peer, served, shell

ANY = ("127.0.0.1", 0)


class SteppedServer(SelectorShoutServer):
    """Does a turn of the loop when a test says so. `handlers` are those it has made."""

    timeout = 0

    def __init__(self, clock: Clock | None = None) -> None:
        self.handlers: list[ReadyHandler] = []
        self.has_nothing_to_do = False
        super().__init__(ANY, clock=clock or Clock())

    def finish_request(self, request: Any, client_address: Any) -> None:
        super().finish_request(request, client_address)
        self.handlers.append(list(self._seen)[-1])

    def handle_timeout(self) -> None:
        self.has_nothing_to_do = True

    def serve_all(self) -> None:
        """Turn after turn, until nobody has anything for it."""
        self.has_nothing_to_do = False
        while not self.has_nothing_to_do:
            self.handle_request()

    def peer(self) -> Peer:
        """Another client, taken in."""
        peer = Peer(self.server_address)  # type: ignore[arg-type] # of TCP
        self.serve_all()
        return peer

    def filled_by(self, peer: Peer, data: bytes) -> int:
        """Have a client send, and not read, until there is room for nothing more. Returns how many bytes were sent."""
        peer.socket.settimeout(0)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += peer.socket.send(data)
                self.serve_all()
        return sent


def test_a_crowd_that_says_nothing_costs_no_thread() -> None:
    """And whoever has something to say is served at once."""
    before = threading.active_count()
    with served(SelectorShoutServer(ANY)) as address, contextlib.ExitStack() as crowd:
        silent = [crowd.enter_context(Peer(address)) for _ in range(300)]
        for peer in silent[::50]:
            peer.say("hello")
            assert peer.line() == "HELLO"
        assert threading.active_count() == before + 1


def test_who_says_nothing_is_let_go() -> None:
    """When it has said and taken nothing for so long, and not a moment before; it is told so."""
    clock = Clock()
    with SteppedServer(clock) as server, server.peer() as alice, server.peer() as bob:
        clock.now += 20
        bob.say("hello")
        server.serve_all()
        clock.now += 10
        server.service_actions()
        assert len(server.handlers) == len(server._seen) == 2
        clock.now += 1
        server.service_actions()
        assert alice.rest() == shout.TOO_LATE
        clock.now += 30
        server.service_actions()
        assert bob.rest() == b"HELLO\n" + shout.TOO_LATE


def test_a_byte_now_and_then_is_no_answerable_thing() -> None:
    """Nobody keeps a connection by beginning a line for ever."""
    clock = Clock()
    with SteppedServer(clock) as server, server.peer() as slow:
        for _ in range(4):
            slow.socket.sendall(b"x")
            server.serve_all()
            server.service_actions()
            clock.now += 10
        server.serve_all()
        server.service_actions()
        assert slow.rest() == shout.TOO_LATE


def test_who_does_not_read_is_not_listened_to() -> None:
    """What waits for it is bounded, and others are served. When it reads again it gets everything."""
    line = b"x" * 900 + b"\n"
    with SteppedServer() as server, server.peer() as deaf:
        sent = server.filled_by(deaf, line * 100)
        most = server.most_answers + server_selector.CHUNK + shout.LONGEST
        assert server.most_answers <= len(server.handlers[0].answers) <= most
        with server.peer() as alice:
            alice.say("hello")
            server.serve_all()
            assert alice.line() == "HELLO"
        answered, whole = b"", sent // len(line) * len(line)
        deaf.socket.shutdown(socket.SHUT_WR)
        while len(answered) < whole:
            with contextlib.suppress(BlockingIOError):
                answered += deaf.socket.recv(1_000_000)
            server.serve_all()
        assert answered == line.upper() * (sent // len(line))
        server.serve_all()
        assert deaf.socket.recv(1) == b""


def test_who_does_not_read_for_too_long_is_let_go() -> None:
    """Without another word, which it would not read."""
    clock = Clock()
    with SteppedServer(clock) as server, server.peer() as deaf:
        server.filled_by(deaf, b"x" * 900 + b"\n")
        clock.now += 31
        server.service_actions()
        assert not server._seen


def test_when_too_many_are_there_the_others_wait() -> None:
    """In the backlog, until somebody goes."""
    server = SteppedServer()
    server.most_connections = 2
    with server, server.peer() as alice, server.peer(), server.peer() as carol:
        assert len(server._seen) == 2
        carol.say("hello")
        alice.socket.shutdown(socket.SHUT_WR)
        server.serve_all()
        assert (alice.rest(), carol.line()) == (b"", "HELLO")


class FailingHandler(ReadyHandler):
    """Fails wherever it is told to."""

    def setup(self) -> None:
        if self.server.fails_in == "setup":
            raise ValueError("setup")

    def handle(self) -> None:
        if self.received.startswith(b"bad"):
            raise ValueError("handle")
        self.answers += self.received
        self.received.clear()

    def finish(self) -> None:
        if self.server.fails_in == "finish":
            raise ValueError("finish")


class FailingServer(SelectorServer):
    """Collects what goes wrong, and refuses whom it is told to."""

    fails_in = "handle"

    def __init__(self) -> None:
        self.told: list[str] = []
        super().__init__(ANY, FailingHandler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return self.fails_in != "verify"

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.told.append(str(sys.exc_info()[1]))


@pytest.mark.parametrize(
    ("place", "told"), [("setup", ["setup"]), ("handle", ["handle"]), ("finish", ["handle", "finish"]), ("verify", [])]
)
def test_what_goes_wrong_with_one_is_nobody_elses(place: str, told: list[str]) -> None:
    """It is told by handle_error, and the connection is over."""
    server = FailingServer()
    with served(server) as address, Peer(address) as other:
        other.say("hello")
        assert other.line() == "hello"
        server.fails_in = place
        with Peer(address) as peer:
            with contextlib.suppress(ConnectionError):
                peer.say("bad")
            assert peer.rest() == b""
        server.fails_in = "handle"
        other.say("again")
        assert other.line() == "again"
    assert server.told == told


def test_closing_twice_is_harmless() -> None:
    """As with the standard library's servers."""
    server = SelectorShoutServer(ANY)
    server.server_close()
    server.server_close()


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation: all of it in one lane."""
    assert "class MyHandler(ReadyHandler): ..." in shell("server_selector", "--help").stdout
    shown = shell("server_selector", "--trace")
    compared = shell("server_selector", "--compare")
    assert (compared.returncode, compared.stderr) == (0, "")
    assert "ShoutServer and SelectorShoutServer" in compared.stdout
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "IS IT MY TURN?" in shown.stdout
    assert "Thread" not in shown.stdout
