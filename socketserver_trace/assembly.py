"""From what a recorder appended to a recording that can be read.

Here the flat records become events: calls are paired and nested by replaying each flow's stack, flows become lanes with
names that do not depend on the system, and payloads become plain details. It is done when somebody asks, on a copy,
while the server goes on recording.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from dataclasses import replace

from socketserver_trace import recording
from socketserver_trace.events import (
    CONNECT,
    END,
    ENTER,
    FAULT,
    HOOK,
    JOIN,
    KERNEL,
    NOTE,
    RAISE,
    RECEIVE,
    SEND,
    START,
    Event,
)
from socketserver_trace.lifecycle.hooks import SERVER_HOOKS
from socketserver_trace.recorder import WIDTH
from socketserver_trace.recording import Lane, Names, Recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    from socketserver_trace.events import Scalar
    from socketserver_trace.recorder import Flow, Meaning, Recorder, Source

    Record = tuple[int, Flow, Source, Meaning, int | None, Any]


def assemble(recorder: Recorder) -> Recording:
    """Everything that the recorder has kept so far, in the order of arrival."""
    flat, dropped = recorder.snapshot()
    records: list[Record] = list(zip(*(iter(flat),) * WIDTH, strict=True))
    if any(record[1].process is not None for record in records):
        records.sort(key=lambda record: record[0])  # what a child has written is taken over later than it happened
    lanes = _lanes(records)
    stacks: dict[object, list[tuple[int, Meaning]]] = defaultdict(list)
    names: dict[object, str] = {flow: lane.name for flow, lane in lanes.items()}
    # Whoever joins a thread names it by its flow, or, where that is not known yet, by its weak reference.
    for flow, lane in lanes.items():
        names |= {id(flow): lane.name, id(flow.thread): lane.name}
    names.pop(id(None), None)
    events = [
        event_of(dropped + number, record, names, stacks[stack_of(record)])
        for number, record in enumerate(records, start=1)
    ]
    return Recording(tuple(_with_numbers(events)), tuple(lanes.values()), dropped)


def stack_of(record: Record) -> object:
    """What keeps the open calls of a record: its flow. A client may be moved by several threads at once."""
    flow, meaning, payload = record[1], record[3], record[5]
    return (flow, payload[0]) if meaning.owner == "client" else flow


def event_of(seq: int, record: Record, names: Mapping[object, str], stack: list[tuple[int, Meaning]]) -> Event:
    """One record as an event. `stack` has the open calls of its flow, and is left as the next event of it needs it.

    `names` has the lane of each flow, by the flow, by its identity and by that of the reference to its thread.
    """
    time_ns, flow, source, meaning, connection, payload = record
    call, parent = _place(seq, meaning, stack)
    data, size, detail = _told(meaning, payload, names)
    return Event(
        seq=seq,
        time_ns=time_ns,
        lane=names[flow],
        kind=meaning.kind,
        phase=meaning.phase,
        hook=meaning.hook,
        provider=meaning.provider,
        server=source.name,
        connection=connection if _has_connection(meaning) else None,
        call=call,
        parent=parent,
        data=data,
        size=size,
        detail=detail,
    )


def _place(seq: int, meaning: Meaning, stack: list[tuple[int, Meaning]]) -> tuple[int | None, int | None]:
    """The call that the event belongs to, and the call around it. A call's number is the seq of its enter."""
    if meaning.phase == ENTER:
        parent = stack[-1][0] if stack else None
        stack.append((seq, meaning))
        return seq, parent
    if meaning.kind == END:
        stack.clear()  # whatever its process was doing ended with it
    if meaning.phase is None:
        return None, stack[-1][0] if stack else None
    for depth in reversed(range(len(stack))):
        call, entered = stack[depth]
        if (entered.kind, entered.hook) == (meaning.kind, meaning.hook):
            del stack[depth:]
            return call, stack[-1][0] if stack else None
    # Its enter was let go by a capped recorder, or it is the failure of something that takes no time.
    return None, stack[-1][0] if stack else None


def _has_connection(meaning: Meaning) -> bool:
    hook = SERVER_HOOKS.get(meaning.hook or "")
    if meaning.kind != HOOK or hook is None:
        return True
    return hook.per_request or meaning.owner == "handler"


def _told(
    meaning: Meaning, payload: Any, names: Mapping[object, str]
) -> tuple[bytes | None, int | None, Mapping[str, Scalar]]:
    """What the payload says: the bytes, their true number, and the details."""
    if payload is None:
        return None, None, meaning.detail
    detail = dict(meaning.detail)
    data: bytes | None = None
    size: int | None = None
    if meaning.owner == "client":
        thread, payload = payload
        detail["thread"] = names.get(thread, "")
    if meaning.phase == RAISE or meaning.kind == FAULT:
        detail |= _error(payload)
    elif isinstance(payload, tuple) and meaning.kind in {SEND, RECEIVE}:
        data, size, *address = payload
        detail |= {"address": address_text(address[0])} if address else {}
    elif meaning.kind == SEND:
        size = payload
    elif meaning.kind in LANES:
        known = names.get(id(payload))
        detail |= {} if known is None else {LANES[meaning.kind]: known}
    elif meaning.kind in {END, KERNEL}:
        detail |= payload
    elif payload is not None:
        detail |= _value(meaning, payload)
    return data, size, detail


