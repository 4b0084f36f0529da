"""The students' copies of the lessons: made of the masters, blanked by tag; each exercise fails until it is solved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace.course.exercises import EXERCISES, QUESTIONS
from tools import lessons, students

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

LESSONS = lessons.lessons()
every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def pairs(path: Path) -> list[tuple[NotebookNode, NotebookNode]]:
    """The cells of a master beside those of its copy."""
    master = lessons.load(path)
    return list(zip(master.cells, students.student_copy(master).cells, strict=True))


@every_lesson
def test_a_copy_differs_in_its_solutions_alone(path: Path) -> None:
    """What is tagged is blanked, everything else is what it was, and no output tells a solution."""
    for master, made in pairs(path):
        if "solution" in master.metadata.get("tags", []):
            assert made.source == master.metadata["stub"]
            assert made.source != master.source
        else:
            assert made.source == master.source
        assert not made.get("outputs")
        assert "stub" not in made.metadata


def test_every_exercise_has_a_cell_to_change_and_a_cell_that_checks_it() -> None:
    """With the metadata of nbgrader: the one is the solution, the other is graded, and their names go together."""
    told = [
        made.metadata["nbgrader"] for path in LESSONS for _master, made in pairs(path) if "nbgrader" in made.metadata
    ]
    solutions = [one["grade_id"] for one in told if one["solution"]]
    checks = {one["grade_id"]: one for one in told if one["grade"]}

    assert sorted(solutions) == sorted([*EXERCISES, *QUESTIONS])
    assert sorted(checks) == sorted(f"{name}-check" for name in solutions)
    for name, exercise in EXERCISES.items():
        assert checks[f"{name}-check"]["points"] == len(exercise.points)
        assert checks[f"{name}-check"]["locked"]
    assert {one["schema_version"] for one in told} == {3}
    assert all(set(one) >= {"grade", "grade_id", "locked", "schema_version", "solution", "task"} for one in told)


@pytest.mark.slow
@pytest.mark.kernel
@every_lesson
def test_in_a_copy_that_nobody_has_touched_every_check_fails(path: Path, tmp_path: Path) -> None:
    """It runs from the first cell to the last, and each check says that it is not solved yet."""
    made = students.student_copy(lessons.load(path))
    lessons.execute(made, tmp_path)
    shown = [
        "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in made.cells
        if "check" in cell.metadata.get("tags", [])
    ]

    assert all(re.search("not yet\\.|Nothing was predicted", text) for text in shown), shown
    assert len(shown) == sum(name.startswith(f"{path.stem[:2]}-") for name in (*EXERCISES, *QUESTIONS))


def test_copies_that_are_there_are_left_alone(tmp_path: Path) -> None:
    """Unless it is asked for: what a student has written is not lost."""
    first = students.make(tmp_path)
    first[1].write_text("mine", encoding="utf-8")
    second = students.make(tmp_path)
    kept = first[1].read_text(encoding="utf-8")
    third = students.make(tmp_path, again=True)

    assert [path.name for path in first] == [path.name for path in LESSONS] == [path.name for path in third]
    assert second == []
    assert kept == "mine"
    assert first[1].read_text(encoding="utf-8") != "mine"


def test_a_solution_without_a_stub_is_refused() -> None:
    """There would be nothing in its place."""
    lesson: Any = lessons.load(LESSONS[1])
    tagged = next(cell for cell in lesson.cells if "solution" in cell.metadata.get("tags", []))
    del tagged.metadata["stub"]

    with pytest.raises(ValueError, match="is tagged as a solution and has no stub"):
        students.student_copy(lesson)
