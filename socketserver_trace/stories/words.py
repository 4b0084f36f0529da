"""The words of a story: what happened, how far it had come, and what such a thing is for.

Of a hook the tables of the lifecycle say what it is for. Of everything else these sentences do, for somebody who knows
functions and classes and nothing about networks.

The law: pure, from an event to words that are safe to show.
"""

from __future__ import annotations

from types import MappingProxyType

from socketserver_trace.endpoints import from_details
from socketserver_trace.events import (
    CLOSE,
    CONNECT,
    END,
    ENTER,
    FAULT,
    HALF_CLOSE,
    HOOK,
    JOIN,
    KERNEL,
    NOTE,
    RAISE,
    RECEIVE,
    RETURN,
    SEND,
    START,
)
from socketserver_trace.lifecycle.hooks import hook as entry_of
from socketserver_trace.matching import is_client
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.lifecycle.hooks import Hook
    from socketserver_trace.stories.scene import Scene

CONTRACTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "call": "Your program calls it.",
        "may be overridden": "You may override it.",
        "may be extended": "You may extend it, and then call super().",
        "for derived classes": "Classes that derive from this one may use it.",
        "internal": "It is internal: no promise is made about it.",
    }
)
"""What the standard library allows a program to do with a hook."""

PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        HOOK: "A method of the server or of its handler that socketserver calls.",
        CONNECT: "A client knocks. The operating system opens the door by itself and lets the client wait in line, "
        "whether the server's program looks or not; get_request takes it from there.",
        SEND: "Bytes are handed to the operating system, which carries them to the other end. That they are sent does "
        "not mean that anybody has read them.",
        RECEIVE: "One end asks for the bytes that have come, and waits while there are none. A stream gives what is "
        "there, not what was sent in one go; no bytes at all mean that the other end will send no more.",
        HALF_CLOSE: "One end says that it will send no more, and goes on listening. The other end reads what is left, "
        "and then the end of the stream.",
        CLOSE: "One end lets go of its socket. When nobody else holds it, the connection is over, and the other end "
        "reads the end of the stream.",
        START: "A second flow of control begins, and from here on both go on at the same time: a thread shares the "
        "memory of its program, a forked child is a process with a copy of it.",
        JOIN: "Somebody waits for the end of a thread or of a child process, or finds that it has ended already. Until "
        "then the call does not return.",
        END: "A child process is over. Its number says how it went: 0 is well, any other is not. It stays a zombie "
        "until its parent has asked for that number.",
        KERNEL: "What the operating system knew of a socket at that moment: who waits in line, and which bytes wait to "
        "be read. Looking changes nothing.",
        NOTE: "A remark of the program or of its author; nothing happened on the network.",
        FAULT: "The tracer failed at something of its own. The server noticed nothing and went on.",
    }
)
"""What each kind of event means. Of a hook that the tables know, they say more."""

DATAGRAM: Final = "A datagram travels alone, like a postcard: it arrives whole or not at all, and nobody answers."
"""What is added where bytes are a datagram."""


def owner_of(event: Event) -> str:
    """Whose hook it is, by its name alone, where its enter was let go; empty where the name does not say it."""
    owners = [owner for owner in ("server", "handler") if entry(event, owner) is not None]
    return owners[0] if len(owners) == 1 else ""


def entry(event: Event, owner: str) -> Hook | None:
    """The entry of a hook's event in the tables of the lifecycle."""
    return entry_of(event.hook or "", owner) if event.kind == HOOK else None


def title_of(event: Event, owner: str, scene: Scene) -> str:
    """What happened, in a few words."""
    if event.kind == HOOK:
        known = entry(event, owner)
        return f"{safe(event.hook or '')}({', '.join(known.parameters) if known is not None else ''})"
    return TITLES[event.kind](event, scene)


def moment_of(event: Event, end: Event | None) -> str:
    """How far it had come; empty for what takes no time. `end` is the end of its call."""
    if event.phase == RETURN:
        return "it has returned" if event.kind == HOOK else "it is done"
    if event.phase == RAISE:
        return f"it raised {safe(str(event.detail.get('error', 'an exception')))}"
    if event.phase == ENTER:
        begins = "before it runs" if event.kind == HOOK else "it begins"
        return "it has not ended" if end is None else begins
    return ""


def purpose_of(event: Event, owner: str, scene: Scene) -> str:
    """What such a thing is for."""
    known = entry(event, owner)
    if known is not None:
        return known.purpose
    datagram = event.kind in {SEND, RECEIVE} and event.connection in scene.datagrams
    return f"{PURPOSES[event.kind]} {DATAGRAM}" if datagram else PURPOSES[event.kind]


def contract_of(event: Event, owner: str) -> str:
    """What a program may do with the hook; empty for what is none."""
    known = entry(event, owner)
    return "" if known is None else CONTRACTS[known.contract]


def ends_of(event: Event, scene: Scene) -> tuple[str, str]:
    """The end that does something, and the other one: alice and connection 1, or the reverse."""
    number = event.connection
    server_end = "the server" if number is None else f"connection {number}"
    return (safe(event.lane), server_end) if is_client(event) else (server_end, scene.client_of(number))


def _connect(event: Event, _scene: Scene) -> str:
    return f"{safe(event.lane)} connects"


def _send(event: Event, scene: Scene) -> str:
    one, other = ends_of(event, scene)
    return f"bytes from {one} to {other}"


def _receive(event: Event, scene: Scene) -> str:
    one, other = ends_of(event, scene)
    end = scene.ends.get(event.call) if event.phase == ENTER else event
    if end is None:
        return f"{one} waits for bytes from {other}"
    if end.detail.get("peek"):
        return f"{one} looks at bytes from {other}"
    if end.phase == RETURN and not end.size and event.connection not in scene.datagrams:
        return f"{one} reads the end of what {other} sends"
    return f"{one} receives bytes from {other}"


def _half_close(event: Event, scene: Scene) -> str:
    one, _ = ends_of(event, scene)
    return f"{one} half-closes" if is_client(event) else f"the server half-closes {one}"


def _close(event: Event, scene: Scene) -> str:
    one, _ = ends_of(event, scene)
    return f"{one} closes" if is_client(event) else f"the server closes {one}"


def _start(event: Event, _scene: Scene) -> str:
    verb = "forks" if event.hook == "fork" else "starts"
    return f"{safe(event.lane)} {verb} {safe(str(event.detail.get('starts', 'somebody')))}"


def _join(event: Event, scene: Scene) -> str:
    end = scene.ends.get(event.call)
    joins = event.detail.get("joins", "" if end is None else end.detail.get("joins", ""))
    whom = safe(str(joins)) or "a child"
    if event.phase is None:
        return f"{safe(event.lane)} finds that {whom} has ended"
    return f"{safe(event.lane)} waits for the end of {whom}"


def _end(event: Event, _scene: Scene) -> str:
    return f"{safe(event.lane)} has ended"


def _kernel(event: Event, _scene: Scene) -> str:
    return f"what the kernel knew of {safe(from_details(event.detail).of)}"


TITLES: Final[Mapping[str, Callable[[Event, Scene], str]]] = MappingProxyType(
    {
        CONNECT: _connect,
        SEND: _send,
        RECEIVE: _receive,
        HALF_CLOSE: _half_close,
        CLOSE: _close,
        START: _start,
        JOIN: _join,
        END: _end,
        KERNEL: _kernel,
        NOTE: lambda _event, _scene: "a remark",
        FAULT: lambda _event, _scene: "the tracer failed",
    }
)
"""The titles of all kinds of events but hooks."""
