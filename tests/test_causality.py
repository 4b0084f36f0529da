"""Causal order: the same events give the same order, however the system let them arrive."""

from __future__ import annotations

import functools
import itertools
from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketserver_trace import Trace, causality, ordering
from socketserver_trace.events import Event
from socketserver_trace.folding import folded, without_idle_polls
from socketserver_trace.inference import infer_clients
from socketserver_trace.matching import match
from socketserver_trace.ordering import causal_order
from socketserver_trace.recording import Lane, Recording
from socketserver_trace.turns import ends_of, runs_of
from tests.samples import SAMPLES, sample


@functools.cache
def _recorded(name: str) -> Recording:
    return infer_clients(match(sample(name)._recorded))


def _edges(events: list[Event]) -> list[tuple[int, int]]:
    flows = [runs_of(events, positions, ends_of(events)) for positions in ordering._sequences(events)]
    steps = [turn.positions for runs in flows for run in runs for turn in run]
    in_a_flow = [pair for positions in ordering._sequences(events) for pair in itertools.pairwise(positions)]
    assert sorted(itertools.chain(*steps)) == sorted(itertools.chain(*ordering._sequences(events)))
    return [*in_a_flow, *causality.edges_of(events)]


def _another_arrival(events: list[Event], choose: st.DataObject) -> list[Event]:
    """The same events in another order that could have been: one that respects what had to happen before what."""
    blockers: dict[int, set[int]] = defaultdict(set)
    for before, after in _edges(events):
        blockers[after].add(before)
    for position, event in enumerate(events[:-1]):
        if "inferred" in event.detail:  # inferred events stand beside their witness
            blockers[position + 1] |= {position}
    chance = choose.draw(st.randoms(use_true_random=False))
    left = set(range(len(events)))
    order: list[int] = []
    while left:
        order.append(chance.choice([position for position in sorted(left) if not blockers[position] & left]))
        left.discard(order[-1])
    return [replace(events[position], time_ns=time) for time, position in enumerate(order)]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "inferred"])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_the_order_of_arrival_does_not_matter(name: str, data: st.DataObject) -> None:
    """Any arrival that respects cause and effect gives the same causal order."""
    recording = _recorded(name)
    events = list(folded(recording).events)
    arrived = _another_arrival(events, data)

    ordered = causal_order(recording.with_events(arrived))

    expected = causal_order(recording.with_events(events))
    assert [replace(event, time_ns=0) for event in ordered] == [replace(event, time_ns=0) for event in expected]


@pytest.mark.parametrize("name", SAMPLES)
def test_causal_order_respects_every_edge_and_loses_nothing(name: str) -> None:
    """What had to happen before something stands before it, and every event is there once."""
    recording = _recorded(name)
    events = list(folded(recording).events)
    ordered = list(causal_order(recording).events)
    place = {(event.seq, event.kind): number for number, event in enumerate(ordered)}
    position = [place[event.seq, event.kind] for event in events]

    assert len(ordered) == len(events)
    assert sorted(position) == list(range(len(events)))
    assert all(position[before] < position[after] for before, after in _edges(events))


def test_arrival_order_is_the_order_of_the_clock() -> None:
    """In the order of arrival the events stand as they were recorded, and the drawing says so."""
    trace = sample("threads").arrival()
    recorded = [event.seq for event in trace if "inferred" not in event.detail]

    assert recorded == sorted(recorded)
    assert "In the order of arrival: as the clock saw it on this run." in trace.text()


def _event(seq: int, lane: str, hook: str, phase: str, call: int, parent: int | None = None, **more: object) -> Event:
    return Event(seq=seq, time_ns=seq, lane=lane, kind="hook", phase=phase, hook=hook, call=call, parent=parent, **more)  # type: ignore[arg-type] # fields of an event


def test_idle_polls_are_folded() -> None:
    """Of the calls of service_actions the ones after a request stay, and the idle ones go, with what they call."""
    events = [
        _event(1, "server", "service_actions", "enter", 1),
        _event(2, "server", "collect_children", "enter", 2, 1),
        _event(3, "server", "collect_children", "return", 2, 1),
        _event(4, "server", "service_actions", "return", 1),
        _event(5, "server", "get_request", "enter", 5),
        _event(6, "server", "get_request", "return", 5, connection=1),
        _event(7, "server", "service_actions", "enter", 7),
        _event(8, "server", "service_actions", "return", 7),
        _event(9, "server", "service_actions", "enter", 9),
        _event(10, "server", "service_actions", "return", 9),
    ]

    assert [event.seq for event in without_idle_polls(events)] == [5, 6, 7, 8]


def test_a_poll_that_fails_is_not_idle() -> None:
    """It ends the loop, so it stays, with what failed in it; what went well in it before is as idle as ever."""
    events = [
        _event(1, "server", "service_actions", "enter", 1),
        _event(2, "server", "service_actions", "return", 1),
        _event(3, "server", "service_actions", "enter", 3),
        _event(4, "server", "collect_children", "enter", 4, 3),
        _event(5, "server", "collect_children", "return", 4, 3),
        _event(6, "server", "collect_children", "enter", 6, 3),
        _event(7, "server", "collect_children", "raise", 6, 3),
        _event(8, "server", "service_actions", "raise", 3),
    ]

    assert [event.seq for event in without_idle_polls(events)] == [3, 6, 7, 8]


def test_a_poll_in_which_bytes_move_is_not_idle() -> None:
    """A service_actions that sends something stays, though nobody came."""
    sent = Event(seq=2, time_ns=2, lane="server", kind="send", phase="enter", hook="send", call=2, parent=1)
    events = [
        _event(1, "server", "service_actions", "enter", 1),
        sent,
        replace(sent, seq=3, phase="return"),
        _event(4, "server", "service_actions", "return", 1),
    ]

    assert without_idle_polls(events) == events


def test_bytes_follow_their_place_in_the_stream() -> None:
    """A receive depends on every send whose bytes it returns, and on no other."""

    def moved(seq: int, kind: str, lane: str, size: int, phase: str) -> Event:
        detail = {"thread": "main"} if lane == "alice" else {}
        return Event(
            seq=seq,
            time_ns=seq,
            lane=lane,
            kind=kind,
            phase=phase,
            hook=kind,
            connection=1,
            call=seq,
            size=size,
            detail=detail,
        )

    events = [
        moved(1, "send", "alice", 3, "enter"),
        moved(2, "send", "alice", 3, "enter"),
        moved(3, "send", "alice", 3, "enter"),
        moved(4, "receive", "server", 2, "return"),
        moved(5, "receive", "server", 5, "return"),
        moved(6, "receive", "server", 2, "return"),
    ]

    assert list(causality.messages_of(events)) == [(0, 3), (0, 4), (1, 4), (2, 4), (2, 5)]


def test_the_order_is_quick_for_many_lanes() -> None:
    """A trace of thousands of threads is put in order (a search through all lanes for each event would not end)."""
    events: list[Event] = []
    lanes = [Lane("server", "server")]
    for number in range(1, 4001):
        lane = Lane(f"Thread {number}", "thread")
        lanes.append(lane)
        for phase in ("enter", "return"):
            events.append(
                _event(len(events) + 1, lane.name, "process_request_thread", phase, number, connection=number)
            )

    ordered = causal_order(Recording(tuple(events), tuple(lanes)))

    assert len(ordered) == len(events)


def test_an_unknown_order_is_refused() -> None:
    """Only the two orders exist."""
    with pytest.raises(ValueError, match="'causal' or 'arrival', not 'alphabetical'"):
        Trace(Recording(), order="alphabetical")
