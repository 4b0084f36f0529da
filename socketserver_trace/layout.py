"""From a recording to a diagram: which column, which row, which bar, in which words.

The layout walks once through the events. A hook that is entered takes a row. A call that lasts while other rows are
drawn has a bar, from its own row to the last one before its end. Bytes take one row when they arrive before anything
else happens, otherwise one where they leave and one where they arrive (`traffic`). A return takes no row: its result
stands in the caption and the bar ends. An exception takes a row where it was raised, if rows were drawn since its call
began, and colours every call that it passes through.

The law: pure and deterministic. The same recording gives the same diagram, and painters decide nothing.
"""

from __future__ import annotations

from socketserver_trace import diagram as drawing
from socketserver_trace.columns import Columns
from socketserver_trace.diagram import Diagram
from socketserver_trace.endings import Endings
from socketserver_trace.events import END, ENTER, FAULT, HOOK, JOIN, KERNEL, NOTE, RAISE, START
from socketserver_trace.rows import Sheet
from socketserver_trace.traffic import Traffic
from socketserver_trace.waits import chains_of, waits_of
from socketserver_trace.wording import caption_of, error_text, failure_texts, plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.events import Event, Scalar
    from socketserver_trace.recording import Recording
    from socketserver_trace.waits import Wait

HIDDEN_HOOKS: Final = frozenset({"__enter__", "__exit__"})
"""Hooks without a row: the block that they begin and end shows by itself."""

REMARK_WIDTH: Final = 80
WAIT_WIDTH: Final = 600


def lay_out(recording: Recording, *, whole: Recording | None = None, order: str = "causal") -> Diagram:
    """The diagram of a recording, whose events stand in the order in which they are to be drawn.

    When the recording is a selection, `whole` is what it was selected from: it tells where bytes went that left it.
    """
    whole = whole or recording
    waits: dict[int | None, Wait] = {wait.call: wait for wait in waits_of(whole) if wait.call is not None}
    columns = Columns(recording, whole)
    sheet = Sheet(columns)
    accepting: dict[int | None, str] = {
        event.connection: event.lane for event in whole.events if event.hook == "get_request" and event.connection
    }
    starters = {event.detail.get("starts"): event.lane for event in whole.events if event.kind == START}
    traffic = Traffic(sheet, whole, accepting, waits)
    layout = Layout(sheet, traffic, Endings(sheet, recording, whole, waits), starters)
    for event in recording.events:
        layout.add(event)
    chains = [safe(str(chain), WAIT_WIDTH) for chain in chains_of(whole) if any(map(layout.draws, chain.waits))]
    return layout.finished((*chains, *_remarks(recording, order)))


