"""From a recording to a diagram: which column, which row, which bar, in which words.

The layout walks once through the events. A hook that is entered takes a row. A call that lasts while other rows are
drawn has a bar, from its own row to the last one before its end. Bytes take one row when they arrive before anything else happens, otherwise one where
they leave and one where they arrive, and the arrow goes down. A return takes no row: its result stands in the caption
and the bar ends. An exception takes a row where it was raised, if its call already has rows, and colours every call
that it passes through.

The law: pure and deterministic. The same recording gives the same diagram, and painters decide nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from socketserver_trace import diagram as drawing
from socketserver_trace.causality import messages_of
from socketserver_trace.columns import Columns
from socketserver_trace.diagram import Arrow, Bar, Diagram, Row, Step
from socketserver_trace.events import (
    CLOSE,
    CONNECT,
    ENTER,
    FAULT,
    HALF_CLOSE,
    HOOK,
    NOTE,
    RAISE,
    RECEIVE,
    RETURN,
    SEND,
    START,
)
from socketserver_trace.matching import is_client
from socketserver_trace.wording import bytes_text, caption_of, error_text, plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording

HIDDEN_HOOKS: Final = frozenset({"__enter__", "__exit__"})
"""Hooks without a row: the block that they begin and end shows by itself."""

CLOSING_HOOKS: Final = frozenset({"shutdown_request", "close_request"})
"""Hooks whose caption says already that they close the socket."""


def lay_out(recording: Recording, *, whole: Recording | None = None, order: str = "causal") -> Diagram:
    """The diagram of a recording, whose events stand in the order in which they are to be drawn.

    When the recording is a selection, `whole` is what it was selected from: it tells where bytes went that left it.
    """
    layout = _Layout(recording, whole or recording)
    for event in recording.events:
        layout.add(event)
    return layout.finished(_remarks(recording, order))


class _Call:
    """A call that has not ended: its enter, its row, its step and how many bars lie below its own."""

    __slots__ = ("depth", "enter", "row", "step")

    def __init__(self, enter: Event, row: int, depth: int, step: int) -> None:
        self.enter = enter
        self.row = row
        self.depth = depth
        self.step = step


class _Layout:
    """The diagram so far, and what is needed to go on."""

    def __init__(self, recording: Recording, whole: Recording) -> None:
        self.columns = Columns(recording, whole)
        self.ends = {event.call: event for event in whole.events if event.phase in {RETURN, RAISE}}
        self.senders: dict[int, list[Event]] = defaultdict(list)
        self.receivers: dict[int, list[Event]] = defaultdict(list)
        for sender, receiver in messages_of(whole.events):
            self.senders[id(whole.events[receiver])].append(whole.events[sender])
            self.receivers[id(whole.events[sender])].append(whole.events[receiver])
        self.starters = {event.detail.get("starts"): event for event in whole.events if event.kind == START}
        self.accepting = _accepting(whole.events)
        self.open: dict[str, list[_Call]] = defaultdict(list)
        self.begun: set[str] = set()
        self.rows: list[Row] = []
        self.steps: list[Step] = []
        self.arrows: list[Arrow] = []
        self.bars: list[Bar] = []
        self.sent: dict[int, int] = {}  # the arrow of each send, by the identity of the send

    def add(self, event: Event) -> None:
        """Draw one event."""
        if event.kind == HOOK:
            self._hook(event)
        elif event.kind == SEND:
            self._send(event)
        elif event.kind == RECEIVE:
            self._receive(event)
        elif event.kind == CONNECT:
            self._connect(event)
        elif event.kind in {CLOSE, HALF_CLOSE}:
            self._end(event)
        elif event.kind in {NOTE, FAULT}:
            self._remark(event)

    def finished(self, remarks: tuple[str, ...]) -> Diagram:
        """The diagram. Calls that have not ended get an open bar."""
        for calls in self.open.values():
            for call in calls:
                self._close_bar(call, failed=False, is_open=True)
        bars = tuple(sorted(self.bars, key=lambda bar: (bar.column, bar.first, bar.depth)))
        columns, groups = self.columns.finished(self.steps, self.arrows)
        title = self.columns.title()
        return Diagram(title, columns, groups, bars, tuple(self.steps), tuple(self.arrows), tuple(self.rows), remarks)

    # Calls

    def _hook(self, event: Event) -> None:
        if event.phase == ENTER:
            self._enter(event)
        elif event.phase == RAISE:
            self._raised(event)
        else:
            self._leave(event, failed=False)

    def _enter(self, event: Event) -> None:
        if event.hook in HIDDEN_HOOKS:
            return
        end = self.ends.get(event.call)
        column = self.columns.of_hook(event)
        origin, starts = self._origin(event, column)
        label = f"{event.hook}()"
        caption = caption_of(event, end)
        step = self._step(event, column, label, caption, own=bool(event.detail.get("own")), origin=origin, starts=starts)
        self.open[event.lane].append(_Call(event, len(self.rows) - 1, self.steps[step].depth, step))

    def _origin(self, event: Event, column: int) -> tuple[int | None, bool]:
        """Whence the arrow to a step comes: from the thread that started this one, or from the server's own column."""
        first, _ = event.lane not in self.begun, self.begun.add(event.lane)
        starter = self.starters[event.lane].lane if event.lane in self.starters else None
        if event.hook == "process_request_thread":
            starter = self.accepting.get(event.connection)
        if first and starter is not None and self.columns.has(starter):
            return self.columns.of_lane(starter), True
        if event.hook == "__init__" and self.open[event.lane]:
            caller = self._column_of(self.open[event.lane][-1])
            return (caller, False) if caller != column else (None, False)
        return None, False

    def _raised(self, event: Event) -> None:
        call = next((call for call in reversed(self.open[event.lane]) if call.enter.call == event.call), None)
        if call is None:
            return
        if not self.steps[call.step].failed:
            if call.row < len(self.rows) - 1:
                self._step(event, self._column_of(call), f"{event.hook}() ✗", error_text(event), failed=True)
            else:
                self._change(call.step, failed=True, caption=f"✗ {error_text(event)}")
        self._leave(event, failed=True)

    def _leave(self, event: Event, *, failed: bool) -> None:
        calls = self.open[event.lane]
        while calls:
            call = calls.pop()
            self._close_bar(call, failed=failed, is_open=False)
            if calls and failed and self._passes_on(event):
                self._change(calls[-1].step, failed=True)
            if call.enter.call == event.call:
                return

    def _passes_on(self, event: Event) -> bool:
        """Whether the call around this one raises the same."""
        parent = self.ends.get(event.parent)
        return parent is not None and parent.phase == RAISE and parent.detail == event.detail

    def _close_bar(self, call: _Call, *, failed: bool, is_open: bool) -> None:
        last = len(self.rows) - 1
        if is_open and last == call.row:
            self._change(call.step, open=True)
        if last > call.row or is_open:
            column = self._column_of(call)
            self.bars.append(Bar(column, call.depth, call.row, last, self.columns.kind(column), failed, is_open))

    # What goes from one end to the other

    def _connect(self, event: Event) -> None:
        if event.phase == RETURN:
            return
        column = self.columns.of_lane(event.lane)
        if event.phase == RAISE:
            self._step(event, column, "connect ✗", error_text(event), failed=True)
            return
        end = self.ends.get(event.call)
        if end is None or end.phase != RAISE:
            self._arrow(event, column, drawing.CONNECT, "connect", self.accepting.get(event.connection) or self.columns.serving)

    def _send(self, event: Event) -> None:
        column = self._where(event)
        if event.phase == RAISE:
            self._step(event, column, f"{event.hook}() ✗", error_text(event), failed=True, kind=drawing.BYTES)
        elif event.phase in {ENTER, None}:
            end = self.ends.get(event.call)
            if end is not None and end.phase == RAISE and id(event) not in self.receivers:
                return  # nobody got any of it: the exception has its own row
            size = end.size if end is not None and end.size is not None else event.size
            # A datagram is taken by get_request at once; a stream's bytes wait for whoever reads them.
            target = self.accepting[event.connection] if is_client(event) and self._is_datagram(event) else None
            self.sent[id(event)] = self._arrow(event, column, drawing.BYTES, bytes_text(event.data, size), target)

    def _is_datagram(self, event: Event) -> bool:
        return event.connection in self.columns.datagrams and event.connection in self.accepting

    def _receive(self, event: Event) -> None:
        column = self._where(event)
        if event.phase == ENTER:
            if event.call not in self.ends:
                self._step(event, column, f"{event.hook}()", "waits for bytes", kind=drawing.BYTES, is_open=True)
        elif event.phase == RAISE:
            self._step(event, column, f"{event.hook}() ✗", error_text(event), failed=True, kind=drawing.BYTES)
        elif event.detail.get("peek"):
            self._step(event, column, f"{event.hook}(MSG_PEEK)", bytes_text(event.data, event.size), kind=drawing.BYTES)
        elif is_client(event) or not self._is_datagram(event):
            self._deliver(event, column)

    def _deliver(self, event: Event, column: int) -> None:
        """End the arrows of the sends that this receive takes; a send that was received before gets another arrow."""
        sent = [self.sent[id(sender)] for sender in self.senders[id(event)] if id(sender) in self.sent]
        waiting = [number for number in sent if self.arrows[number].target is None]
        what = bytes_text(event.data, event.size) if event.size else "end of file"
        if not sent:
            whence = "".join(dict.fromkeys(f"from {safe(sender.lane)}" for sender in self.senders[id(event)]))
            self._step(event, column, what, whence, kind=drawing.BYTES if event.size else drawing.END)
            return
        if not any(self.arrows[number].row == len(self.rows) - 1 for number in waiting):
            self._row(event, column, f"receives {what}")
        for number in waiting or sent[-1:]:
            self._end_arrow(number, column, self._depth(event.lane, column), again=not waiting)

    def _end_arrow(self, number: int, column: int, depth: int, *, again: bool) -> None:
        row = len(self.rows) - 1
        arrow = replace(self.arrows[number], target=column, target_row=row, target_depth=depth, away="")
        if again:
            self.arrows.append(replace(arrow, label=""))
            return
        self.arrows[number] = arrow
        if arrow.row == row:
            self.rows[row] = replace(self.rows[row], text=f"{arrow.label} → {self.columns.name(column)}")

    def _end(self, event: Event) -> None:
        column = self._where(event)
        name = {"shutdown": "half-close"}.get(event.hook or "", "close") if is_client(event) else f"{event.hook}()"
        if event.kind == HALF_CLOSE and event.phase is None:
            name = "half-close"
        if event.phase == RAISE:
            if not self._is_closing(event):
                self._step(event, column, f"{name} ✗", error_text(event), failed=True)
        elif event.phase != RETURN and id(event) in self.receivers:
            self.sent[id(event)] = self._arrow(event, column, drawing.END, "end of file", None)
        elif event.phase != RETURN and not self._is_closing(event):
            self._step(event, column, name, "", kind=drawing.END)

    def _is_closing(self, event: Event) -> bool:
        return not is_client(event) and any(call.enter.hook in CLOSING_HOOKS for call in self.open[event.lane])

    def _remark(self, event: Event) -> None:
        text = str(event.detail.get("text") or f"the tracer failed at {event.detail.get('doing')}: {error_text(event)}")
        column = self._where(event)
        self._step(event, column, safe(text, 80), "", kind=drawing.NOTE, failed=event.kind == FAULT)

    # Rows

    def _step(
        self,
        event: Event,
        column: int,
        label: str,
        caption: str,
        *,
        own: bool = False,
        failed: bool = False,
        is_open: bool = False,
        kind: str | None = None,
        origin: int | None = None,
        starts: bool = False,
    ) -> int:
        words = f"{label}  {caption}" if caption else label
        if starts and origin is not None:
            words += f"  (started by {self.columns.name(origin)})"
        depth = self._row(event, column, words)
        kind = kind or self.columns.kind(column)
        row = len(self.rows) - 1
        whence = 0 if origin is None else self._depth(self.columns.lane(origin), origin)
        self.steps.append(
            Step(row, column, depth, kind, label, caption, own, failed, is_open, origin, whence, starts, event.seq)
        )
        return len(self.steps) - 1

    def _arrow(self, event: Event, column: int, kind: str, label: str, lane: str | None) -> int:
        """An arrow to a lane; without one, to whoever will receive it, who may be outside of what is drawn."""
        target = self.columns.of_lane(lane) if lane is not None and self.columns.has(lane) else None
        receivers = [receiver.lane for receiver in self.receivers.get(id(event), ())]
        away = "" if target is not None else next((name for name in (lane, *receivers) if name is not None), "")
        words = label if target is None and not away else f"{label} → {self.columns.name(target) if target is not None else safe(away)}"
        depth = self._row(event, column, words)
        row = len(self.rows) - 1
        target_depth = 0 if target is None else self._depth(self.columns.lane(target), target)
        inferred = "inferred" in event.detail or (kind == drawing.BYTES and self._to_inferred(event))
        self.arrows.append(
            Arrow(kind, label, row, column, depth, row, target, target_depth, inferred, safe(away), event.seq)
        )
        return len(self.arrows) - 1

    def _to_inferred(self, event: Event) -> bool:
        return event.connection in self.columns.inferred

    def _row(self, event: Event, column: int, words: str) -> int:
        """Take a new row. Returns how many bars lie there on the column."""
        depth = self._depth(event.lane, column)
        self.rows.append(Row(self.columns.name(column), len(self.open[event.lane]), words))
        return depth

    def _depth(self, lane: str, column: int) -> int:
        return sum(self._column_of(call) == column for call in self.open[lane])

    def _column_of(self, call: _Call) -> int:
        return self.columns.of_hook(call.enter)

    def _where(self, event: Event) -> int:
        """The column of a step that is not a hook: that of the hook in which it happens."""
        calls = self.open[event.lane]
        return self._column_of(calls[-1]) if calls else self.columns.of_lane(event.lane)

    def _change(self, step: int, **changes: bool | str) -> None:
        self.steps[step] = replace(self.steps[step], **changes)  # type: ignore[arg-type] # fields of a step
        changed = self.steps[step]
        row = self.rows[changed.row]
        if "caption" in changes:
            self.rows[changed.row] = replace(row, text=f"{changed.label}  {changed.caption}")


def _accepting(events: Sequence[Event]) -> dict[int | None, str]:
    """The lane that accepted each connection."""
    return {event.connection: event.lane for event in events if event.hook == "get_request" and event.connection}


def _remarks(recording: Recording, order: str) -> tuple[str, ...]:
    remarks = []
    if order != "causal":
        remarks.append("In the order of arrival: as the clock saw it on this run.")
    if any(lane.inferred for lane in recording.lanes):
        remarks.append("Dashed: inferred from what the server saw; the client did not record itself.")
    if recording.dropped:
        remarks.append(f"{plural(recording.dropped, 'older event')} were let go: the recorder was full.")
    if recording.cut_off:
        remarks.append("The file was cut off: what came later is missing.")
    return tuple(remarks)
