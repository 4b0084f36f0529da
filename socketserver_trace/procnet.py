"""What the kernel says about the TCP sockets that this process does not hold: the tables of proc(5).

Some ends of a connection belong to nobody who could be asked: those in the accept queue, those that were closed and
wait for their last confirmations, and those that only a forked child holds. `/proc/net/tcp` and `/proc/net/tcp6` list
them all, a line each, with addresses as hexadecimal words in the order of this machine.

The law: a table that is not there has no rows, a line that is not understood is left out, and nothing is an error.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from socketserver_trace.assembly import address_text
from socketserver_trace.sockdiag import ALONE, END_UNREAD, END_UNSENT, STATES, UNANSWERED, bytes_alone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")

UNACCEPTED: Final = frozenset({"ESTABLISHED", "CLOSE_WAIT", "SYN_RECV"})
"""The states of a connection that belongs to no process and was not closed by one, so that none has accepted it yet."""

RETRANSMITS: Final = "01:"
"""The timer that runs while something was sent and not confirmed (get_tcp4_sock in net/ipv4/tcp_ipv4.c)."""

WORD: Final = 8
"""How many hexadecimal digits four bytes of an address take."""


@dataclass(frozen=True, slots=True)
class Row:
    """One end of a connection: its own address and that of the other end as texts, its state, its bytes.

    `on_its_way` says that it waits to be confirmed, and `held` that a process has it open.
    """

    local: str
    remote: str
    state: str
    unread: int
    unsent: int
    on_its_way: bool
    held: bool

    @property
    def is_unaccepted(self) -> bool:
        """Whether it is the server's end of a connection that waits to be accepted."""
        return not self.held and self.state in UNACCEPTED


def rows(port: int) -> list[Row]:
    """Every connection that has this port at one of its ends, in no particular order."""
    found: dict[tuple[str, str], Row] = {}
    for table in TABLES:
        for line in _lines(table):
            # Before the rest is looked at, because a table may have thousands of lines.
            if f":{port:04X} " in line:
                with suppress(*UNANSWERED):
                    row = _row(line)
                    found[row.local, row.remote] = row
    return [row for row in found.values() if row.state != "LISTEN"]


def _lines(table: str) -> list[str]:
    with suppress(OSError), open(table, encoding="ascii", errors="replace") as file:  # noqa: PTH123 - pathlib costs too much
        return file.readlines()[1:]
    return []


def _row(line: str) -> Row:
    _number, local, remote, state, queues, timer, *more = line.split()
    known = STATES.get(int(state, 16), "")
    unsent, unread = (int(count, 16) for count in queues.split(":"))
    return Row(
        _address(local),
        _address(remote),
        known,
        bytes_alone(unread, known, END_UNREAD),
        bytes_alone(unsent, known, END_UNSENT),
        on_its_way=timer.startswith(RETRANSMITS) and known != ALONE,
        held=more[3] != "0",
    )


def _address(text: str) -> str:
    """The address as `address_text` writes it."""
    words, port = text.split(":")
    packed = b"".join(struct.pack("=I", int(words[at : at + WORD], 16)) for at in range(0, len(words), WORD))
    family = socket.AF_INET if len(words) == WORD else socket.AF_INET6
    return address_text((socket.inet_ntop(family, packed), int(port, 16)))
