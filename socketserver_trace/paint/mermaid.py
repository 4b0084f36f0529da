"""A diagram in the language of Mermaid (`sequenceDiagram`), for pages that render it.

Mermaid knows fewer things than a diagram does: captions stand behind their labels, a message that took its time is
drawn where it left, and colours are the page's. What Mermaid would read as its own is written as an entity.
"""

from __future__ import annotations

from socketserver_trace.diagram import JOIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.diagram import Arrow, Diagram, Step

SPECIAL: Final = frozenset("#;<>&\"'`{}[]()|\\%:")
"""What could end a text or begin something else. Letters, blanks and the rest stay as they are."""


def paint(diagram: Diagram) -> str:
    """The source, ending in a newline."""
    return "\n".join(_lines(diagram)) + "\n"


def _lines(diagram: Diagram) -> Iterator[str]:
    yield "sequenceDiagram"
    yield "    autonumber"
    for group in diagram.groups:
        yield f"    box {_text(group.title)}"
        for number in range(group.first, group.last + 1):
            yield f"    participant c{number} as {_text(diagram.columns[number].title)}"
        yield "    end"
    steps = {step.row: step for step in diagram.steps}
    arrows: dict[int, list[Arrow]] = {}
    for arrow in diagram.arrows:
        arrows.setdefault(arrow.row, []).append(arrow)
    begins = {(bar.column, bar.first) for bar in diagram.bars}
    ends = [(bar.column, bar.last) for bar in diagram.bars if not bar.open]
    for row in range(len(diagram.rows)):
        yield from (_arrow(arrow) for arrow in arrows.get(row, ()) if arrow.label)
        if row in steps:
            yield _step(steps[row])
        for column in range(len(diagram.columns)):
            yield from (f"    activate c{column}" for _ in range(_count(diagram, column, row, begins)))
            yield from (f"    deactivate c{column}" for _ in range(ends.count((column, row))))
    for remark in diagram.remarks:
        yield f"    note over c0: {_text(remark)}"


def _count(diagram: Diagram, column: int, row: int, begins: set[tuple[int, int]]) -> int:
    if (column, row) not in begins:
        return 0
    return sum(bar.column == column and bar.first == row for bar in diagram.bars)


def _step(step: Step) -> str:
    words = f"{step.label} · {step.caption}" if step.caption else step.label
    line = "-->>" if step.starts else "-x" if step.failed else "->>"
    origin = step.column if step.origin is None else step.origin
    return f"    c{origin}{line}c{step.column}: {_text(words)}"


def _arrow(arrow: Arrow) -> str:
    line = "-->>" if arrow.inferred or arrow.kind == JOIN else "->>"
    if arrow.target is None and arrow.away:
        return f"    c{arrow.column}{line}c{arrow.column}: {_text(f'{arrow.label} → {arrow.away}')}"
    if arrow.target is None:
        return f"    c{arrow.column}-xc{arrow.column}: {_text(arrow.label)} #40;unread#41;"
    return f"    c{arrow.column}{line}c{arrow.target}: {_text(arrow.label)}"


def _text(text: str) -> str:
    return "".join(
        f"#{ord(character)};" if character in SPECIAL or not character.isprintable() else character
        for character in text
    )
