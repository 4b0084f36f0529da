"""Ends, as they are drawn: threads and children that have ended, whoever waited for them, and whoever still waits.

A child's end is a step in its own lane. A join is an arrow from the lane that has ended; the joins of one call are one
row, however many they are. A wait that lasts is an open step that says for whom it waits, in red when it is hopeless.
What the kernel knew at a moment is a remark, marked as the kernel's.
"""

from __future__ import annotations

from collections import defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.endpoints import from_details
from socketserver_trace.events import ENTER, JOIN, RAISE, RETURN
from socketserver_trace.telling import brief
from socketserver_trace.wording import error_text, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording
    from socketserver_trace.rows import Sheet
    from socketserver_trace.waits import Wait

OVER: Final = (None, RETURN)
"""The phases of a join that is over: in causal order, and in the order of arrival."""

NAMED: Final = 3
"""How many of the lanes that were joined together are named."""


class Endings:
    """Draws ends, joins and waits on a sheet."""

    def __init__(self, sheet: Sheet, recording: Recording, whole: Recording, waits: Mapping[int | None, Wait]) -> None:
        self.sheet = sheet
        self.waits = waits
        self.joined: dict[tuple[str, int | None], list[Event]] = defaultdict(list)
        for event in recording.events:
            if event.kind == JOIN and event.phase in OVER:
                self.joined[event.lane, event.parent].append(event)
        self.collected = {event.detail.get("joins") for event in whole.events if event.kind == JOIN}

    def end(self, event: Event, origin: int | None) -> None:
        """A child process has ended: how, and whether anybody has waited for it."""
        how = event.detail
        status, signal = how.get("status"), how.get("signal")
        label = f"ended by {safe(str(signal))}" if signal else "ended" if status is None else f"exit {status}"
        column = self.sheet.columns.of_lane(event.lane)
        failed = bool(status or signal)
        self.sheet.step(
            event, column, label, self._afterwards(event), kind=drawing.END, failed=failed, origin=origin,
            starts=origin is not None,
        )  # fmt: skip
        calls = self.sheet.calls(event)
        while calls:
            self.sheet.close_call(calls.pop(), failed=failed)

    def _afterwards(self, event: Event) -> str:
        if event.detail.get("collected"):
            return "collected by its parent"
        if event.lane in self.collected:
            return "a zombie until it is collected"
        told = "status" in event.detail or "signal" in event.detail
        return "a zombie: nobody has waited for it yet" if told else ""

    def join(self, event: Event) -> None:
        """Somebody waits for an end, has found that it has come, or was torn away."""
        if event.phase == RAISE:
            self.sheet.step(event, self.sheet.place(event), f"{event.hook}() \u2717", error_text(event), failed=True)
        elif event.phase == ENTER:
            wait = self.waits.get(event.call)
            if wait is not None:
                self.sheet.step(
                    event, self.sheet.place(event), f"{event.hook}()", safe(wait.brief), is_open=True, kind=drawing.END
                )
        elif event is self.joined[event.lane, event.parent][-1]:
            self._joins(event, [str(one.detail.get("joins", "")) for one in self.joined[event.lane, event.parent]])

    def _joins(self, event: Event, lanes: list[str]) -> None:
        label = f"{event.hook}(): {_names(lanes)}"
        drawn = [lane for lane in lanes if self.sheet.columns.has(lane)]
        if drawn:
            self.sheet.join(event, max(drawn, key=self.sheet.columns.of_lane), label)
        else:
            self.sheet.step(event, self.sheet.place(event), label, kind=drawing.END)

    def kernel(self, event: Event) -> None:
        """What the kernel knew of one socket."""
        view = from_details(event.detail)
        label = f"kernel: {safe(view.of)}"
        self.sheet.step(event, self.sheet.columns.of_lane(event.lane), label, brief(view), kind=drawing.NOTE)


def _names(lanes: list[str]) -> str:
    known = [safe(lane) for lane in lanes if lane]
    if not known:
        return "a child has ended"
    if len(known) > NAMED:
        return f"{known[0]} and {len(known) - 1} more have ended"
    listed = " and ".join(filter(None, (", ".join(known[:-1]), known[-1])))
    return f"{listed} {'have' if len(known) > 1 else 'has'} ended"
