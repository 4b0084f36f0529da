"""The steps around a server's loop: who runs it, when it has begun, and who may wait for its end.

The standard library's `shutdown` waits for an event that the loop sets when it ends. Called where nobody can end the
loop, on the loop's own thread or without a loop, it waits for ever. A drop-in class does just that, and the trace says
so while it lasts; a server that `serve()` runs raises the sentence instead, also where the loop cannot end because its
handler waits for whoever waits for the loop.

The law: as in `steps`.
"""

from __future__ import annotations

import threading

from socketserver_trace.assembly import assemble
from socketserver_trace.events import ENTER
from socketserver_trace.recorder import local
from socketserver_trace.sentences import WouldWaitForever
from socketserver_trace.waits import sentence_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from socketserver_trace.recorder import Source


ENDED: Final = "_BaseServer__is_shut_down"
"""The event that `serve_forever` sets when it ends, and `shutdown` waits for (BaseServer.__init__)."""


class LoopSteps:
    """What tracing does inside `serve_forever` and `shutdown`."""

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None
    _socketserver_trace_registers = False

    def serve_forever(self, *arguments: Any, **options: Any) -> Any:
        method: Any = super().serve_forever  # type: ignore[misc] # the next class in the MRO is a server
        source, here = self._socketserver_trace_source, local.here
        if source is None:
            return method(*arguments, **options)
        source.loops.add(here)
        if source.begins is not None and not self._socketserver_trace_registers:
            source.begins()
        try:
            return method(*arguments, **options)
        finally:
            source.loops.discard(here)

    def shutdown(self, *arguments: Any, **options: Any) -> Any:
        source = self._socketserver_trace_source
        if source is not None and source.patience is not None:
            if _never_ends(self, source):
                raise WouldWaitForever(_why(source))
            state = vars(self)
            if isinstance(state.get(ENDED), threading.Event):
                state[ENDED] = _End(state[ENDED], source)
        return super().shutdown(*arguments, **options)  # type: ignore[misc] # as above


class RegisterSteps:
    """What tracing does where the loop of the standard library asks what to wait for, which it does once.

    From then on a `shutdown` is heard, and a `server_close` ends no loop by an exception (BaseServer.serve_forever).
    """

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None
    _socketserver_trace_registers = True

    def fileno(self, *arguments: Any, **options: Any) -> Any:
        number = super().fileno(*arguments, **options)  # type: ignore[misc] # the next class in the MRO is a server
        source = self._socketserver_trace_source
        if source is not None and source.begins is not None and local.here in source.loops:
            source.begins()
        return number


class _End:
    """The end of a loop that `serve()` runs: who waits for it waits only as long as anybody may."""

    def __init__(self, event: threading.Event, source: Source) -> None:
        self._event = event
        self._source = source

    def wait(self, timeout: float | None = None) -> bool:
        """As that of the event; WouldWaitForever when nobody has said for how long, and it lasts too long."""
        patience = self._source.patience
        if self._event.wait(patience if timeout is None else timeout):
            return True
        if timeout is None and patience is not None:
            raise too_late(self._source, "shutdown")
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)


def _never_ends(server: Any, source: Source) -> bool:
    """Whether nobody can end the loop: this thread runs it, or nobody does and it has not ended before."""
    if local.here in source.loops:
        return True
    ended: threading.Event | None = getattr(server, ENDED, None)
    if source.loops or ended is None or ended.is_set():
        return False
    return not _is_beginning(source)


def _why(source: Source) -> str:
    """The sentence about a shutdown that would wait for ever. A child has no trace of what its parent does."""
    if local.here.process is not None:
        return "shutdown() waits for the loop, which is in the parent: a child cannot tell it."
    return sentence_about("shutdown", assemble(source.recorder))


def _is_beginning(source: Source) -> bool:
    """Whether a loop was entered that is not known to run yet: its thread is between the two."""
    entered: set[int | None] = set()
    for event in assemble(source.recorder).events:
        if event.hook == "serve_forever":
            (entered.add if event.phase == ENTER else entered.discard)(event.call)
    return bool(entered)


def too_late(source: Source, hook: str) -> WouldWaitForever:
    """The error for a wait that has lasted longer than anybody may wait."""
    told = sentence_about(hook, assemble(source.recorder)).removesuffix(".")
    return WouldWaitForever(f"{told}. Nothing has changed for {source.patience:g} s.")
