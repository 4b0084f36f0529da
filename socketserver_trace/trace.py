"""`Trace`: a recording with all that one can ask of it.

A trace is an immutable sequence of events in causal order, the clients of other programs inferred, idle polls left out.
What was recorded stands behind it whole and in the order of arrival: `arrival()` shows it so, and `save()` writes it.

As the last expression of a notebook's cell a trace is a drawing: an image with its full text for those who cannot see
it, and the text form for where there are no images.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from socketserver_trace.canonical import digest
from socketserver_trace.events import ENTER, HOOK, KINDS, PHASES
from socketserver_trace.inference import infer_clients
from socketserver_trace.matching import match
from socketserver_trace.ordering import causal_order
from socketserver_trace.waits import chains_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from socketserver_trace.diagram import Diagram
    from socketserver_trace.events import Event
    from socketserver_trace.player import Player
    from socketserver_trace.recording import Recording
    from socketserver_trace.stories import Story, Storyteller
    from socketserver_trace.waits import Chain

CAUSAL = "causal"
ARRIVAL = "arrival"

DIGEST = re.compile("[0-9a-f]{64}")
"""What `Trace.digest` gives."""


class Trace(Sequence["Event"]):
    """What happened, as an immutable sequence of events that draws itself.

    `order` is "causal", one fixed order of what had to happen before what, or "arrival", the order of the clock.
    `classes` are those of the running program by their names, for the source in stories; they are no part of the value.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        order: str = CAUSAL,
        wanted: Callable[[Event], bool] | None = None,
        classes: Mapping[str, type] | None = None,
    ) -> None:
        if order not in {CAUSAL, ARRIVAL}:
            raise ValueError(f"the order of a trace is {CAUSAL!r} or {ARRIVAL!r}, not {order!r}.")
        self._recorded = recording
        self._order = order
        self._wanted = wanted
        self._classes = classes

    @cached_property
    def whole(self) -> Recording:
        """All that was recorded, in the order of this trace, also what a selection leaves out."""
        whole = infer_clients(match(self._recorded))
        return causal_order(whole) if self._order == CAUSAL else whole

    @cached_property
    def recording(self) -> Recording:
        """The events of this trace, with their lanes, as a plain value."""
        return self.whole if self._wanted is None else _with_lanes_in_use(self.whole.keep(self._wanted))

    @property
    def order(self) -> str:
        """In which order the events stand: "causal" or "arrival"."""
        return self._order

    def __len__(self) -> int:
        return len(self.recording.events)

    def __getitem__(self, index: Any) -> Any:
        return self.recording.events[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.recording.events)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trace):
            return NotImplemented
        return (self.order, self.recording) == (other.order, other.recording)

    def __hash__(self) -> int:
        return hash((self.order, self.recording.events))

    def __repr__(self) -> str:
        return f"<Trace of {_count(len(self), 'event')}, {_count(len(self.connections), 'connection')}>"

    @property
    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections, in order."""
        return tuple(sorted({event.connection for event in self if event.connection is not None}))

    @property
    def lanes(self) -> tuple[str, ...]:
        """The names of the lanes, in the order in which they are drawn."""
        return tuple(lane.name for lane in self.recording.lanes)

    def hooks(self, *, connection: int | None = None, lane: str | None = None) -> list[str]:
        """The names of the hooks that were entered, one lane after the other."""
        entered = [event for event in self.select(connection=connection, lane=lane) if _is_entered(event)]
        return [event.hook or "" for name in self.lanes for event in entered if event.lane == name]

    def select(
        self,
        *,
        lane: str | None = None,
        connection: int | None = None,
        hook: str | None = None,
        kind: str | None = None,
        phase: str | None = None,
    ) -> Trace:
        """The events that are all of this, as a trace. LookupError for a lane, kind or phase that does not exist."""
        asked = {"lane": lane, "connection": connection, "hook": hook, "kind": kind, "phase": phase}
        given = {name: value for name, value in asked.items() if value is not None}
        _refuse_typos(self.whole, given)
        before = self._wanted

        def wanted(event: Event) -> bool:
            return (before is None or before(event)) and all(
                getattr(event, key) == value for key, value in given.items()
            )

        return Trace(self._recorded, order=self._order, wanted=wanted, classes=self._classes) if given else self

    def waits(self) -> tuple[Chain, ...]:
        """Who waits for whom at the end of the trace: chains and cycles, each a sentence when it is printed."""
        return chains_of(self.whole)

    def arrival(self) -> Trace:
        """The same events as the clock saw them, idle polls included. Another run has another order."""
        return Trace(self._recorded, order=ARRIVAL, wanted=self._wanted, classes=self._classes)

    def story(self, seq: Event | int) -> Story:
        """Everything that can be told about one event of this trace, named by itself or by its number `seq`.

        LookupError when the trace has no event of that number.
        """
        return self._storyteller.story(seq)

    @cached_property
    def _storyteller(self) -> Storyteller:
        from socketserver_trace.stories import Storyteller

        return Storyteller(self.recording, whole=self.whole, classes=self._classes)

    def diagram(self) -> Diagram:
        """What is to be drawn, as plain numbers: the same for every painter."""
        from socketserver_trace.layout import lay_out

        return lay_out(self.recording, whole=self.whole, order=self._order)

    def text(self) -> str:
        """The drawing as text."""
        from socketserver_trace.paint import text

        return text.paint(self.diagram())

    def svg(self) -> str:
        """The drawing as an SVG document, which can be saved or put on a slide."""
        from socketserver_trace.paint import svg

        return svg.paint(self.diagram())

    def mermaid(self) -> str:
        """The drawing in the language of Mermaid, for pages that render it."""
        from socketserver_trace.paint import mermaid

        return mermaid.paint(self.diagram())

    def html(self) -> str:
        """The drawing and the list of its steps as one HTML document that needs nothing else."""
        from socketserver_trace.paint import html

        return html.document(self.diagram())

    def player(self) -> Player:
        """The drawing with its stories, to walk along in a notebook; where no script runs, the drawing alone."""
        from socketserver_trace.player import Player

        return Player(self)

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> None:
        """Write the player as one HTML file that needs nothing else. `title` stands above it, or what was traced."""
        from socketserver_trace.player import document

        with open(path, "w", encoding="utf-8", newline="\n") as file:  # noqa: PTH123 - takes any path
            file.write(document(self, title))

    def digest(self) -> str:
        """A checksum of what happened, without times, addresses and what the system calls things.

        64 hexadecimal digits, the same on every run. It is that of the causal order, in whatever order this trace
        stands. Where clients of the program race, what they send may differ from run to run, and so does this.
        """
        return digest(self._in_causal_order.recording)

    def matches(self, gold: Trace | str | os.PathLike[str]) -> bool:
        """Whether the same happened as in a gold trace: a trace, the path of a saved one, or a digest.

        `compare(trace, gold)` shows where they differ. TraceFileError when the file is no trace.
        """
        if isinstance(gold, str) and DIGEST.fullmatch(gold.lower()):
            return self.digest() == gold.lower()
        return self.digest() == (gold if isinstance(gold, Trace) else load(gold)).digest()

    @property
    def _in_causal_order(self) -> Trace:
        return self if self._order == CAUSAL else Trace(self._recorded, wanted=self._wanted)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that was recorded to a file of JSON Lines, which `load` reads."""
        from socketserver_trace.export import jsonl

        with open(path, "w", encoding="ascii", newline="\n") as file:  # noqa: PTH123 - takes any path
            file.write(jsonl.dumps(self._recorded))

    def __str__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """What a notebook shows. These two forms survive its sanitiser, GitHub and nbconvert."""
        from socketserver_trace.paint import html

        return {"text/plain": self.text(), "text/html": html.paint(self.diagram())}


