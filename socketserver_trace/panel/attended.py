"""A socket whose waits are attended: while it waits, its owner can do something else with it, or give the wait up.

Python can wait for a socket, or do something else, and a thread that waits in `recv` cannot be called off by another:
closing the socket does not wake it. So this socket waits in short slices, and after each slice that brought nothing
calls its owner's `attend`, in the thread that waits. Whatever that does happens inside the wait, in one thread: a
client that sends while it waits to receive has one call inside the other, never two that overlap.

The law: it is a socket like any other, of the same bytes, the same time-outs and the same errors; only `recv` and
`send` wait differently.
"""

from __future__ import annotations

import selectors
import socket
import time
from contextlib import contextmanager

from socketserver_trace.sentences import Sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

SLICE: Final = 0.02
"""How long a slice of a wait is, in seconds: how soon a click is followed."""

GONE: Final = "the client was closed meanwhile."

SELECTOR: Final = getattr(selectors, "PollSelector", selectors.SelectSelector)  # as socketserver does it


class GivenUp(Sentence, OSError):  # noqa: N818 - its name is a sentence, like those of its kind
    """A wait that was called off. The message says why."""


class AttendedSocket(socket.socket):
    """Takes the place of a connected socket, which is detached. Made with the function that attends each wait.

    `attend(waiting_for)` is called with "bytes" or "room" after each slice in vain; what it raises ends the wait.
    `closed` is called once, when somebody closes the socket, whoever that is.
    """

    def __init__(self, plain: socket.socket, attend: Callable[[str], None], closed: Callable[[], None]) -> None:
        timeout = plain.gettimeout()
        super().__init__(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self.settimeout(timeout)
        self._attend = attend
        self._when_closed: Callable[[], None] | None = closed

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """As `socket.recv`, attended."""
        with self._open():
            self._wait(selectors.EVENT_READ, "bytes", _end(self))
            return super().recv(size, flags)

    def send(self, data: Any, flags: int = 0, /) -> int:
        """As `socket.send`, attended."""
        with self._open():
            self._wait(selectors.EVENT_WRITE, "room", _end(self))
            return super().send(data, flags)

    def close(self) -> None:
        """Close it, and say so."""
        super().close()
        when_closed, self._when_closed = self._when_closed, None
        if when_closed is not None:
            when_closed()

    @contextmanager
    def _open(self) -> Iterator[None]:
        """What fails because another thread closed the socket meanwhile says so."""
        try:
            yield
        except (OSError, ValueError):
            if self.fileno() >= 0:
                raise
            time.sleep(SLICE)  # whoever closes it records the end of that first, so that one call is inside the other
            raise GivenUp(GONE) from None

    def _wait(self, event: int, waiting_for: str, end: float | None) -> None:
        """Wait until the socket is ready; TimeoutError at the end of its time-out."""
        while not self._ready(event, SLICE if end is None else min(SLICE, max(end - time.monotonic(), 0))):
            self._attend(waiting_for)
            if end is not None and time.monotonic() >= end:
                raise TimeoutError("timed out")

    def _ready(self, event: int, seconds: float) -> bool:
        with SELECTOR() as selector:
            selector.register(self, event)  # ValueError when it is closed
            return bool(selector.select(seconds))


def _end(sock: socket.socket) -> float | None:
    """When the socket's time-out will be over. What attends a wait may set another, which is for its own waits."""
    seconds = sock.gettimeout()
    return None if seconds is None else time.monotonic() + seconds
