"""What the kernel knew of a socket at one moment, as a plain value.

A program sees a socket through calls that wait; the kernel sees the queues behind it: who has connected and was not
accepted yet, which bytes have come and were not read, which have been sent and were not taken, who has closed and who
has not. A `SocketView` holds what it said about one socket. None means that the system does not say.

The law: pure, and no port, inode or process in it: the same program gives the same values on every run. `as_details`
and `from_details` are each other's inverse, so that a trace can hold a view and a file can keep it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from socketserver_trace.events import KERNEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    from socketserver_trace.events import Event, Scalar

SERVER: Final = "server"
"""The name of the socket that a server listens on, or receives its datagrams by."""

IN_QUEUE: Final = "'s connection in the accept queue"
"""How the name of a connection that nobody has accepted yet goes on, after the name of its client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketView:
    """What the kernel knew of one socket.

    `of` is its name: "server", "server's end of connection 2", "alice", "alice's connection in the accept queue".
    `connection` is its number, once it was accepted, and `lane` the lane of the client whose end it is. `datagram`
    marks a socket of datagrams. `state` is the kernel's word for the state of a stream, as in RFC 9293 and `ss`.

    `waiting` is the number of connections in the accept queue of a listening socket, and `backlog` its limit as the
    kernel has it (Linux lets one more in). `unread` is the number of bytes that came and that its owner has not read;
    of datagrams, the size of the next one, which is all that the kernel says in bytes. `unsent` is the number of bytes
    that the other end has not taken yet. `dropped` is the number of datagrams for which there was no room.

    `on_its_way` says that the kernel waits for the other end's kernel to confirm something, which it does by itself,
    within 40 ms on one machine; so this is about to change. It is no part of the value.
    """

    of: str
    connection: int | None = None
    lane: str | None = None
    datagram: bool = False
    state: str | None = None
    waiting: int | None = None
    backlog: int | None = None
    unread: int | None = None
    unsent: int | None = None
    dropped: int | None = None
    on_its_way: bool = field(default=False, compare=False, repr=False)


FIELDS: Final = tuple(one.name for one in fields(SocketView) if one.compare)
TEXTS: Final = frozenset({"of", "lane", "state"})
"""The fields that hold a text; `datagram` is true or false, and all the others hold a number."""


def as_details(views: Iterable[SocketView]) -> list[dict[str, Scalar]]:
    """For each socket what an event's detail holds of it: all that the system said, nothing else."""
    return [
        {name: value for name in FIELDS if (value := getattr(view, name)) is not None and value is not False}
        for view in views
    ]


def from_details(detail: Mapping[str, Scalar]) -> SocketView:
    """The view that `as_details` wrote. What is not of the right type, in an edited file, is left out."""
    known: dict[str, Any] = {name: value for name, value in detail.items() if _fits(name, value)}
    return SocketView(**{"of": "a socket", **known})


def _fits(name: str, value: Scalar) -> bool:
    if name in TEXTS:
        return isinstance(value, str)
    return name in FIELDS and type(value) is (bool if name == "datagram" else int)


def looks(events: Iterable[Event]) -> list[list[SocketView]]:
    """The views that a trace holds, a list for each time that somebody looked, in the order of the events."""
    found: dict[int, list[SocketView]] = {}
    for event in events:
        if event.kind == KERNEL:
            found.setdefault(event.time_ns, []).append(from_details(event.detail))
    return list(found.values())
