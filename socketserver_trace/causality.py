"""Causality: what had to happen before what.

What the clock says changes from run to run, because threads and clients take turns as the system pleases. What does
not change is what had to happen before what: the steps of one flow of control; a connect before its accept; a send
before the receive that returns its bytes; the end of one side before the end of file at the other; a request's
acceptance before its thread's first step; the last step of a thread or a child before whoever joined it went on; the
call of `shutdown` before the end of the loop.

Here these pairs are found, all but those of the first kind (`ordering`). Each is an edge from one position to another,
which is further on in the order of arrival, so the relation has no cycle.

The law: pure, from events to edges.
"""

from __future__ import annotations

from collections import defaultdict

from socketserver_trace.events import (
    CLOSE,
    CONNECT,
    END,
    ENTER,
    HALF_CLOSE,
    HOOK,
    JOIN,
    RECEIVE,
    RETURN,
    SEND,
    START,
)
from socketserver_trace.matching import is_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from socketserver_trace.events import Event

    Edge = tuple[int, int]
    """The positions of two events: the first had to happen before the second."""


CALLED_ON_IT: Final = frozenset({"serve_forever", "handle_request", "shutdown", "server_close"})
"""The hooks that a program calls on a server which it has made."""


def edges_of(events: Sequence[Event]) -> Iterator[Edge]:
    """Everything that had to happen before something else in another flow of control, or in its own."""
    found = (messages_of, starts_of, _constructors, _connections, _stops, _ends, _inferred)
    for edges in found:
        yield from (edge for edge in edges(events) if edge[0] < edge[1])


def messages_of(events: Sequence[Event]) -> Iterator[Edge]:
    """From each sender's step to the receiver's: bytes, and the end of them."""
    directions: dict[tuple[int | None, bool], Stream] = defaultdict(Stream)
    sizes = {event.call: event.size for event in events if event.kind == SEND and event.phase == RETURN and event.size}
    sizes.pop(None, None)
    shared = _closed_by_the_parent(events)
    for position, event in enumerate(events):
        if event.connection is None:
            continue
        sent = directions[event.connection, is_client(event)]
        received = directions[event.connection, not is_client(event)]
        if event.kind == SEND and event.phase in {ENTER, None}:
            sent.send(position, sizes.get(event.call, event.size) or 0)
        elif event.kind in {HALF_CLOSE, CLOSE} and event.phase in {ENTER, None} and sent.end is None:
            sent.end = None if event.parent in shared else position
        elif event.kind == RECEIVE and event.phase in {RETURN, None} and "peek" not in event.detail:
            yield from received.receive(position, event.size or 0)


def _closed_by_the_parent(events: Sequence[Event]) -> set[int | None]:
    """The calls of close_request by which a forking parent gives up its copy: the child's copy keeps the connection."""
    forks = {event.call for event in events if event.hook == "process_request" and event.provider == "ForkingMixIn"}
    return {event.call for event in events if event.hook == "close_request" and event.parent in forks - {None}} - {None}


