"""The facts of a story: where it ran, for whom, with what, what came of it.

A fact is a name and a text. Objects of the traced program are in no event, so an argument is told by what is known of
it: the request by its connection, an address by whose it is, a handler by its class. Numbers that differ between runs,
a port, an address in memory, a time, are told nowhere.

The law: pure, and every text is safe to show. What is not known is left out.
"""

from __future__ import annotations

from socketserver_trace.endpoints import from_details
from socketserver_trace.events import END, FAULT, HOOK, JOIN, KERNEL, NOTE, RAISE, RECEIVE, SEND, START
from socketserver_trace.matching import is_client
from socketserver_trace.reasons.fallback import BY_THE_PROGRAM
from socketserver_trace.reasons.rule import ADDRESS, listed, what
from socketserver_trace.recording import CHILD, CLIENT, MAIN, SERVER, THREAD
from socketserver_trace.stories.story import DumpLine
from socketserver_trace.stories.words import entry
from socketserver_trace.telling import brief, sentences
from socketserver_trace.wording import bytes_text, error_text, plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.stories.scene import Scene

    Fact = tuple[str, str]

DUMPED: Final = 512
"""How many bytes a story shows."""

ROW: Final = 16

NOTE_TEXT: Final = 400

LANES: Final[Mapping[str, str]] = {
    CLIENT: "a client",
    MAIN: "the main thread",
    SERVER: "the serving thread",
    THREAD: "",
    CHILD: "a process of its own",
}


def facts_of(event: Event, scene: Scene) -> Iterator[Fact]:
    """What is known of an event, in the order in which it is read."""
    yield from _where(event, scene)
    call = scene.call_of(event)
    if event.kind == HOOK and call is not None:
        yield from _of_a_hook(call, scene)
    elif event.kind == HOOK and event.provider is not None:
        yield "method of", safe(event.provider)
    elif event.kind in {SEND, RECEIVE}:
        yield from _of_bytes(event, call, scene)
    elif event.kind in OTHERS:
        yield from OTHERS[event.kind](event)
    yield from _raised(event, call, scene)
    yield from _caller(event, scene)


