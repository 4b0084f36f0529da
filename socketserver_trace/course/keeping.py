"""What a learner has solved, in one file on this machine: no account, no network.

The file is `socketserver_trace_progress.json` in the folder of the lessons, or what SOCKETSERVER_TRACE_PROGRESS says;
"off" keeps nothing, for tests and for teachers.

The law: progress never spoils a lesson. A file that cannot be read or written costs a remark, and what was in it stays.
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from socketserver_trace.course.exercises import EXERCISES, QUESTIONS
from socketserver_trace.paint.markup import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

VARIABLE: Final = "SOCKETSERVER_TRACE_PROGRESS"
FILE: Final = "socketserver_trace_progress.json"
OFF: Final = "off"


@dataclass(frozen=True)
class Progress:
    """What was tried and solved, by the names of exercises and questions. Shows itself lesson by lesson."""

    tries: dict[str, int]
    solved: frozenset[str]
    remark: str = ""

    def rows(self) -> list[tuple[str, str, int, bool]]:
        """The name, the title, how often it was tried and whether it is solved, in the order of the course."""
        titles = {one.name: one.title for one in QUESTIONS.values()}
        titles |= {one.name: one.title for one in EXERCISES.values()}
        return [(name, titles[name], self.tries.get(name, 0), name in self.solved) for name in sorted(titles)]

    def export(self, path: str | os.PathLike[str]) -> None:
        """Write it as a table that every spreadsheet reads (CSV)."""
        with open(path, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - takes any path
            writer = csv.writer(file)
            writer.writerow(["name", "title", "tries", "solved"])
            writer.writerows([*row[:3], "yes" if row[3] else "no"] for row in self.rows())

    def lessons(self) -> dict[str, list[str]]:
        """Each lesson's number, and what it asks, with a sign: ✓ is solved, … was tried. Predictions end in "?"."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name, title, tries, solved in self.rows():
            number, _dash, rest = name.partition("-")
            shown = f"{rest.replace('-', ' ').capitalize()}?" if name in QUESTIONS else title
            found[number].append(f"{_sign(tries, solved=solved)} {shown}")
        return dict(found)

    def __str__(self) -> str:
        done, there = sum(solved for *_rest, solved in self.rows()), len(self.rows())
        lines = [f"{number}  {'   '.join(asked)}" for number, asked in self.lessons().items()]
        return "\n".join([f"{done} of {there} solved", *lines, *filter(None, [self.remark])])

    __repr__ = __str__

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        rows = "".join(
            f'<tr><td>{number}</td><td style="text-align: left">{"<br>".join(map(escape, asked))}</td></tr>'
            for number, asked in self.lessons().items()
        )
        head = '<tr><th>lesson</th><th style="text-align: left">what it asks</th></tr>'
        told = f"<p>{escape(str(self).splitlines()[0])}</p><table>{head}{rows}</table><p>{escape(self.remark)}</p>"
        return {"text/plain": str(self), "text/html": told}


def _sign(tries: int, *, solved: bool) -> str:
    return "✓" if solved else "…" if tries else "·"


def progress() -> Progress:
    """What has been solved so far."""
    path = _path()
    if path is None:
        return Progress({}, frozenset(), "Progress is not kept here.")
    try:
        known = _read(path)
    except (OSError, ValueError) as error:
        return Progress({}, frozenset(), f"{path.name} could not be read: {error}")
    tries = {name: int(one["tries"]) for name, one in known.items()}
    return Progress(tries, frozenset(name for name, one in known.items() if one["solved"]))


def keep(name: str, *, solved: bool) -> str:
    """Note that an exercise was tried. Returns a remark when that could not be kept, otherwise nothing."""
    path = _path()
    if path is None:
        return ""
    try:
        known = _read(path)
        one = known.get(name, {"tries": 0, "solved": False})
        known[name] = {"tries": one["tries"] + 1, "solved": one["solved"] or solved}
        new = path.with_name(f"{path.name}.new")
        new.write_text(json.dumps({"version": 1, "exercises": known}, indent=1, sort_keys=True), encoding="utf-8")
        new.replace(path)  # whole or not at all
    except (OSError, ValueError) as error:
        return f"Your progress could not be kept in {path.name}: {error}"
    return ""


def _path() -> Path | None:
    told = os.environ.get(VARIABLE, "")
    return None if told == OFF else Path(told or FILE)


def _read(path: Path) -> dict[str, Any]:
    """What is in the file; ValueError when that is something else."""
    if not path.exists():
        return {}
    known = json.loads(path.read_text(encoding="utf-8"))
    exercises = known.get("exercises") if isinstance(known, dict) else None
    if not isinstance(exercises, dict) or not all(
        isinstance(one, dict) and type(one.get("tries")) is int and type(one.get("solved")) is bool
        for one in exercises.values()
    ):
        raise ValueError("it is no file of progress")
    return exercises
