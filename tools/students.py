"""Make the students' copies of the lessons: what is tagged "solution" is blanked, and nothing else differs.

The law: copies are made and never edited. A solution cell carries what stands in its place as its `stub`; outputs are
left out, because they are those of the solutions. The cells to change and the cells that check them carry the metadata
of nbgrader (its schema 3), so that a teacher who uses it can take them as they are.

    python tools/students.py                 into the folder `course`, but for the copies that are there already
    python tools/students.py --again         also those, which loses what was written in them
    python tools/students.py --folder DIR    somewhere else
"""

from __future__ import annotations

import argparse
import copy
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also when it is run as a file

from socketserver_trace.course.exercises import EXERCISES
from tools.lessons import ROOT, lessons, load, normalised, to_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbformat import NotebookNode

COURSE = ROOT / "course"
SOLUTION = "solution"
CHECK = "check"
NAME = re.compile(r"""\b(?:check|predict)\("([\w-]+)\"""")
SCHEMA = 3


def student_copy(lesson: NotebookNode) -> NotebookNode:
    """The copy of a lesson, normalised. ValueError for a solution without a stub."""
    result = normalised(copy.deepcopy(lesson))
    name = ""
    for cell, master in zip(result.cells, normalised(lesson).cells, strict=True):
        tags = master.metadata.get("tags", [])
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        if SOLUTION in tags:
            if "stub" not in master.metadata:
                raise ValueError(f"{cell.id} is tagged as a solution and has no stub")
            cell.source = master.metadata["stub"]
            cell.metadata.pop("stub")
            name = _name_of(master) or name_after(result, cell)
            cell.metadata["nbgrader"] = _nbgrader(name, solution=True)
        elif CHECK in tags:
            cell.metadata["nbgrader"] = _nbgrader(f"{_name_of(master) or name}-check", points=points_of(master, name))
    return result


def name_after(notebook: NotebookNode, cell: NotebookNode) -> str:
    """The name of the exercise to which a solution cell belongs: that of the next check."""
    after = notebook.cells[notebook.cells.index(cell) + 1 :]
    return next(filter(None, map(_name_of, after)), cell.id)


def points_of(cell: NotebookNode, name: str) -> int:
    """How many points an exercise has; a prediction has one."""
    exercise = EXERCISES.get(_name_of(cell) or name)
    return 1 if exercise is None else len(exercise.points)


def _name_of(cell: NotebookNode) -> str:
    found = NAME.search(cell.source)
    return found[1] if found else ""


def _nbgrader(name: str, *, solution: bool = False, points: int | None = None) -> dict[str, Any]:
    """The metadata of nbgrader for one cell (its documentation: "nbgrader metadata")."""
    told: dict[str, Any] = {
        "schema_version": SCHEMA,
        "grade_id": name,
        "solution": solution,
        "grade": points is not None,
        "locked": not solution,
        "task": False,
        "cell_type": "code",
    }
    return told if points is None else told | {"points": points}


def make(folder: Path, *, again: bool = False) -> list[Path]:
    """Write the copies of all lessons into a folder. Returns those that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for lesson in lessons():
        path = folder / lesson.name
        if again or not path.exists():
            path.write_text(to_text(student_copy(load(lesson))), encoding="utf-8", newline="\n")
            written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module's docstring shows; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the students' copies of the lessons.")
    parser.add_argument("--folder", type=Path, default=COURSE)
    parser.add_argument("--again", action="store_true", help="also those that are there: what was written is lost")
    options = parser.parse_args(arguments)
    made = make(options.folder, again=options.again)
    print(f"{len(made)} copies made in {options.folder.name}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
