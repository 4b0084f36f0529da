"""What a client and the server said to each other, as a page shows it.

An entry is a plain dictionary: its number `n` from 0 on, `who` said it (the client's name, "server", or "note" for what
the panel itself says), the `text`, and the `size` in bytes of what it shows.

The law: whatever is shown is safe to show and short, and memory is bounded: the newest entries are kept, and a reader
who comes late is told how many are gone.
"""

from __future__ import annotations

from collections import deque

from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

SERVER: Final = "server"
NOTE: Final = "note"

KEPT: Final = 1_000
"""How many entries are kept, the newest."""

SHOWN: Final = 512
"""How many bytes of one entry are shown."""

SENTENCE: Final = 2_000
"""How many characters of a note are shown."""


class Transcript:
    """The entries so far. `len` counts all there ever were. Its owner sees to it that one thread at a time comes in."""

    def __init__(self, kept: int = KEPT) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=kept)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def moved(self, who: str, data: bytes) -> None:
        """Bytes went from one to the other."""
        self._add(who, shown(data), len(data))

    def note(self, sentence: str) -> None:
        """Something happened that is best said in a sentence."""
        self._add(NOTE, safe(sentence, SENTENCE), 0)

    def since(self, number: int) -> list[dict[str, Any]]:
        """The entries from a number on. The first says how many are gone, where some of these are."""
        gone = self._count - len(self._entries)
        entries = [dict(entry) for entry in self._entries if entry["n"] >= number]
        if number < gone:
            text = f"{gone:,} earlier {'entry was' if gone == 1 else 'entries were'} let go."
            entries.insert(0, {"n": gone - 1, "who": NOTE, "text": text, "size": 0})
        return entries

    def _add(self, who: str, text: str, size: int) -> None:
        self._entries.append({"n": self._count, "who": who, "text": text, "size": size})
        self._count += 1


def shown(data: bytes) -> str:
    """Bytes as Python writes them, the first of many, with their true number where not all are shown."""
    text = repr(data[:SHOWN])
    return text if len(data) <= SHOWN else f"{text[:-1]}…{text[-1]} ({plural(len(data), 'byte')})"
