"""Which end is whose, where the ends have no addresses: the clients of a Unix stream server.

The kernel knows each socket by a number, and the number of the socket at the other end (NETLINK_SOCK_DIAG with
UDIAG_SHOW_PEER, sock_diag(7)). So both ends of a connection are marked with the number of the client's socket: the
client reads it from its own, the server asks for it when it has accepted. Of a client that had closed by then only its
process is known (SO_PEERCRED, unix(7)); that is a mark, too, when it is not this process, where our clients are.

The law: looking at a socket changes nothing. A mark is empty when nobody can say, which is so on all systems but Linux,
and then the order of the queue must do (`matching`).
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress

from socketserver_trace import sockdiag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

CREDENTIALS: Final = struct.Struct("3i")
"""struct ucred: the process, the user and the group of who connected."""


def marked(address: object, mark: str) -> Mapping[str, object]:
    """An address that tells nobody apart, with the mark that does, as a record holds them."""
    return {"address": address, "mark": mark}


def mark_of_client(sock: socket.socket) -> str:
    """The mark of a connection, from the client's own end."""
    with suppress(*sockdiag.UNANSWERED):
        return _socket(os.fstat(socket.socket.fileno(sock)).st_ino)
    return ""


def mark_of_accepted(sock: socket.socket) -> str:
    """The mark of a connection, from the server's end. Costs some 20 microseconds."""
    with suppress(*sockdiag.UNANSWERED):
        inode = sockdiag.inode_of_peer(sock)
        if inode is not None:
            return _socket(inode)
        process = CREDENTIALS.unpack(
            socket.socket.getsockopt(sock, socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        )[0]
        if process != os.getpid():
            return f"process {process}"
    return ""


def is_unmarked(sock: object) -> bool:
    """Whether this is a socket whose clients have no addresses."""
    return isinstance(sock, socket.socket) and (sock.family, sock.type) == (
        getattr(socket, "AF_UNIX", None),
        socket.SOCK_STREAM,
    )


def _socket(inode: int) -> str:
    return f"socket {inode}"