class Layout:
    """The diagram so far, and what is needed to go on.

    `traffic` and `endings` draw on the same `sheet`; `starters` has for each lane the one that started it.
    """

    def __init__(self, sheet: Sheet, traffic: Traffic, endings: Endings, starters: Mapping[Scalar, str]) -> None:
        self.columns = sheet.columns
        self.sheet = sheet
        self.traffic = traffic
        self.endings = endings
        self.accepting = traffic.accepting
        self.waits = traffic.waits
        self.starters = starters
        self.begun: set[str] = set()

    def add(self, event: Event) -> None:
        """Draw one event."""
        if event.kind == HOOK:
            self._hook(event)
        elif event.kind in self.traffic.draw:
            self.traffic.draw[event.kind](event)
        elif event.kind == JOIN:
            self.endings.join(event)
        elif event.kind == END:
            self.endings.end(event, self._starter(event))
        elif event.kind == KERNEL:
            self.endings.kernel(event)
        elif event.kind in {NOTE, FAULT}:
            self._remark(event)

    def draws(self, wait: Wait) -> bool:
        """Whether somebody who waits is in the drawing."""
        return self.columns.has(wait.lane)

    def finished(self, remarks: tuple[str, ...]) -> Diagram:
        """The diagram. Calls that have not ended get an open bar."""
        sheet = self.sheet
        for calls in sheet.open.values():
            for call in calls:
                sheet.close_call(call, is_open=True)
        columns, groups = self.columns.finished(sheet.steps, sheet.arrows)
        return Diagram(
            title=self.columns.title(),
            columns=columns,
            groups=groups,
            bars=tuple(sorted(sheet.bars, key=lambda bar: (bar.column, bar.first, bar.depth))),
            steps=tuple(sheet.steps),
            arrows=tuple(sheet.arrows),
            rows=tuple(sheet.rows),
            remarks=remarks,
        )

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
        column = self.columns.of_hook(event)
        origin, starts = self._origin(event, column)
        caption = caption_of(event, self.traffic.ends.get(event.call))
        own = bool(event.detail.get("own"))
        wait = self.waits.get(event.call)
        caption = caption if wait is None else safe(wait.brief)
        step = self.sheet.step(
            event, column, f"{event.hook}()", caption, own=own, origin=origin, starts=starts,
            failed=wait is not None and wait.hopeless,
        )  # fmt: skip
        self.sheet.open_call(event, column, step)

    def _origin(self, event: Event, column: int) -> tuple[int | None, bool]:
        """Whence the arrow to a step comes: from the thread that started this one, or from the server's own column."""
        starter = self._starter(event)
        if starter is not None:
            return starter, True
        calls = self.sheet.calls(event)
        if event.hook == "__init__" and calls and calls[-1].column != column:
            return calls[-1].column, False
        return None, False

    def _starter(self, event: Event) -> int | None:
        """The column from which the lane of an event was started, if this is its first step."""
        if event.lane in self.begun:
            return None
        self.begun.add(event.lane)
        starter = self.starters.get(event.lane)
        if event.hook == "process_request_thread":
            starter = self.accepting.get(event.connection)
        return self.columns.of_lane(starter) if starter is not None and self.columns.has(starter) else None

    def _raised(self, event: Event) -> None:
        call = next((call for call in reversed(self.sheet.calls(event)) if call.enter.call == event.call), None)
        if call is None:
            return
        if not self.sheet.steps[call.step].failed:
            if call.row < self.sheet.last:
                self.sheet.step(event, call.column, *failure_texts(event), failed=True)
                self.sheet.change_step(call.step, failed=True)
            else:
                self.sheet.change_step(call.step, failed=True, caption=f"✗ {error_text(event)}")
        self._leave(event, failed=True)

    def _leave(self, event: Event, *, failed: bool) -> None:
        calls = self.sheet.calls(event)
        if all(call.enter.call != event.call for call in calls):
            return  # its enter is not drawn
        while calls:
            call = calls.pop()
            self.sheet.close_call(call, failed=failed)
            if calls and failed and self._passes_on(event):
                self.sheet.change_step(calls[-1].step, failed=True)
            if call.enter.call == event.call:
                return

    def _passes_on(self, event: Event) -> bool:
        """Whether the call around this one raises the same."""
        parent = self.traffic.ends.get(event.parent)
        return parent is not None and parent.phase == RAISE and parent.detail == event.detail

    def _remark(self, event: Event) -> None:
        failed = event.kind == FAULT
        text = (
            f"the tracer failed at {event.detail.get('doing')}: {error_text(event)}"
            if failed
            else event.detail.get("text")
        )
        label = safe(str(text), REMARK_WIDTH)
        self.sheet.step(event, self.sheet.place(event), label, kind=drawing.NOTE, failed=failed)


def _remarks(recording: Recording, order: str) -> tuple[str, ...]:
    remarks = []
    if order != "causal":
        remarks.append("In the order of arrival: as the clock saw it on this run.")
    if recording.raced:
        remarks.append("Clients that raced stand in the order of their names; trace.arrival() shows who came first.")
    if any(lane.inferred for lane in recording.lanes):
        remarks.append("Dotted: inferred from what the server saw; the client did not record itself.")
    if recording.dropped:
        remarks.append(f"{plural(recording.dropped, 'older event')} were let go: the recorder was full.")
    if recording.cut_off:
        remarks.append("The file was cut off: what came later is missing.")
    return tuple(remarks)