def dump_of(event: Event, scene: Scene) -> Iterator[DumpLine]:
    """The first bytes that moved, sixteen in a line."""
    data = _moved(event, scene)[0] or b""
    for offset in range(0, min(len(data), DUMPED), ROW):
        row = data[offset : min(offset + ROW, DUMPED)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - what ASCII prints
        yield DumpLine(offset, row.hex(" "), text)


def _where(event: Event, scene: Scene) -> Iterator[Fact]:
    lane = scene.lanes.get(event.lane)
    kind = "" if lane is None else "inferred from what the server saw" if lane.inferred else LANES[lane.kind]
    yield "runs in", f"{safe(event.lane)}, {kind}" if kind else safe(event.lane)
    if isinstance(event.detail.get("thread"), str):
        yield "moved by", safe(str(event.detail["thread"]))
    if len(scene.facts.servers) > 1 and event.server is not None:
        yield "server", safe(event.server)
    call = scene.call_of(event)
    number = event.connection if call is None else call.connection or event.connection
    if number is not None:
        yield "connection", f"{number}, of {scene.client_of(number)}"


def _of_a_hook(call: Call, scene: Scene) -> Iterator[Fact]:
    provider = safe(call.provider)
    yield "method of", f"{provider} · yours" if call.own else provider
    known = entry(call.enter, call.owner)
    for parameter in known.parameters if known is not None else ():
        text = _argument(parameter, call, scene)
        if text:
            yield parameter, text
    if call.returned:
        yield from _returned(call, scene)
    hooks = dict.fromkeys(safe(one.hook) for one in call.children if one.enter.kind == HOOK)
    if hooks:
        yield "calls", listed(hooks, 9)
    yield from _meanwhile(call)


def _argument(parameter: str, call: Call, scene: Scene) -> str:
    """What is known of an argument; empty when nothing is."""
    number = call.connection
    if parameter == "request" and number is not None:
        return _request(number, scene)
    if parameter == "client_address" and number is not None:
        return _address(number, scene)
    if parameter == "server":
        return safe(call.enter.server or "")
    if parameter == "RequestHandlerClass":
        first = next((one for one in scene.facts.of_server(call.enter.server)), None)
        made = scene.handler_class(call.enter.server, first)
        return f"its first handler was of the class {made}" if made else ""
    return ""


def _request(number: int, scene: Scene) -> str:
    if number in scene.datagrams:
        return f"the datagram of connection {number}, and the server's socket"
    return f"the socket of connection {number}"


def _address(number: int, scene: Scene) -> str:
    return f"{scene.client_of(number)}'s address"


def _returned(call: Call, scene: Scene) -> Iterator[Fact]:
    number = call.connection
    if call.hook == "get_request":
        if number is not None:
            yield "returned", f"{_request(number, scene)}; and {_address(number, scene)}"
    elif call.hook == "verify_request":
        served = "the request is served" if call.result else "the request is closed, and nobody handles it"
        yield "returned", f"{safe(str(call.result))}: {served}"
    elif call.result is not None:
        yield "returned", safe(ADDRESS.sub(">", str(call.result)))
    made = scene.handler_class(call.enter.server, number) if call.hook == "finish_request" else ""
    if made:
        yield "made", f"a handler of the class {made}"


def _meanwhile(call: Call) -> Iterator[Fact]:
    """What was received and sent in the course of a call."""
    moved = [one for one in call.below() if one.end is None or not ({"error", "peek"} & one.end.detail.keys())]
    took, gave = (sum(one.size for one in moved if one.enter.kind == kind) for kind in (RECEIVE, SEND))
    told = [f"{verb} {plural(size, 'byte')}" for verb, size in (("received", took), ("sent", gave)) if size]
    if told:
        yield "meanwhile", listed(told)


def _of_bytes(event: Event, call: Call | None, scene: Scene) -> Iterator[Fact]:
    if event.hook is not None:
        yield "operation", f"{safe(event.hook)}()"
    data, size = _moved(event, scene)
    end = event if call is None else call.end
    if event.kind == SEND or (end is not None and end.phase != RAISE):
        yield "bytes", bytes_text(data, size)
    if end is not None and end.detail.get("peek"):
        yield "looked at", "the bytes stay, and the next receive returns them again"


def _moved(event: Event, scene: Scene) -> tuple[bytes | None, int | None]:
    """The bytes of a send or a receive, whichever of its two events it is, and their true number."""
    if event.kind not in {SEND, RECEIVE}:
        return None, None
    pair = (scene.enters.get(event.call, event), scene.ends.get(event.call, event))
    data = next((one.data for one in pair if one.data is not None), None)
    sizes = [one.size for one in reversed(pair) if one.size is not None]
    return data, sizes[0] if sizes else None


def _raised(event: Event, call: Call | None, scene: Scene) -> Iterator[Fact]:
    if call is not None and call.raised:
        yield "raised", what(call)
        return
    end = event if event.phase == RAISE or event.kind == FAULT else scene.ends.get(event.call)
    if end is not None and "error" in end.detail:
        yield "raised", ADDRESS.sub(">", error_text(end))


def _caller(event: Event, scene: Scene) -> Iterator[Fact]:
    """Who made the call. A client's steps are made by whoever moves it, which is told already."""
    if is_client(event):
        return
    parent = scene.around(event)
    if parent is not None:
        yield "called by", f"{safe(parent.provider)}.{safe(parent.hook)}()" if parent.provider else safe(parent.hook)
    elif event.kind == HOOK and (scene.is_first(event) or event.hook == "process_request_thread"):
        yield "called by", _first(event, scene)


def _first(event: Event, scene: Scene) -> str:
    """Who made a call that has none around it."""
    lane = scene.lanes.get(event.lane)
    if event.hook == "process_request_thread":
        return "the new thread itself"
    forked = lane is not None and lane.kind == CHILD
    return "the child, after the fork" if forked and event.hook not in BY_THE_PROGRAM else "the program"


def _start(event: Event) -> Iterator[Fact]:
    yield "starts", safe(str(event.detail.get("starts", "")))


def _join(event: Event) -> Iterator[Fact]:
    yield "operation", f"{safe(event.hook or '')}()"


def _end(event: Event) -> Iterator[Fact]:
    how = event.detail
    if how.get("signal"):
        yield "ended by", safe(str(how["signal"]))
    elif how.get("status") is not None:
        yield "exit status", safe(str(how["status"]))


def _kernel(event: Event) -> Iterator[Fact]:
    view = from_details(event.detail)
    yield "in short", brief(view)
    for sentence in sentences((view,)):
        yield "this means", sentence


def _note(event: Event) -> Iterator[Fact]:
    yield "says", safe(str(event.detail.get("text", "")), NOTE_TEXT)


def _fault(event: Event) -> Iterator[Fact]:
    yield "doing", safe(str(event.detail.get("doing", "")), NOTE_TEXT)


OTHERS: Final = {START: _start, JOIN: _join, END: _end, KERNEL: _kernel, NOTE: _note, FAULT: _fault}
