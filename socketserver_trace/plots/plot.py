"""What a plot is: a picture in the form that notebooks show everywhere (PNG), and the words that say what it shows.

The words stand for the picture where there is none: in a terminal, for a screen reader, and where lessons are compared.

The law: drawing touches nothing but its own figure; no state of matplotlib's is changed, and no window is opened.
"""

from __future__ import annotations

import io
import logging
import struct
from base64 import b64encode
from functools import cached_property

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any, Final

WIDTH: Final = 7.6
"""Inches; with `RESOLUTION` pixels each, and half as many on the page, so that it is sharp on fine screens."""

RESOLUTION: Final = 192

SIZE: Final = slice(16, 24)
"""Where a PNG file says its width and height (RFC 2083, 4.1.1)."""

INK: Final = "#1f2328"
FAINT: Final = "#6e7781"
GRID: Final = "#d8dee4"
PAPER: Final = "#ffffff"
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#000000", "#7a5195")
"""After Okabe and Ito: people who do not see all colours can tell them apart."""


class Plot:
    """A picture with its words. As the last line of a cell it is shown; `save` writes it as a file."""

    def __init__(self, words: str, height: float, draw: Callable[[Any], None]) -> None:
        self._words = words
        self._height = height
        self._draw = draw

    def __repr__(self) -> str:
        return self._words

    def figure(self) -> Any:
        """The figure, as a `matplotlib.figure.Figure` that belongs to whoever asked for it.

        ModuleNotFoundError says how to install matplotlib where it is missing.
        """
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # it tells when it makes its cache
        try:
            from matplotlib.figure import Figure
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "plots are drawn by matplotlib, which is not installed: pip install 'socketserver_trace[lab]'"
            ) from error
        figure = Figure(figsize=(WIDTH, self._height), dpi=RESOLUTION, facecolor=PAPER, layout="constrained")
        self._draw(figure)
        return figure

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as a picture; the ending says of which kind: .png, .svg, .pdf."""
        self.figure().savefig(path)

    @cached_property
    def png(self) -> bytes:
        """The picture."""
        file = io.BytesIO()
        self.figure().savefig(file, format="png", metadata={"Software": None})
        return file.getvalue()

    def _repr_mimebundle_(self, **_options: object) -> Any:
        width, height = (pixels // 2 for pixels in struct.unpack(">II", self.png[SIZE]))
        data = {"text/plain": repr(self), "image/png": b64encode(self.png).decode()}
        return data, {"image/png": {"width": width, "height": height, "alt": repr(self)}}


def plain(axes: Any, title: str) -> None:
    """Axes with a title, a quiet grid and no frame."""
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    axes.tick_params(colors=FAINT, labelcolor=INK, labelsize=9, length=0)
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
