"""The layout: laws that hold for any events, and the few decisions that a golden file would not explain."""

from __future__ import annotations

import socketserver
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketserver_trace import Trace, serve
from socketserver_trace.diagram import Diagram
from socketserver_trace.events import Event
from socketserver_trace.layout import lay_out
from socketserver_trace.paint import html, mermaid, svg, text
from socketserver_trace.recording import Lane, Recording
from tests.samples import CALM, SAMPLES, Shout, sample

LANES = {"main": "main", "alice": "client", "server": "server", "Thread 1": "thread"}
HOOKS = (
    "serve_forever",
    "get_request",
    "verify_request",
    "process_request",
    "finish_request",
    "__init__",
    "handle",
    "close_request",
)


@st.composite
def recordings(draw: st.DrawFn) -> Recording:
    """Any events at all: calls that nest, raise or stay open, and bytes in every direction, in any lane."""
    events: list[Event] = []
    stacks: dict[str, list[Event]] = {lane: [] for lane in LANES}
    for seq in range(1, draw(st.integers(0, 30)) + 1):
        lane = draw(st.sampled_from(sorted(LANES)))
        stack = stacks[lane]
        connection = draw(st.none() | st.integers(1, 3))
        common: dict[str, object] = {"seq": seq, "time_ns": seq, "lane": lane, "connection": connection, "server": "S"}
        kind = draw(st.sampled_from(["enter", "leave", "send", "receive", "connect", "close", "note", "start"]))
        if kind == "enter" and LANES[lane] != "client":
            owner = draw(st.sampled_from(["server", "handler"]))
            event = Event(
                kind="hook", phase="enter", hook=draw(st.sampled_from(HOOKS)), provider="P", call=seq,
                parent=stack[-1].call if stack else None, detail={"owner": owner, "class": "H"}, **common,  # type: ignore[arg-type] # fields of an event
            )  # fmt: skip
            stack.append(event)
        elif kind == "leave" and stack:
            entered = stack.pop()
            phase = draw(st.sampled_from(["return", "raise"]))
            detail = {"error": "E", "message": "m"} if phase == "raise" else {}
            event = replace(entered, seq=seq, time_ns=seq, phase=phase, detail=detail)
        elif kind in {"enter", "leave"}:
            continue
        else:
            inferred = {"inferred": True} if LANES[lane] == "client" else {}
            parent = stack[-1].call if stack else None
            event = Event(kind=kind, size=draw(st.integers(0, 5)), parent=parent, detail=inferred, **common)  # type: ignore[arg-type] # as above
        events.append(event)
    used = {event.lane for event in events}
    return Recording(tuple(events), tuple(Lane(name, kind) for name, kind in LANES.items() if name in used))


def _check(diagram: Diagram) -> None:
    """What must be true of every diagram."""
    rows, columns = range(len(diagram.rows)), range(len(diagram.columns))
    taken = [step.row for step in diagram.steps] + [arrow.row for arrow in diagram.arrows if arrow.label]
    arrived = {arrow.target_row for arrow in diagram.arrows if arrow.target_row != arrow.row}
    assert len(taken) == len(set(taken)), "two things stand on one row"
    assert {*taken, *arrived} == set(rows)
    for arrow in diagram.arrows:
        assert arrow.row in rows
        assert arrow.column in columns
        assert arrow.target is None or arrow.target in columns
        assert arrow.row <= arrow.target_row < len(rows)
    for bar in diagram.bars:
        assert bar.first <= bar.last < len(rows)
    for one, other in combinations(diagram.bars, 2):
        if (one.column, one.depth) == (other.column, other.depth):
            assert one.last < other.first or other.last < one.first, "two bars lie on each other"
    covered = [number for group in diagram.groups for number in range(group.first, group.last + 1)]
    assert covered == list(columns)


@settings(max_examples=150, deadline=None)
@given(recordings())
def test_any_events_can_be_drawn(recording: Recording) -> None:
    """Whatever happened, each row is one thing, bars do not lie on each other, and each arrow has its ends."""
    diagram = lay_out(recording)

    _check(diagram)
    for painter in (text, svg, mermaid, html):
        assert painter.paint(diagram)


