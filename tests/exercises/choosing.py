"""What learners write in lesson 12: solutions, and mistakes that people make."""

from __future__ import annotations

import contextlib
import threading
import time
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingMixIn, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, serve
from socketserver_trace.examples.server_pool import PoolMixIn
from socketserver_trace.examples.server_selector import ReadyHandler, SelectorServer
from socketserver_trace.plots import measure
from tests.samples import CALM

try:
    from socketserver import ForkingTCPServer
except ImportError:  # this system cannot fork
    ForkingTCPServer = TCPServer  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ("alice", "bob", "carol")
BRIEFLY = 0.2
"""How many seconds somebody waits who waits in vain."""


class Backwards(TCPServer, ThreadingMixIn):
    """A mix-in on the wrong side."""


class Three(PoolMixIn, TCPServer):
    """A pool that is large enough."""

    workers = 3


class Two(Three):
    """A pool that is too small."""

    workers = 2


def table(server: Any, places: int = 3, *, patience: float = CALM, name: str = "table") -> Any:
    """Three players at a server."""

    class Player(StreamRequestHandler):
        def handle(self) -> None:
            try:
                getattr(self.server, "table").wait(timeout=patience)  # noqa: B009 - it is in some of them only
                self.wfile.write(b"we are three\n")
            except threading.BrokenBarrierError:
                self.wfile.write(b"nobody came\n")

    made = type("Game", (server,), {name: threading.Barrier(places)})
    with serve(made, Player, timeout=CALM) as served, contextlib.ExitStack() as room:
        for client in [room.enter_context(served.client(name)) for name in NAMES]:
            client.receive_line()
    return served


def roll(server: Any, handler: Any, *, patience: float = CALM, **members: Any) -> Any:
    """Alice asks, bob asks while she is there, and alice asks once more."""
    made = type("Roll", (server,), {"lock": threading.Lock(), **members})
    with serve(made, handler, timeout=CALM) as served:
        with served.client("alice", timeout=patience) as alice, served.client("bob", timeout=patience) as bob:
            with contextlib.suppress(WaitedInVain, ConnectionError):
                for client in (alice, bob, alice):
                    client.send(b"hello\n")
                    client.receive_line()
    return served


def tickets(draw: Callable[[Any], int]) -> type[StreamRequestHandler]:
    """A handler for conversations, which draws its numbers so."""

    class Ticket(StreamRequestHandler):
        number = 0

        def handle(self) -> None:
            for _line in self.rfile:
                self.wfile.write(b"%d\n" % draw(self))

    return Ticket


def drawn(keeper: Any) -> int:
    """The next number of whoever keeps it."""
    keeper.number += 1
    return int(keeper.number)


def _locked(handler: Any) -> int:
    with handler.server.lock:
        return drawn(handler.server)


def _from_nought(handler: Any) -> int:
    return drawn(handler.server) - 1


class Ready(ReadyHandler):
    """The ticket machine for a selector."""

    def handle(self) -> None:
        server: Any = self.server
        for _line in range(self.received.count(b"\n")):
            self.answers += b"%d\n" % drawn(server)
        self.received.clear()


class Once(BaseRequestHandler):
    """A ticket for each connection."""

    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(b"%d\n" % drawn(self.server))


def six_who_wait() -> str:
    """What the lesson measures."""

    class Waiting(StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            time.sleep(0.1)

    measured = measure({"one by one": TCPServer, "threads": ThreadingTCPServer}, Waiting, clients=6)
    return "more than twice as fast" if measured.times_as_fast("threads", "one by one") > 2 else "about as fast"


def behind_the_server() -> str:
    """Where the handler of a server runs whose mix-in stands behind."""
    served = roll(Backwards, Once, number=0)
    lane = served.trace.select(hook="handle")[0].lane
    return "in the server's own thread" if lane == "server" else "in a thread of its own"


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("12-a-table-for-three", lambda: table(ThreadingTCPServer)),
    ("12-a-table-for-three", lambda: table(Three)),
    ("12-one-roll-for-all", lambda: roll(ThreadingTCPServer, tickets(_locked), number=0)),
    ("12-one-roll-for-all", lambda: roll(SelectorServer, Ready, number=0)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("12-a-table-for-three", "one by one", lambda: table(TCPServer, patience=BRIEFLY), "standing in line behind it"),
    ("12-a-table-for-three", "one by one", lambda: table(Backwards, patience=BRIEFLY), "ThreadingMixIn stands behind"),
    ("12-a-table-for-three", "not three at once", lambda: table(Two, patience=BRIEFLY), "serve three at once"),
    (
        "12-a-table-for-three",
        "not three at once",
        lambda: table(ThreadingTCPServer, 4, patience=BRIEFLY),
        "a barrier for three",
    ),
    ("12-a-table-for-three", "it fails", lambda: table(ThreadingTCPServer, name="chairs"), "self.server.table"),
    ("12-one-roll-for-all", "one by one", lambda: roll(TCPServer, tickets(drawn), patience=BRIEFLY), "one thread"),
    ("12-one-roll-for-all", "a roll each", lambda: roll(ThreadingTCPServer, tickets(drawn)), "only one server"),
    ("12-one-roll-for-all", "it fails", lambda: roll(ThreadingTCPServer, tickets(_locked)), "must begin somewhere"),
    ("12-one-roll-for-all", "one ticket each", lambda: roll(ThreadingTCPServer, Once, number=0), "no more to say"),
    (
        "12-one-roll-for-all",
        "from nought",
        lambda: roll(ThreadingTCPServer, tickets(_from_nought), number=0),
        "count first",
    ),
]

if ForkingTCPServer is not TCPServer:
    WRONG += [
        (
            "12-a-table-for-three",
            "processes",
            lambda: table(ForkingTCPServer, patience=BRIEFLY),
            "a copy of the barrier",
        ),
        ("12-one-roll-for-all", "processes", lambda: roll(ForkingTCPServer, tickets(_locked), number=0), "both begin"),
    ]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("12-six-who-wait", six_who_wait),
    ("12-behind-the-server", behind_the_server),
]
