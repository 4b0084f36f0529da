"""The deadline of a client: a clock that stands still while a thread of its server is paused.

A pause is nobody's fault, so it is not counted. But the program's main thread is the one that steps and releases: if it
waited for a paused server, it would wait for itself. So in that thread a wait is cut into slices, and one that has
lasted a whole slice while somebody was paused, in vain, is given up with a sentence. What has come before the pause
began is still received, and what needs no wait works as ever.

A client can have an attendant, who looks after it while it waits: the wait is cut into slices then, too, and after each
that brought nothing the attendant is called, in the thread that waits. What it does happens inside the wait, in one
thread: a client that sends while it waits to receive has one call inside the other, never two that overlap. What it
raises ends the wait.

The law: whoever waits here waits for the system only, in calls that end.
"""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time

from socketserver_trace.parking import SLICE
from socketserver_trace.sentences import ServerPaused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, Protocol, TypeVar

    from socketserver_trace.parking import Parking
    from socketserver_trace.pauses import Parked

    Result = TypeVar("Result")

    class Attendant(Protocol):
        """Whoever looks after a client."""

        def attend(self, waiting_for: str) -> None:
            """The client waits for this, in vain so far. What is raised ends the wait."""

        def closed(self) -> None:
            """The client has closed its socket. Called once, by whoever closed it."""


FULL: Final = 0.01
"""After how many seconds a client tries again to stand in a line that was full."""

ATTENDED: Final = 0.02
"""How long a slice of an attended wait is, in seconds: how soon a click is followed."""


class Deadline:
    """The end of the patience of `who`, a client, which waits for `what` for so many seconds of an unpaused server."""

    def __init__(
        self, seconds: float, parking: Parking | None, who: str, what: str, attendant: Attendant | None = None
    ) -> None:
        self._parking = parking
        self._attendant = attendant
        self._who = who
        self._what = what
        self._in_main_thread = threading.get_ident() == threading.main_thread().ident
        self._ends = self._now() + seconds
        self.called_off: BaseException | None = None
        """What the attendant has raised."""

    def wait(self, sock: socket.socket, operation: Callable[[], Result], again: Callable[[], Any] | None = None) -> Any:
        """What the operation of a socket returns, called as often as it takes; from the second time on, `again`.

        TimeoutError at the deadline; ServerPaused in the main thread when it waits for a paused server; what the
        attendant raises.
        """
        while True:
            stopped = self._stopped_by()
            sock.settimeout(self._slice())
            try:
                return operation()
            except TimeoutError as error:
                if error.errno is not None:  # the system itself has given up
                    raise
            if stopped is not None:
                raise self._paused(stopped)
            self._attend()
            operation = again or operation

    def _attend(self) -> None:
        if self._attendant is not None:
            try:
                self._attendant.attend(self._what)
            except BaseException as error:
                self.called_off = error
                raise

    def _now(self) -> float:
        return time.monotonic() if self._parking is None else self._parking.clock

    def _slice(self) -> float:
        """How long the socket may wait before it is time to look around."""
        remaining = self._ends - self._now()
        if remaining <= 0:
            raise TimeoutError
        if self._attendant is not None:
            return min(remaining, ATTENDED)
        if self._in_main_thread:
            return min(remaining, SLICE)
        return max(remaining, SLICE) if self._parking is not None and self._parking.parked else remaining

    def _stopped_by(self) -> Parked | None:
        """The paused thread for which this one must not wait."""
        if not self._in_main_thread or self._parking is None:
            return None
        return next(iter(self._parking.parked), None)

    def _paused(self, stopped: Parked) -> ServerPaused:
        return ServerPaused(
            f"{self._who} would wait for {self._what}, but {stopped.lane} is paused {stopped.place}: "
            f"step or release it first, or talk from another thread (in a notebook: %%client --background {self._who})."
        )


def connect_in_line(sock: socket.socket, address: Any, turn: threading.Lock) -> None:
    """Connect to a Unix socket, and keep the turn; TimeoutError, and it may be tried again, when that takes too long.

    With a time-out a socket does not block, and then the kernel says at once that the line of waiting clients is full
    (EAGAIN, unix(7)). It tells nobody when there is room again, so there is nothing to wait for but a while.
    """
    if not turn.acquire(timeout=sock.gettimeout() or 0.0):
        raise TimeoutError
    try:
        sock.connect(address)
    except BaseException as error:
        turn.release()
        if not isinstance(error, BlockingIOError):
            raise
        time.sleep(min(sock.gettimeout() or 0.0, FULL))
        raise TimeoutError from None


def finish_connecting(sock: socket.socket) -> None:
    """Wait for a connect that has begun; TimeoutError when it goes on, and what it failed with when it did."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        if not selector.select(sock.gettimeout()):
            raise TimeoutError
    error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise OSError(error, os.strerror(error))
