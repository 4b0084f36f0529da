"""Lines for somebody who may be slow, or gone, without ever waiting for them.

A thread that serves one client and sends to another must not wait until that other one reads: `sendall` does, as soon
as the buffers between are full. So a line is sent at once as far as there is room. The rest waits in the outbox, until
the server's loop sends it (`SendingMixIn.service_actions`); whoever does not read until the outbox is full is let go.

The law: telling never waits, and never raises. What is told by several threads arrives line by line.
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections import deque
from contextlib import suppress
from socketserver import BaseServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

MOST: Final = 1_000
"""How many lines wait for somebody who does not read."""


class Outbox:
    """What is sent to one connection. It may be used from any thread; `close` it before the connection is closed."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines: deque[str] = deque()
        self._lock = threading.Lock()
        self._writable = selectors.DefaultSelector()
        self._writable.register(connection, selectors.EVENT_WRITE)
        self._is_open = True

    def tell(self, line: str) -> None:
        """Send a line, now or later; let go who has too many to read already."""
        with self._lock:
            self._lines.append(line)
            is_lost = len(self._lines) > MOST
        if is_lost:
            self.let_go()
        else:
            self.send()

    def send(self) -> None:
        """Send what waits, as far as there is room."""
        with self._lock, suppress(OSError):  # it is dead; its handler will notice
            while self._is_open and self._lines and self._has_room():
                self._connection.sendall(f"{self._lines.popleft()}\n".encode())

    def let_go(self) -> None:
        """End the connection: its handler reads an end of file then."""
        with suppress(OSError):  # the other end was faster
            self._connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Send nothing more."""
        with self._lock:
            self._is_open = False
            self._writable.close()

    def _has_room(self) -> bool:
        """Whether so much of the buffer is free that a line fits: "writable" is a third of it, thousands of bytes."""
        return bool(self._writable.select(0))


class SendingMixIn(BaseServer):
    """Sends in the pauses of the server's loop what could not be sent when it was told."""

    def outboxes(self) -> Iterable[Outbox]:
        """All of them, in a collection that no thread changes. A server says here which these are."""
        raise NotImplementedError

    def service_actions(self) -> None:
        """Send, and then what `super()` does."""
        for outbox in self.outboxes():
            outbox.send()
        super().service_actions()
