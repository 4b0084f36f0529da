"""Memory that a process shares with the processes it forks, for one that writes and one that reads.

A channel is a ring of bytes with two counters: how many were written and how many were taken, both only ever growing.
The writer moves the first, and only after the bytes are there; the reader moves the second. So neither needs a lock,
and a writer that is killed in the middle has written nothing. Each record has a checksum, because some processors let
another one see the counter before the bytes: then the reader takes the record the next time. When there is no room the
writer goes on, and counts what it has let go.

A room is the memory for one child: a channel, and behind it the slots, smaller channels for the children of the child.
It is a mapping without a file and without a descriptor (mmap(2), MAP_ANONYMOUS and MAP_SHARED), of which the system
provides only the pages that are touched.

The law: plain memory, no processes, no records, no locks.
"""

from __future__ import annotations

import mmap
import struct
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

ROOM: Final = 1 << 22
"""How many bytes the channel of a child has: some 20,000 events between two looks of the reader."""

SLOTS: Final = 8
"""How many children a child may have at a time whose events are seen."""

SLOT: Final = 1 << 19
"""How many bytes a slot has."""

# In machine words: a word that is aligned is written in one go, so that no half of a number is ever seen.
WORD: Final = struct.Struct("@Q")
HEAD: Final = struct.Struct("@II")
WRITTEN, TAKEN, LOST, PID, USED, HEADER = (number * WORD.size for number in range(6))


class Channel:
    """A ring between `start` and `start + size` of a mapping: one process writes, one reads."""

    def __init__(self, memory: mmap.mmap, start: int, size: int, slots: int = 0) -> None:
        self._memory = memory
        self._start = start
        self._ring = start + HEADER
        self._size = size - HEADER
        self._slots = slots

    @classmethod
    def of(cls, memory: mmap.mmap) -> Channel:
        """The channel of a room, empty. Its slots are not touched: in a room of which none was used they are free."""
        made = cls(memory, 0, ROOM, SLOTS)
        made.clear()
        return made

    def slots(self) -> list[Channel]:
        """The channels behind this one, for the children of whoever writes into it."""
        return [Channel(self._memory, ROOM + number * SLOT, SLOT) for number in range(self._slots)]

    def clear(self) -> None:
        """Begin anew. Only while nobody writes and nobody reads."""
        for at in (WRITTEN, TAKEN, LOST, PID, USED):
            self._set(at, 0)

    @property
    def pid(self) -> int:
        """The process that writes; 0 while it has not come to its first step."""
        return self._get(PID)

    @pid.setter
    def pid(self, pid: int) -> None:
        self._set(PID, pid)

    @property
    def lost(self) -> int:
        """How many records there was no room for."""
        return self._get(LOST)

    @property
    def crowded(self) -> bool:
        """Whether half of the room is taken, so that whoever writes had better be brief."""
        return self._get(WRITTEN) - self._get(TAKEN) > self._size // 2

    @property
    def free(self) -> bool:
        """Whether a slot can be given to somebody."""
        return not self._get(USED)

    def take(self) -> None:
        """Give a slot to somebody."""
        self.clear()
        self._set(USED, 1)

    def let_go(self) -> None:
        """The reader is done with it: a slot is free again."""
        self._set(USED, 0)

    def write(self, data: bytes) -> bool:
        """Append one record. Returns whether there was room."""
        written = self._get(WRITTEN)
        after = written + HEAD.size + len(data)
        if after - self._get(TAKEN) > self._size:
            self._set(LOST, self._get(LOST) + 1)
            return False
        self._put(written, HEAD.pack(len(data), crc32(data)) + data)
        self._set(WRITTEN, after)
        return True

    def read(self) -> Iterator[bytes]:
        """The records that were written since, each taken as it is handed out."""
        taken, written = self._get(TAKEN), self._get(WRITTEN)
        while taken < written:
            size, checksum = HEAD.unpack(self._at(taken, HEAD.size))
            data = self._at(taken + HEAD.size, min(size, self._size))
            if crc32(data) != checksum:
                return
            taken += HEAD.size + size
            self._set(TAKEN, taken)
            yield data

    def _get(self, at: int) -> int:
        number: int = WORD.unpack_from(self._memory, self._start + at)[0]
        return number

    def _set(self, at: int, number: int) -> None:
        WORD.pack_into(self._memory, self._start + at, number)

    def _put(self, place: int, data: bytes) -> None:
        begin = place % self._size
        first = min(len(data), self._size - begin)
        self._memory[self._ring + begin : self._ring + begin + first] = data[:first]
        if first < len(data):
            self._memory[self._ring : self._ring + len(data) - first] = data[first:]

    def _at(self, place: int, size: int) -> bytes:
        begin = place % self._size
        first = self._memory[self._ring + begin : self._ring + min(begin + size, self._size)]
        return first + self._memory[self._ring : self._ring + size - len(first)]


def room() -> mmap.mmap:
    """New memory for one child, which whoever is forked from now on shares. OSError when there is none."""
    return mmap.mmap(-1, ROOM + SLOTS * SLOT)
