"""The exercises and questions of lesson 12, Choosing."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Choice, Exercise, Question

EXERCISES: Final[tuple[Exercise, ...]] = ()

QUESTIONS: Final[tuple[Choice | Question, ...]] = ()
