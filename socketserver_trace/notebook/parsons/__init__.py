"""A Parsons problem as a widget: names to be put in order, with the pointer or with keys.

The law: the page tells the order, and nothing else. What is right is known in Python alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import traitlets

from socketserver_trace.notebook.widget import CellWidget

FOLDER = Path(__file__).parent


class Parsons(CellWidget):
    """Names to choose from, and the order in which the reader has put some of them."""

    _esm = (FOLDER / "parsons.js").read_text(encoding="utf-8")
    _css = (FOLDER / "parsons.css").read_text(encoding="utf-8")

    title: Any = traitlets.Unicode().tag(sync=True)
    choices: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)
    answer: Any = traitlets.List(traitlets.Unicode()).tag(sync=True)

    @traitlets.validate("answer")
    def _known(self, proposal: Any) -> list[str]:
        """What a page tells is data: only what there is to choose from, and each once."""
        return [name for name in dict.fromkeys(proposal["value"]) if name in self.choices]
