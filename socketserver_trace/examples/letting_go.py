"""A mix-in for servers with long conversations: closing the server ends them.

`ThreadingMixIn.server_close()` waits for the threads that serve, and they wait for clients, who may stay for ever. This
ends the connections first: whoever reads from one gets an end of file, whoever sends gets an error, and the handlers
come to their end as if the client had gone.

The law: it stands before `ThreadingMixIn`, because it must have let go before that one waits.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from socketserver import BaseServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


class LettingGoMixIn(BaseServer):
    """Knows the connections that are open, and ends them when the server is closed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, and have it served."""
        self._remember(request)
        try:
            super().process_request(request, client_address)
        except BaseException:  # a Ctrl-C, say, when a thread has begun already: nobody else would end its conversation
            _break_off(request)
            raise

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection: it has been served."""
        self._forget(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End all connections, and then what `super()` does."""
        with self._open_lock:
            for connection in self._open:
                _break_off(connection)
        super().server_close()

    @contextmanager
    def letting_go_of(self, connection: socket.socket) -> Iterator[None]:
        """The same for a connection that a handler has made itself, in a block."""
        self._remember(connection)
        try:
            yield
        finally:
            self._forget(connection)

    def _remember(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)

    def _forget(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)


def _break_off(connection: socket.socket) -> None:
    with suppress(OSError):  # the other end was faster
        connection.shutdown(socket.SHUT_RDWR)
