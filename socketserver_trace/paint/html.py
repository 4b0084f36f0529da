"""A diagram for a page or a notebook: a figure with the drawing as an image, and the steps as a list.

An image by a data address and plain elements are what the sanitisers of Jupyter, GitHub and nbconvert all let through;
SVG in the page is not. The image has its words, and the list says the same as the drawing for whoever cannot see it.
"""

from __future__ import annotations

import base64

from socketserver_trace.paint import svg
from socketserver_trace.paint.markup import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.diagram import Diagram


SMALLEST: Final = 0.75
"""How far a drawing may shrink to the width of its page before it is scrolled instead: its text must be readable."""


def paint(diagram: Diagram) -> str:
    """A `<figure>`, ending in a newline."""
    width, _height = svg.size(diagram)
    image = base64.b64encode(svg.paint(diagram).encode()).decode("ascii")
    number = len(diagram.rows)
    words = f"Sequence diagram: {diagram.title}, {number} step{'' if number == 1 else 's'}, listed below."
    steps = "\n".join(f"<li>{escape(row.actor)}: {escape(row.text)}</li>" for row in diagram.rows)
    remarks = "".join(f"<p>{escape(remark)}</p>\n" for remark in diagram.remarks)
    return (
        f'<figure style="margin: 0; overflow-x: auto">\n'
        f'<img alt="{escape(words)}" width="{width}" style="max-width: 100%; min-width: {width * SMALLEST:.0f}px" '
        f'src="data:image/svg+xml;base64,{image}">\n'
        f"<details><summary>The same in words</summary>\n<ol>\n{steps}\n</ol>\n{remarks}</details>\n</figure>\n"
    )


def document(diagram: Diagram) -> str:
    """A whole page with the figure, ending in a newline."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(diagram.title)}</title>\n"
        "<style>body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem }</style>\n"
        f"<h1>{escape(diagram.title)}</h1>\n{paint(diagram)}</html>\n"
    )
