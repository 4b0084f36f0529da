"""Causal order: one fixed order of what had to happen before what, the same on every run.

Of all orders that respect cause and effect (`causality`), one is taken, by fixed rules that read well: a message is
delivered at once when somebody waits for it, and a thread begins at once; a server goes as far as it can before a
client does its next step; the main thread comes last. What only the clock decides is folded away (`folding`). Where the
program itself races, because several threads move clients, connections take the order of their clients (`turns`), and
connections, threads and children are numbered anew in that order, so that the trace does not tell who won.

The law: pure, from a recording to a recording.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections import defaultdict
from dataclasses import replace

from socketserver_trace.causality import edges_of, messages_of, starts_of
from socketserver_trace.events import RAISE, RECEIVE, RETURN
from socketserver_trace.folding import folded
from socketserver_trace.matching import is_client
from socketserver_trace.recording import CHILD, CLIENT, LANE_KINDS, MAIN, SERVER, THREAD, strand
from socketserver_trace.turns import ONWARD, Graph, Ranks, ends_of, links_of, natural, onward_of, race, runs_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Lane, Recording

TURN: Final = {SERVER: 0, THREAD: 1, CHILD: 1, CLIENT: 2, MAIN: 3}
"""Who goes first where the order is free."""

COUNTED: Final = re.compile(r"(Thread|child) [0-9]+")
"""The names of lanes that are counted, in the order of what they work for."""


def causal_order(recording: Recording) -> Recording:
    """The recording in causal order, without what only the clock decides, and numbered in that order."""
    recording = folded(recording)
    events = recording.events
    ends = ends_of(events)
    flows = [runs_of(events, positions, ends) for positions in _sequences(events)]
    graph = Graph(len(events), itertools.chain(*map(links_of, flows), edges_of(events)))
    movers = {strand(event) for event in events if is_client(event) and "inferred" not in event.detail}
    ranks = race(events, flows, graph) if len(movers) > 1 else Ranks()
    lanes = sorted(recording.lanes, key=_place_of_lane(events, ranks))
    places = {lane.name: place for place, lane in enumerate(lanes)}
    for run in itertools.chain(*flows):
        graph.chain(sorted(run, key=lambda turn: places.get(turn.joins or "", 0)) if run[0].joins else run)
    order = _sorted(events, graph, _turns(lanes, events, places))
    ordered = replace(recording, events=tuple(events[position] for position in order), lanes=tuple(lanes))
    return _numbered(replace(ordered, raced=ranks.raced), ranks)


def _sequences(events: Sequence[Event]) -> Iterable[list[int]]:
    """The positions of each flow of control; a client's steps are also those of the thread that moves it."""
    flows: dict[str, list[int]] = defaultdict(list)
    for position, event in enumerate(events):
        for flow in {event.lane, strand(event)}:
            flows[flow].append(position)
    return flows.values()


def _place_of_lane(events: Sequence[Event], ranks: Ranks) -> Callable[[Lane], tuple[int, ...]]:
    """Where a lane stands: by its kind, and then by the client that it is, that it works for, or that it moves."""
    works_for: dict[str, int | None] = {}
    moves: dict[str, int] = {}
    for event in events:
        if is_client(event):
            moves.setdefault(strand(event), ranks.clients.get(event.lane, 0))
        else:
            works_for.setdefault(event.lane, event.connection)

    def place(lane: Lane) -> tuple[int, ...]:
        kind = LANE_KINDS.index(lane.kind)
        if lane.kind == CLIENT:
            return kind, 0, ranks.clients.get(lane.name, 0)
        if lane.kind in {THREAD, CHILD} and lane.name in works_for:
            return kind, 0, *ranks.of(works_for[lane.name])
        return kind, 1, moves.get(lane.name, 0)

    return place


def _turns(lanes: Sequence[Lane], events: Sequence[Event], places: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Whose turn it is, where the order is free."""
    serving = {event.lane for event in events if event.hook == "get_request"}
    return {lane.name: (TURN[SERVER if lane.name in serving else lane.kind], places[lane.name]) for lane in lanes}


def _sorted(events: Sequence[Event], graph: Graph, turns: Mapping[str, tuple[int, int]]) -> Iterator[int]:
    """The positions in an order that respects every edge; see the rules above."""
    receiver = dict(reversed([*messages_of(events), *starts_of(events)]))
    left = graph.blockers.copy()
    ready = [_turn(events, turns, position) for position in range(len(events)) if not left[position]]
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
        for after in graph.followers[position]:
            left[after] -= 1
            if not left[after]:
                heapq.heappush(ready, _turn(events, turns, after))
        delivered = receiver.get(position)
        if delivered is not None and not left[delivered] and not done[delivered]:
            urgent = delivered


def _turn(
    events: Sequence[Event], turns: Mapping[str, tuple[int, int]], position: int
) -> tuple[bool, tuple[int, int], int]:
    """Steps of a client that nobody else can notice come at once, then whose turn it is, then what came first."""
    event = events[position]
    unnoticed = is_client(event) and (event.phase == RETURN or (event.kind == RECEIVE and event.phase != RAISE))
    return not unnoticed, turns.get(event.lane, (1, 0)), position


def _numbered(recording: Recording, ranks: Ranks) -> Recording:
    """The same with the numbers of connections, threads and children given out anew, in the order of the ranks."""
    numbers = dict(zip(sorted(ranks.connections, key=ranks.of), sorted(ranks.connections), strict=True))
    events: Iterable[Event] = recording.events
    if any(old != new for old, new in numbers.items()):
        events = (replace(event, connection=numbers.get(event.connection or 0, event.connection)) for event in events)
    counted = [lane.name for lane in recording.lanes if COUNTED.fullmatch(lane.name)]
    names = {old: new for old, new in zip(counted, sorted(counted, key=natural), strict=True) if old != new}
    for lane, connection in onward_of(recording.events).items():
        names[lane] = ONWARD.sub(rf"\g<1>{numbers.get(connection, connection)}\g<3>", lane)
    numbered = recording.with_events(events)
    return numbered.relabel(names) if names else numbered
