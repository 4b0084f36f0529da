"""That something has changed, told to whoever looks now and then and to whoever waits.

The law: what is shared is changed inside `change()` only, and nothing that may wait is done there.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class News:
    """A lock for what is shared, and `version`, the number of changes so far."""

    def __init__(self) -> None:
        self.version = 0
        self._condition = threading.Condition(threading.RLock())

    @contextmanager
    def change(self) -> Iterator[None]:
        """Change something, alone."""
        with self._condition:
            yield
            self.version += 1
            self._condition.notify_all()

    @contextmanager
    def look(self) -> Iterator[None]:
        """Look at what nobody changes meanwhile."""
        with self._condition:
            yield

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until the condition holds, asked after each change. Returns whether it does."""
        with self._condition:
            return self._condition.wait_for(condition, timeout)
