"""Run the lessons again and write them so that a diff shows only content; with --check, say what is wrong with them.

The law: a lesson on disk is what a fresh kernel shows when its cells run from the first to the last, and nothing else.
So it carries outputs and the counts 1 … n (nbval compares nothing where they are missing), and it carries no time,
no path, no random id, no state of a widget and no metadata but the kernel's name, the cells' tags, what they cover and
where their slides begin. A picture that was measured stays as it is, as long as what it says in words is the same.

    python tools/lessons.py                        run and rewrite every lesson
    python tools/lessons.py --check                one sentence per problem, exit code 1 when there is one
    python tools/lessons.py notebooks/00*.ipynb    only these
"""

from __future__ import annotations

import argparse
import copy
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from nbformat import NotebookNode, v4

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 60  # seconds

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Of a cell's metadata: a stub stands in the student's copy instead of a solution, and `covers` has the items of
# tools/inventory.csv that the cell shows.
KEPT = {"tags", "stub", "covers"}
PICTURE, TEXT = "image/png", "text/plain"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ABSOLUTE_PATH = re.compile(
    r"(?<![\w+/=.:~-])/(?:Users|home|mnt|opt|private|root|tmp|usr|var)/\S*|\b[A-Z]:\\(?:Users|Windows|Program)\S*"
)


def lessons() -> list[Path]:
    """Return the lessons' files in the order of the course."""
    return sorted(NOTEBOOKS.glob("*.ipynb"))


def load(path: Path) -> NotebookNode:
    """Return the notebook in `path`; raises ValueError where it is none."""
    notebook: NotebookNode = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    return notebook


def to_text(notebook: NotebookNode) -> str:
    """Return the bytes a lesson has on disk: sorted keys, an indent of one, a newline at the end."""
    text: str = nbformat.writes(notebook)
    return text.rstrip("\n") + "\n"


