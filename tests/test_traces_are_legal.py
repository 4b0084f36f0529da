"""The two halves agree: what the tracer records of real servers is what the lifecycle tables say can happen."""

from __future__ import annotations

import socketserver

import pytest

from socketserver_trace import Trace, serve
from socketserver_trace.events import HOOK, Event
from socketserver_trace.lifecycle.walker import Call, violations
from tests.samples import CALM, SAMPLES, Shout, ShoutDatagram, sample

KINDS = [name for name in socketserver.__all__ if name.endswith("Server") and name != "BaseServer"]


def _outcome(end: Event | None) -> str:
    if end is None:
        return "open"
    if end.phase == "raise":
        base = end.detail.get("error") in {"SystemExit", "KeyboardInterrupt"}
        return "raised base" if base else "raised"
    return "false" if end.hook == "verify_request" and not end.detail.get("result") else "returned"


def calls_of(trace: Trace, lane: str) -> tuple[Call, ...]:
    """The hooks of a lane as the calls that the walker knows."""
    events = [event for event in trace if event.lane == lane and event.kind == HOOK]
    ends = {event.call: event for event in events if event.phase != "enter"}
    entered = [event for event in events if event.phase == "enter"]
    hooks = {event.call for event in entered}

    def inside(parent: int | None) -> tuple[Call, ...]:
        return tuple(
            Call(
                event.hook or "",
                f"{event.provider} of the program" if event.detail.get("own") else event.provider or "",
                str(event.detail["owner"]),
                _outcome(ends.get(event.call)),  # type: ignore[arg-type] # one of the outcomes
                inside(event.call),
            )
            for event in entered
            if (event.parent if event.parent in hooks else None) == parent
        )

    return inside(None)


def check_legal(trace: Trace) -> None:
    """Every lane obeys the grammar."""
    for lane in trace.recording.lanes:
        if lane.kind == "client":
            continue
        kind = "child" if lane.kind == "child" else "handler thread" if lane.name.startswith("Thread") else "thread"
        assert violations(calls_of(trace, lane.name), "hooks", kind) == []  # type: ignore[arg-type] # one of the lanes


@pytest.mark.parametrize("name", SAMPLES)
def test_the_trace_of_every_sample_is_legal(name: str) -> None:
    """Refusals, failures, datagrams and open calls obey the grammar, lane by lane, in both orders."""
    check_legal(sample(name))
    check_legal(sample(name).arrival())


@pytest.mark.parametrize("name", KINDS)
def test_the_trace_of_every_kind_of_server_is_legal(name: str) -> None:
    """Each server class of the running Python makes traces that its own tables allow."""
    kind = getattr(socketserver, name)
    handler = ShoutDatagram if "UDP" in name or "Datagram" in name else Shout
    with serve(kind, handler, timeout=CALM) as served:
        for client_name in ("alice", "bob"):
            with served.client(client_name) as client:
                client.send(b"hello\n")

                assert client.receive() == b"HELLO\n"
    check_legal(served.trace)


def test_a_trace_that_was_tampered_with_is_not_legal() -> None:
    """The walker sees when a step is missing: it is no rubber stamp."""
    trace = sample("one_request")
    tampered = trace.recording.keep(lambda event: event.hook != "verify_request")
    calls = calls_of(Trace(tampered), "server")

    found = violations(calls, "hooks", "thread")
    assert len(found) == 1
    assert "verify_request" in found[0]
