"""What a client of the panel can be told, when that makes sense, and why it does not.

The state of a client is its own doing: "new", "connecting", "connected", "half closed", "closed", "reset", or "failed"
when it could not connect. Its kind is that of its server, "stream" or "datagram".

The law: plain words and tables; nothing here touches a socket or waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from socketserver_trace.sentences import Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from typing import Final

NEW: Final = "new"
CONNECTING: Final = "connecting"
CONNECTED: Final = "connected"
HALF_CLOSED: Final = "half closed"
CLOSED: Final = "closed"
RESET: Final = "reset"
FAILED: Final = "failed"

STREAM: Final = "stream"
DATAGRAM: Final = "datagram"

STREAMS_ONLY: Final = {
    "receive_line": "datagrams have no lines: receive the next one whole.",
    "half_close": "datagrams have no connection, so there is no half of it to close.",
    "reset": "datagrams have no connection to break off: close the client.",
}
"""Orders that make no sense for datagrams, and why not."""

CAN: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    STREAM: {
        CONNECTED: ("send", "receive", "receive_line", "half_close", "close", "reset", "remove"),
        HALF_CLOSED: ("receive", "receive_line", "close", "reset", "remove"),
    },
    DATAGRAM: {CONNECTED: ("send", "receive", "close", "remove")},
}
"""The orders that an open client understands. One that is not open can be connected, and removed."""

BUSY: Final = {
    "connect": "connecting",
    "send": "sending",
    "receive": "receiving",
    "receive_line": "receiving",
    "half_close": "closing",
}
"""What it is busy with; everything else is closing."""

MEANWHILE: Final = {"send", "half_close"}
"""What is done while it waits to receive."""

ENDINGS: Final = {"close", "reset", "remove"}
"""What ends the waits that stand before it."""


@dataclass(slots=True)
class Order:
    """What a client is to do; `pieces` are sent with pauses of `pause` seconds, `due` is when the next one is.

    `together` lets several clients connect at once.
    """

    do: str
    pieces: deque[bytes] = field(default_factory=deque)
    pause: float = 0.0
    due: float = 0.0
    together: threading.Barrier | None = None

    def forget(self) -> None:
        """It will not be followed: whoever waits for this client waits no longer."""
        if self.together is not None:
            self.together.abort()


def understood(kind: str, state: str) -> tuple[str, ...]:
    """The orders that make sense for a client now."""
    if state == CONNECTING:
        return ("remove",)
    return CAN[kind].get(state, ("connect", "remove"))


def refusal(name: str, kind: str, state: str, do: str) -> str:
    """Why an order does not make sense for a client now."""
    if kind == DATAGRAM and do in STREAMS_ONLY:
        return STREAMS_ONLY[do]
    if do == "connect":
        return f"{name} is {state} already."
    if state == HALF_CLOSED:
        return f"{name} has half closed its connection: it can receive, and send no more."
    return f"{name} is {state}: connect it first."


def sentence_of(error: BaseException) -> str:
    """What went wrong, in one sentence where there is one."""
    if isinstance(error, Sentence):
        return str(error)
    if isinstance(error, ConnectionResetError):
        return "The server has broken the connection off."
    if isinstance(error, BrokenPipeError):
        return "The connection is broken: the server has closed its end and reads no more."
    return f"{type(error).__name__}: {error}"
