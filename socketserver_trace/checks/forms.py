"""`well_formed(trace)`: whether a socketserver could have made this trace, and the first event that it could not.

A trace is looked at in two ways. Each lane is a machine: its calls are sentences of the grammar of the lifecycle
(`lifecycle.walker`), and they are nested as calls are. Each connection is another: it begins with the return of
`get_request`, bytes move and hooks run only after that, and a thread or a child does nothing before it was started.
What the program's own overrides do is free, and what a capped recorder let go is missed by nobody.

The law: pure; a trace that somebody has edited is judged as any other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from socketserver_trace.checks.scope import scope_of
from socketserver_trace.checks.verdicts import Verdict
from socketserver_trace.events import END, ENTER, HOOK, RETURN, START
from socketserver_trace.lifecycle.walker import Call as Walked
from socketserver_trace.lifecycle.walker import faults
from socketserver_trace.matching import is_client
from socketserver_trace.recording import CHILD, CLIENT, THREAD, strand
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from socketserver_trace.events import Event
    from socketserver_trace.lifecycle.grammar import Lane as LaneKind
    from socketserver_trace.lifecycle.grammar import Outcome
    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.recording import Lane, Recording

CLAIMED = "a socketserver can have made this trace"


@dataclass(frozen=True)
class Wrong:
    """An event that should not be there, and why."""

    event: Event
    sentence: str


def well_formed(trace: object) -> Verdict:
    """Whether any socketserver could have made this trace; false with the first event that none could.

    `trace` is a trace or a recording, whole. TypeError for anything else.
    """
    scope = scope_of(getattr(trace, "whole", trace))  # of a selection, what it was selected from
    recording = scope.recording
    lanes = {lane.name for lane in recording.lanes}
    strays = (event for event in recording.events if event.lane not in lanes)
    places = {id(event): place for place, event in enumerate(recording.events)}
    wrong = [
        *(Wrong(event, f"{_name(event)} happened in {safe(event.lane)}, which is no lane") for event in strays),
        *_of_calls(recording),
        *_of_connections(recording),
        *_of_starts(recording),
        *_of_lanes(recording, scope.calls),
    ]
    first = min(wrong, key=lambda one: places[id(one.event)], default=None)
    if first is None:
        return Verdict(
            holds=True, claimed=CLAIMED, found="every lane and every connection obeys the lifecycle", scope=scope
        )
    return Verdict(holds=False, claimed=CLAIMED, found=first.sentence, scope=scope, at=first.event)


# --- Calls: each end has its beginning, and they are nested ---------------------------------------


def _of_calls(recording: Recording) -> Iterator[Wrong]:
    stacks: dict[tuple[str, str], list[Event]] = defaultdict(list)
    ended: set[int | None] = set()
    known: set[int | None] = {None}
    for event in recording.events:
        if event.parent not in known and not recording.dropped:
            yield Wrong(event, f"{_name(event)} began inside a call that is not in this trace")
            known.add(event.parent)
        if event.call is None or event.phase is None:
            continue
        known.add(event.call)
        stack = stacks[event.lane, strand(event)]  # a client may be moved by several threads at once
        if event.phase == ENTER:
            yield from _begins(event, stack)
            stack.append(event)
            continue
        depth = next((place for place in reversed(range(len(stack))) if stack[place].call == event.call), None)
        if depth is not None and stack[depth].hook != event.hook:
            yield Wrong(event, f"{_name(event)} is the end of what began as {_name(stack[depth])}")
        elif event.call in ended:
            yield Wrong(event, f"{_name(event)} ended twice")
        elif depth is None and not recording.dropped:
            yield Wrong(event, f"{_name(event)} ended in {safe(event.lane)} without having begun there")
        elif depth is not None:
            if depth < len(stack) - 1:
                yield Wrong(event, f"{_name(event)} ended while {_name(stack[-1])} inside it had not")
            del stack[depth:]
        ended.add(event.call)


def _begins(event: Event, stack: list[Event]) -> Iterator[Wrong]:
    around = stack[-1].call if stack else None
    if event.parent is not None and event.parent != around and any(one.call == event.parent for one in stack):
        yield Wrong(event, f"{_name(event)} began inside a call in which {_name(stack[-1])} had not ended")


# --- Connections: nothing before they were accepted, and by whom ----------------------------------


def _of_connections(recording: Recording) -> Iterator[Wrong]:
    if recording.dropped:
        return
    accepted: set[int | None] = {None}
    # A datagram is received inside get_request, and knows its connection from the end of it.
    taking = {event.call for event in recording.events if event.hook == "get_request"}
    for event in recording.events:
        if is_client(event) or event.parent in taking:
            continue
        if event.hook == "get_request" and event.phase == RETURN:
            if event.connection is not None and event.connection in accepted:
                yield Wrong(event, f"get_request() returned connection {event.connection} a second time")
            accepted.add(event.connection)
        elif event.hook != "get_request" and event.connection not in accepted:
            yield Wrong(event, f"{_name(event)} of connection {event.connection} came before get_request() returned it")
            accepted.add(event.connection)


# --- Starts: nobody does anything before he was started, or after his end -------------------------


def _of_starts(recording: Recording) -> Iterator[Wrong]:
    starts = {event.detail.get("starts") for event in recording.events if event.kind == START}
    begun: set[object] = set()
    over: set[str] = set()
    processed: set[int | None] = {None}
    for event in recording.events:
        if event.hook == "process_request":
            processed.add(event.connection)
        elif event.hook == "process_request_thread" and event.connection not in processed and not recording.dropped:
            yield Wrong(event, "process_request_thread() began before process_request() of the same connection")
            processed.add(event.connection)
        if event.kind == START:
            begun.add(event.detail.get("starts"))
        elif event.kind == END:
            over.add(event.lane)
        elif event.lane in starts and event.lane not in begun and not is_client(event):
            yield Wrong(event, f"{_name(event)} happened in {safe(event.lane)} before that was started")
            begun.add(event.lane)
        elif event.lane in over:
            yield Wrong(event, f"{_name(event)} happened in {safe(event.lane)} after that had ended")
            over.discard(event.lane)


# --- Lanes: the grammar ---------------------------------------------------------------------------


def _of_lanes(recording: Recording, calls: Iterable[Call]) -> Iterator[Wrong]:
    hooks: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.enter.kind == HOOK:
            hooks[call.lane].append(call)
    for lane in recording.lanes:
        if lane.kind != CLIENT:
            yield from _of_lane(hooks[lane.name], "thread" if recording.dropped else _kind(lane, hooks[lane.name]))


def _of_lane(calls: list[Call], kind: LaneKind) -> Iterator[Wrong]:
    made: dict[int, Call] = {}
    tops = [_walked(call, made) for call in calls if not any(above.enter.kind == HOOK for above in call.above())]
    for fault in faults(tops, "hooks", kind):
        call = made[id(fault.call)]
        yield Wrong(call.end if fault.at_end and call.end is not None else call.enter, fault.sentence)


def _walked(call: Call, made: dict[int, Call]) -> Walked:
    provider = f"{call.provider} of the program" if call.own else call.provider
    children = tuple(_walked(child, made) for child in call.children if child.enter.kind == HOOK)
    walked = Walked(call.hook, provider, call.owner, _outcome(call), children)
    made[id(walked)] = call
    return walked


def _outcome(call: Call) -> Outcome:
    if call.end is None:
        return "open"
    if call.raised:
        return "raised base" if call.error in BASE else "raised"
    return "false" if call.hook == "verify_request" and not call.result else "returned"


BASE = frozenset({"SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"})
"""The exceptions that are no Exception, as far as their names say so."""


def _kind(lane: Lane, calls: list[Call]) -> LaneKind:
    if lane.kind == CHILD and not any(call.hook == "get_request" for call in calls):
        return (
            "child"  # one that accepts is no child of ForkingMixIn: it was forked to serve, and does what a loop does
        )
    works = any(call.hook == "process_request_thread" for call in calls)
    return "handler thread" if lane.kind == THREAD and works else "thread"


def _name(event: Event) -> str:
    return f"{event.hook}()" if event.kind == HOOK else f"a {event.kind.replace('_', '-')}"
