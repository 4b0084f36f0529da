"""Whether a server has anything left to do, told from its events.

A lane is at rest when it waits for somebody outside: a serving loop for its next connection, a handler for bytes that
nobody has sent yet. A trace that is taken while all lanes rest is the same on every run, so that is when a live trace
is shown.

The law: pure, from a recording to an answer.
"""

from __future__ import annotations

from socketserver_trace.causality import without_idle_polls
from socketserver_trace.events import CLOSE, CONNECT, ENTER, HALF_CLOSE, HOOK, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.matching import is_client, match
from socketserver_trace.recording import CLIENT, MAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


def unsettled(recording: Recording) -> str | None:
    """A sentence about a lane that is at work; None when the server waits for the world."""
    recording = match(recording)
    events = without_idle_polls(recording.events)
    sent = given(events)
    last = {event.lane: event for event in events}
    for lane in recording.lanes:
        if lane.kind in {CLIENT, MAIN} or lane.name not in last:
            continue
        if not _rests(last[lane.name], sent):
            return f"{lane.name} is at work"
        if polls(last[lane.name]) and _untaken(events):
            return f"{lane.name} has not taken yet what a client has sent it"
    number = _handed_on(events)
    return None if number is None else f"nobody has begun to handle connection {number} yet"


def unfinished(recording: Recording) -> str | None:
    """A sentence about the innermost calls of the handling lanes that have not ended; None when all have."""
    recording = match(recording)
    opened: dict[str, list[Event]] = {}
    for event in recording.events:
        calls = opened.setdefault(event.lane, [])
        if event.phase == ENTER:
            calls.append(event)
        elif event.phase in {RETURN, RAISE}:
            depth = next((depth for depth, call in enumerate(calls) if call.call == event.call), len(calls))
            del calls[depth:]
    told = [
        _told(lane.name, opened.get(lane.name, ()), recording.events)
        for lane in recording.lanes
        if lane.kind not in {CLIENT, MAIN}
    ]
    return "; ".join(sentence for sentence in told if sentence) or None


def _told(lane: str, calls: Sequence[Event], events: Iterable[Event]) -> str | None:
    hooks = [call for call in calls if call.kind == HOOK and call.hook != "serve_forever"]
    if not hooks:
        return None
    number = hooks[-1].connection
    client = next((event.lane for event in events if is_client(event) and event.connection == number), None)
    who = f" of connection {number}" + (f" ({client})" if client else "")
    waits = ", which waits for bytes from the client" if calls[-1].kind == RECEIVE else ""
    return f"{lane} was still in {hooks[-1].hook}(){who}{waits}"


def _untaken(events: Iterable[Event]) -> bool:
    """Whether a client has connected, or a datagram was sent, and no get_request has returned it."""
    connected = {event.lane for event in events if event.kind == CONNECT and event.phase == RETURN}
    return any(
        event.connection is None
        and (event.lane in connected or (event.kind == SEND and is_client(event) and "address" in event.detail))
        for event in events
    )


def _handed_on(events: Iterable[Event]) -> int | None:
    """A connection that process_request has given to a thread which has not come to its first step."""
    handed: dict[int | None, None] = {}
    begun: set[int | None] = set()
    for event in events:
        if event.hook == "process_request" and event.phase == RETURN:
            handed[event.connection] = None
        elif event.hook in {"process_request_thread", "finish_request", "shutdown_request", "close_request"}:
            begun.add(event.connection)
    return next((number for number in handed if number not in begun), None)


def given(events: Iterable[Event]) -> set[int]:
    """The connections on which a client has sent more than was read, or has said that it is done, unheard."""
    sent: dict[int, int] = {}
    ended: set[int] = set()
    for event in events:
        number = event.connection
        if number is None:
            continue
        if event.kind == SEND and event.phase == ENTER and is_client(event):
            sent[number] = sent.get(number, 0) + (event.size or 0)
        elif event.kind in {CLOSE, HALF_CLOSE} and event.phase == ENTER and is_client(event):
            ended.add(number)
        elif event.kind == RECEIVE and event.phase == RETURN and not is_client(event) and "peek" not in event.detail:
            sent[number] = sent.get(number, 0) - (event.size or 0)
            if not event.size:
                ended.discard(number)
    return ended | {number for number, rest in sent.items() if rest > 0}


def _rests(last: Event, sent: set[int]) -> bool:
    if last.kind == RECEIVE and last.phase == ENTER:
        return last.connection not in sent
    return polls(last) or (last.parent is None and last.phase in {RETURN, RAISE})


def polls(last: Event) -> bool:
    """Whether a serving loop waits for the next connection."""
    return (last.hook, last.phase) in {("serve_forever", ENTER), ("service_actions", RETURN)}
