"""The turns of a serving loop, and in which order those stand that raced.

A loop takes one request after the other, so its turns follow each other. But which of two clients that connect at the
same moment comes first is nobody's doing: the kernel put one of them first on this run. So two turns are ordered only
where something orders them: bytes or ends that went from one to the other, by whatever way, or connects that followed
each other. Of the orders that are left the one is taken in which the clients have theirs (by their names, where their
connects raced as well). The joins of a server that closes are turns in the same sense.

Which turn must come before which is worked out with sets: each event gets the set of turns that happened before it, as
the bits of a number, from the events that had to happen right before it.

The law: pure. A turn stays whole. One that has not ended, or that ended its loop, stays last.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import defaultdict
from dataclasses import dataclass, field

from socketserver_trace.events import CONNECT, ENTER, JOIN, RAISE, RETURN, SEND
from socketserver_trace.matching import is_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from socketserver_trace.causality import Edge
    from socketserver_trace.events import Event


ONWARD: Final = re.compile(r"(.* for connection )([0-9]+)((?: [0-9]+)?)", re.DOTALL)
"""The name of a client that is the handler of a connection (`onward`)."""


@dataclass(slots=True)
class Turn:
    """The positions of the events of one turn, the connection that it served or the lane that it joined.

    `last` says that no other turn of its run can come after it.
    """

    positions: list[int] = field(default_factory=list)
    connection: int | None = None
    joins: str | None = None
    last: bool = False


def ends_of(events: Sequence[Event]) -> dict[int | None, int]:
    """The position at which each call ends."""
    return {event.call: position for position, event in enumerate(events) if event.phase in {RETURN, RAISE}}


def runs_of(events: Sequence[Event], sequence: Sequence[int], ends: Mapping[int | None, int]) -> list[list[Turn]]:
    """The events of one flow of control, in runs of turns that follow each other directly.

    What belongs to no turn is a run of one turn. `ends` is what `ends_of` says of the events.
    """
    runs: list[list[Turn]] = []
    series: object = None
    end = 0
    for place, position in enumerate(sequence):
        begins = _begins(events, sequence, place)
        if begins is not None:
            if series is None or series != begins.series:
                runs.append([])
            runs[-1].append(Turn([position], begins.connection, begins.joins))
            series, end = begins.series, ends.get(begins.within, len(events)) + begins.beyond
        elif series is not None and position < end and not _fails(events[position], events, ends):
            runs[-1][-1].positions.append(position)
        else:
            runs.append([Turn([position])])
            series = None
    for run in runs:
        _mark_the_last(run, events, ends)
    return runs


@dataclass(slots=True)
class _Begin:
    """A turn begins: in which series, and until the end of which call it may go on (or `beyond` it)."""

    series: object
    within: int | None
    beyond: int = 0
    connection: int | None = None
    joins: str | None = None


def _begins(events: Sequence[Event], sequence: Sequence[int], place: int) -> _Begin | None:
    """The turn that begins here: a request in a loop, a whole handle_request, or the join of one lane."""
    event = events[sequence[place]]
    if event.kind == JOIN and event.phase is None:
        return _Begin(("joins", event.parent), None, -len(events), joins=str(event.detail.get("joins")))
    following = events[sequence[place + 1]] if place + 1 < len(sequence) else event
    if event.hook == "handle_request" and event.phase == ENTER and _takes(following) == event.call is not None:
        return _Begin(("handles", event.parent), event.call, 1, following.connection)
    before = events[sequence[place - 1]] if place else event
    if _takes(event) is not None and (before.hook, before.call) != ("handle_request", _takes(event)):
        return _Begin(("serves", event.parent), event.parent, 0, event.connection)
    return None


def _takes(event: Event) -> int | None:
    """In which call of a loop, or of handle_request, a request is taken here."""
    taken = event.hook == "get_request" and event.phase == ENTER and event.connection is not None
    return event.parent if taken else None


def _fails(event: Event, events: Sequence[Event], ends: Mapping[int | None, int]) -> bool:
    """Whether here a loop fails to get a request, which nobody can tell from another such failure."""
    end = ends.get(event.call)
    return event.hook == "get_request" and event.phase == ENTER and end is not None and events[end].phase == RAISE


def _mark_the_last(run: list[Turn], events: Sequence[Event], ends: Mapping[int | None, int]) -> None:
    """A turn with an open call, or in a loop that ended by an exception, stays last."""
    begin = events[run[-1].positions[0]]
    end = ends.get(begin.parent) if begin.hook == "get_request" else None
    ended_badly = end is not None and events[end].phase == RAISE
    is_open = any(
        events[position].phase == ENTER and events[position].call not in ends for position in run[-1].positions
    )
    run[-1].last = len(run) > 1 and (ended_badly or is_open)


def links_of(runs: Sequence[list[Turn]]) -> Iterator[Edge]:
    """A flow of control does one thing after the other, but for the turns of a run among themselves."""
    for run in runs:
        for turn in run:
            yield from itertools.pairwise(turn.positions)
    for run, following in itertools.pairwise(runs):
        for turn, after in itertools.product(run, following):
            yield turn.positions[-1], after.positions[0]


class Graph:
    """What has to happen before what, among events that are known by their positions."""

    def __init__(self, size: int, edges: Iterable[Edge]) -> None:
        self.size = size
        self.followers: dict[int, list[int]] = defaultdict(list)
        self.blockers = [0] * size
        self.chose = False
        for before, after in edges:
            self.add(before, after)

    def add(self, before: int, after: int) -> None:
        """The first has to happen before the second."""
        self.followers[before].append(after)
        self.blockers[after] += 1

    def chain(self, turns: Iterable[Turn]) -> None:
        """From now on these turns stand in this order."""
        for turn, following in itertools.pairwise(turns):
            self.add(turn.positions[-1], following.positions[0])

    def walk(self, held: Mapping[int, tuple[object, ...]]) -> Iterator[int]:
        """Every position after those before it. One that is `held` comes only when no other can, the least key first.

        The order of the held ones depends on nothing but the graph and the keys. `chose` tells afterwards whether a key
        has ever decided.
        """
        self.chose = False
        left = self.blockers.copy()
        free: list[int] = []
        waiting: list[tuple[tuple[object, ...], int]] = []

        def is_next(position: int) -> None:
            if position in held:
                heapq.heappush(waiting, (held[position], position))
            else:
                free.append(position)

        for position in range(self.size):
            if not left[position]:
                is_next(position)
        while free or waiting:
            self.chose |= not free and len(waiting) > 1
            position = free.pop() if free else heapq.heappop(waiting)[-1]
            yield position
            for after in self.followers[position]:
                left[after] -= 1
                if not left[after]:
                    is_next(after)


@dataclass(slots=True)
class Ranks:
    """The place of each client, and of each connection, among their like. Empty where nothing raced."""

    clients: dict[str, int] = field(default_factory=dict)
    connections: dict[int, int] = field(default_factory=dict)
    raced: bool = False

    def of(self, connection: int | None) -> tuple[int, int]:
        """By its rank; one that has none, because nobody knows its client, by its number; last, where there is none."""
        if connection in self.connections:
            return 0, self.connections[connection]
        return (1, connection) if connection else (2, 0)


def race(events: Sequence[Event], flows: Iterable[list[list[Turn]]], graph: Graph) -> Ranks:
    """Put the turns of every run into their order, and that into the graph. Returns the ranks that come of it."""
    ranks = _ranks_of_origins(events, graph)
    served: list[list[int]] = []
    for runs in flows:
        for run in runs:
            if len(run) > 1 and not run[0].joins:
                run[:] = _in_order(run, graph, ranks)
                graph.chain(run)
        served.append([turn.connection for run in runs for turn in run if turn.connection is not None])
    # Over several loops: a connection comes when it and all that its loop served before it have come.
    in_time = (zip(itertools.accumulate(map(ranks.of, numbers), max), numbers, strict=True) for numbers in served)
    merged = [number for _rank, number in heapq.merge(*in_time)]
    return Ranks(ranks.clients, {number: rank for rank, number in enumerate(merged)}, ranks.raced)


def _ranks_of_origins(events: Sequence[Event], graph: Graph) -> Ranks:
    """The ranks by the order of what the clients did first.

    What had to happen before what decides, and the names of the clients where nothing does.
    """
    held: dict[int, tuple[object, ...]] = {}
    origins: dict[int, int] = {}
    known: set[int | None] = {None}
    begun: dict[str, int] = {}
    named = _by_whose_request(events)
    for position, event in enumerate(events):
        if not is_client(event):
            continue
        number = begun[event.lane] = begun.get(event.lane, 0) + 1
        if event.kind in {CONNECT, SEND} and event.connection not in known:
            known.add(event.connection)
            origins[position] = event.connection or 0
        if number == 1 or position in origins:
            held[position] = (*natural(named.get(event.lane, event.lane)), number)
    ranks = Ranks()
    for position in graph.walk(held):
        if position in held:
            ranks.clients.setdefault(events[position].lane, len(ranks.clients))
        if position in origins:
            ranks.connections[origins[position]] = len(ranks.connections)
    ranks.raced = graph.chose
    return ranks


def onward_of(events: Iterable[Event]) -> dict[str, int]:
    """The clients that are handlers of a server, and the connection that they handle."""
    lanes = {event.lane for event in events if event.kind == CONNECT and "onward" in event.detail}
    return {lane: int(said[2]) for lane in lanes if (said := ONWARD.fullmatch(lane))}


def _by_whose_request(events: Sequence[Event]) -> dict[str, str]:
    """For each client that is a handler, a name that begins with that of the client whose request it handles."""
    onward = onward_of(events)
    clients = {event.connection: event.lane for event in events if event.kind == CONNECT and is_client(event)}
    named: dict[str, str] = {}
    for lane in onward:
        names = [lane]
        while names[0] in onward and (client := clients.get(onward[names[0]])) is not None and client not in names:
            names.insert(0, client)
        named[lane] = " ".join(names)
    return named


def natural(name: str) -> tuple[object, ...]:
    """A key by which client 2 comes before client 10."""
    parts = re.split(r"([0-9]+)", name)
    return tuple((int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in parts)


def _in_order(run: list[Turn], graph: Graph, ranks: Ranks) -> list[Turn]:
    """The turns of a run, those first that must come first, and otherwise by their ranks."""
    before = _before(run, graph)
    if run[-1].last:
        before[-1] |= (1 << len(run) - 1) - 1
    by_rank = sorted(range(len(run)), key=lambda number: ranks.of(run[number].connection))
    place = {number: place for place, number in enumerate(by_rank)}
    done = 0
    ordered: list[Turn] = []
    for number in by_rank:
        stack = [number]
        while stack:
            if len(stack) > len(run):
                return run  # they wait for each other: nothing that happened does
            missing = before[stack[-1]] & ~done
            if missing:
                stack.append(min(_bits(missing), key=place.__getitem__))
                continue
            top = stack.pop()
            if not done >> top & 1:
                done |= 1 << top
                ordered.append(run[top])
    return ordered


def _bits(number: int) -> Iterator[int]:
    while number:
        lowest = number & -number
        yield lowest.bit_length() - 1
        number ^= lowest


def _before(run: list[Turn], graph: Graph) -> list[int]:
    """For each turn of a run the turns that have to come before it, as bits."""
    own = {position: number for number, turn in enumerate(run) for position in turn.positions}
    before: dict[int, int] = defaultdict(int)
    found = [0] * len(run)
    for position in graph.walk({}):
        seen = before.pop(position, 0)
        number = own.get(position)
        if number is not None:
            found[number] |= seen & ~(1 << number)
            seen |= 1 << number
        if seen:
            for after in graph.followers[position]:
                before[after] |= seen
    return found
