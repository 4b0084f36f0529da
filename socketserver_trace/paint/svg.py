"""A diagram as an SVG document.

One document that needs nothing else: its colours are an Okabe-Ito-like palette in a light and a dark version, chosen by
the reader's system, with contrast that passes WCAG's AA on both; every colour goes with a shape or a word of its own.
Its ids come from a checksum of the content, so the same diagram is always the same bytes and two of them can stand on
one page. Every row can be focused and has its words.

Widths are reckoned from numbers of characters, because nobody can ask for the reader's fonts; there is room to spare.
"""

from __future__ import annotations

import itertools
import zlib
from dataclasses import dataclass

from socketserver_trace.diagram import JOIN
from socketserver_trace.paint.markup import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.diagram import Arrow, Bar, Column, Diagram, Group, Step

ROW: Final = 34
"""The height of a row, in pixels, as all that follows."""

CHARACTER: Final = 7.3
"""The width of a character of a label, which is monospaced."""

GUTTER: Final = 40
TOP: Final = 98
BAR: Final = 10
SHIFT: Final = 6
"""How far a bar inside a bar stands to the right."""

LOOP: Final = 17
LEFT: Final = 20
"""How far from its lifeline a line goes down."""

HEAD: Final = 42
MARGIN: Final = 12

STYLE: Final = """
svg{--paper:#fff;--ink:#1f2430;--soft:#5b6472;--rule:#c9ced6;--server:#0068a3;--server-bar:#d9ebf7;--handler:#00724f;\
--handler-bar:#d5f0e4;--bytes:#a84c00;--connect:#6b4b9e;--bad:#b3203a;--bad-bar:#fbe3e6;--own:#8a3d12;--box:#f6f7f9;\
--box-server:#f1f7fc}
@media(prefers-color-scheme:dark){svg{--paper:#14171c;--ink:#e8eaed;--soft:#a5adba;--rule:#4a515d;--server:#6fbcf0;\
--server-bar:#1d3c55;--handler:#4fd0a0;--handler-bar:#17432f;--bytes:#f0a35e;--connect:#c0a4ec;--bad:#ff8a9b;\
--bad-bar:#55222c;--own:#e8a87c;--box:#1c2027;--box-server:#18222c}}
text{font:12px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace;fill:var(--ink)}
.halo{paint-order:stroke;stroke:var(--box);stroke-width:4px;stroke-linejoin:round}
.sans,.caption,.number{font-family:system-ui,"Segoe UI","DejaVu Sans",sans-serif}
.caption{font-size:10px;fill:var(--soft)}.number{font-size:10px;fill:var(--soft);text-anchor:end}
.title{font-size:13px;font-weight:600;text-anchor:middle}.sub{font-size:10px;fill:var(--soft);\
text-anchor:middle}.group{font-size:11px;font-weight:600;fill:var(--soft)}
.own{fill:var(--own)}.box{fill:var(--box);stroke:var(--rule)}.box.server{fill:var(--box-server)}
.head{fill:var(--paper);stroke:var(--rule)}.life{stroke:var(--rule);stroke-width:1.5;stroke-dasharray:2 4}
.line{fill:none;stroke-width:1.6;stroke:var(--c)}.point{fill:var(--c)}.label{fill:var(--c);font-weight:600}
.server{--c:var(--server)}.handler{--c:var(--handler)}.bytes{--c:var(--bytes)}.connect,.start,.join,.end{--c:var(--connect)}
.client,.note{--c:var(--ink)}.bad{--c:var(--bad)}.dashed{stroke-dasharray:6 4}
.dotted{stroke-dasharray:1.5 3.5;stroke-width:2}
.bar{fill:var(--server-bar);stroke:var(--c)}
.bar.handler{fill:var(--handler-bar)}.bar.bad{fill:var(--bad-bar)}
.row:focus{outline:2px solid var(--server)}
"""


def paint(diagram: Diagram) -> str:
    """The document, ending in a newline."""
    drawing = _Drawing(diagram)
    body = "\n".join(drawing.parts())
    mark = f"trace-{zlib.crc32(body.encode()):08x}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {drawing.width:g} {drawing.height:g}" '
        f'width="{drawing.width:g}" height="{drawing.height:g}" role="img" aria-labelledby="{mark}-t {mark}-d">\n'
        f'<title id="{mark}-t">{escape(diagram.title)}</title>\n'
        f'<desc id="{mark}-d">{escape(_description(diagram))}</desc>\n'
        f"<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def size(diagram: Diagram) -> tuple[int, int]:
    """The width and the height of the document, in pixels."""
    drawing = _Drawing(diagram)
    return drawing.width, drawing.height


