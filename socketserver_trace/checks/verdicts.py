"""What a claim comes to: whether it holds, in one sentence, and where in the trace that shows.

The law: a verdict is a plain value, true where its claim holds. The rows around it are the rows of the drawing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from socketserver_trace.layout import lay_out

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.diagram import Diagram
    from socketserver_trace.events import Event

AROUND: Final = 2
"""How many rows are shown before and after the one that matters."""


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds. `claimed` is what it says, `found` what there is, both without a full stop.

    `at` is the event where that shows, in `scope`.
    """

    holds: bool
    claimed: str
    found: str
    scope: Scope = field(repr=False)
    at: Event | None = None

    def __bool__(self) -> bool:
        return self.holds

    @property
    def sentence(self) -> str:
        """What was expected, and what happened instead."""
        if self.holds:
            return f"{capital(self.claimed)}: {self.found}."
        return f"It was expected that {self.claimed}, but {self.found}."

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The rows of the drawing around the place where it shows; the one itself begins with an arrow."""
        if self.at is None:
            return ()
        diagram = lay_out(self.scope.recording, whole=self.scope.recording, order=self.scope.order)
        return tuple(_rows(diagram, self.at))

    def __str__(self) -> str:
        return "\n".join((self.sentence, *(("", *self.rows) if self.rows and not self.holds else ())))


def capital(sentence: str) -> str:
    """The sentence with a capital, unless it begins with the name of a method."""
    return sentence if not sentence.partition(" ")[0].isalpha() else sentence[:1].upper() + sentence[1:]


def _rows(diagram: Diagram, event: Event) -> Iterator[str]:
    # An inferred event has the number of the one from which it was inferred: they are in different lanes.
    found = [number for number, row in enumerate(diagram.rows) if row.event == event.seq]
    if not found:
        return
    mine = (number for number in found if f" in {diagram.rows[number].actor}".endswith(f" in {event.lane}"))
    here = next(mine, found[0])
    shown = range(max(0, here - AROUND), min(len(diagram.rows), here + AROUND + 1))
    digits = len(str(shown[-1] + 1))
    names = max(len(diagram.rows[number].actor) for number in shown)
    for number in shown:
        row = diagram.rows[number]
        mark = "→" if number == here else " "
        yield f"{mark} {number + 1:{digits}}  {row.actor:{names}}  {'  ' * row.depth}{row.text}"
