"""The page of the live lab and of the player, as one text.

The page is a handful of ES modules in `notebook/static`, without a library and without a build step. Neither anywidget
nor a file that is opened from a disk can load several of them, so they are joined here, in the order in which they need
each other: the lines that import are left out, and so are the words that export, but for the one that anywidget asks
for. Names are therefore unique among all modules. What would be `style.js` is the style as a text.

The law: nothing is fetched. What a page needs is in the text.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STATIC: Final = Path(__file__).parent / "notebook" / "static"

MODULES: Final = (
    "elements",
    "spans",
    "scene",
    "sheet",
    "geometry",
    "spacing",
    "heads",
    "pen",
    "marks",
    "drawing",
    "viewport",
    "walking",
    "search",
    "timeline",
    "keyboard",
    "menus",
    "toolbar",
    "overview",
    "story",
    "pauses",
    "card",
    "clients",
    "panel",
    "surroundings",
    "lab",
    "player",
    "widget",
)
"""The modules of the page, each after those that it imports."""

STYLES: Final = ("drawing", "lab")
"""The style sheets of the page. What lab.css says of narrow places and of the reader's wishes goes last."""


@functools.cache
def javascript() -> str:
    """All modules as the text of one. It exports what anywidget asks for; `playAll` starts the players of a page."""
    style = f"const STYLE = {json.dumps(css())};"
    return "\n".join([style, *(_inner(name) for name in MODULES), ""])


@functools.cache
def css() -> str:
    """The style of the page. It is in `javascript()` as well, because the page lives in a shadow root."""
    return "\n".join((STATIC / f"{name}.css").read_text(encoding="utf-8") for name in STYLES)


def _inner(name: str) -> str:
    """A module without its imports, and with its exports as plain declarations but for the default one."""
    lines = (STATIC / f"{name}.js").read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if not line.startswith("import "))
    return "\n".join(line if line.startswith("export default") else line.removeprefix("export ") for line in kept)
