"""How a connection ends so that the last answer arrives.

Whoever closes a socket in which bytes lie unread resets the connection, and the reset takes away what the other end has
not read yet: the answer, say, that there were too many bytes (RFC 9112, 9.6). So the end of what is sent is said first,
and then the other end is heard out until it has gone, too.

The law: for so many seconds and no longer, whatever comes.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

CHUNK: Final = 64 * 1024


def hear_out(connection: socket.socket, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    """Say that no more will come, and wait until the other end has said so as well. Raises nothing; closes nothing."""
    until = clock() + seconds
    with suppress(OSError):  # it has gone, or takes too long
        connection.shutdown(socket.SHUT_WR)
        while (left := until - clock()) > 0:
            connection.settimeout(left)
            if not connection.recv(CHUNK):
                return
