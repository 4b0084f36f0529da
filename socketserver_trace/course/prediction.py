"""Which hooks come next, and in which order? Guess first, and then look.

A prediction is a Parsons problem: the right hooks and some that do not belong there, shuffled, to be put in order. In a
notebook they are moved with the pointer or with keys (`notebook.parsons`); an answer that is given is taken instead, so
that a lesson can be run without anybody there.

The law: the order in which the choices stand is the same on every run, and gives nothing away.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import sha256

from socketserver_trace.checks.scope import scope_of
from socketserver_trace.course.checking import GRADING, GREEN, ORANGE, STYLE
from socketserver_trace.course.keeping import keep
from socketserver_trace.events import HOOK
from socketserver_trace.paint.markup import escape
from socketserver_trace.sentences import NotAsExpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from socketserver_trace.course.exercise import Question


@dataclass(frozen=True)
class Outcome:
    """A prediction beside what happened: true when it is right. `left` is the place at which it left the trace."""

    question: Question
    predicted: tuple[str, ...]
    happened: tuple[str, ...]
    remark: str = ""

    @property
    def left(self) -> int | None:
        """The place of the first hook that is another one; None when all are right."""
        for place in range(max(len(self.predicted), len(self.happened))):
            if self.predicted[place : place + 1] != self.happened[place : place + 1]:
                return place
        return None

    def __bool__(self) -> bool:
        return self.left is None

    def sentence(self) -> str:
        """Where the prediction left the trace."""
        place = self.left
        if not self.predicted:
            return "Nothing was predicted: put the hooks in order first."
        if place is None:
            return "Your prediction is what happened."
        before = f"After {self.happened[place - 1]} " if place else "First "
        if place >= len(self.happened):
            return f"{before}nothing more came, and you predicted {self.predicted[place]}."
        yours = f"you predicted {self.predicted[place]}" if place < len(self.predicted) else "your prediction ends"
        return f"{before}came {self.happened[place]}, where {yours}."

    def _lines(self) -> Iterator[str]:
        yield self.sentence()
        yield f"your prediction: {' → '.join(self.predicted) or 'none'}"
        yield f"what happened:   {' → '.join(self.happened)}"
        yield from filter(None, [self.remark])

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        rows = "".join(f"<li>{_marked(hooks, self.left)}</li>" for hooks in (self.predicted, self.happened))
        remark = f"<p>{escape(self.remark)}</p>" if self.remark else ""
        shown = (
            f'<div style="{STYLE.format(GREEN if self else ORANGE)}"><p><b>{escape(self.sentence())}</b></p>'
            f'<p>Your prediction, and below it what happened:</p><ul style="list-style:none;padding:0">{rows}</ul>'
            f"{remark}</div>"
        )
        return {"text/plain": repr(self), "text/html": shown}


def _marked(hooks: Sequence[str], left: int | None) -> str:
    shown = [f"<u>{escape(hook)}</u>" if place == left else escape(hook) for place, hook in enumerate(hooks)]
    return " → ".join(shown) or "none"


class Prediction:
    """A question with the answer so far. Made by `predict`; as the last line of a cell it is answered there."""

    def __init__(self, question: Question, answer: Sequence[str] = ()) -> None:
        self.question = question
        self._given = tuple(answer)
        self._widget: Any = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What there is to choose from, shuffled in the same way each time."""
        names = (*self.question.hooks, *self.question.distractors)
        return tuple(sorted(names, key=lambda name: sha256(f"{self.question.name} {name}".encode()).digest()))

    @property
    def answer(self) -> tuple[str, ...]:
        """The hooks in the order that was predicted; none so far, when nobody has predicted anything."""
        return self._given or (() if self._widget is None else tuple(self._widget.answer))

    def against(self, served: Any) -> Outcome:
        """Where the prediction leaves the trace of a server. The result is kept (`progress`).

        While nbgrader grades, NotAsExpected is raised when it does.
        """
        question = self.question
        scope = scope_of(getattr(served, "trace", served))
        if question.connection is not None:
            scope = scope.connection(question.connection)
        asked = {*question.hooks, *question.distractors}
        hooks = [call.hook for call in scope.calls if call.enter.kind == HOOK and call.hook in asked]
        outcome = Outcome(question, self.answer, tuple(hooks[: len(question.hooks)]))
        outcome = replace(outcome, remark=keep(question.name, solved=bool(outcome)))
        if GRADING in os.environ and not outcome:
            raise NotAsExpected(repr(outcome))
        return outcome

    def __repr__(self) -> str:
        chosen = f"your prediction: {' → '.join(self.answer)}" if self.answer else "no prediction yet"
        return f"{self.question.title}\nto choose from: {', '.join(self.choices)}\n{chosen}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if self._given:
            return {"text/plain": repr(self)}
        if self._widget is None:
            try:
                from socketserver_trace.notebook.parsons import Parsons
            except ModuleNotFoundError:
                return {"text/plain": f"{self!r}\n(without anywidget: predict({self.question.name!r}, answer=[...]))"}
            self._widget = Parsons(title=self.question.title, choices=list(self.choices))
        bundle = self._widget._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return ({**(data or {}), "text/plain": repr(self)}, bundle[1] if isinstance(bundle, tuple) else {})
