"""A thread that does something about thirty times a second, and takes no time that others need.

It looks, instead of being told: that costs whoever records nothing at all. Thirty times a second is what an eye asks
for; more messages would only take longer. And while the program keeps a processor busy all by itself, its threads and
this one share one interpreter, so then the pump rests for a while after each look: what it takes stays within a few
hundredths, and what it shows is late, but never wrong.

The law: nothing that it calls stops it, and it is gone when `close` returns.
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

REST: Final = 30
"""How many times longer than its last look a pump rests beside a busy program."""

DEADLINE: Final = 5.0


class Pump:
    """Calls `look` again and again, in a thread of its own, until it is closed."""

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look
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
        pause = 0.0
        before, used = time.monotonic(), time.process_time()
        while not self._over.wait(pause):
            mine = time.thread_time()
            try:
                self._look()
            except Exception:  # noqa: BLE001 - a page that is gone, or an interpreter that ends: nobody is there to be told
                return
            took = time.thread_time() - mine
            now, total = time.monotonic(), time.process_time()
            others = (total - used - took) / max(now - before, 1e-6)
            before, used = now, total
            pause = max(BEAT - took, took * REST if others > BUSY else BEAT / 4)
