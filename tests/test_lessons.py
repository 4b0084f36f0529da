"""The lessons are in the form that nbval can check and a reader can compare; what they show is nbval's to check."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat import v4

from tools import lessons

if TYPE_CHECKING:
    from pathlib import Path

    from nbformat import NotebookNode

LESSONS = lessons.lessons()
LONGEST_CELL = 15  # lines
MOST_CELLS = 40  # of code
FORBIDDEN = {  # what nbval sees otherwise than the saved file, and why
    "clear_output": re.compile(r"\bclear_output\b"),
    "display_id": re.compile(r"\bdisplay_id\b"),
    "an Output widget": re.compile(r"\bOutput\("),
    "a trailing semicolon": re.compile(r";\s*$"),
}

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def _code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in lessons.load(path).cells if cell.cell_type == "code"]


def _lesson(folder: Path, *cells: NotebookNode) -> Path:
    """Write a lesson of these cells in its normal form, as if they had been run in order."""
    path = folder / "lesson.ipynb"
    notebook = v4.new_notebook(cells=list(cells))
    path.write_text(lessons.to_text(lessons.normalised(notebook)), encoding="utf-8")
    return path


def _cell(source: str, shown: str = "2") -> NotebookNode:
    """Make a code cell that shows `shown`."""
    output = v4.new_output("execute_result", {"text/plain": shown}, execution_count=1)
    cell: NotebookNode = v4.new_code_cell(source, outputs=[output], execution_count=1)
    return cell


def test_there_are_lessons() -> None:
    """The course is where the tests look for it."""
    first = [path.name for path in LESSONS[:1]]

    assert first == ["00_start_here.ipynb"]


@every_lesson
def test_lesson_keeps_the_law(path: Path) -> None:
    """A lesson was run from first to last in a fresh kernel, shows no unmeant error and no path, and is normalised."""
    problems = lessons.problems(path)

    assert problems == []


@every_lesson
def test_lesson_avoids_what_nbval_cannot_check(path: Path) -> None:
    """No cell uses a construct whose saved output differs from what nbval sees."""
    cells = _code_cells(path)
    found = [(cell.id, name) for cell in cells for name, pattern in FORBIDDEN.items() if pattern.search(cell.source)]

    assert found == []


@every_lesson
def test_lesson_has_short_cells_and_not_too_many(path: Path) -> None:
    """No cell is longer than a reader takes in at a glance, and there is no more code than one can run."""
    cells = [] if path.stem == "map" else lessons.load(path).cells  # the map is a table
    too_long = [cell.id for cell in cells if len(cell.source.splitlines()) > LONGEST_CELL]

    assert too_long == []
    assert len(_code_cells(path)) <= MOST_CELLS


def test_check_accepts_a_normal_lesson(tmp_path: Path) -> None:
    """A lesson in its normal form has no problems."""
    path = _lesson(tmp_path, v4.new_markdown_cell("# One"), _cell("1 + 1"))

    assert lessons.problems(path) == []


def test_check_finds_a_lesson_that_was_not_run(tmp_path: Path) -> None:
    """A lesson without counts and outputs, in which nbval would compare nothing, is refused."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell("1 + 1")])
    path = tmp_path / "lesson.ipynb"
    nbformat.write(notebook, path)
    problems = "\n".join(lessons.problems(path))

    assert "not all executed in order 1 to 1" in problems
    assert "None of its cells shows anything" in problems
    assert "not in its normal form" in problems


def test_check_finds_an_unmeant_error(tmp_path: Path) -> None:
    """An error without the raises-exception tag is named, and with it is a part of the lesson."""
    error = v4.new_output("error", ename="OSError", evalue="no", traceback=["File /usr/lib/x.py", "OSError: no"])
    cell = v4.new_code_cell("raise OSError('no')", outputs=[error])
    path = _lesson(tmp_path, cell)
    unmeant = lessons.problems(path)
    cell.metadata.tags = ["raises-exception"]

    assert unmeant == ["lesson.ipynb: Cell cell-01 shows OSError but has no raises-exception tag."]
    assert lessons.problems(_lesson(tmp_path, cell)) == []


