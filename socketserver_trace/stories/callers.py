"""Where a hook is called from: the line of the running `socketserver`, or of the program's own method.

The theory: the call around a call says who made it. A method of `socketserver` calls each hook in known lines, those
of `CALLED_FROM`; where it has several, what was called before tells them apart. A method of the program's own calls the
hook itself, which its source shows, or hands on by super(), and then the line is that of the class behind it.

The law: a line is shown only where it is the one. What the trace or the source leaves open is not guessed.
"""

from __future__ import annotations

from types import MappingProxyType

from socketserver_trace.events import CLOSE, HALF_CLOSE, HOOK, JOIN, RECEIVE, SEND, START
from socketserver_trace.lifecycle.classes import DEFINED_BY
from socketserver_trace.reasons.fallback import BY_THE_PROGRAM, CALLED_FROM, FORK, LIFE, LOOP, NOBLOCK, ONE
from socketserver_trace.reasons.source import Place
from socketserver_trace.recording import CHILD
from socketserver_trace.stories.excerpts import at
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.stories.scene import Scene
    from socketserver_trace.stories.story import Excerpt

GOODBYES: Final[Mapping[str, Place]] = MappingProxyType(
    {
        "refused": Place(NOBLOCK, "else:", "self.shutdown_request("),
        "told": Place(NOBLOCK, "except Exception:", "self.shutdown_request("),
        "passed on": Place(NOBLOCK, "except:", "self.shutdown_request("),
    }
)
"""The three lines in which the loop says goodbye to a request, by what became of it."""

OPERATIONS: Final[Mapping[tuple[str, str, str], Place]] = MappingProxyType(
    {
        ("UDPServer", "get_request", RECEIVE): Place("UDPServer.get_request", "self.socket.recvfrom("),
        ("TCPServer", "shutdown_request", HALF_CLOSE): Place("TCPServer.shutdown_request", "request.shutdown("),
        ("TCPServer", "close_request", CLOSE): Place("TCPServer.close_request", "request.close()"),
        ("StreamRequestHandler", "finish", SEND): Place("StreamRequestHandler.finish", "self.wfile.flush()"),
        ("DatagramRequestHandler", "finish", SEND): Place("DatagramRequestHandler.finish", "self.socket.sendto("),
        ("ForkingMixIn", "process_request", START): Place(FORK, "pid = os.fork()"),
        ("ThreadingMixIn", "server_close", JOIN): Place("ThreadingMixIn.server_close", "self._threads.join()"),
        ("ForkingMixIn", "collect_children", JOIN): Place("ForkingMixIn.collect_children", "os.waitpid(pid, flags)"),
    }
)
"""Where a method of `socketserver` does what is no hook, by its class, its name and the kind of event."""

BY_FILE: Final[Mapping[str, str]] = MappingProxyType({"recv_into": "rfile", "sendall": "wfile", "send": "wfile"})
"""The file of a stream handler by which a program reaches an operation of the socket without naming it."""

CALLED: Final = "Where it is called"
DEFINED: Final = "Where it is defined; the program calls it"


def sources_of(event: Event, scene: Scene) -> Iterator[Excerpt]:
    """The line from which the call was made, and the method that ran, where the program wrote it and it is at hand."""
    call = scene.call_of(event) if event.kind == HOOK else None
    calling = _operation(event, scene) if call is None else _calling(call, scene)
    if calling is not None:
        yield calling
    method = scene.source(call.provider, call.hook) if call is not None and call.own else None
    if method is not None:
        yield method.beginning("Your method")


def definition_of(provider: str, hook: str) -> Place | None:
    """Where a class of `socketserver` defines a hook; None where it does not."""
    return Place(f"{provider}.{hook}", f"def {hook}(") if hook in DEFINED_BY.get(provider, ()) else None


