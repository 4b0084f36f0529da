"""The map of the course: made of the lessons, and nothing of the inventory is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools import course_map
from tools.course_map import Item, Place
from tools.lessons import load

if TYPE_CHECKING:
    import pytest

HERE = Place("05", "05_streams.ipynb", "Half a line", is_code=False)
TRIED = Place("05", "05_streams.ipynb", "Half a line", is_code=True)


def test_every_item_has_its_place_in_a_lesson() -> None:
    """Topics, surprises and claims; a claim that is not so is tried by a cell of code."""
    assert course_map.problems(course_map.inventory(), course_map.covered()) == []


def test_the_map_is_what_the_lessons_say(capsys: pytest.CaptureFixture[str]) -> None:
    """It is made anew whenever a lesson changes."""
    assert course_map.main(["--check"]) == 0, capsys.readouterr().out


def test_the_inventory_is_whole() -> None:
    """What tutorials describe, what surprises people, and what tutorials claim: none is missing, none is doubled."""
    counted = {"I": 86, "S": 66, "A": 20, "B": 53, "C": 13, "D": 77, "E": 29}
    items = course_map.inventory()

    assert {letter: sum(name[0] == letter for name in items) for letter in counted} == counted
    assert all(item.what.strip() for item in items.values())
    assert all((item.verdict in course_map.VERDICTS) == (item.part == "A") for item in items.values())


def test_what_no_lesson_covers_is_named() -> None:
    """And so is what is covered and is no item, and a false claim that is only talked about."""
    items = {name: Item(name, "what it is", verdict) for name, verdict in (("I01", ""), ("A3", "false"))}

    assert course_map.problems(items, {"I01": [HERE], "A3": [HERE, TRIED]}) == []
    assert course_map.problems(items, {"A3": [HERE], "S99": [HERE]}) == [
        "I01 is covered by no lesson: what it is",
        "S99 is covered, and there is no such item.",
        "A3 is not so, and no cell of code tries it: what it is",
    ]


def test_a_place_is_a_link_to_the_heading_above_it() -> None:
    """In the words of JupyterLab, which keeps a heading's own words and puts a dash for each space."""
    place = Place("04", "04_the_handler.ipynb", "What (else)?", is_code=True)

    assert place.link == "[04 What (else)?](<04_the_handler.ipynb#What-(else)?>)"


def test_every_link_of_the_map_leads_to_a_heading() -> None:
    """Each heading that is named stands in its lesson."""
    for name, places in course_map.covered().items():
        for place in places:
            notebook = load(course_map.NOTEBOOKS / place.file)
            headings = [heading for cell in notebook.cells for heading in course_map.headings(cell)]
            assert place.heading in headings, (name, place)
