"""`tracing()`: a block in which every server is traced, whoever wrote it.

    with tracing() as seen:
        program.main()

    seen.trace

Servers that are made in the block are traced from their constructors on, all into one trace, and go on being traced
after it. Those that were there before are left alone.

The law: nothing is changed that the program could see, but that `BaseServer` has a `__new__` (`fronts`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from socketserver_trace.assembly import assemble
from socketserver_trace.fronts import everybody_is_traced
from socketserver_trace.quiescence import unsettled
from socketserver_trace.recorder import DEFAULT_CAP, Recorder, sharing
from socketserver_trace.trace import Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

SETTLE: Final = 1.0
"""How many seconds `trace` waits for servers that are at work."""

LOOK: Final = 0.01
"""How often it looks meanwhile, in seconds."""


class Seen:
    """What the servers of a block have done. Made by `tracing()`."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __repr__(self) -> str:
        return f"<Seen {', '.join(source.name for source in self.recorder.sources) or 'no server'}>"

    @property
    def trace(self) -> Trace:
        """What has happened so far, once the servers have nothing left to do (or after a second, if they have)."""
        deadline = time.monotonic() + SETTLE
        while unsettled(recording := assemble(self.recorder)) is not None and time.monotonic() < deadline:
            time.sleep(LOOK)
        return Trace(recording)


@contextmanager
def tracing(*, cap: int | None = DEFAULT_CAP) -> Iterator[Seen]:
    """Trace every server that is made in the block, in whatever thread, by whatever class.

    `cap` is how many events are kept, None for all. What is given is there after the block, too.
    """
    seen = Seen(Recorder(cap=cap))
    with sharing(seen.recorder), everybody_is_traced():
        yield seen
