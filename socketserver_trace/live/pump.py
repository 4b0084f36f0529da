"""A thread that looks about thirty times a second, and takes no time that others need.

It looks, instead of being told: that costs whoever records nothing at all. Thirty times a second is what an eye asks
for; more messages would only take longer. But its threads and the program's share one interpreter. So when more happens
than anybody could watch, or when the program keeps a processor busy all by itself, the pump rests after each look for
many times as long as that took: then what it takes stays within a few hundredths, and what it shows is late, but never
wrong.

The law: it ends when what it calls fails, and it is gone when `close` returns.
"""

from __future__ import annotations

import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

BEAT: Final = 1 / 30
"""How many seconds there are from one look to the next."""

BUSY: Final = 0.7
"""The part of a processor from which on the program needs it for itself."""

FLOOD: Final = 10_000
"""How many events a second are more than anybody could watch."""

REST: Final = 40
"""How many times longer than its last look a pump rests then."""

DEADLINE: Final = 5.0


class Pump:
    """Calls `look` again and again, in a thread of its own, until it is closed.

    `total` says how many events there have been.
    """

    def __init__(self, look: Callable[[], object], total: Callable[[], int]) -> None:
        self._look = look
        self._total = total
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="socketserver_trace lab", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive() and not self._over.is_set()

    def close(self) -> None:
        """Look no more. Closing twice is harmless; from the pump's own thread it does not wait for itself."""
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join(DEADLINE)

    def _run(self) -> None:
        pause, before = 0.0, _Moment(self._total())
        while not self._over.wait(pause):
            begin = time.thread_time()
            try:
                self._look()
            except Exception:  # noqa: BLE001 - a page that is gone, or an interpreter that ends: nobody can be told
                return
            took = time.thread_time() - begin
            now = _Moment(self._total())
            pause = took * REST if now.is_crowded(before, took) else max(BEAT - took, BEAT / 4)
            before = now


class _Moment:
    """How much the process has done by now."""

    def __init__(self, events: int) -> None:
        self.events = events
        self.time = time.monotonic()
        self.used = time.process_time()

    def is_crowded(self, before: _Moment, mine: float) -> bool:
        """Whether too much has happened since, of which the pump itself took so many seconds of a processor."""
        seconds = max(self.time - before.time, BEAT / 4)
        return self.events - before.events > FLOOD * seconds or self.used - before.used - mine > BUSY * seconds
