"""The pool of workers: how many are served at once, who waits, who is refused, and what no worker dies of."""

from __future__ import annotations

import contextlib
import sys
import threading
from socketserver import StreamRequestHandler, TCPServer
from typing import Any

import pytest

from socketserver_trace import serve
from socketserver_trace.examples import server_pool
from tests.examples import PATIENCE, Peer, served, shell

ANY = ("127.0.0.1", 0)
FULL = "ERROR come back later"


class GatedHandler(StreamRequestHandler):
    """Says who serves, once the gate of the server is open."""

    server: GatedServer

    def handle(self) -> None:
        self.server.began.release()
        assert self.server.gate.wait(PATIENCE)
        self.wfile.write(threading.current_thread().name.encode() + b"\n")


class GatedServer(server_pool.PoolMixIn, TCPServer):
    """Two workers, and room for one who waits."""

    allow_reuse_address = True
    workers = 2
    waiting = 1

    def __init__(self, refusal: bytes = b"") -> None:
        self.refusal = refusal
        self.gate = threading.Event()
        self.began = threading.Semaphore(0)
        self.accepted = 0
        self.paused = {number: threading.Event() for number in range(10)}
        super().__init__(ANY, GatedHandler)

    def get_request(self) -> Any:
        self.accepted += 1
        return super().get_request()

    def service_actions(self) -> None:
        self.paused[self.accepted].set()
        super().service_actions()

    def filled(self, peers: contextlib.ExitStack, count: int) -> list[Peer]:
        """So many clients: two who are served, then one who waits in the queue, then others."""
        made = []
        for _ in range(self.workers):
            made.append(self.peer(peers))
            assert self.began.acquire(timeout=PATIENCE)
        made.append(self.peer(peers))
        assert self.paused[3].wait(PATIENCE)
        return made + [self.peer(peers) for _ in range(count - 3)]

    def peer(self, peers: contextlib.ExitStack) -> Peer:
        """Another client."""
        return peers.enter_context(Peer(self.server_address))  # type: ignore[arg-type] # of TCP


def test_no_more_are_served_than_there_are_workers() -> None:
    """The loop does what pauses are for, and accepts nobody else, until there is room; then all are served."""
    server = GatedServer()
    with served(server), contextlib.ExitStack() as peers:
        made = server.filled(peers, 6)
        assert server.paused[4].wait(PATIENCE)  # the fourth is accepted, and there is no room in the queue
        assert server.accepted == 4
        assert not server.began.acquire(blocking=False)
        server.gate.set()
        assert {peer.line() for peer in made} <= {"worker 1", "worker 2"}
    assert server.accepted == 6


def test_whom_there_is_no_room_for_is_refused() -> None:
    """At once, with a sentence; who waits already is served."""
    server = GatedServer(f"{FULL}\n".encode())
    with served(server), contextlib.ExitStack() as peers:
        made = server.filled(peers, 5)
        for peer in made[3:]:
            assert (peer.line(), peer.rest()) == (FULL, b"")
        server.gate.set()
        assert {peer.line() for peer in made[:3]} <= {"worker 1", "worker 2"}


def test_the_loop_can_be_stopped_while_it_waits_for_room() -> None:
    """Whom it could not put anywhere is let go; who waits in the queue is served before the server is closed."""
    server = GatedServer()
    with contextlib.ExitStack() as peers:
        with served(server):
            made = server.filled(peers, 4)
            assert server.paused[4].wait(PATIENCE)
            server.shutdown()
            assert made[3].rest() == b""
            server.gate.set()
        assert [peer.line() in {"worker 1", "worker 2"} for peer in made[:3]] == [True, True, True]


class FailingHandler(StreamRequestHandler):
    """Does what nobody should do in a handler."""

    def handle(self) -> None:
        word = self.rfile.readline().strip()
        if word == b"exit":
            sys.exit("not so")
        if word:
            raise ValueError(word)
        self.wfile.write(b"fine\n")


class FailingServer(server_pool.PoolMixIn, TCPServer):
    """One worker, and a handle_error that fails as well when it is told to."""

    allow_reuse_address = True
    workers = 1

    def __init__(self) -> None:
        self.told: list[str] = []
        super().__init__(ANY, FailingHandler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.told.append(str(sys.exc_info()[1]))
        if self.told[-1] == "b'worse'":
            raise RuntimeError("handle_error has failed")


def test_a_worker_outlives_whatever_happens_in_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of a handler is told by handle_error, and what is worse as if it had ended a thread of its own."""
    ended: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: ended.append(what.exc_type))
    server = FailingServer()
    with served(server) as address:
        for word in ("bad", "exit", "worse"):
            with Peer(address) as peer:
                peer.say(word)
                assert peer.rest() == b""
        with Peer(address) as peer:
            peer.say("")
            assert peer.line() == "fine"
    assert server.told == ["b'bad'", "b'worse'"]
    assert ended == [SystemExit, RuntimeError]


def test_closing_lets_go_who_is_served_and_who_waits() -> None:
    """With LettingGoMixIn nobody can keep a worker, or a place in the queue."""
    with contextlib.ExitStack() as peers:
        with served(server_pool.PooledShoutServer(ANY, 2)) as address:
            made = [peers.enter_context(Peer(address)) for _ in range(10)]
            made[0].say("hello")
            assert made[0].line() == "HELLO"
        assert [peer.rest() for peer in made] == [b""] * 10


def test_a_port_that_is_taken_leaves_no_worker() -> None:
    """The workers are started when the server is active, and it never was."""
    with served(server_pool.PooledShoutServer(ANY)) as address, pytest.raises(OSError, match="in use"):
        server_pool.PooledShoutServer(address)


def test_the_trace_shows_one_thread_for_two_clients() -> None:
    """With one worker, bob is accepted while alice is served, and handled by the thread that had handled her."""
    with serve(lambda: server_pool.PooledShoutServer(ANY, 1)) as traced:
        server_pool.shout.converse(traced)
    trace = traced.trace
    assert {event.lane for event in trace if event.hook == "process_request_thread"} == {"Thread 1"}
    assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, shows the trace of a conversation, and needs one worker at least."""
    assert "class MyServer(PoolMixIn, TCPServer): ..." in shell("server_pool", "--help").stdout
    shown = shell("server_pool", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "IS IT MY TURN?" in shown.stdout
    refused = shell("server_pool", "--workers", "0")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
