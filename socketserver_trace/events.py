"""What an event is.

An event is one thing that happened: a hook was entered, returned or raised; bytes were received or sent; a client
connected, sent, received or closed; a thread was started; the tracer has something to tell. It is a frozen value
with no behaviour that touches the outside, so that it can be kept, compared, written to a file and read back.

The law: this module knows nothing of servers, threads, files or drawings, and everything else may know this module.

The set of kinds is closed. A new kind is a new version of the file format, because a reader refuses a kind that it
does not know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    Scalar = str | int | bool | None

VERSION: Final = 2
"""The version of the event, written in the header line of every trace file. Version 1 had no joins, ends and views of
the kernel, and no children; whoever reads version 2 reads it as well."""

HOOK: Final = "hook"
CONNECT: Final = "connect"
SEND: Final = "send"
RECEIVE: Final = "receive"
HALF_CLOSE: Final = "half_close"
CLOSE: Final = "close"
START: Final = "start"
JOIN: Final = "join"
END: Final = "end"
KERNEL: Final = "kernel"
NOTE: Final = "note"
FAULT: Final = "fault"

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        HOOK: "a method that socketserver calls on a server or a handler",
        CONNECT: "a client connects",
        SEND: "bytes leave one end",
        RECEIVE: "bytes arrive at one end; no bytes: the end of file",
        HALF_CLOSE: "one end says that it will send no more (shutdown with SHUT_WR)",
        CLOSE: "one end closes its socket",
        START: "a flow of control starts another one",
        JOIN: "a flow of control waits for the end of another one, or finds that it has ended",
        END: "a child process has ended",
        KERNEL: "what the kernel knew of the sockets at that moment",
        NOTE: "a remark of the program or of its author",
        FAULT: "the tracer failed at something, and the server went on",
    }
)
"""Every kind of event, with its meaning."""

ENTER: Final = "enter"
RETURN: Final = "return"
RAISE: Final = "raise"
PHASES: Final = (ENTER, RETURN, RAISE)
"""The phases of a call. An event that takes no time (a note, a start, the end of a server's socket) has none."""

NO_DETAIL: Final[Mapping[str, Scalar]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened.

    `seq` counts from 1 in the order of arrival, over the whole recording. `time_ns` is a monotonic clock, comparable
    between the processes of one machine, with no meaning as a date. `lane` is the flow of control it belongs to.
    `hook` is the method's name, unchanged (`get_request`, and for sockets `sendall`), `provider` the class in the MRO
    whose method ran, `server` the name of the server. `connection` is the number of the request, from 1. `call` pairs
    the enter of a call with its end, and `parent` is the call in whose body it happened. `data` holds the bytes that
    moved, at most as many as the recorder keeps, and `size` how many there really were. `detail` holds small values
    that are safe to show: never an object of the traced program.
    """

    seq: int
    time_ns: int
    lane: str
    kind: str
    phase: str | None = None
    hook: str | None = None
    provider: str | None = None
    server: str | None = None
    connection: int | None = None
    call: int | None = None
    parent: int | None = None
    data: bytes | None = None
    size: int | None = None
    detail: Mapping[str, Scalar] = field(default_factory=lambda: NO_DETAIL, hash=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no kind of event named {self.kind!r}; the kinds are {', '.join(KINDS)}")
        if self.phase is not None and self.phase not in PHASES:
            raise ValueError(f"there is no phase named {self.phase!r}; the phases are {', '.join(PHASES)}")
