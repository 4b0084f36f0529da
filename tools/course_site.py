"""Make the course as a site to be read without Jupyter: every lesson, each drawing with its player, search, contents.

Every lesson is run once more, in a kernel that keeps the data of a player beside each drawing; Sphinx makes pages of
what that gave (`site/conf.py`). Nothing on them is fetched from anywhere: the folder can be opened from a disk, put on
any server, or carried on a stick.

The law: a page shows what a lesson shows. Only what a reader could not use is changed: solutions are folded, and a
drawing that can be walked along says so.

    python tools/course_site.py                 into the folder `build/site`
    python tools/course_site.py --folder DIR    somewhere else
"""

from __future__ import annotations

import argparse
import copy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also when it is run as a file

from nbformat import v4

from socketserver_trace import Trace, serve
from socketserver_trace.comparison import Comparison
from socketserver_trace.player import playable, script
from tools.lessons import NOTEBOOKS, ROOT, execute, lessons, load, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

SITE = ROOT / "site"
BUILT = ROOT / "build" / "site"
PAGES = ("teaching.md", "hosting.md")
HOOK = "from tools.course_site import keep_players\nkeep_players(get_ipython())"
FOLDED = "hide-input"


# --- In the kernel of a lesson --------------------------------------------------------------------


def keep_players(shell: Any) -> None:
    """Have the drawings of a notebook shown with the data of their players. Called in its kernel."""
    bundles = shell.display_formatter.mimebundle_formatter
    for kind in (Trace, Comparison):
        bundles.for_type(kind, _bundle)


def _bundle(shown: Any, **_options: object) -> dict[str, str]:
    return {"text/plain": shown.text(), "text/html": playable(shown)}


# --- Making the pages -----------------------------------------------------------------------------


def run_for_players(lesson: NotebookNode, folder: Path) -> NotebookNode:
    """The lesson as it was run with the hook. `folder` is where it runs."""
    page = copy.deepcopy(lesson)
    page.cells.insert(0, v4.new_code_cell(HOOK))
    execute(page, folder)
    del page.cells[0]
    return page


def fold_solutions(page: NotebookNode) -> None:
    """Tag the solutions of a lesson for myst-nb, so that who reads decides when to see them."""
    for cell in page.cells:
        if "solution" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], FOLDED]


def build(folder: Path, played: Sequence[Path]) -> None:
    """Make the site in a folder, which is made anew; drawings of the lessons in `played` have players.

    RuntimeError says what Sphinx objects to.
    """
    paths = lessons()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        shutil.copytree(SITE, source, dirs_exist_ok=True)
        for path in paths:
            page = run_for_players(load(path), NOTEBOOKS) if path in played else load(path)
            fold_solutions(page)
            (source / path.name).write_text(to_text(page), encoding="utf-8")
        for page_name in PAGES:
            shutil.copy(NOTEBOOKS / page_name, source)
        _write_landing(source, paths)
        (source / "_static" / "player.js").write_text(script(), encoding="utf-8")
        _run_sphinx(source, folder)


def _write_landing(source: Path, paths: Sequence[Path]) -> None:
    landing = source / "index.md"
    contents = "\n".join(f"{_title(path)} <{path.stem}>" for path in paths)
    text = landing.read_text(encoding="utf-8").replace("{lessons}", contents)
    landing.write_text(text, encoding="utf-8")
    shown = playable(first_trace()).replace(" class=", " data-at-once class=", 1)
    (source / "first.html").write_text(shown, encoding="utf-8")


def _title(path: Path) -> str:
    """A lesson's number and its title; a page without a number has its title alone."""
    number, _name = path.stem.split("_", 1) if path.stem[0].isdigit() else ("", "")
    title = load(path).cells[0].source.splitlines()[0].removeprefix("# ")
    return f"{number} {title}".strip()


def first_trace() -> Trace:
    """One request, for the landing page."""

    class Shout(BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(self.request.recv(1024).upper())

    with serve(TCPServer, Shout) as served, served.client("alice") as alice:
        alice.send(b"hello")
        alice.receive()
    return served.trace


def _run_sphinx(source: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as doctrees:
        sphinx = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", doctrees, "-b", "html"]
        made = subprocess.run([*sphinx, str(source), str(folder)], cwd=ROOT, check=False)
    if made.returncode:
        raise RuntimeError("Sphinx could not make the site: what it said stands above.")


# --- The command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module's docstring shows; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the course as a site.")
    parser.add_argument("--folder", type=Path, default=BUILT)
    options = parser.parse_args(arguments)
    build(options.folder, lessons())
    print(f"The site is made: open {options.folder / 'index.html'} in a browser.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
