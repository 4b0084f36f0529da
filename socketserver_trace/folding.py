"""What the clock alone decides, folded away: how often a loop polled, and when it noticed that something had ended.

Three things happen in every run, and nobody can say when. An idle loop calls `service_actions` as often as the time
allows; such polls are left out. A loop that spins, because its socket is closed or descriptors are short, fails at
`get_request` thousands of times; the first few stand for all. And whoever waits for an end finds it sooner or later:
a join that is over is one event, whether anybody had to wait or not, and a child that a polling loop collects is
collected as such, no matter at which poll, or whether only `server_close` came round to it.

The law: pure, from a recording to a recording; only what carries nothing but the moment is left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from socketserver_trace.events import END, ENTER, HOOK, JOIN, RAISE, RETURN, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording

SPIN: Final = 5
"""How many times in a row a loop may fail to get a request, before the following times are left out."""


def folded(recording: Recording) -> Recording:
    """The recording without what only the clock decides."""
    events = _joins_as_one(recording.events)
    events = _collected(events)
    return recording.with_events(_without_spinning(without_idle_polls(events)))


def without_idle_polls(events: Iterable[Event]) -> list[Event]:
    """The events without the calls of service_actions in which nothing happened.

    A serving loop calls it after each request, and whenever nobody came for `poll_interval` seconds; how often that is
    depends on the clock only.
    """
    events = list(events)
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
    for event in reversed(events):  # one that fails ends the loop, and so do those around the one in which it began
        if event.phase == RAISE and event.call in idle and event.parent not in idle:
            idle.discard(event.call)
    return [event for event in events if event.call is None or event.call not in idle]


def _joins_as_one(events: Sequence[Event]) -> list[Event]:
    """A join that is over is one event; one in a call that still waits for others is not told yet."""
    ended = {event.call for event in events if event.phase in {RETURN, RAISE}}
    entered = {event.call for event in events if event.phase == ENTER}
    over = {event.call for event in events if event.kind == JOIN and event.phase == RETURN} - {None}
    kept: list[Event] = []
    for event in events:
        if event.kind != JOIN or event.phase == RAISE or (event.phase == ENTER and event.call not in over):
            kept.append(event)
        elif event.phase != ENTER and (event.parent in ended or event.parent not in entered):
            kept.append(replace(event, phase=None, call=None))
    return kept


def _collected(events: Sequence[Event]) -> list[Event]:
    """That a polling loop's child was collected is told where it ended, and not where it was found."""
    polled = set(_forked_by_a_loop(events))
    found = {event.detail.get("joins") for event in events if event.kind == JOIN and event.phase is None} & polled
    return [
        replace(event, detail={**event.detail, "collected": True})
        if event.kind == END and event.lane in found
        else event
        for event in events
        if not (event.kind == JOIN and event.phase is None and event.detail.get("joins") in polled)
    ]


def _forked_by_a_loop(events: Iterable[Event]) -> Iterator[str]:
    """The lanes of the children that were forked inside serve_forever."""
    entered: dict[int | None, Event] = {}
    for event in events:
        if event.phase == ENTER:
            entered[event.call] = event
        elif event.kind == START and event.hook == "fork":
            around: Event | None = entered.get(event.parent)
            while around is not None and around.hook != "serve_forever":
                around = entered.get(around.parent)
            if around is not None:
                yield str(event.detail.get("starts"))


def _without_spinning(events: list[Event]) -> list[Event]:
    """A loop that fails to get a request again and again: what follows the first few times is left out."""
    failed = {event.call: event for event in events if event.hook == "get_request" and event.phase == RAISE}
    in_a_row: Counter[str] = Counter()
    spins: set[int | None] = set()
    for event in events:
        if event.phase != ENTER:
            continue
        if event.hook == "get_request":
            in_a_row[event.lane] = in_a_row[event.lane] + 1 if event.call in failed else 0
        spinning = event.hook in {"get_request", "service_actions"} and in_a_row[event.lane] > SPIN
        if spinning or event.parent in spins:
            spins.add(event.call)
    spins.discard(None)
    return [event for event in events if event.call not in spins and event.parent not in spins]