@pytest.mark.parametrize("shown", ["/home/alice/x.py", "in '/usr/lib/y'", "C:\\Users\\alice", str(lessons.ROOT)])
def test_check_finds_a_path_of_one_machine(tmp_path: Path, shown: str) -> None:
    """What a cell shows may not depend on where the course was run."""
    problems = lessons.problems(_lesson(tmp_path, _cell("where()", shown)))

    assert len(problems) == 1


@pytest.mark.parametrize("shown", ["GET /index.html", "b'a:\\r\\n'", "data:image/svg+xml;base64,A/tmp/B", "and/or"])
def test_check_leaves_other_slashes_alone(tmp_path: Path, shown: str) -> None:
    """A request's path, an escape, base64 and prose are no paths of a machine."""
    problems = lessons.problems(_lesson(tmp_path, _cell("1 + 1", shown)))

    assert problems == []


def test_in_the_normal_form_a_heading_begins_a_cell_and_a_slide(tmp_path: Path) -> None:
    """What a cell covers stays with its first part; further words are slides below, and code stands under words."""
    words = v4.new_markdown_cell("Some words.\n\n## One\n\nText.\n\n## Two\n", metadata={"covers": ["S01"]})
    cells = lessons.load(_lesson(tmp_path, v4.new_markdown_cell("# Title"), words, _cell("1 + 1"))).cells

    assert [cell.source for cell in cells] == ["# Title", "Some words.", "## One\n\nText.", "## Two", "1 + 1"]
    assert [cell.metadata.get("covers") for cell in cells] == [None, ["S01"], None, None, None]
    assert [cell.metadata.slideshow.slide_type for cell in cells] == ["slide", "subslide", "slide", "slide", "-"]


def test_normal_form_is_reached_in_one_step(tmp_path: Path) -> None:
    """Normalising what is normal changes nothing, and removes what differs between two runs."""
    view = {"text/plain": "Lab", lessons.WIDGET_VIEW: {"model_id": "f00"}}
    cell = v4.new_code_cell("lab", metadata={"tags": ["a"], "execution": {"started": "now"}}, execution_count=7)
    cell.outputs = [v4.new_output("execute_result", view, execution_count=7)]
    notebook = lessons.load(_lesson(tmp_path, cell))

    assert notebook.cells[0].metadata == {"slideshow": {"slide_type": "-"}, "tags": ["a"]}
    assert notebook.cells[0].outputs[0].data == {"text/plain": "Lab"}
    assert notebook.cells[0].outputs[0].execution_count == 1
    assert lessons.normalised(notebook) == notebook


@pytest.mark.slow
@pytest.mark.kernel
def test_rewriting_a_lesson_runs_it(tmp_path: Path) -> None:
    """A lesson written by hand gets its counts and outputs from a fresh kernel, twice the same bytes."""
    path = tmp_path / "lesson.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("n = 1"), v4.new_code_cell("print(n)\nn + 1")]), path)
    lessons.rewrite(path)
    first = path.read_bytes()
    lessons.rewrite(path)

    assert lessons.problems(path) == []
    assert [output.output_type for output in _code_cells(path)[1].outputs] == ["stream", "execute_result"]
    assert path.read_bytes() == first


def test_command_line_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check prints one sentence per problem and its exit code says whether there was one."""
    good, bad = _lesson(tmp_path, _cell("1 + 1")), tmp_path / "bad.ipynb"
    bad.write_text(good.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    assert lessons.main(["--check", str(good)]) == 0
    assert lessons.main(["--check", str(bad)]) == 1
    assert capsys.readouterr().out == "bad.ipynb: It is not in its normal form; run tools/lessons.py.\n"
