"""A diagram as plain text: for a terminal, for a screen reader, and for the comparison of notebooks.

On the left the lifelines, one narrow column each, with the arrows between them; on the right the same row in words,
which say everything by themselves. A diagram with more lifelines than fit is drawn in words only.
"""

from __future__ import annotations

from socketserver_trace.diagram import JOIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.diagram import Arrow, Diagram, Step

GRAPH_WIDTH: Final = 72
"""How many characters the lifelines may take before they are left out."""

NARROWEST: Final = 8

LIFE, BAR, STEP, FAILED = "┊", "┃", "●", "✗"
SOLID, DASHED, DOTTED = "─", "╌", "┈"


def paint(diagram: Diagram) -> str:
    """The diagram as lines of text, without a newline at the end."""
    return "\n".join(line.rstrip() for line in _lines(diagram))


def _lines(diagram: Diagram) -> Iterator[str]:
    yield diagram.title
    yield ""
    graph = _Graph(diagram)
    digits = len(str(len(diagram.rows)))
    names = max((len(row.actor) for row in diagram.rows), default=0)
    if graph.fits:
        yield f"{'':{digits + 2}}{graph.head()}"
    for number, row in enumerate(diagram.rows):
        words = f"{row.actor:{names}}  {'  ' * row.depth}{row.text}"
        lines = f"{graph.row(number)}  " if graph.fits else ""
        yield f"{number + 1:{digits}}  {lines}{words}"
    if diagram.remarks:
        yield ""
    yield from diagram.remarks


class _Graph:
    """The lifelines of a diagram, row by row."""

    def __init__(self, diagram: Diagram) -> None:
        self.heads = [column.name for column in diagram.columns]
        widths = [max(NARROWEST, len(head) + 2) for head in self.heads]
        self.width = sum(widths)
        self.centers = [sum(widths[:number]) + width // 2 for number, width in enumerate(widths)]
        self.fits = 0 < self.width <= GRAPH_WIDTH
        self.covered = {(row, bar.column) for bar in diagram.bars for row in range(bar.first, bar.last + 1)}
        self.steps = {step.row: step for step in diagram.steps}
        self.arrows: dict[int, list[Arrow]] = {}
        for arrow in diagram.arrows:
            self.arrows.setdefault(arrow.row, []).append(arrow)
            if arrow.target_row != arrow.row:
                self.arrows.setdefault(arrow.target_row, []).append(arrow)

    def head(self) -> str:
        line = [" "] * self.width
        for head, center in zip(self.heads, self.centers, strict=True):
            self._write(line, center - len(head) // 2, head)
        return "".join(line)

    def row(self, number: int) -> str:
        line = [" "] * self.width
        for column, center in enumerate(self.centers):
            line[center] = BAR if (number, column) in self.covered else LIFE
        if number in self.steps:
            self._step(line, self.steps[number])
        for arrow in self.arrows.get(number, ()):
            self._arrow(line, arrow, number)
        return "".join(line)

    def _step(self, line: list[str], step: Step) -> None:
        if step.origin is not None:
            self._shaft(line, step.origin, step.column, DASHED if step.starts else SOLID)
        else:
            line[self.centers[step.column]] = FAILED if step.failed else STEP

    def _arrow(self, line: list[str], arrow: Arrow, number: int) -> None:
        shaft = DOTTED if arrow.inferred else DASHED if arrow.kind == JOIN else SOLID
        if arrow.target is None:
            center = self.centers[arrow.column]
            self._write(line, center, f"├{shaft}▶" if arrow.away else f"├{shaft}✗")
        elif arrow.row == arrow.target_row:
            self._shaft(line, arrow.column, arrow.target, shaft)
        else:
            leaves = arrow.row == number
            here, there = (arrow.column, arrow.target) if leaves else (arrow.target, arrow.column)
            forward = self.centers[there] > self.centers[here]
            center = self.centers[here]
            end = ("├" if forward else "┤") if leaves else ("◀" if forward else "▶")
            self._write(line, center if forward else center - 2, end + shaft * 2 if forward else shaft * 2 + end)

    def _shaft(self, line: list[str], start: int, end: int, shaft: str) -> None:
        one, other = self.centers[start], self.centers[end]
        for place in range(min(one, other) + 1, max(one, other)):
            line[place] = shaft
        line[one] = "├" if one < other else "┤"
        line[other] = "▶" if one < other else "◀"

    @staticmethod
    def _write(line: list[str], place: int, text: str) -> None:
        for offset, character in enumerate(text):
            if 0 <= place + offset < len(line):
                line[place + offset] = character
