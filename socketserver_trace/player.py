"""The page of the live lab, and a finished trace in it.

The page is a handful of ES modules in `notebook/static`, without a library and without a build step. Neither anywidget
nor a file that is opened from a disk can load several of them, so they are joined here into one text, in the order in
which they need each other.

The law: nothing is fetched. What a page needs is in it.
"""

from __future__ import annotations

import json
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

STATIC: Final = Path(__file__).parent / "notebook" / "static"

MODULES: Final = ("elements", "lab", "widget")
"""The modules of the page, each after those that it imports."""


def javascript() -> str:
    """All modules as the text of one, which exports what anywidget asks for."""
    style = f"const STYLE = {json.dumps(css())};"
    return "\n".join([style, *(_inner(name) for name in MODULES)])


def css() -> str:
    """The style of the page. It is in `javascript()` as well, because the page lives in a shadow root."""
    return (STATIC / "lab.css").read_text(encoding="utf-8")


def _inner(name: str) -> str:
    """A module without its imports, and with its exports as plain declarations but for the default one."""
    lines = (STATIC / f"{name}.js").read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if not line.startswith("import "))
    return "\n".join(line if line.startswith("export default") else line.removeprefix("export ") for line in kept)
