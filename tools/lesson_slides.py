"""Make a slide show of every lesson: nbconvert's, with reveal.js beside it, so that a class needs no network.

A heading begins a slide, further words one below it, and code stands under the words before it: that is in the
metadata of every lesson (`tools/lessons.py`), so plain `jupyter nbconvert --to slides` makes slides of them as well,
which fetch reveal.js from the network.

    python tools/lesson_slides.py                 into the folder `build/slides`
    python tools/lesson_slides.py --folder DIR    somewhere else
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also when it is run as a file

from tools.lessons import ROOT, lessons

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILT = ROOT / "build" / "slides"
TEMPLATES = Path(__file__).parent
REVEAL = "reveal"


def reveal_folder() -> Path:
    """The folder of reveal.js, which comes with sphinx-revealjs. ModuleNotFoundError says what to install."""
    found = importlib.util.find_spec("sphinx_revealjs")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("reveal.js is missing: pip install 'socketserver_trace[site]'")
    return Path(found.origin).parent / "_static" / "revealjs"


def build(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Make the slides of these lessons in a folder, which is made anew. Returns the pages."""
    from nbconvert import SlidesExporter  # only the slides need it

    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(reveal_folder(), folder / REVEAL)
    exporter = SlidesExporter(
        template_name="slides", extra_template_basedirs=[str(TEMPLATES)], reveal_url_prefix=REVEAL, reveal_theme="white"
    )
    pages = []
    for path in paths:
        shown, _resources = exporter.from_filename(str(path))
        page = folder / f"{path.stem}.slides.html"
        page.write_text(shown, encoding="utf-8", newline="\n")
        pages.append(page)
    return pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module's docstring shows; return the exit code."""
    parser = argparse.ArgumentParser(description="Make a slide show of every lesson.")
    parser.add_argument("--folder", type=Path, default=BUILT)
    options = parser.parse_args(arguments)
    made = build(lessons(), options.folder)
    print(f"{len(made)} slide shows made: open {made[0]} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