def _description(diagram: Diagram) -> str:
    number = len(diagram.rows)
    return f"A sequence diagram of {number} step{'' if number == 1 else 's'}, from top to bottom."


@dataclass(frozen=True, slots=True)
class _Point:
    x: float
    y: float


class _Drawing:
    """The places of everything, and the elements that are drawn there."""

    def __init__(self, diagram: Diagram) -> None:
        self.diagram = diagram
        self.lifelines, end = _places(diagram)
        self.ends = end
        remarks = max((len(remark) * 6.2 for remark in diagram.remarks), default=0)
        self.width = round(max([GUTTER + 80, GUTTER + remarks, *end]) + MARGIN)
        self.bottom = TOP + len(diagram.rows) * ROW + 8
        self.height = self.bottom + MARGIN + len(diagram.remarks) * 18

    def parts(self) -> Iterator[str]:
        """The elements, from the back to the front."""
        yield '<rect width="100%" height="100%" fill="var(--paper)"/>'
        yield from (self.box(group) for group in self.diagram.groups)
        yield from (self.head(number, column) for number, column in enumerate(self.diagram.columns))
        yield from (self.bar(bar) for bar in self.diagram.bars)
        yield from self.rows()
        for number, remark in enumerate(self.diagram.remarks):
            y = self.bottom + 20 + number * 18
            yield f'<text class="caption" x="{GUTTER}" y="{y}">{escape(remark)}</text>'

    def box(self, group: Group) -> str:
        left = self.lifelines[group.first] - _half_head(self.diagram.columns[group.first]) - MARGIN
        right = self.ends[group.last]
        width, height = right - left, self.bottom - 8
        return (
            f'<rect class="box {group.kind}" x="{left:g}" y="8" width="{width:g}" height="{height}" rx="9"/>'
            f'<text class="sans group" x="{left + 11:g}" y="27">{escape(group.title)}</text>'
        )

    def head(self, number: int, column: Column) -> str:
        x, half = self.lifelines[number], _half_head(column)
        dotted = " dotted" if column.inferred else ""
        return (
            f'<path class="life" d="M{x:g} {TOP - 20}V{self.bottom}"/>'
            f'<rect class="head{dotted}" x="{x - half:g}" y="36" width="{half * 2:g}" height="{HEAD}" rx="7"/>'
            f'<text class="sans title" x="{x:g}" y="54">{escape(column.title)}</text>'
            f'<text class="sans sub" x="{x:g}" y="69">{escape(column.subtitle)}</text>'
        )

    def bar(self, bar: Bar) -> str:
        x = self.lifelines[bar.column] - BAR / 2 + bar.depth * SHIFT
        top, bottom = _y(bar.first) - 3, _y(bar.last) + 13
        kind = f"bar {bar.kind}{' bad' if bar.failed else ''}"
        if not bar.open:
            return f'<rect class="{kind}" x="{x:g}" y="{top}" width="{BAR}" height="{bottom - top}" rx="2.5"/>'
        # An open end: the call had not ended.
        return (
            f'<path class="{kind}" d="M{x:g} {self.bottom}V{top}h{BAR}V{self.bottom}"/>'
            f'<path class="line {bar.kind}" stroke-dasharray="2 3" d="M{x - 3:g} {self.bottom}h{BAR + 6}"/>'
        )

    def rows(self) -> Iterator[str]:
        steps = {step.row: step for step in self.diagram.steps}
        arrows = {
            row: list(group) for row, group in itertools.groupby(self.diagram.arrows, key=lambda arrow: arrow.row)
        }
        for number, row in enumerate(self.diagram.rows):
            words = escape(f"{number + 1}. {row.actor}: {row.text}")
            drawn = "".join(self.arrow(arrow) for arrow in arrows.get(number, ()))
            drawn += self.step(steps[number]) if number in steps else ""
            yield (
                f'<g class="row" tabindex="0" role="listitem" aria-label="{words}">'
                f'<text class="number" x="{GUTTER - 14}" y="{_y(number) + 3}">{number + 1}</text>{drawn}</g>'
            )

    def step(self, step: Step) -> str:
        kind = "bad" if step.failed else step.kind
        x = self.edge(step.column, step.depth)
        y = _y(step.row)
        own = self.lifelines[step.column] + BAR / 2 + step.depth * SHIFT
        text = own + (8 if step.origin is not None else LOOP + 6)
        caption_class = "caption own" if step.own and not step.failed else "caption"
        caption = f'<text class="{caption_class}" x="{text:g}" y="{y + 13}">{escape(step.caption)}</text>'
        label = f'<text class="label" x="{text:g}" y="{y}">{escape(step.label)}</text>'
        if step.origin is None:
            line = f'<path class="line" d="M{x:g} {y - 8}h{own + LOOP - 5 - x:g}q5 0 5 5q0 5 -5 5h-5"/>'
            return f'<g class="{kind}">{line}{_head(_Point(own, y + 2), -1)}{label}{caption}</g>'
        origin = self.edge(step.origin, step.origin_depth)
        end = self.lifelines[step.column] - BAR / 2 + step.depth * SHIFT
        shape = "line dashed" if step.starts else "line"
        color = "start" if step.starts else kind
        shaft = f'<g class="{color}"><path class="{shape}" d="M{origin:g} {y}H{end - 6:g}"/>{_head(_Point(end, y), 1)}'
        if step.starts:
            shaft += f'<text class="label halo" x="{origin + 10:g}" y="{y - 5}">start</text>'
        return f'{shaft}</g><g class="{kind}">{label}{caption}</g>'

    def arrow(self, arrow: Arrow) -> str:
        shape = "line dotted" if arrow.inferred else "line dashed" if arrow.kind == JOIN else "line"
        if arrow.target is None:
            return self.unread(arrow, shape)
        way = 1 if self.lifelines[arrow.target] >= self.lifelines[arrow.column] else -1
        start = _Point(self.edge(arrow.column, arrow.depth, way), _y(arrow.row))
        end = _Point(self.edge(arrow.target, arrow.target_depth, -way), _y(arrow.target_row))
        line = f'<path class="{shape}" d="{_way(start, end, way)}"/>'
        left = start if way == 1 else end
        label = f'<text class="label halo" x="{left.x + 10:g}" y="{left.y - 6}">{escape(arrow.label)}</text>'
        return f'<g class="{arrow.kind}">{line}{_head(end, way)}{label if arrow.label else ""}</g>'

    def unread(self, arrow: Arrow, shape: str) -> str:
        """Something that left for somebody outside, or that nobody took: then the line ends in a cross."""
        x, y = self.edge(arrow.column, arrow.depth), _y(arrow.row)
        end = x + max(36, len(arrow.label) * CHARACTER + 24)
        mark = f'<path class="line" d="M{end - 11:g} {y - 5}l10 10m0 -10l-10 10"/>'
        if arrow.away:
            away = f'<text class="caption" x="{end + 6:g}" y="{y + 4}">{escape(arrow.away)}</text>'
            mark = f"{_head(_Point(end, y), 1)}{away}"
        return (
            f'<g class="{arrow.kind}"><path class="{shape}" d="M{x:g} {y}H{end - 6:g}"/>{mark}'
            f'<text class="label halo" x="{x + 10:g}" y="{y - 6}">{escape(arrow.label)}</text></g>'
        )

    def edge(self, column: int, depth: int, way: int = 1) -> float:
        """Where a line meets a lifeline: at the edge of the bar that lies on top, or at the lifeline itself."""
        if not depth:
            return self.lifelines[column]
        shift = (depth - 1) * SHIFT if way == 1 else 0
        return self.lifelines[column] + shift + way * BAR / 2


