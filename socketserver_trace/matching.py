"""Which client is which connection.

A client that records itself knows its own address; the server sees that address when it accepts. That is how the two
ends of a conversation find each other. Two cases need more. The clients of a Unix stream socket have no address, but
marks (`marks`), and where one has none, the kernel keeps them in a queue, first in, first out. And each datagram is a
connection of its own, so the datagrams of one address are told apart by their order and their bytes, because the
network may lose some.

The law: pure, from a recording to a recording.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field, replace

from socketserver_trace.events import CONNECT, ENTER, RECEIVE, RETURN, SEND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


@dataclass(slots=True)
class Accepted:
    """What a server saw of one connection: when it was accepted, from which address or mark, and a datagram's bytes."""

    connection: int
    address: str
    server: str | None
    position: int
    mark: str = ""
    datagram: bytes | None = None
    replies: list[bytes | None] = field(default_factory=list)


def accepted_connections(events: Iterable[Event]) -> list[Accepted]:
    """Every connection that a server took, in the order of their numbers."""
    found: dict[int, Accepted] = {}
    datagrams: dict[int | None, bytes | None] = {}
    for position, event in enumerate(events):
        if event.kind == RECEIVE and event.phase == RETURN and event.parent is not None:
            datagrams[event.parent] = event.data
        elif event.hook == "get_request" and event.phase == RETURN and event.connection is not None:
            address = str(event.detail.get("address", ""))
            found[event.connection] = Accepted(
                event.connection, address, event.server, position, mark_of(event), datagrams.get(event.call)
            )
        elif event.kind == SEND and event.phase == ENTER and event.connection in found and not is_client(event):
            found[event.connection].replies.append(event.data)
    return sorted(found.values(), key=lambda accepted: accepted.connection)


def is_client(event: Event) -> bool:
    """Whether the event is a client's own doing."""
    return "thread" in event.detail or "inferred" in event.detail


def mark_of(event: Event) -> str:
    """What tells a client without an address apart; empty for the others, and where nobody could say."""
    return str(event.detail.get("mark", ""))


def match(recording: Recording) -> Recording:
    """The recording with the number of its connection on every event of a client."""
    accepted = accepted_connections(recording.events)
    numbers = _numbers_of_streams(recording.events, [one for one in accepted if one.datagram is None])
    single = _numbers_of_datagrams(recording.events, [one for one in accepted if one.datagram is not None])
    return recording.with_events(
        replace(event, connection=single.get(position, numbers.get(event.lane)))
        if is_client(event) and event.connection is None
        else event
        for position, event in enumerate(recording.events)
    )


def _numbers_of_streams(events: Iterable[Event], accepted: list[Accepted]) -> dict[str, int]:
    """The number of the connection of each client lane that connected."""
    waiting: dict[tuple[str | None, str, str], deque[int]] = defaultdict(deque)
    for one in accepted:
        waiting[one.server, one.address, one.mark].append(one.connection)
    connected = [event for event in events if event.kind == CONNECT and event.phase == RETURN]
    numbers: dict[str, int] = {}
    for known in (mark_of, lambda _event: ""):  # who has no mark is one of those that are left, in the queue's order
        for event in connected:
            queue = waiting[event.server, str(event.detail.get("address", "")), known(event)]
            if queue and event.lane not in numbers:
                numbers[event.lane] = queue.popleft()
    return numbers


def _numbers_of_datagrams(events: Iterable[Event], accepted: list[Accepted]) -> dict[int, int]:
    """The number of the connection of each datagram that a client sent or received, by the event's position."""
    by_address: dict[str, list[Accepted]] = defaultdict(list)
    for one in accepted:
        by_address[one.address].append(one)
    sent = {address: list(ones) for address, ones in by_address.items()}
    lanes: dict[str, str] = {}
    numbers: dict[int, int] = {}
    for position, event in enumerate(events):
        if event.kind == SEND and event.phase == ENTER and "address" in event.detail and is_client(event):
            address = lanes[event.lane] = str(event.detail["address"])
            _take(numbers, position, sent.get(address, []), event.data)
        elif event.kind == RECEIVE and event.phase == RETURN and event.lane in lanes and is_client(event):
            _take_reply(numbers, position, by_address.get(lanes[event.lane], []), event.data)
    return numbers


def _take(numbers: dict[int, int], position: int, waiting: list[Accepted], data: bytes | None) -> None:
    """The first that has these bytes is the one; what stands before it was lost."""
    for index, one in enumerate(waiting):
        if _is_part(one.datagram, data):
            numbers[position] = one.connection
            del waiting[: index + 1]
            return


def _take_reply(numbers: dict[int, int], position: int, ones: list[Accepted], data: bytes | None) -> None:
    for one in ones:
        if data in one.replies:
            one.replies.remove(data)
            numbers[position] = one.connection
            return


def _is_part(received: bytes | None, sent: bytes | None) -> bool:
    """Whether these are the same datagram: a server that reads too little gets its beginning."""
    return sent is not None and received is not None and sent.startswith(received)
