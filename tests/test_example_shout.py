"""The service of one sentence: the same answers from every server that serves it."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import (
    server_activation,
    server_pool,
    server_processes,
    server_selector,
    shout,
)
from tests.examples import Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socketserver import TCPServer

ANY = ("127.0.0.1", 0)

needs_many_sockets = pytest.mark.skipif(
    not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"), reason="needs fork and SO_REUSEPORT"
)
forks_beside_threads = pytest.mark.filterwarnings(  # the parent of a test serves in a thread
    "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
)

MAKE: dict[str, Callable[[], TCPServer]] = {
    "threading": lambda: shout.ShoutServer(ANY, shout.ShoutHandler),
    "plain": lambda: shout.PlainShoutServer(ANY, shout.ShoutHandler),
    "pool": lambda: server_pool.PooledShoutServer(ANY),
    "processes": lambda: server_processes.ProcessesShoutServer(ANY, 2),
    "selector": lambda: server_selector.SelectorShoutServer(ANY),
    "activation": lambda: server_activation.ActivatedShoutServer(
        ANY, shout.ShoutHandler, given=socket.create_server(ANY, backlog=1)
    ),
}


PIECES = (
    some.binary(max_size=1_500)
    | some.text("ab\n\r", max_size=60).map(str.encode)
    | some.integers(shout.LONGEST - 2, shout.LONGEST + 2).map(lambda size: b"x" * size)
    | some.just(b"\n")
)
"""What somebody may send: anything, lines, almost a line of the greatest length, its end."""


@pytest.fixture(params=[pytest.param(name, marks=[needs_many_sockets] if name == "processes" else []) for name in MAKE])
def make(request: pytest.FixtureRequest) -> Callable[[], TCPServer]:
    """Each server that serves it."""
    return MAKE[request.param]


@pytest.fixture
def address(make: Callable[[], TCPServer]) -> Iterator[tuple[str, int]]:
    """The address of each of them."""
    with served(make()) as address:
        yield address


def address_of(server: TCPServer) -> tuple[str, int]:
    """Where it listens."""
    return server.server_address[:2]  # type: ignore[return-value] # of TCP


@contextlib.contextmanager
def looping(server: TCPServer) -> Iterator[None]:
    """Let a server serve in a thread until the block ends, and close nothing."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def answers(address: tuple[str, int], *pieces: bytes) -> bytes:
    """What comes back for these bytes, and nothing after them."""
    with Peer(address) as peer:
        for piece in pieces:
            peer.socket.sendall(piece)
        peer.socket.shutdown(socket.SHUT_WR)
        return peer.rest()


@forks_beside_threads
def test_each_line_comes_back_in_capitals(address: tuple[str, int]) -> None:
    """One after the other, or several at once; bytes that are no letters as they were."""
    with Peer(address) as peer:
        for line in ("hello, world", "", "grüße 1"):
            peer.say(line)
            assert peer.line() == line.encode().upper().decode()
        peer.say("a", "b", "c")
        assert [peer.line() for _ in range(3)] == ["A", "B", "C"]
    assert answers(address, b"\0\xff\r\n", b"in two pie", b"ces\n") == b"\0\xff\r\nIN TWO PIECES\n"


@forks_beside_threads
def test_a_line_that_is_too_long_is_left_out(address: tuple[str, int]) -> None:
    """The longest one is answered, and so is the one after it; what is cut off was not said."""
    longest = b"x" * (shout.LONGEST - 1) + b"\n"
    assert answers(address, longest, b"y" + longest, b"after it\n") == longest.upper() + shout.TOO_LONG + b"AFTER IT\n"
    assert (
        answers(address, longest * 3, b"y" * 100_000 + b"\nz\ncut off") == longest.upper() * 3 + shout.TOO_LONG + b"Z\n"
    )
    assert answers(address, b"x" * (shout.LONGEST + 1)) == shout.TOO_LONG
    assert answers(address, b"x" * shout.LONGEST) == b""