def load(path: str | os.PathLike[str]) -> Trace:
    """The trace that `Trace.save` wrote. TraceFileError with a sentence when the file is not one."""
    from socketserver_trace.export import jsonl

    with open(path, encoding="utf-8", errors="replace", newline="\n") as file:  # noqa: PTH123 - takes any path
        return Trace(jsonl.loads(file.read(), name=str(path)))


def _is_entered(event: Event) -> bool:
    return event.kind == HOOK and event.phase == ENTER


def _refuse_typos(recording: Recording, given: Mapping[str, object]) -> None:
    """An empty drawing would say that nothing happened, which is not true of a lane whose name was mistyped."""
    known = {"lane": [lane.name for lane in recording.lanes], "kind": list(KINDS), "phase": list(PHASES)}
    for name, value in given.items():
        if name in known and value not in known[name]:
            raise LookupError(f"there is no {name} {value!r} in this trace; there is {', '.join(known[name])}.")
    if not isinstance(given.get("connection", 0), int):
        raise TypeError(f"a connection is a number, counted from 1, and not {given['connection']!r}.")


def _with_lanes_in_use(recording: Recording) -> Recording:
    used = {event.lane for event in recording}
    return replace(recording, lanes=tuple(lane for lane in recording.lanes if lane.name in used))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
