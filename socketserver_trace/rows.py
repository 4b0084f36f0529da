"""The sheet that a layout draws on: rows from the top to the bottom, the calls that are open, and what is drawn so far.

It knows where things stand, and nothing of what they mean: a step or an arrow takes the next row, at the depth of the
calls that are open on its column just then, and a call that ends leaves a bar over the rows that passed meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from socketserver_trace import diagram as drawing
from socketserver_trace.diagram import Arrow, Bar, Row, Step
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.columns import Columns
    from socketserver_trace.events import Event


class Call:
    """A call that has not ended: its enter, its row, its step and how many bars lie below its own."""

    __slots__ = ("column", "depth", "enter", "row", "step")

    def __init__(self, enter: Event, column: int, row: int, depth: int, step: int) -> None:
        self.enter = enter
        self.column = column
        self.row = row
        self.depth = depth
        self.step = step


class Sheet:
    """The rows, steps, arrows and bars so far."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.rows: list[Row] = []
        self.steps: list[Step] = []
        self.arrows: list[Arrow] = []
        self.bars: list[Bar] = []
        self.open: dict[str, list[Call]] = defaultdict(list)
        self.changed: set[int] = set()  # rows that look otherwise than when they were taken

    @property
    def last(self) -> int:
        """The row that was taken last."""
        return len(self.rows) - 1

    def calls(self, event: Event) -> list[Call]:
        """The calls that are open in the lane of an event, from the outside in."""
        return self.open[self.columns.host(event.lane)]

    def place(self, event: Event) -> int:
        """The column of something that is not a hook: that of the hook in which it happens."""
        calls = self.calls(event)
        return calls[-1].column if calls else self.columns.of_lane(event.lane)

    def depth(self, column: int) -> int:
        """How many bars lie on a column."""
        return sum(call.column == column for call in self.open[self.columns.lane(column)])

    def take_row(self, event: Event, column: int, words: str) -> None:
        """Take the next row, and say in words what is on it."""
        actor, depth = self.columns.name(column, event.lane), len(self.calls(event))
        self.rows.append(Row(actor, depth, words, event.seq, event.connection, event.time_ns))

    def step(  # noqa: PLR0913 - what there is to say of a step, by name
        self,
        event: Event,
        column: int,
        label: str,
        caption: str = "",
        *,
        kind: str | None = None,
        own: bool = False,
        failed: bool = False,
        is_open: bool = False,
        origin: int | None = None,
        starts: bool = False,
    ) -> int:
        """Draw a step on a row of its own. Returns its number."""
        words = f"{label}  {caption}" if caption else label
        if starts and origin is not None:
            words += f"  (started by {self.columns.name(origin, self.columns.lane(origin))})"
        self.take_row(event, column, words)
        self.steps.append(
            Step(
                row=self.last,
                column=column,
                depth=self.depth(column),
                kind=kind or self.columns.kind(column),
                label=label,
                caption=caption,
                own=own,
                failed=failed,
                open=is_open,
                origin=origin,
                origin_depth=0 if origin is None else self.depth(origin),
                starts=starts,
                event=event.seq,
            )
        )
        return len(self.steps) - 1

    def change_step(self, number: int, **changes: bool | str) -> None:
        """Say something else of a step that is drawn already."""
        self.steps[number] = step = replace(self.steps[number], **changes)  # type: ignore[arg-type] # fields of a step
        self.changed.add(step.row)
        if "caption" in changes:
            self.rows[step.row] = replace(self.rows[step.row], text=f"{step.label}  {step.caption}")

    def arrow(
        self, event: Event, column: int, kind: str, label: str, target: int | None, *, lane: str = "", inferred: bool
    ) -> int:
        """Draw an arrow on a row of its own, to a lane and its column, to a lane that is not drawn, or to nobody yet.

        Returns its number.
        """
        whither = self.columns.name(target, lane) if target is not None else safe(lane)
        self.take_row(event, column, f"{label} → {whither}" if whither else label)
        self.arrows.append(
            Arrow(
                kind=kind,
                label=label,
                row=self.last,
                column=column,
                depth=self.depth(column),
                target_row=self.last,
                target=target,
                target_depth=0 if target is None else self.depth(target),
                inferred=inferred,
                away=safe(lane) if target is None else "",
                event=event.seq,
            )
        )
        return len(self.arrows) - 1

    def join(self, event: Event, lane: str, label: str) -> None:
        """Draw on a row of its own that another lane has ended, as an arrow from there."""
        column = self.place(event)
        self.take_row(event, column, label)
        self.arrows.append(
            Arrow(
                kind=drawing.JOIN,
                label=label,
                row=self.last,
                column=self.columns.of_lane(lane),
                depth=0,
                target_row=self.last,
                target=column,
                target_depth=self.depth(column),
                inferred=False,
                away="",
                event=event.seq,
            )
        )

    def end_arrow(self, number: int, column: int, lane: str) -> None:
        """Let an arrow that has no end yet arrive at a column, on the last row; one that has gets another end."""
        arrow = self.arrows[number]
        self.changed.add(arrow.row)
        ended = replace(arrow, target=column, target_row=self.last, target_depth=self.depth(column), away="")
        if arrow.target is not None:
            self.arrows.append(replace(ended, label=""))
            return
        self.arrows[number] = ended
        if arrow.row == self.last:
            words = f"{arrow.label} → {self.columns.name(column, lane)}"
            self.rows[self.last] = replace(self.rows[self.last], text=words)

    def open_call(self, enter: Event, column: int, step: int) -> None:
        """A call begins, whose step has just been drawn."""
        self.calls(enter).append(Call(enter, column, self.last, self.steps[step].depth, step))

    def close_call(self, call: Call, *, failed: bool = False, is_open: bool = False) -> None:
        """A call ends, or, when the drawing ends before it, stays open. It has a bar if rows passed meanwhile."""
        if is_open and self.last == call.row:
            self.change_step(call.step, open=True)
        if is_open or self.last > call.row:
            kind = self.columns.kind(call.column)
            self.bars.append(Bar(call.column, call.depth, call.row, self.last, kind, failed, is_open))
