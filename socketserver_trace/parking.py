"""Threads that are paused: each waits right behind an event that it has recorded, until somebody sends it on.

The recorder calls the *gate* of a source after each of its records, in the thread that recorded (`recorder`). The gate
asks whether this thread has come to a breakpoint, or to the end of a step, and if so, the thread waits there. All
others go on: clients, the kernel's sockets, whoever looks. A thread waits in slices, and looks between them whether the
program is about to end or its own deadline is over, so that a pause nobody ends costs a while and not the program.

Never paused: the program's main thread, which is the one that steps; a client; a forked child, which nobody could send
on; and whoever stops the server. To enter `shutdown` or `server_close` ends every pause, for good.

The law: a paused thread holds no lock of ours, and between its event and what it does next nothing of the program runs.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from time import perf_counter_ns

from socketserver_trace.events import CLOSE, ENTER, HALF_CLOSE, HOOK, JOIN, NOTE, RECEIVE, SEND
from socketserver_trace.pauses import Parked, Step
from socketserver_trace.recorder import Meaning, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.breakpoints import Breakpoint
    from socketserver_trace.recorder import Flow, Source
    from socketserver_trace.recording import Recording

SLICE: Final = 0.05
"""How long a paused thread waits before it looks around, in seconds."""

STOPS: Final = frozenset({HOOK, RECEIVE, SEND, HALF_CLOSE, CLOSE, JOIN})
"""The kinds of events at which a thread may be paused. A fork is told while a lock is held, a fault at any moment."""

ENDING: Final = frozenset({"shutdown", "server_close"})
"""To enter one of these hooks ends every pause."""

NEVER: Final = ENDING | {"__exit__"}
"""The hooks in which nobody is paused."""

REMARK: Final = Meaning(NOTE, None, None)


class Parking:
    """The threads of one server that are paused or step, and the gate at which they are caught.

    `changes` counts whatever happened to them or to the breakpoints, so that a view can tell cheaply whether it has to
    look again. Everything may be called from any thread.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.changes = 0
        self.ended = False
        self.breakpoints: tuple[Breakpoint, ...] = ()
        self._releases = 0
        self._parked: dict[Flow, Parked] = {}
        self._steps: dict[Flow, Step] = {}
        self._waiters: set[threading.Event] = set()
        self._paused = 0.0
        self._paused_since = 0.0
        self._lock = threading.RLock()
        source.parking = self

    @property
    def parked(self) -> tuple[Parked, ...]:
        """The threads that are paused now, in the order in which they were."""
        with self._lock:
            return tuple(self._parked.values())

    @property
    def clock(self) -> float:
        """Seconds of a clock that stands still while at least one thread is paused."""
        with self._lock:
            return (self._paused_since if self._parked else time.monotonic()) - self._paused

    def lanes(self, recording: Recording) -> list[str]:
        """The names of the paused lanes in a recording."""
        return [lane for parked in self.parked if (lane := parked.lane_in(recording)) is not None]

    def set_breakpoints(self, *, add: Breakpoint | None = None, remove: Breakpoint | None = None) -> None:
        """Have one more, or one fewer; the threads that it has paused stay where they are."""
        with self._lock:
            kept = tuple(one for one in self.breakpoints if one != remove)
            self.breakpoints = kept if add is None else (*kept, add)
            self._changed()

    def release(self, *, clear: bool = False, end: bool = False) -> None:
        """Send all on, and let nobody step any more. `clear` removes the breakpoints, `end` is for good."""
        with self._lock:
            self.ended = self.ended or end
            self._releases += 1
            if clear or end:
                self.breakpoints = ()
            self._steps.clear()
            for parked in self.parked:
                self.send_on(parked)
            self._changed()

    def send_on(self, parked: Parked, step: Step | None = None) -> bool:
        """Let a thread go on, and step; false, and nothing, when it is not paused any more."""
        with self._lock:
            if self._parked.get(parked.flow) is not parked:
                return False
            del self._parked[parked.flow]
            if not self._parked:
                self._paused += time.monotonic() - self._paused_since
            if step is not None:
                self._steps[parked.flow] = step
            self._changed()
        parked.gone.set()
        return True

    @contextmanager
    def heard_by(self, waiter: threading.Event) -> Iterator[None]:
        """Set the event at each change, for as long as this lasts."""
        with self._lock:
            self._waiters.add(waiter)
        try:
            yield
        finally:
            with self._lock:
                self._waiters.discard(waiter)

    @contextmanager
    def released_by_an_interrupt(self) -> Iterator[None]:
        """Whoever interrupts the wait inside wants everything to go on."""
        try:
            yield
        except KeyboardInterrupt:
            self.release()
            raise

    def _changed(self) -> None:
        """Tell the waiters; and have a gate exactly while there is something to look for."""
        self.changes += 1
        for flow in [flow for flow in self._steps if is_over(flow)]:
            del self._steps[flow]
        wanted = bool(self.breakpoints or self._steps or self._parked)
        if wanted != (self.source.gate is not None):
            self.source.recorder.set_gate(self.source, self._look if wanted else None)
        for waiter in tuple(self._waiters):
            waiter.set()

    def _look(self, record: tuple[Any, ...]) -> None:
        """The gate. Nothing that it asks before it pauses a thread needs the lock."""
        releases, here, meaning = self._releases, record[1], record[3]
        if any(is_over(flow) for flow in tuple(self._steps)):
            with self._lock:
                self._changed()
        if meaning.kind == HOOK and meaning.phase == ENTER and meaning.hook in ENDING:
            self.release(end=True)
        elif here is local.here and here not in self._parked and not here.is_main_thread:
            stop = self._stop(record, self._steps.get(here))
            if stop is not None:
                self._pause(stop, releases)

    def _stop(self, record: tuple[Any, ...], step: Step | None) -> Parked | None:
        """The pause that begins with this record; None when the thread goes on."""
        meaning = record[3]
        if meaning.kind not in STOPS or (meaning.kind == HOOK and meaning.hook in NEVER):
            return None
        at_step = step is not None and step.ends_at(meaning)
        for one in self.breakpoints:
            if one.is_at(meaning):
                stop = Parked(self, record, one, one.patience)
                if one.catches(stop):
                    return stop
        return Parked(self, record, None, step.patience) if at_step and step is not None else None

    def _pause(self, stop: Parked, releases: int) -> None:
        """Wait here, unless everybody was sent on since this thread has looked."""
        with self._lock:
            if self.ended or releases != self._releases or not threading.main_thread().is_alive():
                return
            self._steps.pop(stop.flow, None)
            if not self._parked:
                self._paused_since = time.monotonic()
            self._parked[stop.flow] = stop
            self._changed()
        while not stop.gone.wait(SLICE):
            if self._parked.get(stop.flow) is not stop:
                return  # whoever was about to send it on was interrupted
            if not threading.main_thread().is_alive():
                self.release(end=True)
            elif not stop.remaining and self.send_on(stop):
                text = f"went on by itself: it was paused for {stop.patience:g} s"
                self.source.record((perf_counter_ns(), stop.flow, self.source, REMARK, stop.connection, text))


def is_over(flow: Flow) -> bool:
    """Whether the thread is known to have ended."""
    if flow.thread is None:
        return False
    thread = flow.runs_in()
    return thread is None or not thread.is_alive()
