"""Make `notebooks/map.ipynb`: which lesson covers what; with --check, say whether it is whole and what the lessons say.

`inventory.csv` has everything that the course promises to cover: topics (I), behaviours that surprise people (S), and
claims of tutorials with what is true of them (A to E, one letter for each tutorial). A cell of a lesson names in its
metadata, `covers`, the items that it shows.

The law: the map is made of the lessons and never edited, and nothing of the inventory is left out.

    python tools/course_map.py            make it anew
    python tools/course_map.py --check    one sentence per problem, exit code 1 when there is one
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # also when it is run as a file

from nbformat import v4

from tools.lessons import NOTEBOOKS, lessons, load, normalised, to_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nbformat import NotebookNode

INVENTORY = Path(__file__).with_name("inventory.csv")
MAP = NOTEBOOKS / "map.ipynb"

HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

VERDICTS = {
    "true": "true",
    "partly": "true, but",
    "false": "**not so**",
    "version": "depends on the version of Python",
    "opinion": "an opinion",
}

INTRODUCTION = """\
# The map of the course

Where is it told? This page has three lists: the topics of the course, the behaviours that surprise people, and what \
tutorials say about `socketserver`, with what is true of it. Each item leads to the places where it is shown.

To find a word on this page, press **Ctrl + F** (on a Mac, **⌘ + F**)."""

PARTS = {
    "I": (
        "## Topics",
        "What a course on servers should speak of.",
        "| topic | where |\n|---|---|",
    ),
    "S": (
        "## Surprises",
        "What even people who have written servers do not expect. Each is shown as it happens.",
        "| what happens | where |\n|---|---|",
    ),
    "A": (
        "## What tutorials say",
        "Claims of popular tutorials and of the documentation, tried live. *True, but* is true with something to add.",
        "| the claim | is it so? | where |\n|---|---|---|",
    ),
}


@dataclass(frozen=True)
class Item:
    """Something that the course covers: its name (S07), what it is, and for a claim, what is true of it."""

    name: str
    what: str
    verdict: str

    @property
    def part(self) -> str:
        """In which list it stands."""
        return self.name[0] if self.name[0] in "IS" else "A"


@dataclass(frozen=True)
class Place:
    """A cell of a lesson: the number of the lesson, its file, the heading above the cell, and whether it is code."""

    number: str
    file: str
    heading: str
    is_code: bool

    @property
    def link(self) -> str:
        """The lesson's number, leading to the heading."""
        return f"[{self.number} {escaped(self.heading)}](<{self.file}#{anchor(self.heading)}>)"


def inventory() -> dict[str, Item]:
    """Everything that is to be covered, by its name, in order."""
    with INVENTORY.open(encoding="utf-8", newline="") as file:
        return {row["id"]: Item(row["id"], row["what"], row["verdict"]) for row in csv.DictReader(file)}


def covered() -> dict[str, list[Place]]:
    """The places at which each item is shown, in the order of the course."""
    found: defaultdict[str, list[Place]] = defaultdict(list)
    for path in lessons():
        if path != MAP:
            for name, place in _places(path.name, load(path)):
                if place not in found[name]:
                    found[name].append(place)
    return dict(found)


def _places(file: str, notebook: NotebookNode) -> Iterator[tuple[str, Place]]:
    heading = ""
    for cell in notebook.cells:
        for name in cell.metadata.get("covers", []):
            under = [*headings(cell), heading][0]
            yield name, Place(file[:2], file, under, cell.cell_type == "code")
        if cell.cell_type == "markdown":
            heading = [heading, *headings(cell)][-1]


def headings(cell: NotebookNode) -> list[str]:
    """The headings of a cell, as they are read."""
    if cell.cell_type != "markdown":
        return []
    return [re.sub("[`*]", "", heading) for heading in HEADING.findall(cell.source)]


# --- Writing --------------------------------------------------------------------------------------


def made() -> NotebookNode:
    """The map, as a notebook in its normal form."""
    items, places = inventory(), covered()
    cells = [v4.new_markdown_cell(INTRODUCTION)]
    for part, (heading, words, head) in PARTS.items():
        rows = [_row(item, places.get(item.name, [])) for item in items.values() if item.part == part]
        cells.append(v4.new_markdown_cell("\n".join([heading, "", words, "", head, *rows])))
    return normalised(v4.new_notebook(cells=cells))


def _row(item: Item, places: Sequence[Place]) -> str:
    where = "<br>".join(dict.fromkeys(place.link for place in places))
    verdict = [VERDICTS[item.verdict]] if item.part == "A" else []
    return f"| {' | '.join([escaped(item.what), *verdict, where])} |"


def anchor(heading: str) -> str:
    """What the address of a heading ends in, in JupyterLab, and in the site, which takes it from here."""
    return heading.replace(" ", "-")


def escaped(text: str) -> str:
    """What may stand in a cell of a table."""
    return text.replace("|", "\\|")


# --- Checking -------------------------------------------------------------------------------------


def problems(items: Mapping[str, Item], places: Mapping[str, Sequence[Place]]) -> list[str]:
    """One sentence for each item that no lesson covers, or that there is not; an empty list when all is well."""
    missing = [f"{name} is covered by no lesson: {item.what}" for name, item in items.items() if name not in places]
    unknown = [f"{name} is covered, and there is no such item." for name in places if name not in items]
    told = [
        f"{name} is not so, and no cell of code tries it: {item.what}"
        for name, item in items.items()
        if item.verdict == "false" and name in places and not any(place.is_code for place in places[name])
    ]
    return [*missing, *unknown, *told]


# --- The command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the module's docstring shows; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the map of the course, or check it.")
    parser.add_argument("--check", action="store_true", help="change nothing, say what is wrong")
    options = parser.parse_args(arguments)
    found = problems(inventory(), covered())
    text = to_text(made())
    if not options.check:
        MAP.write_text(text, encoding="utf-8", newline="\n")
    elif not MAP.exists() or MAP.read_text(encoding="utf-8") != text:
        found.append("notebooks/map.ipynb is not what the lessons say: run tools/course_map.py.")
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
