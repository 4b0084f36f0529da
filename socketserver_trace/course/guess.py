"""What will happen? One of a few answers: guess first, and then look.

In a notebook the answer is chosen with a button (ipywidgets); one that is given is taken instead, so that a lesson can
be run without anybody there.

The law: nobody here knows what is right. A guess is held against what did happen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from socketserver_trace.course.checking import GRADING, GREEN, ORANGE, STYLE
from socketserver_trace.course.keeping import keep
from socketserver_trace.paint.markup import escape
from socketserver_trace.sentences import NotAsExpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from socketserver_trace.course.exercise import Choice


@dataclass(frozen=True)
class Answer:
    """A guess beside what happened: true when they are the same."""

    guessed: str
    happened: str
    remark: str = ""

    def __bool__(self) -> bool:
        return self.guessed == self.happened

    def sentence(self) -> str:
        """Whether it was right."""
        if not self.guessed:
            return "Nothing was predicted: choose an answer first."
        return "Your prediction is what happened." if self else "It happened otherwise."

    def _lines(self) -> list[str]:
        told = [self.sentence(), f"your prediction: {self.guessed or 'none'}", f"what happened:   {self.happened}"]
        return [*told, *filter(None, [self.remark])]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        first, *rest = map(escape, self._lines())
        shown = f"<p><b>{first}</b></p><p>{'<br>'.join(rest)}</p>"
        return {
            "text/plain": repr(self),
            "text/html": f'<div style="{STYLE.format(GREEN if self else ORANGE)}">{shown}</div>',
        }


class Guess:
    """A question with the answer so far. Made by `predict`; as the last line of a cell it is answered there."""

    def __init__(self, question: Choice, answer: str = "") -> None:
        self.question = question
        self._given = answer
        self._buttons: Any = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What there is to choose from."""
        return self.question.options

    @property
    def answer(self) -> str:
        """What was chosen; nothing so far, when nobody has chosen."""
        return self._given or ("" if self._buttons is None else str(self._buttons.value or ""))

    def against(self, happened: object) -> Answer:
        """Whether it happened so. The result is kept (`progress`).

        While nbgrader grades, NotAsExpected is raised when it did not.
        """
        compared = Answer(self.answer, str(happened))
        compared = replace(compared, remark=keep(self.question.name, solved=bool(compared)))
        if GRADING in os.environ and not compared:
            raise NotAsExpected(repr(compared))
        return compared

    def __repr__(self) -> str:
        chosen = f"your prediction: {self.answer}" if self.answer else "no prediction yet"
        return "\n".join([self.question.title, *(f"- {option}" for option in self.choices), chosen])

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._given:
            return {"text/plain": repr(self)}
        if self._buttons is None:
            try:
                from socketserver_trace.notebook.buttons import buttons
            except ModuleNotFoundError:
                return {"text/plain": f"{self!r}\n(without ipywidgets: predict({self.question.name!r}, answer=...))"}
            self._buttons = buttons(self.question.title, self.choices)
        bundle = self._buttons._repr_mimebundle_(**options)
        return {**bundle, "text/plain": repr(self)}
