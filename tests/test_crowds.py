"""Many at once: one trace for all runs, nothing lost, nothing twice, nothing that grows, and children that are killed.

`SOAK=200` in the environment makes each law hold in as many runs as it names (`make soak`); without it there are few.
"""

from __future__ import annotations

import os
import random
import signal
import socketserver
from collections import Counter
from typing import Any

import pytest

from socketserver_trace import Trace, serve, sockets
from socketserver_trace.channels import ROOM, SLOT, SLOTS, Channel, room
from socketserver_trace.forks import KEPT_ROOMS, family
from socketserver_trace.matching import is_client
from tests.crowds import CALM, KINDS, at_once, crowd, form
from tests.helpers import BaseShout
from tests.test_determinism import busy_machine  # noqa: F401 - a fixture
from tests.test_traces_are_legal import check_legal

SOAK = int(os.environ.get("SOAK", "0"))
RUNS = {1: SOAK or 10, 4: SOAK or 10, 50: SOAK or 2}
CLIENTS = 32
REQUESTS = CLIENTS * (313 if SOAK else 20)

pytestmark = [
    pytest.mark.slow,
    # The standard library's own, from Python 3.12 on: a server whose loop runs in a thread forks.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.mark.parametrize("clients", RUNS)
@pytest.mark.parametrize("kind", KINDS)
def test_clients_that_race_give_one_trace(kind: str, clients: int) -> None:
    """However the system lets them take turns, the trace of the same program is the same, and legal."""
    traces = [crowd(kind, clients) for _ in range(RUNS[clients])]

    assert len(set(map(form, traces))) == 1
    check_legal(traces[0])


@pytest.mark.parametrize("kind", KINDS)
def test_clients_that_race_give_one_trace_on_a_busy_machine(kind: str, busy_machine: None) -> None:  # noqa: F811 - the fixture
    """It is the same, too, when two other processes take all the time that they can get."""
    assert len({form(crowd(kind, 4)) for _ in range(SOAK or 10)}) == 1


def _ask(served: Any, name: str, requests: int) -> None:
    for number in range(requests):
        with served.client(f"{name} {number}") as client:
            client.send(b"%d" % number)
            assert client.receive_all() == b"%d" % number


def _many_requests(kind: str, requests: int, **options: Any) -> Any:
    """A server, stopped, of which 32 clients at once have asked so many things."""
    line = type("Line", (getattr(socketserver, kind),), {"request_queue_size": CLIENTS})
    with serve(line, BaseShout, timeout=CALM, **options) as served:
        at_once([lambda name=f"client {one}": _ask(served, name, requests // CLIENTS) for one in range(CLIENTS)])  # type: ignore[misc] # bound now
    return served


ONCE = ["get_request", "verify_request", "process_request", "finish_request", "__init__", "setup", "handle", "finish",
        "shutdown_request"]  # fmt: skip


@pytest.mark.parametrize("kind", ["ThreadingTCPServer", pytest.param("ForkingTCPServer", marks=needs_fork)])
def test_no_event_is_lost_and_none_comes_twice(kind: str) -> None:
    """Each of thousands of requests has every hook of its life once, each enter has its end, each byte arrives."""
    trace = _many_requests(kind, REQUESTS, cap=None).trace.arrival()
    hooks = Counter(
        (event.hook, event.connection) for event in trace if event.kind == "hook" and event.phase == "enter"
    )
    enters = Counter(event.call for event in trace if event.phase == "enter")
    ends = Counter(event.call for event in trace if event.phase in {"return", "raise"})
    lost = [event for event in trace if event.kind == "fault"]
    moved: Counter[tuple[str, str | None, bool]] = Counter()
    for event in trace:
        moved[event.kind, event.phase, is_client(event)] += event.size or 0

    assert trace.connections == tuple(range(1, REQUESTS + 1))
    assert {hooks[hook, number] for hook in ONCE for number in trace.connections} == {1}
    assert enters == ends
    assert lost == []
    assert moved["send", "enter", True] == moved["receive", "return", False] > 0
    assert moved["send", "enter", False] == moved["receive", "return", True] > 0


@pytest.mark.parametrize("kind", ["ThreadingTCPServer", pytest.param("ForkingTCPServer", marks=needs_fork)])
def test_nothing_grows_when_the_recorder_is_capped(kind: str) -> None:
    """After thousands of requests there is what the cap allows, and no child, room, socket or connection more."""
    served = _many_requests(kind, REQUESTS, cap=1000)
    recorder, source = served.recorder, served._source

    assert len(recorder.records) <= recorder.limit + 6 * 100
    assert recorder.dropped > REQUESTS
    assert sum("inferred" not in event.detail for event in served.trace.arrival()) == 1000
    assert (source.connections, dict(sockets.attachments)) == ({}, {})
    assert (family.children, family.flows) == ([], {})
    assert len(family.rooms) <= KEPT_ROOMS


class Chatter(socketserver.BaseRequestHandler):
    """Sends one byte after the other, for ever."""

    def handle(self) -> None:
        while True:
            self.request.sendall(b".")


@needs_fork
def test_a_child_that_is_killed_at_any_moment_leaves_a_whole_trace() -> None:
    """What it had reached is there, each byte that arrived as well, and then the signal; the parent goes on."""
    chance = random.Random(2026)  # noqa: S311 - a fixed choice of moments
    for _ in range(SOAK or 10):
        with serve(socketserver.ForkingTCPServer, Chatter, timeout=CALM) as served:
            with served.client("alice") as alice:
                wanted = chance.choice([0, 0, 1, 2, 3, 10, 100, 1000])
                alice.receive_exactly(wanted)
                served.wait_for("service_actions", connection=None, timeout=CALM)
                (child,) = served.server.active_children
                os.kill(child, signal.SIGKILL)
        trace = served.trace
        _check_killed(trace, wanted)


def _check_killed(trace: Trace, wanted: int) -> None:
    child = [event for event in trace if event.lane == "child 1"]
    sent = [event for event in child if event.kind == "send" and event.phase == "enter"]

    assert [(event.kind, event.detail["signal"]) for event in child if event.kind == "end"] == [("end", "SIGKILL")]
    assert child[-1].kind == "end"
    assert len(sent) >= wanted
    assert [event for event in trace if event.kind == "fault"] == []
    check_legal(trace)


def test_a_full_channel_lets_go_and_counts() -> None:
    """What there is no room for is counted, what was written before is whole, and half full it is crowded."""
    memory = room()
    channel = Channel.of(memory)
    written = 0
    crowded_at = None
    while channel.write(b"%07d" % written + b"x" * 4000):
        written += 1
        if crowded_at is None and channel.crowded:
            crowded_at = written
    read = [int(data[:7]) for data in channel.read()]

    assert read == list(range(written))
    assert channel.lost == 1
    assert crowded_at is not None
    assert abs(crowded_at - written // 2) <= 1
    assert channel.write(b"again")
    assert list(channel.read()) == [b"again"]
    assert len(memory) == ROOM + SLOTS * SLOT
    memory.close()


@needs_fork
def test_a_child_that_says_very_much_leaves_out_bytes_first() -> None:
    """When nobody reads for long, the events of a child come without their bytes, but they come."""
    sends = 3000

    class Talker(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            for _ in range(sends):
                self.request.sendall(b"x" * 4096)

    class Line(socketserver.ForkingTCPServer):
        def service_actions(self) -> None:
            """Collect nobody, so that nothing is read either."""

    with serve(Line, Talker, timeout=CALM) as served, served.client("alice") as alice:
        assert len(alice.receive_all()) == sends * 4096
    sent = [
        event for event in served.trace if event.lane == "child 1" and event.kind == "send" and event.phase == "enter"
    ]

    assert [event.size for event in sent] == [4096] * sends
    assert {len(event.data or b"") for event in sent} == {4096, 0}
    assert served.trace.select(kind="fault").text() == "nothing happened\n"