@settings(max_examples=60, deadline=None)
@given(recordings())
def test_other_names_of_lanes_change_nothing_but_names(recording: Recording) -> None:
    """The layout does not look at the names of lanes: relabelled, everything stays in its place."""
    names = {lane: f"renamed {number}" for number, lane in enumerate(LANES)}
    one, other = lay_out(recording), lay_out(recording.relabel(names))

    assert one.bars == other.bars
    assert [(step.row, step.column, step.depth) for step in one.steps] == [
        (step.row, step.column, step.depth) for step in other.steps
    ]


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_obeys_the_laws(name: str) -> None:
    """The laws hold for real conversations too, in both orders."""
    _check(sample(name).diagram())
    _check(sample(name).arrival().diagram())


@pytest.mark.parametrize("name", SAMPLES)
def test_any_selection_can_be_drawn(name: str) -> None:
    """A part of a trace, one lane or one connection, draws as well as the whole."""
    trace = sample(name)
    for lane in trace.lanes:
        _check(trace.select(lane=lane).diagram())
    for connection in trace.connections:
        _check(trace.select(connection=connection).diagram())


def test_an_exception_is_drawn_where_it_was_raised_and_colours_what_it_passes() -> None:
    """One row says the exception; every call that it went through has failed; the ones after it have not."""
    diagram = sample("failures").diagram()
    marked = [step.label for step in diagram.steps if "✗" in step.label]
    failed = {step.label for step in diagram.steps if step.failed and "✗" not in step.label}

    assert marked == ["✗ ValueError"]
    assert failed == {"process_request()", "finish_request()", "__init__()", "setup()", "handle()"}
    assert not next(step for step in diagram.steps if step.label == "handle_error()").failed


def test_a_call_that_has_not_ended_has_an_open_end() -> None:
    """In a trace of a live server the handler that waits, and all calls around it, are open."""
    diagram = sample("still_open").diagram()
    waiting = diagram.steps[-1]
    open_bars = {bar.column for bar in diagram.bars if bar.open}

    assert (waiting.label, waiting.caption, waiting.open) == ("recv()", "waits for bytes from alice", True)
    assert len(open_bars) == 3
    assert all(bar.last == len(diagram.rows) - 1 for bar in diagram.bars if bar.open)


def test_bytes_that_arrive_later_have_a_row_at_each_end() -> None:
    """Bytes that wait for their reader leave on one row and arrive on another."""
    diagram = sample("threads").arrival().diagram()

    assert all(arrow.target is not None for arrow in diagram.arrows if arrow.kind == "bytes")


def test_many_clients_and_threads_share_their_places() -> None:
    """With a crowd, a client or thread that begins when another is over takes its place, and words still name it."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        for number in range(20):
            with served.client("alice") as client:
                client.send(b"%d\n" % number)
                client.receive_all()
    diagram = served.trace.diagram()

    assert len(diagram.columns) < 10
    assert [row.actor for row in diagram.rows if row.text.endswith("connect → server")][:3] == [
        "alice",
        "alice 2",
        "alice 3",
    ]
    assert {row.actor for row in diagram.rows} >= {f"Shout in Thread {number}" for number in range(1, 21)}
    _check(diagram)


def test_an_empty_trace_is_an_empty_drawing() -> None:
    """Where nothing happened, the drawing says so, in every form."""
    empty = Trace(Recording())

    assert empty.text() == "nothing happened\n"
    assert "nothing happened" in empty.svg()
    assert empty.mermaid() == "sequenceDiagram\n    autonumber\n"


def test_a_selection_of_what_a_handler_did_is_named_by_who_is_in_it() -> None:
    """A drawing in which there is neither a client nor a server has a title, too."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served, served.client("alice") as client:
        client.send(b"hello\n")
        client.receive_line()

    assert served.trace.select(lane="Thread 1", kind="send").text().startswith("Thread 1\n")
    assert served.trace.select(hook="handle").diagram().title == "Thread 1"
