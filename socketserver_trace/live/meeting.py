"""Which client is which connection, as it turns out, and whose bytes are whose.

The rules are those of `matching`, `inference` and `causality`, for somebody who cannot look ahead: a client and the
connection that the server accepted find each other by their address, or their mark where they have none, as soon as
both have told it. Who has neither is found by the queue's order. A connection is a
stranger's when no client of ours is about to connect; what a stranger did is inferred from what the server saw.

A little can be looked ahead: a portion of events holds most calls whole, so a `get_request` knows its connection from
its beginning on, in all but the rarest portions.

The law: pure, one event after the other.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from socketserver_trace.causality import Stream
from socketserver_trace.events import CLOSE, CONNECT, ENTER, HALF_CLOSE, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.inference import inferred
from socketserver_trace.matching import is_client, mark_of
from socketserver_trace.recording import CLIENT, Lane, Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from socketserver_trace.events import Event

    Address = tuple[str | None, str]
    """The server, and the address of a client."""


class Waiting:
    """Those that were not met yet, in the order in which they came. Whoever is met, or asked for, leaves."""

    def __init__(self) -> None:
        self._waiting: dict[Address, list[tuple[str, Any]]] = {}

    def add(self, event: Event, who: str | int) -> None:
        """Somebody comes, with the address and the mark that the event has."""
        self._waiting.setdefault(_address(event), []).append((mark_of(event), who))

    def take(self, event: Event) -> Any:
        """The one with this address and this mark; otherwise the first, if it or this has none; otherwise None."""
        address, mark = _address(event), mark_of(event)
        waiting = self._waiting.get(address, [])
        found = next((one for one in waiting if one[0] == mark), None)
        if found is None:
            found = next((one for one in waiting if not mark or not one[0]), None)
        if found is None:
            return None
        waiting.remove(found)
        if not waiting:
            del self._waiting[address]
        return found[1]

    def all(self) -> Iterator[tuple[str, Any]]:
        """All of them, with their addresses."""
        waiting, self._waiting = self._waiting, {}
        for (_server, address), those in waiting.items():
            for _mark, who in those:
                yield address, who


def _address(event: Event) -> Address:
    return event.server, str(event.detail.get("address", ""))


class Meeting:
    """What is known of who talks with whom.

    `clients` has the client's lane of each connection, `strangers` the lanes that are inferred, `datagrams` the
    connections that are a datagram, `speakers` our clients that send them. `senders` has, by the identity of a receive,
    the sends whose bytes it returned.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.clients: dict[int, str] = {}
        self.strangers: dict[str, Lane] = {}
        self.datagrams: set[int | None] = set()
        self.speakers: set[str] = set()
        self.senders: dict[int, list[Event]] = defaultdict(list)
        self._ours: dict[str, int] = {}
        self._connecting: set[int | None] = set()
        self._accepted = Waiting()
        self._connected = Waiting()
        self._senders_of_datagrams: dict[str, str] = {}
        self._replies: dict[str, list[Event]] = defaultdict(list)
        self._streams: dict[str | int, Stream] = defaultdict(Stream)
        self._sent: list[Event] = []
        self._taking: dict[int | None, Event] = {}
        self._ends: dict[int | None, Event] = {}
        self._names = Names(names)

    def add(self, events: Sequence[Event]) -> Iterator[Event]:
        """The events with their connections, and among them those that are inferred."""
        self._ends = {event.call: event for event in events if event.phase in {RETURN, RAISE}}
        for event in events:
            if is_client(event):
                yield self._of_client(event)
                if event.kind == CONNECT and not self._connecting:
                    yield from self._left_over(event)
            elif event.hook == "get_request":
                yield from self._of_get_request(event)
            else:
                yield from self._of_server(event)

    # --- The server's side ------------------------------------------------------------------------

    def _of_get_request(self, event: Event) -> Iterator[Event]:
        end = self._ends.get(event.call) if event.phase == ENTER else event
        if event.phase == ENTER:
            self._taking[event.call] = event if end is None else end
        elif event.call in self._taking:
            entered = self._taking.pop(event.call)
            end = None if entered is event else event  # what is known from its beginning on is not met again
        if end is None or end.connection is None:
            yield event
            return
        yield from self._accept(end, event)
        yield replace(event, connection=end.connection)

    def _accept(self, end: Event, now: Event) -> Iterator[Event]:
        """The connection finds its client, or waits for it, or is a stranger's."""
        number, address = end.connection or 0, str(end.detail.get("address", ""))
        lane = self._senders_of_datagrams.get(address)
        connected = self._connected.take(end)
        if lane is not None:
            self.datagrams.add(number)
            self.clients[number] = lane
        elif connected is not None:
            self._pair(connected, number)
        elif number not in self.datagrams and self._connecting:
            self._accepted.add(end, number)
        elif number not in self.clients:
            yield from self._stranger(number, now, address)

    def _left_over(self, now: Event) -> Iterator[Event]:
        """Nobody of ours is about to connect any more, so whoever has been accepted and not met is a stranger."""
        for address, number in self._accepted.all():
            yield from self._stranger(number, now, address)

    def _stranger(self, number: int, now: Event, address: str) -> Iterator[Event]:
        datagram = number in self.datagrams
        known = self._senders_of_datagrams.get(address) if datagram else None
        name = known or self._names.new("client", numbered=True)
        self.strangers.setdefault(name, Lane(name, CLIENT, inferred=True))
        self.clients[number] = name
        if not datagram:
            yield inferred(now, name, number, CONNECT, None, None)

    def _of_server(self, event: Event) -> Iterator[Event]:
        taking = self._taking.get(event.parent) if event.kind == RECEIVE else None
        if taking is not None:
            # A receive inside get_request: a datagram, whose connection is known when the portion has the end of it.
            yield from self._of_datagram(event, taking)
            return
        name = self.clients.get(event.connection) if event.connection is not None else None
        stranger = name in self.strangers
        if event.kind == RECEIVE and event.phase == RETURN and name is not None and "peek" not in event.detail:
            if stranger:
                kind = SEND if event.size else HALF_CLOSE
                sent = inferred(event, name, event.connection or 0, kind, event.data, event.size)
                self.senders[id(event)] = [sent]
                yield sent
            else:
                self._receive(event, name)
        yield event
        if event.connection is not None and event.phase in {ENTER, None}:
            yield from self._left(event, name, stranger=stranger)

    def _of_datagram(self, event: Event, taking: Event) -> Iterator[Event]:
        number = taking.connection
        if number is None:
            yield event
            return
        self.datagrams.add(number)
        if event.phase == RETURN:
            address = str(taking.detail.get("address", ""))
            lane = self._senders_of_datagrams.get(address)
            if lane is None or lane in self.strangers:
                if number not in self.clients:
                    yield from self._stranger(number, event, address)
                    self._senders_of_datagrams.setdefault(address, self.clients[number])
                yield inferred(event, self.clients[number], number, SEND, event.data, event.size)
        yield replace(event, connection=number)

    def _left(self, event: Event, name: str | None, *, stranger: bool) -> Iterator[Event]:
        """Something has left the server for a client."""
        number = event.connection or 0
        if event.kind == SEND and stranger and name is not None:
            taken = inferred(event, name, number, RECEIVE, event.data, event.size)
            self.senders[id(taken)] = [event]
            yield taken
        elif event.kind == SEND and number in self.datagrams:
            self._replies[name or ""].append(event)
        elif event.kind == SEND:
            self._send(number, event)
        elif event.kind in {CLOSE, HALF_CLOSE}:
            self._end(number, event)

    # --- The client's side ------------------------------------------------------------------------

    def _of_client(self, event: Event) -> Event:
        if event.kind == CONNECT:
            self._of_connect(event)
        event = replace(event, connection=self._ours.get(event.lane))
        if event.kind == SEND and event.phase == ENTER and "address" in event.detail:
            self._senders_of_datagrams[str(event.detail["address"])] = event.lane
            self.speakers.add(event.lane)
        elif event.kind == SEND and event.phase == ENTER:
            self._send(event.lane, event)
        elif event.kind in {CLOSE, HALF_CLOSE} and event.phase == ENTER:
            self._end(event.lane, event)
        elif event.kind == RECEIVE and event.phase == RETURN:
            self._take(event)
        return event

    def _of_connect(self, event: Event) -> None:
        if event.phase == ENTER:
            self._connecting.add(event.call)
            return
        self._connecting.discard(event.call)
        if event.phase != RETURN:
            return
        number = self._accepted.take(event)
        if number is not None:
            self._pair(event.lane, number)
        else:
            self._connected.add(event, event.lane)

    def _pair(self, lane: str, number: int) -> None:
        self._ours[lane] = number
        self.clients[number] = lane

    def _take(self, event: Event) -> None:
        """A client has received: a datagram with these bytes, or so many bytes of its stream."""
        replies = self._replies.get(event.lane, [])
        if event.lane in self.speakers:
            found = next((reply for reply in replies if reply.data == event.data), None)
            if found is not None:
                replies.remove(found)
                self.senders[id(event)] = [found]
        elif event.connection is not None:
            self._receive(event, event.connection)

    # --- The bytes --------------------------------------------------------------------------------

    def _send(self, stream: str | int, event: Event) -> None:
        end = self._ends.get(event.call)
        size = event.size if end is None or end.size is None else end.size
        self._sent.append(event)
        self._streams[stream].send(len(self._sent) - 1, size or 0)

    def _end(self, stream: str | int, event: Event) -> None:
        if self._streams[stream].end is None:
            self._sent.append(event)
            self._streams[stream].end = len(self._sent) - 1

    def _receive(self, event: Event, stream: str | int) -> None:
        edges = self._streams[stream].receive(0, event.size or 0)
        self.senders[id(event)] = [self._sent[sender] for sender, _receiver in edges]