# --- Running --------------------------------------------------------------------------------------


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run every cell in a fresh kernel whose working directory is `folder`, and keep what the cells show.

    Raises nbclient's CellExecutionError when a cell fails that has no `raises-exception` tag, and its
    CellTimeoutError when one takes longer than `CELL_TIMEOUT`.
    """
    from nbclient import NotebookClient  # --check needs no kernel
    from traitlets.config import Config

    from tools.kernels import place

    os.environ.setdefault("SOCKETSERVER_TRACE_PROGRESS", "off")  # a lesson shows nobody's progress
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        allow_errors=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # a kernel warns at every start that loopback is not encrypted
        resources={"metadata": {"path": str(folder)}},
        config=Config(KernelManager=place()),
    ).execute()


def rewrite(path: Path) -> None:
    """Run the lesson in `path` and write it in its normal form; leaves the file alone when a cell fails."""
    notebook = normalised(load(path))
    before = copy.deepcopy(notebook)
    execute(notebook, path.parent)
    _keep_pictures(notebook, before)
    path.write_text(to_text(normalised(notebook)), encoding="utf-8", newline="\n")


def _keep_pictures(notebook: NotebookNode, before: NotebookNode) -> None:
    """Leave a measured picture as it was where its words are what they were: no run is measured like another."""
    for cell, old in zip(_code_cells(notebook), _code_cells(before), strict=True):
        if cell.source == old.source:
            for output, was in zip(cell.outputs, old.outputs, strict=False):
                said, before_said = output.get("data", {}), was.get("data", {})
                if PICTURE in said and PICTURE in before_said and said.get(TEXT) == before_said.get(TEXT):
                    said[PICTURE] = before_said[PICTURE]


# --- The normal form ------------------------------------------------------------------------------


def normalised(notebook: NotebookNode) -> NotebookNode:
    """Return a copy without empty cells and without anything that differs between two runs of the same lesson."""
    result = copy.deepcopy(notebook)
    result.nbformat, result.nbformat_minor = 4, 5
    result.metadata = nbformat.from_dict(METADATA)
    result.cells = [part for cell in result.cells if cell.source.strip() for part in _split_at_headings(cell)]
    for number, cell in enumerate(result.cells, start=1):
        cell.id = f"cell-{number:02}"
        kept = {key: cell.metadata[key] for key in KEPT & cell.metadata.keys()}
        cell.metadata = nbformat.from_dict(kept | {"slideshow": {"slide_type": _slide_type(cell)}})
    for count, cell in enumerate(_code_cells(result), start=1):
        cell.execution_count = count
        cell.outputs = [_normalised_output(output, count) for output in cell.outputs]
    return result


def _split_at_headings(cell: NotebookNode) -> list[NotebookNode]:
    """A heading begins a cell of its own, and so a slide; what the cell covers stays with its first part."""
    if cell.cell_type != "markdown":
        return [cell]
    first, *others = re.split(r"\n+(?=## )", cell.source.rstrip("\n"))
    cell.source = first
    return [cell, *(v4.new_markdown_cell(source) for source in others)]


def _slide_type(cell: NotebookNode) -> str:
    """A heading begins a slide, other words begin one below it, and code stands under the words before it."""
    if cell.cell_type != "markdown":
        return "-"
    return "slide" if cell.source.startswith("#") else "subslide"


def _normalised_output(output: NotebookNode, count: int) -> NotebookNode:
    """Return the output numbered like its cell, without the random id of a widget and the paths of a traceback."""
    if output.output_type == "execute_result":
        output.execution_count = count
    if output.output_type == "error":
        output.traceback = [f"{output.ename}: {output.evalue}"]
    output.get("data", {}).pop(WIDGET_VIEW, None)
    return output


def _code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# --- Checking -------------------------------------------------------------------------------------


def problems(path: Path) -> list[str]:
    """Return one sentence for each way in which the lesson in `path` breaks the law; an empty list when it keeps it."""
    notebook = load(path)
    found = [*_execution_problems(notebook), *_error_problems(notebook), *_path_problems(notebook)]
    if path.read_text(encoding="utf-8") != to_text(normalised(notebook)):
        found.append("It is not in its normal form; run tools/lessons.py.")
    return [f"{path.name}: {sentence}" for sentence in found]


def _execution_problems(notebook: NotebookNode) -> Iterator[str]:
    """Find what would make nbval compare nothing."""
    cells = _code_cells(notebook)
    counts = [cell.execution_count for cell in cells]
    if counts != list(range(1, len(counts) + 1)):
        yield f"Its cells were not all executed in order 1 to {len(counts)}: their counts are {counts}."
    if cells and not any(cell.outputs for cell in cells):
        yield "None of its cells shows anything."


def _error_problems(notebook: NotebookNode) -> Iterator[str]:
    """Find errors that the lesson does not mean to show."""
    for cell in _code_cells(notebook):
        if "raises-exception" not in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if output.output_type == "error":
                    yield f"Cell {cell.id} shows {output.ename} but has no raises-exception tag."


def _path_problems(notebook: NotebookNode) -> Iterator[str]:
    """Find paths that exist on one machine only."""
    for cell in notebook.cells:
        for text in _strings(cell):
            if match := ABSOLUTE_PATH.search(text):
                yield f"Cell {cell.id} contains the absolute path {match[0]}."
            elif str(ROOT) in text:
                yield f"Cell {cell.id} contains this folder's path."


def _strings(value: object) -> Iterator[str]:
    """Yield every string in a value made of dicts, lists and scalars, the keys of dicts aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


# --- The command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module's docstring shows; return the exit code."""
    parser = argparse.ArgumentParser(description="Run the lessons again, or check them.")
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    parser.add_argument("lessons", nargs="*", type=Path, help="default: every lesson of the course")
    options = parser.parse_args(arguments)
    paths = options.lessons or lessons()
    if not options.check:
        for path in paths:
            print(path.name, flush=True)
            rewrite(path)
    found = [sentence for path in paths for sentence in problems(path)]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
