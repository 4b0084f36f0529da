"""A diagram as plain JSON, for the page that shows a part of it at a time.

The live lab and the player paint the same diagram as the others do, but only the rows in view, so they are given its
numbers instead of a finished drawing. A scene is small: each row is a list, in the order of `ROW`, and carries the step
and the arrows that begin on it. What the page shows of it becomes text nodes and attributes, never markup.

The law: a painter decides nothing. The same diagram gives the same scene.
"""

from __future__ import annotations

from collections import defaultdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

    from socketserver_trace.diagram import Arrow, Bar, Column, Diagram, Group, Row, Step

OWN: Final = 1
FAILED: Final = 2
OPEN: Final = 4
STARTS: Final = 8
"""What is said of a step, as bits."""

NOBODY: Final = -1
"""The column of an arrow without a target, and of a step without an origin."""

MICROSECOND: Final = 1_000


def scene(diagram: Diagram, more: Mapping[int, str] | None = None) -> dict[str, Any]:
    """The whole diagram. `more` has, by the event's number, what a search finds besides the words of a row."""
    steps = {step.row: step for step in diagram.steps}
    arrows: dict[int, list[Arrow]] = defaultdict(list)
    for arrow in diagram.arrows:
        arrows[arrow.row].append(arrow)
    more = more or {}
    return {
        "title": diagram.title,
        "columns": [column_of(number, column) for number, column in enumerate(diagram.columns)],
        "groups": [group_of(group) for group in diagram.groups],
        "rows": [
            row_of(row, steps.get(number), arrows.get(number, ()), more.get(row.event, ""))
            for number, row in enumerate(diagram.rows)
        ],
        "bars": [bar_of(bar) for bar in diagram.bars],
        "remarks": list(diagram.remarks),
    }


def column_of(number: int, column: Column) -> list[Any]:
    """[number, name, title, subtitle, kind, inferred, room, lane]."""
    return [
        number, column.name, column.title, column.subtitle, column.kind, int(column.inferred), column.room, column.lane
    ]  # fmt: skip


def group_of(group: Group) -> list[Any]:
    """[title, kind, first, last], the last two being places in the list of columns."""
    return [group.title, group.kind, group.first, group.last]


def row_of(row: Row, step: Step | None, arrows: Iterable[Arrow], more: str = "") -> list[Any]:
    """[event, microseconds, connection, actor, depth, words, more, step, arrows]."""
    return [
        row.event,
        row.time_ns // MICROSECOND,
        row.connection,
        row.actor,
        row.depth,
        row.text,
        more,
        None if step is None else step_of(step),
        [arrow_of(arrow) for arrow in arrows],
    ]


def step_of(step: Step) -> list[Any]:
    """[column, depth, kind, label, caption, flags, origin, depth of the origin]."""
    flags = OWN * step.own | FAILED * step.failed | OPEN * step.open | STARTS * step.starts
    origin = NOBODY if step.origin is None else step.origin
    return [step.column, step.depth, step.kind, step.label, step.caption, flags, origin, step.origin_depth]


def arrow_of(arrow: Arrow) -> list[Any]:
    """[column, depth, kind, label, target, depth of the target, row of the target, inferred, away]."""
    target = NOBODY if arrow.target is None else arrow.target
    return [
        arrow.column, arrow.depth, arrow.kind, arrow.label, target, arrow.target_depth, arrow.target_row,
        int(arrow.inferred), arrow.away,
    ]  # fmt: skip


def bar_of(bar: Bar) -> list[Any]:
    """[column, depth, first, last, kind, failed]; the last row is NOBODY while the call has not ended."""
    return [bar.column, bar.depth, bar.first, NOBODY if bar.open else bar.last, bar.kind, int(bar.failed)]
