"""What teachers are given: a page for each lesson, with everything that they need before a class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tools.course_map import MAP
from tools.lessons import NOTEBOOKS, lessons, load

if TYPE_CHECKING:
    from pathlib import Path

TEXT = (NOTEBOOKS / "teaching.md").read_text(encoding="utf-8")
PARTS = ("Aim.", "Time.", "Before it.", "What people believe", "Show live", "To discuss", "The solutions, and why")
LESSONS = [path for path in lessons() if path != MAP]


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_every_lesson_has_a_page_for_teachers(path: Path) -> None:
    """Under the title of the lesson: aim, time, misconceptions, what to show and to discuss, and the solutions."""
    title = load(path).cells[0].source.splitlines()[0].removeprefix("# ")
    page = re.search(rf"^## {path.stem[:2]} {re.escape(title)}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)

    assert page is not None, title
    assert [part for part in PARTS if f"**{part}" not in page[1]] == []
