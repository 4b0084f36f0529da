"""Where a claim looks: all that a trace has, or one connection of it, as calls in the order of the trace.

A step that takes no time, a start or a close, is a call that has only begun. So everything has a place, somebody who
did it and a call around it, and a claim needs to know no more.

The law: pure; looking narrows, and changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from socketserver_trace.events import ENTER, RAISE, RETURN
from socketserver_trace.reasons.calls import Call, Facts
from socketserver_trace.recording import Recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from socketserver_trace.checks.steps import Step
    from socketserver_trace.events import Event


@dataclass(frozen=True, eq=False)
class Scope:
    """The calls that a claim looks at, in order, and where that is, in words: " in connection 1"."""

    recording: Recording
    order: str
    calls: tuple[Call, ...]
    where: str = ""

    @cached_property
    def places(self) -> dict[int, int]:
        """The place of each call in the order of the trace, by its identity."""
        return {id(call): place for place, call in enumerate(self.calls)}

    @property
    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections, in order."""
        return tuple(sorted({call.connection for call in self.calls if call.connection is not None}))

    def find(self, step: Step) -> list[Call]:
        """The calls that the step is at, in order."""
        return [call for call in self.calls if step.is_at(call)]

    def place(self, call: Call) -> int:
        """Where a call of this scope stands."""
        return self.places[id(call)]

    def connection(self, number: int) -> Scope:
        """One connection alone. LookupError when there is none of that number."""
        if number not in self.connections:
            there = ", ".join(map(str, self.connections)) or "none at all"
            raise LookupError(f"there is no connection {number!r} in this trace; there is {there}.")
        return self._kept((call for call in self.calls if call.connection == number), f" in connection {number}")

    def lane(self, name: str) -> Scope:
        """One lane alone. LookupError when there is none of that name."""
        names = [lane.name for lane in self.recording.lanes]
        if name not in names:
            raise LookupError(f"there is no lane {name!r} in this trace; there is {', '.join(names)}.")
        return self._kept((call for call in self.calls if call.lane == name), f" in {name}")

    def _kept(self, calls: Iterable[Call], where: str) -> Scope:
        return replace(self, calls=tuple(calls), where=self.where if where in self.where else self.where + where)


def scope_of(trace: object) -> Scope:
    """All that a trace or a recording has. TypeError for anything else."""
    recording = getattr(trace, "recording", trace)
    if not isinstance(recording, Recording):
        kind = type(trace).__name__
        raise TypeError(f"what is looked at is a trace, as in expect(served.trace), and not a {kind}.")
    facts = Facts(recording)
    # What takes no time is no call, and has no end; when it fails, that is told beside it.
    ends: dict[int | None, Event] = {
        event.call: event for event, _parent in facts.steps if event.call and event.phase in {RETURN, RAISE}
    }
    steps = [Call(event, parent, ends.get(event.call)) for event, parent in facts.steps if event.phase in {None, ENTER}]
    found = [*facts.calls, *facts.clients, *steps]
    order = {id(event): place for place, event in enumerate(recording.events)}
    calls = tuple(sorted(found, key=lambda call: order[id(call.enter)]))
    return Scope(recording, getattr(trace, "order", "causal"), calls)