@forks_beside_threads
def test_who_goes_without_a_word_is_nothing_unusual(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether it has sent something, or is to be sent something; and nothing is printed."""
    for sent in (b"", b"hel", b"hello\n" * 10_000):
        with Peer(address) as peer:
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.socket.sendall(sent)
    assert answers(address, b"next\n") == b"NEXT\n"
    assert capfd.readouterr().err == ""


@forks_beside_threads
def test_two_hundred_clients_at_once(address: tuple[str, int]) -> None:
    """Each is answered what it said, however many may be served at once."""

    def act(number: int) -> None:
        with Peer(address) as peer:
            for turn in range(5):
                peer.say(f"client {number}, turn {turn}")
                assert peer.line() == f"CLIENT {number}, TURN {turn}"

    at_once(200, act)


@forks_beside_threads
def test_closing_the_server_ends_conversations(make: Callable[[], TCPServer]) -> None:
    """Whoever has nothing more to say does not keep it. With the plain server a client must go by itself."""
    server = make()
    with contextlib.ExitStack() as peers:
        with served(server) as address:
            alice = peers.enter_context(Peer(address))
            alice.say("hello")
            assert alice.line() == "HELLO"
            if isinstance(server, shout.PlainShoutServer):
                alice.socket.shutdown(socket.SHUT_WR)
        assert alice.rest() == b""


@forks_beside_threads
def test_a_server_may_serve_twice(make: Callable[[], TCPServer]) -> None:
    """What shutdown() has stopped goes on with the next serve_forever(); who came meanwhile has waited."""
    with make() as server:
        with looping(server):
            assert answers(address_of(server), b"first\n") == b"FIRST\n"
        with Peer(address_of(server)) as bob:
            bob.say("second")
            with looping(server):
                assert bob.line() == "SECOND"
                bob.socket.shutdown(socket.SHUT_WR)
                assert bob.rest() == b""


@pytest.mark.parametrize("name", ["threading", "pool", "selector"])
def test_who_says_nothing_is_let_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told so, but for whoever does not read."""
    monkeypatch.setattr(shout.ShoutHandler, "timeout", 0.01)
    monkeypatch.setattr(server_selector.SelectorServer, "idle", 0.01)
    with served(MAKE[name]()) as address, Peer(address) as peer:
        assert peer.rest() == shout.TOO_LATE


@pytest.mark.parametrize("name", ["threading", "pool", "selector"])
def test_who_does_not_read_is_let_go(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another word, and without keeping what it sends."""
    monkeypatch.setattr(shout.ShoutHandler, "timeout", 0.05)
    monkeypatch.setattr(server_selector.SelectorServer, "idle", 0.05)
    with serve(MAKE[name]) as traced:
        with Peer(traced.server.server_address) as deaf:
            with pytest.raises(ConnectionError):
                deaf.socket.sendall((b"x" * 900 + b"\n") * 100_000)  # more than any buffers hold
        assert answers(traced.server.server_address, b"next\n") == b"NEXT\n"
    assert traced.errors == []


def test_every_server_gives_the_same_answers() -> None:
    """Whatever is sent, in whatever pieces; and the next client is served."""
    with contextlib.ExitStack() as running:
        servers = [running.enter_context(serve(MAKE[name])) for name in ("threading", "pool", "selector")]

        @settings(max_examples=40, deadline=None)
        @given(some.lists(PIECES, max_size=8))
        def same(pieces: list[bytes]) -> None:
            said = [answers(one.server.server_address, *pieces) for one in servers]
            assert said == said[:1] * len(servers)
            assert [answers(one.server.server_address, b"next\n") for one in servers] == [b"NEXT\n"] * len(servers)

        same()
    assert [one.errors for one in servers] == [[]] * len(servers)


@pytest.mark.parametrize("options", [[], ["--server", "plain"]])
def test_it_runs_from_a_terminal(options: list[str]) -> None:
    """It says what it is for, and shows the trace of a conversation."""
    assert "hello, world            HELLO, WORLD" in shell("shout", "--help").stdout
    shown = shell("shout", "--trace", *options)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "IS IT MY TURN?" in shown.stdout
