"""What a lab says besides the drawing: who is paused, who waits for whom, what the kernel holds, what went wrong.

The law: looking changes nothing. The kernel's view that is shown here is not put into the trace.
"""

from __future__ import annotations

import itertools

from socketserver_trace.breakpoints import HOOKS, OVER
from socketserver_trace.parking import NEVER
from socketserver_trace.waits import chains_of
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.breakpoints import Breakpoint
    from socketserver_trace.pauses import Parked
    from socketserver_trace.recording import Recording
    from socketserver_trace.serving import Served

SENTENCE: Final = 400
"""How many characters of a sentence are shown."""


class Status:
    """What is known of a server besides its drawing. Made anew when asked; the parts that cost are kept between."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._numbers: dict[Parked, int] = {}
        self._next = itertools.count(1).__next__
        self._waits: list[dict[str, Any]] = []
        self._kernel: list[str] = []
        self._hooks = [name for name, hook in HOOKS.items() if self._is_possible(name, hook.owner)]

    def parked(self, number: object) -> Parked | None:
        """The thread that a page means by a number, if it is still paused."""
        return next((parked for parked in self._served.breakpoints.parked if self._numbers.get(parked) == number), None)

    def breakpoint(self, number: object) -> Breakpoint | None:
        """The breakpoint of that number."""
        return next((one for one in self._served.breakpoints if one.number == number), None)

    def look(self, recording: Recording | None) -> None:
        """Ask who waits for whom, in this recording, and what the kernel holds."""
        self._kernel = [safe(told, SENTENCE) for told in self._served.kernel(recorded=False).sentences()]
        if recording is not None:
            chains = chains_of(recording)
            self._waits = [{"text": safe(str(chain), SENTENCE), "hopeless": chain.is_hopeless} for chain in chains]

    def told(self, recording: Callable[[], Recording], sentence: str | None) -> dict[str, Any]:
        """Everything, for a page. `recording` gives what it shows, with the lanes by the names that it knows."""
        server, parked = self._served.server, self._served.breakpoints.parked
        self._numbers = {pause: self._numbers.get(pause) or self._next() for pause in parked}
        return {
            "type": "status",
            "state": self._served.state,
            "server": safe(server.__class__.__name__),
            "waits": self._waits,
            "kernel": self._kernel,
            "parked": [self._pause(pause, recording()) for pause in parked],
            "breakpoints": [
                {"number": one.number, "hook": one.hook, "phase": one.phase, "connection": one.connection}
                for one in self._served.breakpoints
            ],
            "hooks": self._hooks,
            "sentence": None if sentence is None else safe(sentence, SENTENCE),
        }

    def _is_possible(self, name: str, owner: str) -> bool:
        return name not in NEVER | OVER and (owner == "handler" or hasattr(self._served.server, name))

    def _pause(self, parked: Parked, recording: Recording) -> dict[str, Any]:
        lane = safe(parked.lane_in(recording) or "a thread")
        return {
            "number": self._numbers[parked],
            "lane": lane,
            "hook": parked.hook,
            "phase": parked.phase,
            "connection": parked.connection,
            "event": self._event(parked, recording),
            "remaining": round(parked.remaining),
            "text": f"{lane} is paused {safe(parked.place)}",
        }

    @staticmethod
    def _event(parked: Parked, recording: Recording) -> int | None:
        mine = (event.seq for event in reversed(recording.events) if event.time_ns == parked.since)
        return next(mine, None)
