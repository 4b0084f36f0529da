"""What the kernel knew of the sockets, in sentences for a learner.

Each sentence says one thing that can be seen in the queues and states behind the sockets, and what it means. What is
as it should be, an open connection with nothing on its way, is not worth one.

The law: pure, from views to texts that are safe to show.
"""

from __future__ import annotations

from socketserver_trace.endpoints import IN_QUEUE, SERVER
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final

    from socketserver_trace.endpoints import SocketView

SENTENCE: Final = 240
"""How many characters a sentence may have."""

STATES: Final[Mapping[str, str]] = {
    "SYN_SENT": "{of} asks for a connection, and nobody has answered yet.",
    "FIN_WAIT1": "{of} has said that it will send no more, and the other end has not confirmed that yet.",
    "FIN_WAIT2": "{of} will send no more; the kernel waits until the other end is closed, too.",
    "CLOSE_WAIT": "{other} has said that it will send no more; {of} has not been closed yet.",
    "CLOSING": "{of} and the other end were closed at the same moment.",
    "LAST_ACK": "{of} has been closed as the last of the two, and its end is being confirmed.",
    "TIME_WAIT": "{of} was closed first; the kernel keeps its addresses for a while (TIME_WAIT), "
    "so that nothing that comes late is taken for a part of a new connection.",
    "CLOSE": "{of} is not connected any more.",
}
"""What a state means. The others are said by the accept queue, or need no words."""


def sentences(views: Sequence[SocketView]) -> tuple[str, ...]:
    """What there is to say, in the order of the sockets, and what this system does not tell."""
    told = [sentence for view in views for sentence in _about(view, views)]
    return tuple(safe(sentence, SENTENCE) for sentence in (*told, *untold(views)))


def brief(view: SocketView) -> str:
    """What the kernel knew of one socket, in a few words."""
    queue = None if view.waiting is None else f"{view.waiting} in the accept queue"
    if queue and view.backlog is not None:
        queue += f" of {view.backlog + 1} at most"
    counts = ((view.unread, "unread"), (view.unsent, "unsent"))
    bytes_of = [f"{plural(count, 'byte')} {word}" for count, word in counts if count]
    dropped = f"{plural(view.dropped, 'datagram')} dropped" if view.dropped else None
    return safe(", ".join(filter(None, (view.state, queue, *bytes_of, dropped))) or "nothing waits", SENTENCE)


def _about(view: SocketView, views: Sequence[SocketView]) -> Iterator[str]:
    of = _called(view)
    if view.waiting is not None:
        yield _queue(view.waiting, view.backlog)
    if view.of == SERVER and view.state == "CLOSE":
        yield "the server does not listen."
    elif view.state == "CLOSE_WAIT" and view.of.endswith(IN_QUEUE):
        yield f"{_other(view, views)} has said that it will send no more, before its connection was accepted."
    elif view.state is not None and view.state in STATES:
        yield STATES[view.state].format(of=of, other=_other(view, views))
    if view.unread and view.datagram:
        yield f"the next datagram for {of} has come, {plural(view.unread, 'byte')}, and nobody has read it yet."
    elif view.unread:
        yield f"the kernel holds {plural(view.unread, 'byte')} for {of} that nobody has read yet."
    if view.unsent:
        yield f"the kernel holds {plural(view.unsent, 'byte')} from {of} that the other end has not taken yet."
    if view.dropped:
        yield f"the kernel has dropped {plural(view.dropped, 'datagram')} for {of}: there was no room."


def _queue(waiting: int, backlog: int | None) -> str:
    wait = "connection waits" if waiting == 1 else "connections wait"
    told = f"{waiting:,} {wait} in the accept queue" if waiting else "nobody waits in the accept queue"
    if backlog is None:
        return f"{told}."
    # The kernel looks whether the length is greater than the limit (sk_acceptq_is_full in include/net/sock.h).
    room = f"which holds {backlog + 1:,} at most"
    return f"{told}, {room}{': it is full' if waiting > backlog else ''}."


def _called(view: SocketView) -> str:
    """The name of a socket inside a sentence."""
    return view.of if view.lane is not None or not view.of.startswith((SERVER, "client of")) else f"the {view.of}"


def _other(view: SocketView, views: Sequence[SocketView]) -> str:
    """Who is at the other end."""
    if view.lane is not None:
        return "the server"
    if view.of.endswith(IN_QUEUE):
        return view.of.removesuffix(IN_QUEUE)
    lanes = {other.connection: other.lane for other in views if other.lane is not None}
    return (lanes.get(view.connection) if view.connection is not None else None) or "the client"


APPLIES: Final[Mapping[str, Callable[[SocketView], bool]]] = {
    "waiting": lambda view: view.of == SERVER and not view.datagram and view.state in {None, "LISTEN"},
    "unread": lambda view: view.of != SERVER or view.datagram,
}
UNTOLD: Final[Mapping[str, str]] = {
    "waiting": "this system does not say how many connections wait in the accept queue.",
    "unread": "this system does not say which bytes have come and are not read.",
}


def untold(views: Sequence[SocketView]) -> tuple[str, ...]:
    """What this system does not tell of any of the sockets of which it could be told."""
    return tuple(
        sentence
        for name, sentence in UNTOLD.items()
        if (asked := [view for view in views if APPLIES[name](view)])
        and all(getattr(view, name) is None for view in asked)
    )