def _y(row: int) -> int:
    return TOP + row * ROW + ROW // 2 - 8


def _half_head(column: Column) -> float:
    return max(64, len(column.title) * 8.4 + 22, len(column.subtitle) * 6.2 + 20) / 2


def _places(diagram: Diagram) -> tuple[list[float], list[float]]:
    """The place of each lifeline, and where the room to its right ends."""
    first = {group.first for group in diagram.groups}
    places: list[float] = []
    ends: list[float] = []
    edge: float = GUTTER - MARGIN
    for number, column in enumerate(diagram.columns):
        half = _half_head(column)
        edge += (2 * MARGIN if number in first else 0) + (0 if number in first else 8)
        places.append(edge + half)
        edge = places[-1] + max(half + MARGIN, BAR + column.room * CHARACTER + MARGIN)
        ends.append(edge)
    return places, ends


def _way(start: _Point, end: _Point, way: int) -> str:
    """The line of an arrow. What waits before it is taken goes down to the left of a lifeline, where no text stands."""
    if start.y == end.y:
        return f"M{start.x:g} {start.y}H{end.x - 6 * way:g}"
    down = (end if way == 1 else start).x - LEFT
    leaves = f"M{start.x:g} {start.y}H{down - 5 * way:g}Q{down:g} {start.y} {down:g} {start.y + 5}"
    return f"{leaves}V{end.y - 5}Q{down:g} {end.y} {down + 5 * way:g} {end.y}H{end.x - 6 * way:g}"


def _head(point: _Point, way: int) -> str:
    """The head of an arrow that comes from the left (1) or from the right (-1)."""
    return f'<path class="point" d="M{point.x:g} {point.y}l{-8 * way} -4v8z"/>'
