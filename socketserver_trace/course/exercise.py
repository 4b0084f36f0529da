"""What an exercise is: points that its solution must have, mistakes that people make, and hints; what a question is.

A point is a claim about the trace of the learner's own server, so every solution that behaves is right, however it is
written. A mistake is a claim as well, which holds of one typical wrong answer; it has the sentence that fits, and the
hook about which `explain` is asked. Hints go from a nudge to nearly the solution.

The law: an exercise is a value. It does not know where it stands in a lesson, nor how it is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.checks import Claim


@dataclass(frozen=True)
class Point:
    """One thing that must be so. `says` is what, as a sentence for when it is."""

    says: str
    claim: Claim


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: how it shows in a trace, what to say of it, and which hook explains it."""

    name: str
    shows: Claim
    says: str
    hook: str | None = None
    connection: int | None = None


@dataclass(frozen=True)
class Exercise:
    """A task whose solution is judged by its trace. `remark` is told when it is solved."""

    name: str
    title: str
    points: tuple[Point, ...]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    remark: str = ""


@dataclass(frozen=True)
class Question:
    """Which hooks come next, and in which order? `hooks` are the right ones, `distractors` stand among them.

    `connection` is the one whose hooks are asked for, None for all of the trace.
    """

    name: str
    title: str
    hooks: tuple[str, ...]
    distractors: tuple[str, ...]
    connection: int | None = None


@dataclass(frozen=True)
class Choice:
    """What will happen? One of `options`; which one is decided by what does happen, and not by this table."""

    name: str
    title: str
    options: tuple[str, ...]
