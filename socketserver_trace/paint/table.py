"""A small table as text and as HTML.

The HTML is a plain `<table>` without styles or ids, which Jupyter's sanitiser lets through as it is.

The law: a painter decides nothing. It is given texts that are safe to show, and escapes them for its own language.
"""

from __future__ import annotations

from socketserver_trace.paint.markup import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    Rows = Sequence[Sequence[str]]


def text(caption: str, heads: Sequence[str], rows: Rows, remarks: Sequence[str] = ()) -> str:
    """Aligned columns, words to the left and numbers to the right; no newline at the end."""
    columns = [_aligned(column) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(cells).rstrip() for cells in zip(*columns, strict=True)]
    return "\n".join([caption, *lines, *remarks])


def _aligned(column: Sequence[str]) -> list[str]:
    """The cells of a column in its width. A dash stands for a number that is not known."""
    width = max(map(len, column))
    is_number = all(cell.isdigit() or cell == "-" for cell in column[1:])
    return [cell.rjust(width) if is_number else cell.ljust(width) for cell in column]


def html(caption: str, heads: Sequence[str], rows: Rows, remarks: Sequence[str] = ()) -> str:
    """A `<table>` with its caption and a paragraph for each remark, ending in a newline."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heads)
    body = "".join(f"<tr>{_row(row)}</tr>\n" for row in rows)
    notes = "".join(f"<p>{escape(remark)}</p>\n" for remark in remarks)
    return (
        f"<table>\n<caption>{escape(caption)}</caption>\n"
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}</tbody>\n</table>\n{notes}"
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return f'<th scope="row">{escape(first)}</th>' + "".join(f"<td>{escape(cell)}</td>" for cell in others)
