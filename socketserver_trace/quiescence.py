"""Whether a server has anything left to do, told from its events.

A lane is at rest when it waits for somebody outside, a serving loop for its next connection, a handler for bytes that
nobody has sent yet, when it waits for such a lane, and when it is paused. A trace that is taken while all lanes rest is
the same on every run, so that is when a live trace is shown.

The law: pure, from a recording to an answer.
"""

from __future__ import annotations

from socketserver_trace.events import CONNECT, END, ENTER, JOIN, RAISE, RETURN, SEND, START
from socketserver_trace.folding import without_idle_polls
from socketserver_trace.matching import is_client, match
from socketserver_trace.recording import CHILD, CLIENT, MAIN, strand
from socketserver_trace.waits import polls, waits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


def unsettled(recording: Recording, paused: Collection[str] = ()) -> str | None:
    """A sentence about a lane that is at work; None when the server waits for the world.

    `paused` are the names of the lanes that wait at a breakpoint.
    """
    recording = match(recording)
    events = without_idle_polls(recording.events)
    told = {event.call for event in events}
    # A child that an idle poll has collected is told without that poll, and is nobody's last step.
    last = {event.lane: event for event in events if event.kind != JOIN or event.parent in told or event.parent is None}
    # Whoever sends may be done in a moment, or never: nobody can tell.
    waiting = {wait.lane for wait in waits_of(recording) if wait.lane in last and last[wait.lane].kind != SEND}
    waiting |= {strand(last[lane]) for lane in waiting}  # whoever moves a client waits as that client
    for lane in recording.lanes:
        if lane.kind in {CLIENT, MAIN} or lane.name not in last or lane.name in waiting or lane.name in paused:
            continue
        # The last step of a thread may be any; a child tells its end.
        if last[lane.name].kind != END and (lane.kind == CHILD or not _is_done(last[lane.name])):
            return f"{lane.name} is at work"
        if polls(last[lane.name]) and _untaken(events):
            return f"{lane.name} has not taken yet what a client has sent it"
    if (number := _handed_on(events)) is not None:
        return f"nobody has begun to handle connection {number} yet"
    child = _uncollected(recording, paused)
    return None if child is None else f"{child} has ended, and is about to be collected"


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


def _uncollected(recording: Recording, paused: Collection[str]) -> str | None:
    """A child that has ended, and that a loop which still polls will collect."""
    ends = {event.call for event in recording if event.phase in {RETURN, RAISE}}
    loops = {event.lane for event in recording if event.hook == "serve_forever" and event.phase == ENTER}
    loops -= {event.lane for event in recording if event.hook == "serve_forever" and event.phase != ENTER}
    loops.difference_update(paused)
    forked = {event.detail.get("starts") for event in recording if event.kind == START and event.lane in loops}
    joined = (event for event in recording if event.kind == JOIN)
    collected = {event.detail.get("joins") for event in joined if event.phase != ENTER or event.call in ends}
    ended = (event.lane for event in recording if event.kind == END)
    return next((lane for lane in ended if lane in forked and lane not in collected), None)


def _is_done(last: Event) -> bool:
    return polls(last) or (last.parent is None and last.phase in {RETURN, RAISE})
