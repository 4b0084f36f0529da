"""The steps by which a threading server waits for its threads: `server_close` joins those that still work.

Each join is recorded before it begins and when it is over, so that one that lasts can be seen while it lasts. Threads
that had ended before are joined without a wait; for the trace they are joined all the same, because what they did is
over when `server_close` has returned. A server that `serve()` runs waits only as long as anybody may.

The law: whoever is waited for, and in which order, is what it would be without the tracer.
"""

from __future__ import annotations

import socketserver
import weakref
from contextlib import contextmanager
from time import perf_counter_ns

from socketserver_trace.events import ENTER, JOIN, RAISE, RETURN
from socketserver_trace.loops import too_late
from socketserver_trace.recorder import WIDTH, Meaning, failure, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.recorder import Flow, Source

JOINS: Final = {phase: Meaning(JOIN, phase, "join") for phase in (ENTER, RETURN, RAISE, None)}

LIST: Final = getattr(socketserver, "_Threads", None)
"""The standard library's list of the threads that `server_close` joins."""


class ThreadSteps:
    """What tracing does when a server with threads is closed."""

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None

    def server_close(self, *arguments: Any, **options: Any) -> Any:
        method: Any = super().server_close  # type: ignore[misc] # the next class in the MRO is a server
        source = self._socketserver_trace_source
        threads: Any = vars(self).get("_threads")
        if source is None or type(threads) is not LIST:
            return method(*arguments, **options)
        with _recorded_joins(source, list(threads)):
            return method(*arguments, **options)


@contextmanager
def _recorded_joins(source: Source, threads: list[threading.Thread]) -> Iterator[None]:
    """While this lasts, these threads record who joins them; of those that are over already it is recorded at once."""
    here = local.here
    for flow in workers_of(source):
        if flow.joinable and all(flow.runs_in() is not thread for thread in threads):
            source.record((perf_counter_ns(), here, source, JOINS[None], None, flow))
    for thread in threads:
        vars(thread)["join"] = _Join(thread, source)
    try:
        yield
    finally:
        for thread in threads:
            vars(thread).pop("join", None)


def workers_of(source: Source) -> list[Flow]:
    """The threads of a server that have begun to handle a request, as far as their records are kept, in that order."""
    records = source.records.copy()
    begun = {
        records[at + 1]: None
        for at in range(0, len(records), WIDTH)
        if records[at + 2] is source and records[at + 3].hook == "process_request_thread"
    }
    return [flow for flow in begun if flow.process is None]


class _Join:
    """The `join` of one thread, recorded."""

    def __init__(self, thread: threading.Thread, source: Source) -> None:
        self._thread = weakref.ref(thread)
        self._join = thread.join
        self._source = source

    def __call__(self, timeout: float | None = None) -> None:
        here, source = local.here, self._source
        source.record((perf_counter_ns(), here, source, JOINS[ENTER], None, self._thread))
        try:
            self._wait(timeout)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, JOINS[RAISE], None, failure(error)))
            raise
        source.record((perf_counter_ns(), here, source, JOINS[RETURN], None, self._thread))

    def _wait(self, timeout: float | None) -> None:
        patience = self._source.patience
        self._join(patience if timeout is None else timeout)
        thread = self._thread()
        if timeout is None and patience is not None and thread is not None and thread.is_alive():
            raise too_late(self._source, "server_close")
