"""`compare(one, other)`: two traces side by side, aligned: what moved, what appeared, what vanished, what changed.

    compare(with_threads.trace, without.trace)

The law: pure; a comparison is a value, and shows itself in the same ways as a trace.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from socketserver_trace.checks.scope import scope_of
from socketserver_trace.comparison.aligning import aligned
from socketserver_trace.comparison.drawing import CHANGED, ONLY_LEFT, ONLY_RIGHT, combined
from socketserver_trace.comparison.words import SAME, sentences
from socketserver_trace.events import HOOK
from socketserver_trace.layout import lay_out
from socketserver_trace.stories import Storyteller
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.comparison.aligning import Pair
    from socketserver_trace.diagram import Diagram
    from socketserver_trace.events import Event
    from socketserver_trace.player import Player
    from socketserver_trace.stories import Story

LEFT_AND_RIGHT: Final = ("left", "right")

SIGNS: Final = f"Signs: {CHANGED}differs, {ONLY_LEFT}only {{0}}, {ONLY_RIGHT}only {{1}}."


class Comparison:
    """Two traces, aligned. Made by `compare`.

    Iterating gives the events of both, the left ones first; those on the right are numbered behind all of the left.
    """

    def __init__(self, left: Any, right: Any, names: tuple[str, str]) -> None:
        self.left = left
        self.right = right
        self.names = names
        self._shift = max((event.seq for event in left), default=0)

    @property
    def order(self) -> str:
        """In which order both stand."""
        return str(self.left.order)

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Each call of both, with the same call of the other where it has one."""
        return tuple(aligned(scope_of(self.left).calls, scope_of(self.right).calls))

    @cached_property
    def sentences(self) -> tuple[str, ...]:
        """What differs, each difference in a sentence; or that nothing does."""
        sides = tuple(f"on the {name}" if name in LEFT_AND_RIGHT else f"in {name}" for name in self.names)
        return tuple(sentences(self.pairs, (sides[0], sides[1])))

    @property
    def same(self) -> bool:
        """Whether nothing differs but times, addresses and what the system calls things."""
        return self.sentences[0] == SAME

    def __iter__(self) -> Iterator[Event]:
        yield from self.left
        yield from (replace(event, seq=event.seq + self._shift) for event in self.right)

    def __repr__(self) -> str:
        return f"<Comparison of {self.left!r} and {self.right!r}>"

    def arrival(self) -> Comparison:
        """The same, as the clock saw both."""
        return Comparison(self.left.arrival(), self.right.arrival(), self.names)

    def diagram(self) -> Diagram:
        """Both drawings in one, the left one on the left."""
        one, other = (
            lay_out(trace.recording, whole=trace.whole, order=trace.order) for trace in (self.left, self.right)
        )
        signs = () if self.same else (SIGNS.format(*self.names),)
        return combined(one, other, self.pairs, self.names, self._shift, (*self.sentences, *signs))

    def story(self, seq: int) -> Story:
        """The story of an event of either, by its number in the drawing."""
        if seq <= self._shift:
            return self._stories[0].story(seq)
        return self._stories[1].story(seq - self._shift)

    @cached_property
    def _stories(self) -> tuple[Storyteller, Storyteller]:
        one, other = (Storyteller(trace.recording, whole=trace.whole) for trace in (self.left, self.right))
        return one, other

    def text(self) -> str:
        """The differences in sentences, and both traces as text, with a sign before what differs."""
        from socketserver_trace.paint import text

        return text.paint(self.diagram())

    def svg(self) -> str:
        """Both drawings in one, as an SVG document."""
        from socketserver_trace.paint import svg

        return svg.paint(self.diagram())

    def player(self) -> Player:
        """Both drawings with their stories, to walk along in a notebook."""
        from socketserver_trace.player import Player

        return Player(self)

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> None:
        """Write the player as one HTML file that needs nothing else."""
        from socketserver_trace.player import document

        with open(path, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - takes any path
            file.write(document(self, title))

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        from socketserver_trace.paint import html

        return {"text/plain": self.text(), "text/html": html.paint(self.diagram())}


def compare(left: Any, right: Any, *, names: tuple[str, str] | None = None) -> Comparison:
    """Two traces, aligned, with what differs. TypeError for what is no trace.

    `names` are what they are called; without them they go by their servers, or as left and right.
    """
    for trace in (left, right):
        scope_of(trace)
        if not hasattr(trace, "whole"):
            raise TypeError("compare() takes two traces, as compare(one.trace, other.trace).")
    if names is None:
        servers = [_server(trace) for trace in (left, right)]
        names = (servers[0], servers[1]) if all(servers) and servers[0] != servers[1] else LEFT_AND_RIGHT
    return Comparison(left, right, (safe(names[0]), safe(names[1])))


def _server(trace: Any) -> str:
    return next((event.server or "" for event in trace if event.kind == HOOK), "")
