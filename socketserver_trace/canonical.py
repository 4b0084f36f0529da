"""The canonical form of a recording: what is the same on every run, on every machine, and nothing else.

Left out are the clock, addresses and what the system calls things; what the kernel knew, which depends on the moment;
and the settings of classes, which have more names in newer Pythons. Calls are numbered in the order of the events.

The law: pure. The same program, whose clients do not race, has the same form; a form is text, one line for each event.
"""

from __future__ import annotations

import json
from hashlib import sha256

from socketserver_trace.events import ENTER, KERNEL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.recording import Recording

OF_THE_RUN: Final = frozenset({"address", "mark", "settings"})
"""The details that another run, or another Python, has otherwise."""

VERSION: Final = 1
"""Of the form: a digest of another version is another digest."""


def canonical(recording: Recording) -> str:
    """The form of a recording in causal order."""
    return "".join(f"{line}\n" for line in _lines(recording))


def digest(recording: Recording) -> str:
    """The SHA-256 of the form, in hexadecimal digits."""
    return sha256(canonical(recording).encode()).hexdigest()


def _lines(recording: Recording) -> Iterator[str]:
    yield json.dumps({"canonical": VERSION, "lanes": [[lane.name, lane.kind] for lane in recording.lanes]})
    calls: dict[int | None, int | None] = {None: None}
    for event in recording.events:
        if event.kind == KERNEL:
            continue
        if event.phase == ENTER:
            calls[event.call] = len(calls)
        values = {
            "lane": event.lane,
            "kind": event.kind,
            "phase": event.phase,
            "hook": event.hook,
            "provider": event.provider,
            "server": event.server,
            "connection": event.connection,
            "call": calls.get(event.call),
            "parent": calls.get(event.parent),
            "data": None if event.data is None else event.data.hex(),
            "size": event.size,
            "detail": {name: value for name, value in sorted(event.detail.items()) if name not in OF_THE_RUN},
        }
        yield json.dumps({name: value for name, value in values.items() if value not in (None, {})})
