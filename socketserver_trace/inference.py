"""Clients that did not record themselves, from what the server saw of them.

`nc`, `curl`, a browser or another machine appear in the picture too: whoever was accepted has connected before, the
bytes that were received have been sent, and the end of file means that the client will send no more. That the bytes of
the server were read is only assumed. Every event made here says so: `inferred` is in its detail, and its lane is
marked.

The law: pure, from a recording to a recording. Inferred events are never written to a file.
"""

from __future__ import annotations

from dataclasses import replace

from socketserver_trace.events import CONNECT, ENTER, HALF_CLOSE, RECEIVE, RETURN, SEND, Event
from socketserver_trace.matching import accepted_connections, is_client
from socketserver_trace.recording import CLIENT, LANE_KINDS, Lane, Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from socketserver_trace.recording import Recording


def infer_clients(recording: Recording) -> Recording:
    """The recording with a client for every connection that has none."""
    names = _names(recording)
    if not names:
        return recording
    clients = tuple(Lane(name, CLIENT, inferred=True) for name in dict.fromkeys(names.values()))
    lanes = sorted((*recording.lanes, *clients), key=lambda lane: LANE_KINDS.index(lane.kind))
    return replace(recording, events=tuple(_with_inferred(recording, names)), lanes=tuple(lanes))


def _names(recording: Recording) -> dict[int, str]:
    """A name for the client of each connection without one; the datagrams of one address have one client."""
    known = {event.connection for event in recording if is_client(event)}
    new = Names(lane.name for lane in recording.lanes)
    names: dict[int, str] = {}
    addresses: dict[str, str] = {}
    for accepted in accepted_connections(recording.events):
        if accepted.connection in known:
            continue
        name = addresses.get(accepted.address) if accepted.datagram is not None else None
        if name is None:
            name = new.new("client", numbered=True)
            addresses[accepted.address] = name
        names[accepted.connection] = name
    return names


def _with_inferred(recording: Recording, names: dict[int, str]) -> Iterator[Event]:
    numbers = {event.call: event.connection for event in recording if event.hook == "get_request" and event.connection}
    numbers.pop(None, None)
    streams = {one.connection for one in accepted_connections(recording.events) if one.datagram is None}
    for event in recording:
        connection = numbers.get(event.call) if event.hook == "get_request" else event.connection
        name = names.get(connection) if connection is not None else None
        if name is None or connection is None:
            yield event
            continue
        yield from _before(event, name, connection, stream=connection in streams)
        yield event
        if event.kind == SEND and event.phase == ENTER:
            yield inferred(event, name, connection, RECEIVE, event.data, event.size)


def _before(event: Event, name: str, connection: int, *, stream: bool) -> Iterator[Event]:
    if event.hook == "get_request" and event.phase == ENTER and stream:
        yield inferred(event, name, connection, CONNECT, None, None)
    elif event.kind == RECEIVE and event.phase == RETURN and "peek" not in event.detail:
        kind = SEND if event.size or not stream else HALF_CLOSE
        yield inferred(event, name, connection, kind, event.data, event.size)


def inferred(event: Event, name: str, connection: int, kind: str, data: bytes | None, size: int | None) -> Event:
    """What the client of this name did, known from this event of the server."""
    return Event(
        seq=event.seq,
        time_ns=event.time_ns,
        lane=name,
        kind=kind,
        server=event.server,
        connection=connection,
        data=data if kind != HALF_CLOSE else None,
        size=size if kind != HALF_CLOSE else None,
        detail={"inferred": True},
    )
