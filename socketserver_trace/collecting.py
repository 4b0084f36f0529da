"""The steps by which a server forks children and collects them.

The standard library throws away how a child has ended: it calls `waitpid`, and keeps nothing. So its own
`collect_children` runs with an `os` that remembers; it is the same code, with the same calls in the same order. A class
that collects in a way of its own is left alone, and its children are said to have ended, no more.

The law: as in `joining`.
"""

from __future__ import annotations

import os
import select
import socketserver
from socketserver import BaseServer
from time import perf_counter_ns
from types import FunctionType

from socketserver_trace.events import ENTER, JOIN, RAISE, RETURN
from socketserver_trace.forks import family, has_ended
from socketserver_trace.loops import too_late
from socketserver_trace.recorder import Meaning, failure, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from socketserver_trace.recorder import Source

WAITS: Final = {phase: Meaning(JOIN, phase, "waitpid") for phase in (ENTER, RETURN, RAISE, None)}

COLLECT: Final = getattr(getattr(socketserver, "ForkingMixIn", None), "collect_children", None)
"""The standard library's own `collect_children`."""

NEVER_FORKING: Final = tuple(
    kind.process_request for kind in (BaseServer, getattr(socketserver, "ThreadingMixIn", None)) if kind is not None
)
"""What `process_request` is in a class that forks no children."""


class ForkSteps:
    """What tracing does when a server may fork."""

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None
    _socketserver_trace_maker: Any

    def process_request(self, *arguments: Any, **options: Any) -> Any:
        method: Any = super().process_request  # type: ignore[misc] # the next class in the MRO is a server
        source = self._socketserver_trace_source
        if source is None:
            return method(*arguments, **options)
        here = local.here
        before, here.source = here.source, source
        children = _children_of(self)
        if isinstance(vars(self).get("RequestHandlerClass"), type):
            _ = self._socketserver_trace_maker  # made once, here, and not in every child
        try:
            return method(*arguments, **options)
        finally:
            here.source = before
            for pid in _children_of(self) - children:
                family.born(pid)


class CollectSteps:
    """What tracing does when a server looks for children that have ended."""

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None

    def collect_children(self, *arguments: Any, **options: Any) -> Any:
        method: Any = super().collect_children  # type: ignore[misc] # as above
        source = self._socketserver_trace_source
        if source is None or not _children_of(self) or family.generation:
            return method(*arguments, **options)
        family.gather()
        if getattr(method, "__func__", None) is not COLLECT:
            return method(*arguments, **options)
        return _with_an_os_that_remembers(source)(self, *arguments, **options)


def _children_of(server: Any) -> set[int]:
    return set(vars(server).get("active_children") or ())


def _with_an_os_that_remembers(source: Source) -> Any:
    code: Any = COLLECT
    names = {**code.__globals__, "os": _Remembering(source)}
    made = FunctionType(code.__code__, names, code.__name__, code.__defaults__, code.__closure__)
    made.__kwdefaults__ = code.__kwdefaults__
    return made


class _Remembering:
    """The module `os`, but its `waitpid` records for whom it waits, and how a child has ended."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def waitpid(self, pid: int, options: int) -> tuple[int, int]:
        waits = not options & os.WNOHANG and not has_ended(pid)
        if waits:
            self._record(ENTER, family.flows.get(pid))
        try:
            if waits:
                self._be_patient(pid)
            ended, status, flow = family.wait(pid, options)
        except BaseException as error:
            if waits:
                self._record(RAISE, failure(error))
            raise
        if ended:
            self._record(RETURN if waits else None, flow)
        return ended, status

    def _be_patient(self, pid: int) -> None:
        """Wait for one child as long as anybody may, where the system can tell us of its end."""
        patience = self._source.patience
        if patience is None or pid < 0 or not hasattr(os, "pidfd_open"):
            return
        end = os.pidfd_open(pid)
        try:
            if not select.select([end], [], [], patience)[0]:
                raise too_late(self._source, "server_close")
        finally:
            os.close(end)

    def _record(self, phase: str | None, payload: object) -> None:
        self._source.record((perf_counter_ns(), local.here, self._source, WAITS[phase], None, payload))
