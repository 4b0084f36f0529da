"""A thread that is paused, what sends it on, and how far.

A pause stands right behind one event of one lane. It ends when somebody resumes the thread, lets it step, or releases
all (`parking`), or by its own deadline; afterwards the object only remembers where it was. Whoever is paused again is
another pause.

The law: nothing here waits.
"""

from __future__ import annotations

import threading
import time

from socketserver_trace.assembly import assemble
from socketserver_trace.events import ENTER, HOOK, RAISE, RETURN
from socketserver_trace.lifecycle.hooks import hook as entry_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from socketserver_trace.breakpoints import Breakpoint
    from socketserver_trace.parking import Parking
    from socketserver_trace.recorder import Meaning
    from socketserver_trace.recording import Recording


MOMENTS: Final = {ENTER: "before", RETURN: "after", RAISE: "at the failure of", None: "at"}


class Parked:
    """A thread of the server that is paused, or was.

    `kind`, `hook`, `phase`, `connection` and `provider` are those of the event it has just recorded, `since` is the
    time of that event (`events.Event.time_ns`). `breakpoint` is where it was caught, None when it came here by a step.
    `patience` is how many seconds it waits at most.
    """

    def __init__(self, parking: Parking, record: tuple[Any, ...], at: Breakpoint | None, patience: float) -> None:
        self.since, self.flow, _source, meaning, number, _payload = record
        self.kind: str = meaning.kind
        self.hook: str = meaning.hook
        self.phase: str | None = meaning.phase
        self.provider: str | None = meaning.provider
        self.connection: int | None = number if belongs_to_a_request(meaning) else None
        self.breakpoint = at
        self.patience = patience
        self.gone = threading.Event()
        self._parking = parking
        self._until = time.monotonic() + patience

    def __repr__(self) -> str:
        return f"<{self.lane}, {'was ' if self.gone.is_set() else ''}paused {self.place}>"

    @property
    def place(self) -> str:
        """Where it is paused, in words: before verify_request() of connection 1."""
        return place(self.hook, self.phase, self.connection)

    @property
    def lane(self) -> str:
        """The name of its lane, as the trace has it now."""
        return self.lane_in(assemble(self._parking.source.recorder)) or "a thread"

    def lane_in(self, recording: Recording) -> str | None:
        """The name of its lane in a recording, None when the event at which it is paused is not in it."""
        mine = (
            event.lane
            for event in reversed(recording.events)
            if (event.time_ns, event.hook, event.phase) == (self.since, self.hook, self.phase)
        )
        return next(mine, None)

    @property
    def remaining(self) -> float:
        """After how many seconds it goes on by itself; 0 when it is gone."""
        return 0.0 if self.gone.is_set() else max(self._until - time.monotonic(), 0.0)

    def step(self) -> None:
        """Send it on to the next event of its lane, whatever that is. Returns at once; so do the next two."""
        self._parking.send_on(self, Step(self.patience))

    def step_over(self) -> None:
        """Send it on to the end of the call that it has just entered; elsewhere to the next event, as `step` does."""
        entered = [(self.kind, self.hook)] if self.phase == ENTER else []
        self._parking.send_on(self, Step(self.patience, entered))

    def resume(self) -> None:
        """Send it on to the next breakpoint. What is sent on already is left alone."""
        self._parking.send_on(self)


class Step:
    """How a thread goes on to its next stop: `calls` are those that must end before, the outermost first."""

    def __init__(self, patience: float, calls: list[tuple[str, str]] | None = None) -> None:
        self.patience = patience
        self._calls = calls or []

    def ends_at(self, meaning: Meaning) -> bool:
        """Whether this event of its lane, the next one, is where it stops."""
        if not self._calls:
            return True
        call = (meaning.kind, meaning.hook or "")
        if meaning.phase == ENTER:
            self._calls.append(call)
        elif meaning.phase in {RETURN, RAISE} and call in self._calls:
            while self._calls.pop() != call:
                pass
        return not self._calls


def place(hook: str, phase: str | None, connection: int | None) -> str:
    """A place in the life of a server, in words."""
    where = f"{MOMENTS[phase]} {hook}()"
    return where if connection is None else f"{where} of connection {connection}"


def belongs_to_a_request(meaning: Meaning) -> bool:
    """Whether an event of this meaning says to which connection it belongs; those of a server's whole life do not."""
    hook = entry_of(meaning.hook or "", meaning.owner or "") if meaning.kind == HOOK else None
    return hook is None or hook.per_request
