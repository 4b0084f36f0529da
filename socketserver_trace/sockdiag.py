"""What the kernel says about a socket that this process holds.

Four ways to ask, none of which reads from the socket, waits or changes it:

* `TCP_INFO` (tcp(7), `tcp_get_info` in net/ipv4/tcp.c) has the state, and for a listening socket the length of its
  accept queue and its limit, in the places of tcpi_unacked and tcpi_sacked;
* the ioctls `FIONREAD` and `SIOCOUTQ` (tcp(7), udp(7), unix(7)) have the bytes that are unread and unsent;
* `SO_MEMINFO` (include/uapi/linux/sock_diag.h) counts the datagrams for which there was no room;
* `NETLINK_SOCK_DIAG` (sock_diag(7)) has the state and the accept queue of a Unix stream socket.

The law: Linux answers all, macOS the second, Windows nothing. What is not answered is None, and never an exception; and
no descriptor stays open.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from contextlib import suppress

from socketserver_trace.endpoints import SocketView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

STATES: Final[Mapping[int, str]] = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RECV",
    4: "FIN_WAIT1",
    5: "FIN_WAIT2",
    6: "TIME_WAIT",
    7: "CLOSE",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RECV",
}
"""The kernel's words for its numbers (include/net/tcp_states.h). The last is its own word NEW_SYN_RECV, shown as `ss`
shows it."""

LISTEN: Final = "LISTEN"
END_UNREAD: Final = frozenset({"CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT"})
END_UNSENT: Final = frozenset({"SYN_SENT", "FIN_WAIT1", "CLOSING", "LAST_ACK"})
"""The states in which an end of the stream, its last or its first, may be counted as a byte: coming in, going out."""

ALONE: Final = "SYN_SENT"
"""The state in which nobody has confirmed anything, and maybe never will."""

UNANSWERED: Final = (OSError, ValueError, AttributeError, ImportError, struct.error, IndexError)
"""What comes of a question that the system does not know: a refusal, no such constant or module, another layout."""

QUEUES: Final = struct.Struct("=24xII")
"""The members tcpi_unacked and tcpi_sacked of struct tcp_info: of a listening socket the length of the accept queue and
its limit, of another one the number of segments that are not confirmed yet, and one that is of no use here."""

SO_MEMINFO: Final = 55
DROPS: Final = struct.Struct("=32xI")
"""The last of the nine numbers of SO_MEMINFO."""

NETLINK_SOCK_DIAG: Final = 4
SOCK_DIAG_BY_FAMILY: Final = 20
NLM_F_REQUEST: Final = 1
MESSAGE: Final = struct.Struct("=IHHII")
QUESTION: Final = struct.Struct("=BBHIIIII")
ANSWER: Final = struct.Struct("=BBBBIII")
ATTRIBUTE: Final = struct.Struct("=HH")
QUEUE: Final = struct.Struct("=II")
UDIAG_SHOW_PEER: Final = 0x04
UDIAG_SHOW_RQLEN: Final = 0x10
UNIX_DIAG_PEER: Final = 2
UNIX_DIAG_RQLEN: Final = 4
INODE: Final = struct.Struct("=I")
ANY: Final = 0xFFFFFFFF
"""Any state and any cookie (include/uapi/linux/unix_diag.h)."""


def ask(sock: socket.socket) -> SocketView:
    """All that the kernel says about an open socket, without a name yet. Never an error."""
    said: dict[str, Any] = {"datagram": sock.type == socket.SOCK_DGRAM}
    inquiries = (_about_drops,) if said["datagram"] else (_about_tcp, _about_unix)
    for inquiry in inquiries:
        with suppress(*UNANSWERED):
            said |= inquiry(sock)
    if not _is_listening(sock):
        said |= {"unread": _inquired(sock, "FIONREAD"), "unsent": _unsent(sock, said.get("state"))}
    return SocketView(of="", **said)


def inode_of_peer(sock: socket.socket) -> int | None:
    """The kernel's number for the other end of a Unix socket: None when it is closed, or when nobody can say.

    One of UNANSWERED where the system does not know the question.
    """
    if sys.platform != "linux":
        return None
    _state, attributes = _diagnosed(sock, UDIAG_SHOW_PEER)
    told = attributes.get(UNIX_DIAG_PEER)
    return INODE.unpack(told)[0] or None if told else None


def bytes_alone(count: int, state: str | None, states: frozenset[str]) -> int:
    """The number of bytes alone, where the kernel counts an end of the stream as one more."""
    return count - 1 if count and state in states else count


def _is_listening(sock: socket.socket) -> bool:
    with suppress(*UNANSWERED):
        return bool(socket.socket.getsockopt(sock, socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    return False


def _about_tcp(sock: socket.socket) -> dict[str, Any]:
    if sys.platform != "linux" or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return {}
    told = socket.socket.getsockopt(sock, socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    state, (first, second) = STATES.get(told[0]), QUEUES.unpack_from(told)
    if state == LISTEN:
        return {"state": state, "waiting": first, "backlog": second}
    return {"state": state, "on_its_way": bool(first) and state != ALONE}


def _about_drops(sock: socket.socket) -> dict[str, Any]:
    if sys.platform != "linux":
        return {}
    told = socket.socket.getsockopt(sock, socket.SOL_SOCKET, SO_MEMINFO, DROPS.size)
    return {"dropped": DROPS.unpack(told)[0]}


def _inquired(sock: socket.socket, name: str) -> int | None:
    """The answer to one of the ioctls that ask for a number of bytes."""
    with suppress(*UNANSWERED):
        import fcntl
        import termios

        if sys.platform != "win32":
            told = fcntl.ioctl(socket.socket.fileno(sock), getattr(termios, name), bytes(4))
            return int.from_bytes(told, sys.byteorder)
    return None


def _unsent(sock: socket.socket, state: str | None) -> int | None:
    """Of TCP alone: for the others the kernel counts the memory that it has set aside, and not the bytes."""
    if sock.family == getattr(socket, "AF_UNIX", None) or sock.type != socket.SOCK_STREAM:
        return None
    count = _inquired(sock, "TIOCOUTQ")  # the same number as SIOCOUTQ
    return None if count is None else bytes_alone(count, state, END_UNSENT)


def _about_unix(sock: socket.socket) -> dict[str, Any]:
    if sys.platform != "linux" or sock.family != socket.AF_UNIX:
        return {}
    state, attributes = _diagnosed(sock, UDIAG_SHOW_RQLEN)
    queue = attributes.get(UNIX_DIAG_RQLEN)
    if state != LISTEN or queue is None:
        return {"state": state} if state else {}
    waiting, backlog = QUEUE.unpack(queue)
    return {"state": state, "waiting": waiting, "backlog": backlog}


def _diagnosed(sock: socket.socket, show: int) -> tuple[str | None, dict[int, bytes]]:
    """The state of a Unix socket and the attributes that were asked for. None and nothing when it is not answered."""
    inode = os.fstat(socket.socket.fileno(sock)).st_ino
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(1)  # it answers within the call that asks; a kernel without it must not stop the program
        question = QUESTION.pack(socket.AF_UNIX, 0, 0, ANY, inode, show, ANY, ANY)
        kernel.send(MESSAGE.pack(MESSAGE.size + len(question), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + question)
        return _diagnosis(kernel.recv(8192))


def _diagnosis(message: bytes) -> tuple[str | None, dict[int, bytes]]:
    length, kind, *_rest = MESSAGE.unpack_from(message)
    if kind != SOCK_DIAG_BY_FAMILY:
        return None, {}  # the kernel says why it does not answer
    state = STATES.get(ANSWER.unpack_from(message, MESSAGE.size)[2])
    return state, _attributes(message[MESSAGE.size + ANSWER.size : length])


def _attributes(rest: bytes) -> dict[int, bytes]:
    """The attributes of a netlink message by their types. Each begins at a multiple of four (netlink(7))."""
    found: dict[int, bytes] = {}
    while len(rest) >= ATTRIBUTE.size:
        length, kind = ATTRIBUTE.unpack_from(rest)
        if length < ATTRIBUTE.size:
            break
        found[kind] = rest[ATTRIBUTE.size : length]
        rest = rest[(length + 3) & ~3 :]
    return found
