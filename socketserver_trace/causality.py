"""Causal order: one fixed order of the happens-before relation, the same on every run.

What the clock says changes from run to run, because threads and clients take turns as the system pleases. What does
not change is what had to happen before what: the steps of one flow of control; a connect before its accept; a send
before the receive that returns its bytes; the end of one side before the end of file at the other; a request's
acceptance before its thread's first step; the call of `shutdown` before the end of the loop.

Of all orders that respect this, one is taken, by fixed rules that read well: a message is delivered at once when
somebody waits for it, and a thread begins at once; a server goes as far as it can before a client does its next step;
the main thread comes last.

Every edge points forward in the order of arrival, so the relation has no cycle and an order always exists.

The law: pure, from a recording to a recording.
"""

from __future__ import annotations

import heapq
from collections import defaultdict

from socketserver_trace.events import (
    CLOSE,
    CONNECT,
    ENTER,
    HALF_CLOSE,
    HOOK,
    RAISE,
    RECEIVE,
    RETURN,
    SEND,
    START,
)
from socketserver_trace.matching import is_client
from socketserver_trace.recording import CHILD, CLIENT, MAIN, SERVER, THREAD, strand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording

    Edge = tuple[int, int]
    """The positions of two events: the first had to happen before the second."""

TURN: Final = {SERVER: 0, THREAD: 1, CHILD: 1, CLIENT: 2, MAIN: 3}
"""Who goes first where the order is free."""


def causal_order(recording: Recording) -> Recording:
    """The recording in causal order, idle polls left out."""
    events = without_idle_polls(recording.events)
    messages = [*messages_of(events), *_starts(events)]
    edges = [*_program_order(events), *_constructors(events), *_connections(events), *messages]
    edges += [*_stops(events), *_inferred(events)]
    serving = {event.lane for event in events if event.hook == "get_request"}
    turns = {
        lane.name: (TURN[SERVER if lane.name in serving else lane.kind], place)
        for place, lane in enumerate(recording.lanes)
    }
    return recording.with_events(events[position] for position in _sorted(events, edges, messages, turns))


def without_idle_polls(events: Sequence[Event]) -> list[Event]:
    """The events without the calls of service_actions in which nothing happened.

    A serving loop calls it after each request, and whenever nobody came for `poll_interval` seconds; how often that is
    depends on the clock only.
    """
    requested: set[str] = set()
    idle: set[int | None] = set()
    for event in events:
        if event.hook == "get_request":
            requested.add(event.lane)
        elif event.hook == "service_actions" and event.phase == ENTER:
            if event.lane not in requested:
                idle.add(event.call)
            requested.discard(event.lane)
        elif event.parent in idle and event.phase == ENTER:
            # The hooks that an idle poll calls are idle too; one that moves bytes is not.
            if event.kind == HOOK:
                idle.add(event.call)
            else:
                idle.discard(event.parent)
    return [event for event in events if event.call is None or event.call not in idle]


def _program_order(events: Sequence[Event]) -> Iterator[Edge]:
    """Each flow of control does one thing after the other; a client and the thread that moves it do too."""
    last: dict[str, int] = {}
    for position, event in enumerate(events):
        for flow in {event.lane, strand(event)}:
            if flow in last:
                yield last[flow], position
            last[flow] = position


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


def _starts(events: Sequence[Event]) -> Iterator[Edge]:
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
    """Nobody serves with a server before its constructor is done."""
    constructing: dict[int | None, str | None] = {}
    made: dict[str | None, int] = {}
    for position, event in enumerate(events):
        if event.hook == "__init__" and event.detail.get("owner") == "server":
            constructing[event.call] = event.server
        elif event.call in constructing:
            made[constructing[event.call]] = position
        elif event.hook in {"serve_forever", "handle_request"} and event.phase == ENTER and event.server in made:
            yield made[event.server], position


def _stops(events: Sequence[Event]) -> Iterator[Edge]:
    """A loop that was told to stop ends after it was told."""
    told: dict[str | None, int] = {}
    for position, event in enumerate(events):
        if event.hook == "shutdown" and event.kind == HOOK and event.phase == ENTER:
            told.setdefault(event.server, position)
        elif event.hook == "serve_forever" and event.phase in {RETURN, RAISE} and event.server in told:
            yield told.pop(event.server), position


def _inferred(events: Sequence[Event]) -> Iterator[Edge]:
    """What is inferred from a step of the server is known no earlier: it comes after the step before that one."""
    last: dict[str, int] = {}
    for position, event in enumerate(events):
        if "inferred" in event.detail and event.kind != RECEIVE and position + 1 < len(events):
            witness = events[position + 1]
            if witness.seq == event.seq and witness.lane in last:
                yield last[witness.lane], position
        last[event.lane] = position


def _sorted(
    events: Sequence[Event], edges: list[Edge], messages: list[Edge], turns: dict[str, tuple[int, int]]
) -> Iterator[int]:
    """The positions in an order that respects every edge; see the rules above."""
    followers: dict[int, list[int]] = defaultdict(list)
    waits_for = [0] * len(events)
    for before, after in edges:
        if before < after:
            followers[before].append(after)
            waits_for[after] += 1
    receiver = dict(reversed(messages))
    ready = [_turn(events, turns, position) for position in range(len(events)) if not waits_for[position]]
    heapq.heapify(ready)
    done = [False] * len(events)
    urgent: int | None = None
    while ready or urgent is not None:
        position = heapq.heappop(ready)[-1] if urgent is None else urgent
        urgent = None
        if done[position]:
            continue
        done[position] = True
        yield position
        for after in followers[position]:
            waits_for[after] -= 1
            if not waits_for[after]:
                heapq.heappush(ready, _turn(events, turns, after))
        delivered = receiver.get(position)
        if delivered is not None and not waits_for[delivered] and not done[delivered]:
            urgent = delivered


def _turn(
    events: Sequence[Event], turns: dict[str, tuple[int, int]], position: int
) -> tuple[bool, tuple[int, int], int]:
    """Steps of a client that nobody else can notice come at once, then whose turn it is, then what came first."""
    event = events[position]
    unnoticed = is_client(event) and (event.phase == RETURN or (event.kind == RECEIVE and event.phase != RAISE))
    return not unnoticed, turns.get(event.lane, (1, 0)), position
