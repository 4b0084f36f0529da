"""Two drawings in one: the columns of the one on the left, those of the other on the right.

What is the same call in both stands on two rows, one below the other; what only one has stands alone. A call that
differs has a sign before its name; there is one for each of: another one, only on the left, only on the right.

The law: pure, from two diagrams to one. What an event is numbered in the drawing of the right is its own number behind
all those of the left.
"""

from __future__ import annotations

from dataclasses import replace
from difflib import SequenceMatcher

from socketserver_trace.diagram import Diagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from socketserver_trace.comparison.aligning import Pair
    from socketserver_trace.reasons.calls import Call

CHANGED: Final = "\N{NOT EQUAL TO} "
ONLY_LEFT: Final = "\N{MINUS SIGN} "
ONLY_RIGHT: Final = "+ "


def combined(
    left: Diagram, right: Diagram, pairs: Iterable[Pair], names: tuple[str, str], shift: int, remarks: tuple[str, ...]
) -> Diagram:
    """The drawing of both. `shift` is added to the numbers of the events on the right."""
    pairs = list(pairs)
    ones = Found(left, [(pair.left, pair) for pair in pairs if pair.left is not None])
    others = Found(right, [(pair.right, pair) for pair in pairs if pair.right is not None])
    here, there = _placed(ones, others)
    one = _moved(left, here, names[0], ones)
    other = _moved(right, there, names[1], others, columns=len(left.columns), shift=shift)
    rows = [*zip(here, one.rows, strict=True), *zip(there, other.rows, strict=True)]
    return Diagram(
        title=f"{names[0]} and {names[1]}",
        columns=one.columns + other.columns,
        groups=one.groups + other.groups,
        bars=one.bars + other.bars,
        steps=tuple(sorted(one.steps + other.steps, key=lambda step: step.row)),
        arrows=tuple(sorted(one.arrows + other.arrows, key=lambda arrow: arrow.row)),
        rows=tuple(row for _place, row in sorted(rows, key=lambda placed: placed[0])),
        remarks=remarks,
    )


class Found:
    """Which pair stands on which row, and is which step or arrow.

    An inferred event has the number of the one from which it was inferred, so the lane is asked for as well.
    """

    def __init__(self, diagram: Diagram, calls: Iterable[tuple[Call, Pair]]) -> None:
        self._diagram = diagram
        self._pairs: dict[int, dict[str, Pair]] = {}
        for call, pair in calls:
            self._pairs.setdefault(call.enter.seq, {})[call.lane] = pair
        lanes = [(step.row, step.column) for step in diagram.steps]
        lanes += [(arrow.row, arrow.column) for arrow in diagram.arrows]
        self._lanes = {row: diagram.columns[column].lane for row, column in reversed(lanes)}

    def at(self, event: int, lane: str) -> Pair | None:
        """The pair of an event in a lane."""
        found = self._pairs.get(event, {})
        return found.get(lane) or (next(iter(found.values())) if len(found) == 1 else None)

    def sign(self, event: int, column: int) -> str:
        """What stands before a step or an arrow."""
        pair = self.at(event, self._diagram.columns[column].lane)
        return "" if pair is None else _sign(pair)

    def rows(self) -> list[Pair | None]:
        """The pair of each row."""
        return [self.at(row.event, self._lanes.get(number, "")) for number, row in enumerate(self._diagram.rows)]


def _placed(left: Found, right: Found) -> tuple[list[int], list[int]]:
    """The place of each row of the left and of each of the right, in the order of both."""
    keys: list[object] = [id(pair) if pair else ("left", number) for number, pair in enumerate(left.rows())]
    keys_right: list[object] = [id(pair) if pair else ("right", number) for number, pair in enumerate(right.rows())]
    here: list[int] = []
    there: list[int] = []
    matcher = SequenceMatcher(None, keys, keys_right, autojunk=False)
    for tag, begin, end, start, stop in matcher.get_opcodes():
        if tag == "equal":
            for _ in range(end - begin):
                here.append(len(here) + len(there))
                there.append(len(here) + len(there))
        else:
            here.extend(range(len(here) + len(there), len(here) + len(there) + end - begin))
            there.extend(range(len(here) + len(there), len(here) + len(there) + stop - start))
    return here, there


def _titles(diagram: Diagram, name: str) -> list[str]:
    """The titles of the boxes; the first one says which side it is."""
    titles = [group.title for group in diagram.groups]
    return [f"{name}: {titles[0]}", *titles[1:]] if titles else []


def _sign(pair: Pair) -> str:
    if pair.right is None:
        return ONLY_LEFT
    if pair.left is None:
        return ONLY_RIGHT
    return CHANGED if pair.changes else ""


def _moved(
    diagram: Diagram, places: list[int], name: str, found: Found, *, columns: int = 0, shift: int = 0
) -> Diagram:
    """The diagram with its rows at these places, its columns so far to the right, and its lanes under this name."""
    signs = ["" if pair is None else _sign(pair) for pair in found.rows()]
    at = [*places, *(places[-1:] or [0])]
    return replace(
        diagram,
        columns=tuple(replace(column, lane=f"{name}: {column.lane}") for column in diagram.columns),
        groups=tuple(
            replace(group, title=title, first=group.first + columns, last=group.last + columns)
            for group, title in zip(diagram.groups, _titles(diagram, name), strict=True)
        ),
        bars=tuple(
            replace(bar, column=bar.column + columns, first=at[bar.first], last=at[bar.last]) for bar in diagram.bars
        ),
        steps=tuple(
            replace(
                step,
                row=at[step.row],
                column=step.column + columns,
                label=found.sign(step.event, step.column) + step.label,
                origin=None if step.origin is None else step.origin + columns,
                event=step.event + shift,
            )
            for step in diagram.steps
        ),
        arrows=tuple(
            replace(
                arrow,
                row=at[arrow.row],
                target_row=at[arrow.target_row],
                column=arrow.column + columns,
                label=found.sign(arrow.event, arrow.column) + arrow.label,
                target=None if arrow.target is None else arrow.target + columns,
                event=arrow.event + shift,
            )
            for arrow in diagram.arrows
        ),
        rows=tuple(
            replace(
                row,
                actor=f"{name} · {row.actor}",
                text=sign + row.text,
                event=row.event + shift,
            )
            for sign, row in zip(signs, diagram.rows, strict=True)
        ),
    )
