"""What goes from one end to the other: connections, bytes, and the end of them, as arrows on a sheet.

An arrow begins where something leaves. It ends where it arrives: on the same row when nothing was drawn in between,
otherwise on a row of its own further down. What leaves the drawing, because the other end was not selected, says where
it went; what nobody took stays without an end.
"""

from __future__ import annotations

from collections import defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.causality import messages_of
from socketserver_trace.events import CLOSE, CONNECT, ENTER, HALF_CLOSE, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.matching import is_client
from socketserver_trace.wording import bytes_text, error_text, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording
    from socketserver_trace.rows import Sheet
    from socketserver_trace.waits import Wait

CLOSING_HOOKS: Final = frozenset({"shutdown_request", "close_request"})
"""Hooks whose caption says already that they close the socket."""


class Traffic:
    """Draws what moves between the lanes of `whole`, as far as it is on the sheet."""

    def __init__(
        self, sheet: Sheet, whole: Recording, accepting: dict[int | None, str], waits: Mapping[int | None, Wait]
    ) -> None:
        self.sheet = sheet
        self.columns = sheet.columns
        self.accepting = accepting
        self.waits = waits
        self.ends: dict[int | None, Event] = {
            event.call: event for event in whole.events if event.call and event.phase in {RETURN, RAISE}
        }
        self.senders: dict[int, list[Event]] = defaultdict(list)
        self.receivers: dict[int, list[Event]] = defaultdict(list)
        for sender, receiver in messages_of(whole.events):
            self.senders[id(whole.events[receiver])].append(whole.events[sender])
            self.receivers[id(whole.events[sender])].append(whole.events[receiver])
        self.arrows: dict[int, int] = {}  # the arrow of each send that is drawn, by the identity of the send
        self.draw: dict[str, Callable[[Event], None]] = {
            CONNECT: self.connect,
            SEND: self.send,
            RECEIVE: self.receive,
            CLOSE: self.end,
            HALF_CLOSE: self.end,
        }

    def connect(self, event: Event) -> None:
        """A client connects: the kernel takes the connection at once, for the lane that will accept it."""
        if event.phase == RAISE:
            self._failure(event, "connect")
        elif event.phase != RETURN and not self._fails(event):
            lane = self.accepting.get(event.connection) or self.columns.serving
            label = f"{safe(event.lane)}: connect" if self.columns.shares(event.lane) else "connect"
            self._arrow(event, drawing.CONNECT, label, lane)

    def send(self, event: Event) -> None:
        """Bytes leave. A datagram is taken by get_request at once; a stream's bytes wait for whoever reads them."""
        if event.phase == RAISE:
            self._failure(event, f"{event.hook}()")
        elif event.phase != RETURN and not (self._fails(event) and id(event) not in self.receivers):
            end = self.ends.get(event.call)
            size = event.size if end is None or end.size is None else end.size
            self.arrows[id(event)] = self._arrow(event, drawing.BYTES, bytes_text(event.data, size), self._taker(event))

    def receive(self, event: Event) -> None:
        """Bytes arrive, or somebody waits for them, or has waited in vain."""
        column = self.sheet.place(event)
        if event.phase == RAISE:
            self._failure(event, f"{event.hook}()")
        elif event.phase == ENTER:
            if event.call not in self.ends:
                self.wait(event, column)
        elif event.detail.get("peek"):
            looked_at = bytes_text(event.data, event.size)
            self.sheet.step(event, column, f"{event.hook}(MSG_PEEK)", looked_at, kind=drawing.BYTES)
        elif is_client(event) or not self._is_datagram(event):
            self._deliver(event, column)

    def wait(self, event: Event, column: int) -> None:
        """Somebody waits for bytes that have not come."""
        wait = self.waits.get(event.call)
        caption = "waits for bytes" if wait is None else safe(wait.brief)
        failed = wait is not None and wait.hopeless
        self.sheet.step(event, column, f"{event.hook}()", caption, kind=drawing.BYTES, is_open=True, failed=failed)

    def end(self, event: Event) -> None:
        """One side sends no more: an arrow when the other side sees it. What a closing hook does, the hook says."""
        if event.phase == RAISE:
            if not self._in_closing_hook(event):
                self._failure(event, self._name_of_end(event))
        elif event.phase != RETURN and self._is_heard(event):
            label = f"{self._name_of_end(event)}: end of file" if is_client(event) else "end of file"
            self.arrows[id(event)] = self._arrow(event, drawing.END, label, None)
        elif event.phase != RETURN and not self._in_closing_hook(event):
            self.sheet.step(event, self.sheet.place(event), self._name_of_end(event), kind=drawing.END)

    def _deliver(self, event: Event, column: int) -> None:
        """End the arrows of the sends whose bytes these are; one that has ended before goes on."""
        what = bytes_text(event.data, event.size) if event.size else "end of file"
        drawn = [self.arrows[id(sender)] for sender in self.senders[id(event)] if id(sender) in self.arrows]
        if not drawn:
            whence = "".join(dict.fromkeys(f"from {safe(sender.lane)}" for sender in self.senders[id(event)]))
            self.sheet.step(event, column, what, whence, kind=drawing.BYTES if event.size else drawing.END)
            return
        waiting = [number for number in drawn if self.sheet.arrows[number].target is None]
        if not any(self.sheet.arrows[number].row == self.sheet.last for number in waiting):
            self.sheet.take_row(event, column, f"receives {what}")
        for number in waiting or drawn[-1:]:
            self.sheet.end_arrow(number, column, event.lane)

    def _arrow(self, event: Event, kind: str, label: str, lane: str | None) -> int:
        """An arrow to a lane; without one, to whoever will receive it, if that one is drawn."""
        target = self.columns.of_lane(lane) if lane is not None and self.columns.has(lane) else None
        lanes = [lane, *(receiver.lane for receiver in self.receivers.get(id(event), ()))]
        whither = next(filter(None, lanes), "")
        inferred = "inferred" in event.detail or (kind == drawing.BYTES and event.connection in self.columns.inferred)
        return self.sheet.arrow(event, self.sheet.place(event), kind, label, target, lane=whither, inferred=inferred)

    def _failure(self, event: Event, name: str) -> None:
        kind = None if event.kind in {CLOSE, HALF_CLOSE} else drawing.BYTES
        self.sheet.step(event, self.sheet.place(event), f"{name} ✗", error_text(event), failed=True, kind=kind)

    def _taker(self, event: Event) -> str | None:
        """The lane that takes what a client sends at once: that of the get_request which returned the datagram."""
        return self.accepting[event.connection] if is_client(event) and self._is_datagram(event) else None

    def _is_heard(self, event: Event) -> bool:
        """Whether the other side sees this end."""
        return id(event) in self.receivers

    def _fails(self, event: Event) -> bool:
        end = self.ends.get(event.call)
        return end is not None and end.phase == RAISE

    def _is_datagram(self, event: Event) -> bool:
        return event.connection in self.columns.datagrams and event.connection in self.accepting

    def _in_closing_hook(self, event: Event) -> bool:
        return not is_client(event) and any(call.enter.hook in CLOSING_HOOKS for call in self.sheet.calls(event))

    @staticmethod
    def _name_of_end(event: Event) -> str:
        if not is_client(event):
            return f"{event.hook}()"
        return "half-close" if event.kind == HALF_CLOSE else "close"