def places_of(call: Call, caller: str) -> list[Place]:
    """The lines of one function of `socketserver` in which a hook is called; of several, the one for this call."""
    if call.hook == "shutdown_request" and caller == NOBLOCK:
        return [GOODBYES[_end_of(call)]]
    return [place for place in CALLED_FROM.get(_key(call), ()) if place.function == caller]


def _key(call: Call) -> str:
    return f"{call.owner}.__init__" if call.hook == "__init__" else call.hook


def _end_of(call: Call) -> str:
    """What became of a request to which the loop says goodbye: it had refused it, or it failed."""
    earlier = call.parent.children if call.parent is not None else ()
    hooks = {one.hook for one in earlier if one.connection == call.connection and one.enter.seq < call.enter.seq}
    if "process_request" not in hooks:
        return "refused"
    return "told" if "handle_error" in hooks else "passed on"


def _calling(call: Call, scene: Scene) -> Excerpt | None:
    parent = call.parent
    if parent is None:
        return _first_step(call, scene)
    if parent.own:
        written = _written(parent, _fragments(call), scene)
        if written is not None:
            return written
    caption = f"{CALLED}, if your {safe(parent.hook)}() calls super()" if parent.own else CALLED
    for place in places_of(call, _function(call, parent, scene)):
        return at(place, caption)
    return _defined(call)


def _first_step(call: Call, scene: Scene) -> Excerpt | None:
    """Nothing is around the call: it is the first step of a thread or a child, or the program made it."""
    places = CALLED_FROM.get(_key(call), ())
    if call.hook == "process_request_thread" or not scene.is_first(call.enter):
        only = len(places) == 1 and _key(call) not in BY_THE_PROGRAM
        return at(places[0], CALLED) if only else None
    lane = scene.lanes.get(call.lane)
    if lane is not None and lane.kind == CHILD:
        for place in places_of(call, FORK):
            return at(place, CALLED)
    return _defined(call)


def _defined(call: Call) -> Excerpt | None:
    place = definition_of(call.provider, call.hook) if _key(call) in BY_THE_PROGRAM else None
    return None if place is None else at(place, DEFINED)


def _function(call: Call, parent: Call, scene: Scene) -> str:
    """The function of `socketserver` that calls the hook in the course of the call around it."""
    if parent.hook in {"serve_forever", "handle_request"}:
        return {"service_actions": LOOP, "handle_timeout": ONE}.get(call.hook, NOBLOCK)
    if parent.hook == "__init__" and parent.owner == "handler":
        return LIFE
    return f"{scene.behind(parent)}.{parent.hook}"


def _fragments(call: Call) -> tuple[str, ...]:
    """What a line that makes the call may hold."""
    if call.hook != "__init__":
        return (f".{call.hook}(",)
    return (".RequestHandlerClass(", f"{call.enter.detail.get('class')}(") if call.owner == "handler" else ()


def _operation(event: Event, scene: Scene) -> Excerpt | None:
    """The line that moves bytes, ends a connection, starts or waits for somebody."""
    parent = scene.around(event)
    if parent is None or parent.enter.kind != HOOK:
        return None
    if parent.own and event.hook:
        by_file = (BY_FILE[event.hook],) if event.hook in BY_FILE else ()
        written = _written(parent, (f".{event.hook}(", *by_file), scene)
        if written is not None:
            return written
    place = OPERATIONS.get((scene.behind(parent), parent.hook, event.kind))
    return None if place is None else at(place, _operation_caption(parent))


def _operation_caption(parent: Call) -> str:
    return f"Where it happens, if your {safe(parent.hook)}() calls super()" if parent.own else "Where it happens"


def _written(parent: Call, fragments: tuple[str, ...], scene: Scene) -> Excerpt | None:
    """The line of the program's own method, when it is the only one that may be it; of several, the method."""
    source = scene.source(parent.provider, parent.hook)
    lines = [] if source is None else source.where(*fragments)
    if source is None or not lines:
        return None
    if len(lines) > 1:
        return source.beginning("One of the calls in your method")
    return source.around(lines[0], "Where your code calls it")