class Stream:
    """The bytes of one direction of a connection, by their place in the stream."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, int]] = []
        self.length = 0
        self.taken = 0
        self.first = 0
        self.end: int | None = None

    def send(self, position: int, size: int) -> None:
        """So many bytes leave."""
        self.sent.append((position, self.length, self.length + size))
        self.length += size

    def receive(self, position: int, size: int) -> Iterator[Edge]:
        """The sends whose bytes these are; for no bytes the end of the stream, or an empty datagram."""
        if not size:
            if self.end is not None:
                yield self.end, position
            elif self.sent:
                yield self.sent[-1][0], position
            return
        start, self.taken = self.taken, self.taken + size
        while self.first < len(self.sent) and self.sent[self.first][2] <= start:
            self.first += 1
        for sender, begins, _ends in self.sent[self.first :]:
            if begins >= self.taken:
                break
            yield sender, position


def _connections(events: Sequence[Event]) -> Iterator[Edge]:
    """Nobody can connect before the server listens, and get_request is called because somebody has connected."""
    listening: dict[str | None, int] = {}
    entered: dict[int | None, int] = {}
    came: dict[int, int] = {}
    for position, event in enumerate(events):
        if event.hook == "server_activate":
            listening[event.server] = position
        elif event.hook == "get_request":
            entered.setdefault(event.call, position)
            if event.connection in came:
                yield came[event.connection], entered[event.call]
        elif event.connection is not None and is_client(event) and event.kind in {CONNECT, SEND}:
            came.setdefault(event.connection, position)
            if event.server in listening:
                yield listening[event.server], position


def starts_of(events: Sequence[Event]) -> Iterator[Edge]:
    """A lane begins after the step that started it, and after the request that it serves was accepted."""
    starts = {event.detail.get("starts"): position for position, event in enumerate(events) if event.kind == START}
    accepted: dict[int, int] = {}
    begun: set[tuple[str, int | None]] = set()
    for position, event in enumerate(events):
        if event.lane in starts and (event.lane, None) not in begun:
            begun.add((event.lane, None))
            yield starts[event.lane], position
        if event.connection is None or is_client(event):
            continue
        if (event.hook, event.phase) in {("get_request", RETURN), ("process_request", ENTER)}:
            accepted[event.connection] = position
            begun.add((event.lane, event.connection))
        elif (event.lane, event.connection) not in begun:
            begun.add((event.lane, event.connection))
            if event.connection in accepted:
                yield accepted[event.connection], position


def _constructors(events: Sequence[Event]) -> Iterator[Edge]:
    """Nobody serves with a server, or stops it, before its constructor is done."""
    constructing: dict[int | None, str | None] = {}
    made: dict[str | None, int] = {}
    for position, event in enumerate(events):
        if event.hook == "__init__" and event.detail.get("owner") == "server":
            constructing[event.call] = event.server
        elif event.call in constructing:
            made[constructing[event.call]] = position
        elif event.hook in CALLED_ON_IT and event.phase == ENTER and event.server in made:
            yield made[event.server], position


def _stops(events: Sequence[Event]) -> Iterator[Edge]:
    """A loop returns because it was told to; one that raises does so by itself."""
    told: dict[str | None, int] = {}
    for position, event in enumerate(events):
        if event.hook == "shutdown" and event.kind == HOOK and event.phase == ENTER:
            told.setdefault(event.server, position)
        elif event.hook == "serve_forever" and event.phase == RETURN and event.server in told:
            yield told.pop(event.server), position


def _ends(events: Sequence[Event]) -> Iterator[Edge]:
    """Whoever joined a thread, or waited for a child, went on after its last step; no thread outlives its process."""
    last: dict[object, int] = {}
    threads: dict[str, set[object]] = defaultdict(set)
    handed_on: dict[int | None, str] = {}
    for position, event in enumerate(events):
        last[event.lane] = position
        if event.hook == "process_request":
            handed_on[event.connection] = event.lane
        elif event.hook == "process_request_thread":
            threads[handed_on.get(event.connection, "")].add(event.lane)
        elif event.kind == START and event.hook != "fork":
            threads[event.lane].add(event.detail.get("starts"))
        elif event.kind == END:
            yield from ((last[thread], position) for thread in threads[event.lane] if thread in last)
        if event.kind == JOIN and event.phase in {RETURN, None} and event.detail.get("joins") in last:
            yield last[event.detail["joins"]], position


def _inferred(events: Sequence[Event]) -> Iterator[Edge]:
    """What is inferred from a step of the server is known no earlier: it comes after the step before that one."""
    last: dict[str, int] = {}
    for position, event in enumerate(events):
        if "inferred" in event.detail and event.kind != RECEIVE and position + 1 < len(events):
            witness = events[position + 1]
            if witness.seq == event.seq and witness.lane in last:
                yield last[witness.lane], position
        last[event.lane] = position
