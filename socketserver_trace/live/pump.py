"""A thread that looks about sixty times a second, and takes no time that others need.

It looks, instead of being told: that costs whoever records nothing at all. Sixty times a second is as often as a page
is painted; a page that is slower draws what has come meanwhile at once. But its threads and the program's share one
interpreter. So when more happens than anybody could watch, or when the program keeps a processor busy all by itself,
the pump rests after each look for many times as long as that took: then what it takes stays within a few hundredths,
and what it shows is late, but never wrong.

The law: it ends when what it calls fails, and it is gone when `close` returns.
"""

from __future__ import annotations

import threading
import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

BEAT: Final = 1 / 60
"""How many seconds there are from one look to the next."""

BUSY: Final = 0.7
"""The part of a processor from which on the program needs it for itself."""

FLOOD: Final = 10_000
"""How many events a second are more than anybody could watch."""

REST: Final = 80
"""How many times longer than its last look a pump rests then."""

SECOND: Final = 1.0
"""Over how many seconds this is reckoned."""

BURST: Final = 0.25
"""As how many seconds a shorter time counts: what comes in a burst is shown at once."""

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
        pause, crowd = 0.0, _Crowd(self._total)
        while not self._over.wait(pause):
            begin, mine = time.monotonic(), time.thread_time()
            try:
                self._look()
            except Exception:  # noqa: BLE001 - a page that is gone, or an interpreter that ends: nobody can be told
                return
            took, later = time.thread_time() - mine, begin + BEAT - time.monotonic()
            pause = took * REST if crowd.is_too_much() else max(later, BEAT / 4)


class _Crowd:
    """How much has happened in the last second, in which a burst is no flood yet."""

    def __init__(self, total: Callable[[], int]) -> None:
        self._total = total
        self._moments = deque([self._now()])

    def is_too_much(self) -> bool:
        """Whether more happens than one could watch, or the program takes a processor for itself."""
        now = self._now()
        self._moments.append(now)
        while len(self._moments) > 2 and self._moments[1][0] < now[0] - SECOND:  # noqa: PLR2004 - then and now
            self._moments.popleft()
        seconds, events, used = (new - old for new, old in zip(now, self._moments[0], strict=True))
        seconds = max(seconds, BURST)
        return events > FLOOD * seconds or used > BUSY * seconds

    def _now(self) -> tuple[float, int, float]:
        """The time, how many events there were, and how many seconds of a processor others have had."""
        return time.monotonic(), self._total(), time.process_time() - time.thread_time()
