"""`check("01-closing-time", served)`: whether an exercise is solved, judged by the trace of the learner's own server.

What it gives shows itself: a verdict, a sentence for each point, what the mistake was and why, and the first hint; the
others are asked for. In a notebook they stand folded, one inside the other, so that nobody reads the last one first.

The law: a wrong solution is no error. Only for nbgrader, which counts exceptions, it is one.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass

from socketserver_trace.checks.scope import scope_of
from socketserver_trace.course.exercises import EXERCISES
from socketserver_trace.course.keeping import keep
from socketserver_trace.explanations import explain
from socketserver_trace.paint.markup import escape
from socketserver_trace.reasons.rule import listed
from socketserver_trace.sentences import NotAsExpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.checks import Verdict
    from socketserver_trace.course.exercise import Exercise, Mistake
    from socketserver_trace.trace import Trace

GRADING: Final = "NBGRADER_EXECUTION"
"""nbgrader sets this variable while it executes a notebook to grade or to validate it."""

STYLE: Final = "border-left:4px solid {};padding:4px 12px;margin:4px 0"
GREEN, ORANGE = "#00724f", "#a84c00"


@dataclass(frozen=True)
class Report:
    """What a check has found. True when the exercise is solved."""

    exercise: Exercise
    verdicts: tuple[Verdict, ...]
    mistake: Mistake | None = None
    why: str = ""
    errors: tuple[str, ...] = ()
    remark: str = ""

    def __bool__(self) -> bool:
        return all(verdict.holds for verdict in self.verdicts)

    def hint(self, number: int = 1) -> str:
        """One of the hints, from 1 on, each of which says more than the one before. LookupError when there is none."""
        hints = self.exercise.hints
        if not 1 <= number <= len(hints):
            raise LookupError(f"{self.exercise.name} has {len(hints)} hints, from 1 to {len(hints)}.")
        return hints[number - 1]

    def text(self) -> str:
        """The report as plain text, with the first hint."""
        return "\n".join(self._lines())

    def _verdict(self) -> str:
        return f"{self.exercise.title}: {'solved.' if self else 'not yet.'}"

    def _points(self) -> Iterator[tuple[str, str]]:
        for point, verdict in zip(self.exercise.points, self.verdicts, strict=True):
            yield ("✓", point.says) if verdict else ("✗", f"Not so: {point.says} {verdict.sentence}")

    def _lines(self) -> Iterator[str]:
        yield self._verdict()
        yield from (f"{sign} {sentence}" for sign, sentence in self._points())
        yield from self._told()
        if not self:
            yield f"Hint 1 of {len(self.exercise.hints)}: {self.hint()}"

    def _told(self) -> Iterator[str]:
        """What is to be said of all of it."""
        if self:
            yield from filter(None, (self.exercise.remark, self.remark))
            return
        yield from (f"Your code raised {error}." for error in self.errors)
        if self.mistake is not None:
            yield self.mistake.says
        if self.why:
            yield f"Why? {self.why}"
        yield from filter(None, (self.remark,))

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        colour = GREEN if self else ORANGE
        points = "".join(f"<li>{sign} {escape(sentence)}</li>" for sign, sentence in self._points())
        told = "".join(f"<p>{escape(sentence)}</p>" for sentence in self._told())
        hints = "" if self else _ladder(self.exercise.hints)
        shown = (
            f'<div style="{STYLE.format(colour)}"><p><b>{escape(self._verdict())}</b></p>'
            f'<ul style="list-style:none;padding:0">{points}</ul>{told}{hints}</div>'
        )
        return {"text/plain": self.text(), "text/html": shown}


def check(name: str, served: Any) -> Report:
    """Whether an exercise is solved by a server: what `serve()` gave, or a trace.

    LookupError, with the nearest names, when there is no such exercise. The result is kept (`progress`). While nbgrader
    grades, NotAsExpected is raised when it is not solved.
    """
    exercise = exercise_of(name)
    trace = getattr(served, "trace", served)
    scope = scope_of(trace)
    verdicts = tuple(point.claim.judge(scope) for point in exercise.points)
    solved = all(verdicts)
    mistake = None if solved else next((one for one in exercise.mistakes if one.shows.judge(scope)), None)
    errors = tuple(dict.fromkeys(error.strip().splitlines()[-1] for error in getattr(served, "errors", ())))
    remark = keep(name, solved=solved)
    report = Report(exercise, verdicts, mistake, _why(trace, mistake), errors, remark)
    if GRADING in os.environ and not report:
        raise NotAsExpected(report.text())
    return report


def exercise_of(name: str) -> Exercise:
    """The exercise of this name; LookupError, with the nearest names, when there is none."""
    if name not in EXERCISES:
        near = difflib.get_close_matches(name, EXERCISES, 3) or list(EXERCISES)[:3]
        raise LookupError(f"there is no exercise {name!r}; the nearest names are {listed(near)}.")
    return EXERCISES[name]


def _why(trace: Trace, mistake: Mistake | None) -> str:
    if mistake is None or mistake.hook is None:
        return ""
    try:
        explanation = explain(trace, mistake.hook, connection=mistake.connection)
    except LookupError:  # the connection that it is about did not come
        return ""
    return " ".join([explanation.verdict, *(str(reason) for reason in explanation.reasons[:1])])


def _ladder(hints: tuple[str, ...]) -> str:
    """The hints, folded, each inside the one before."""
    shown = ""
    for number, hint in reversed(list(enumerate(hints, start=1))):
        title = f"Hint {number} of {len(hints)}"
        shown = f"<details><summary>{title}</summary><p>{escape(hint)}</p>{shown}</details>"
    return shown
