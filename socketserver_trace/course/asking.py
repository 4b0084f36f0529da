"""`predict("01-before-the-answer")`: a question of the course, to be answered before one looks.

The law: an answer that cannot be one is refused at once, with what there is to choose from.
"""

from __future__ import annotations

import difflib

from socketserver_trace.course.exercise import Choice
from socketserver_trace.course.exercises import QUESTIONS
from socketserver_trace.course.guess import Guess
from socketserver_trace.course.prediction import Prediction
from socketserver_trace.reasons.rule import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def predict(name: str, answer: Sequence[str] | str | None = None) -> Prediction | Guess:
    """A question of the course: which hooks come next, or what will happen? Answered where it is shown, or by `answer`.

    LookupError, with the nearest names, when there is no such question; ValueError when the answer is none of those
    that there are to choose from.
    """
    if name not in QUESTIONS:
        near = difflib.get_close_matches(name, QUESTIONS, 3) or list(QUESTIONS)[:3]
        raise LookupError(f"there is no question {name!r}; the nearest names are {listed(near)}.")
    question = QUESTIONS[name]
    asked = [answer] if isinstance(answer, str) else list(answer or ())
    made = Guess(question, "".join(asked[:1])) if isinstance(question, Choice) else Prediction(question, asked)
    wrong = [one for one in asked if one not in made.choices]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is not to choose from; there is {', '.join(made.choices)}.")
    return made
