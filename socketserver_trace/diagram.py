"""What can be drawn: columns, rows, bars, arrows, as plain numbers.

A diagram is the neutral form between the layout, which decides, and the painters, which only paint. A column is one
lifeline, counted from the left; a row is one step, counted from the top; a depth counts the bars that lie on a lifeline
at that row; a width is a number of characters. Every text is already safe to show: printable and short.

The law: this module knows nothing of events, and painters know nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

# What the parts of a drawing are, for their colour and their shape.
CLIENT: Final = "client"
SERVER: Final = "server"
HANDLER: Final = "handler"
BYTES: Final = "bytes"
CONNECT: Final = "connect"
START: Final = "start"
JOIN: Final = "join"
END: Final = "end"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Column:
    """One lifeline. `name` is the short one, `room` the width that the texts to its right need.

    `lane` is the flow of control in whose place it is drawn: columns of the same lane are hidden and folded together.
    """

    name: str
    title: str
    subtitle: str
    kind: str
    inferred: bool
    room: int
    lane: str


@dataclass(frozen=True, slots=True)
class Group:
    """A box around the columns `first` to `last`: the clients, or one thread."""

    title: str
    kind: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A call that lasts, from its row to the last row that happens in it. An open one had not ended."""

    column: int
    depth: int
    first: int
    last: int
    kind: str
    failed: bool
    open: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One call on one row: a label and a smaller caption to the right of its lifeline.

    `origin` is the column from which an arrow comes: of a constructor's caller, or of the thread that starts another
    (`starts`); without one, the arrow loops. `own` marks an override of the program. `event` is the event's `seq`.
    """

    row: int
    column: int
    depth: int
    kind: str
    label: str
    caption: str
    own: bool
    failed: bool
    open: bool
    origin: int | None
    origin_depth: int
    starts: bool
    event: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """Something that goes from one lifeline to another, on one row or, when it took its time, over several.

    Without a target (None) nobody received it, or it went to somebody who is not in the drawing: `away` is who.
    """

    kind: str
    label: str
    row: int
    column: int
    depth: int
    target_row: int
    target: int | None
    target_depth: int
    inferred: bool
    away: str
    event: int


@dataclass(frozen=True, slots=True)
class Row:
    """The same row in words: who, how deep in calls, and what.

    `event` is the `seq` of what happened, `connection` its number, and `time_ns` when it was, which no default drawing
    shows.
    """

    actor: str
    depth: int
    text: str
    event: int
    connection: int | None
    time_ns: int


@dataclass(frozen=True, slots=True)
class Diagram:
    """A whole drawing. `remarks` are sentences below it: what is not shown, and why."""

    title: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    bars: tuple[Bar, ...]
    steps: tuple[Step, ...]
    arrows: tuple[Arrow, ...]
    rows: tuple[Row, ...]
    remarks: tuple[str, ...]