LANES: Final = {START: "starts", JOIN: "joins"}
"""The details that name another lane."""


def _value(meaning: Meaning, payload: Any) -> dict[str, Scalar]:
    if isinstance(payload, dict) and "mark" in payload:
        return {"address": address_text(payload.get("address")), "mark": str(payload["mark"])}
    if meaning.kind == CONNECT or meaning.hook == "get_request":
        return {"address": address_text(payload)}
    return {"text" if meaning.kind == NOTE else "result": payload}


def _error(payload: tuple[str, tuple[Scalar, ...]]) -> dict[str, Scalar]:
    """The exception's type and what its `str` would say, for the usual ways to make one."""
    name, arguments = payload
    if len(arguments) == 1:
        return {"error": name, "message": str(arguments[0])}
    if len(arguments) >= 2 and isinstance(arguments[0], int) and isinstance(arguments[1], str):  # noqa: PLR2004 - OSError(errno, text)
        return {"error": name, "message": arguments[1]}
    return {"error": name, "message": ", ".join(map(repr, arguments))}


def address_text(address: object) -> str:
    """An address as one text, the same for both ends: `127.0.0.1:80`, `[::1]:80`, a path, or nothing."""
    if isinstance(address, tuple) and len(address) >= 2:  # noqa: PLR2004 - host and port
        host, port = str(address[0]).removeprefix("::ffff:"), address[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(address, bytes):
        return "@" + address.removeprefix(b"\0").hex()
    return address if isinstance(address, str) else ""


def _with_numbers(events: list[Event]) -> list[Event]:
    """What happens inside a get_request belongs to the connection that it returned: its enter, a datagram's bytes."""
    numbers = {event.call: event.connection for event in events if event.hook == "get_request" and event.connection}
    numbers.pop(None, None)
    return [
        replace(event, connection=numbers[call])
        if event.connection is None and (call := event.call if event.hook == "get_request" else event.parent) in numbers
        else event
        for event in events
    ]


def _lanes(records: Iterable[Record]) -> dict[Flow, Lane]:
    """A lane for each flow, in the order in which they are drawn: main, clients, the serving threads, the others.

    Serving threads stand in the order in which their servers were activated; they come to their first steps in any.
    """
    flows: dict[Flow, int] = {}  # with what ranks the threads among themselves: the first connection of each
    activated: dict[Source, int] = {}
    serving: dict[Flow, Source] = {}
    moved: dict[Flow, str] = {}  # threads of which nothing is known but that they move a client
    for _time, flow, source, meaning, connection, payload in records:
        flows.setdefault(flow, connection or 0)
        if meaning.owner != "client":
            moved.pop(flow, None)
        if meaning.hook == "server_activate":
            activated.setdefault(source, len(activated))
        if meaning.hook == "serve_forever":
            serving.setdefault(flow, source)
        elif meaning.kind == START:
            flows.setdefault(payload, 0)
            if not payload.is_child:
                serving.setdefault(payload, source)
        elif meaning.owner == "client" and payload[0] not in flows:
            flows[payload[0]] = 0
            moved[payload[0]] = f"{flow.name}'s thread"
    clients = [flow for flow in flows if flow.name is not None]
    main = [flow for flow in flows if flow.is_main_thread]
    by_server = sorted(serving, key=lambda flow: (activated.get(serving[flow], -1), serving[flow].number))
    servers = [flow for flow in by_server if flow not in main]
    known = {*clients, *main, *servers, *moved}
    # Those that work for no connection come last, so that no other gets another name when they begin.
    others = sorted(
        (flow for flow in flows if flow not in known), key=lambda flow: (not flows[flow], flows[flow], flow.number)
    )
    children = sorted((flow for flow in others if flow.is_child), key=_forked)
    named: dict[Flow, Lane] = {}
    names = Names()
    for flow, name, kind in itertools.chain(
        ((flow, "main", recording.MAIN) for flow in main),
        ((flow, flow.name or "", recording.CLIENT) for flow in clients),
        ((flow, "server", recording.SERVER) for flow in servers),
        ((flow, f"Thread {number}", recording.THREAD) for number, flow in enumerate(_threads(others), start=1)),
        ((flow, f"child {number}", recording.CHILD) for number, flow in enumerate(children, start=1)),
        ((flow, name, recording.THREAD) for flow, name in moved.items() if flow not in named),
    ):
        named[flow] = Lane(names.new(name), kind, detail=system_names(flow))
    return named


def _threads(flows: Iterable[Flow]) -> list[Flow]:
    return [flow for flow in flows if not flow.is_child]


def _forked(flow: Flow) -> int:
    return 0 if flow.process is None else flow.process.forked


def system_names(flow: Flow) -> dict[str, Scalar]:
    """What the system calls a flow."""
    if flow.process is None:
        return {"thread_ident": flow.ident, "process": os.getpid()}
    return {"process": flow.process.pid}
