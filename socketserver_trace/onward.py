"""A handler that is a client itself: its own connections to other traced servers of this process, a proxy's say.

A handler makes such a socket in a way of its own, and no hook runs when it does. But Python tells whoever has asked to
be told that a socket is being made (`sys.addaudithook`, "socket.__new__" in the table of audit events). A stream socket
that a thread makes while it handles a request gets a class in place whose `connect` looks where it leads. If that is a
server which records into the same recorder, the socket is traced from then on as an accepted one is (`sockets`), and
what happens on it is recorded as a client's doing, moved by the thread that does it. So both connections are in one
trace, with cause and effect between them. Everything else that is connected to stays what it was, and unseen.

An audit hook can never be removed, and it is called for very much (each `id()`, for one): where no socket is made it
does nothing but compare a name, in a fifth of a microsecond, some 4 microseconds for a traced request. So there is one
for the process, and only from the moment on when two servers that listen share a recorder: before, no handler of the
one could be a client of the other.

The law: what the program calls runs as it would, and raises what it would.
"""

from __future__ import annotations

import functools
import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import replace
from time import perf_counter_ns

from socketserver_trace.events import CONNECT, ENTER, RAISE, RETURN
from socketserver_trace.recorder import Flow, Meaning, failure, local
from socketserver_trace.sockets import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.recorder import Recorder, Source

KIND: Final = 0xF
"""The bits that say the kind of a socket; the others are flags (socket(2))."""

NO_NUMBER: Final = 0
"""The connection of a socket that has one, which only the other end numbers."""

EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - asked, not bound
HERE: Final = frozenset({"127.0.0.1", "::1"})


class Way:
    """Stands where a traced socket has its source, and records as the client that a handler is on this way."""

    def __init__(self, source: Source, flow: Flow) -> None:
        self._source = source
        self._flow = flow
        self.fault = source.fault

    @property
    def recorder(self) -> Recorder:
        """That of the server it leads to."""
        return self._source.recorder

    @property
    def records(self) -> list[Any]:
        """Its records."""
        return self._source.records

    @property
    def limit(self) -> int:
        """How many there may be."""
        return self._source.limit

    def record(self, record: tuple[Any, ...]) -> None:
        """What a traced socket records, as a client's."""
        time_ns, here, _way, meaning, _connection, payload = record
        for phase in (meaning.phase,) if meaning.phase else (ENTER, RETURN):  # a client's steps have a beginning, too
            told = (time_ns, self._flow, self._source, _of_a_client(meaning, phase), None, (here, payload))
            self._source.record(told)


@functools.cache
def _of_a_client(meaning: Meaning, phase: str) -> Meaning:
    return replace(meaning, phase=phase, owner="client")


def follow_onward(recorder: Recorder) -> None:
    """From now on follow what handlers connect, if there is any other server of this recorder to connect to."""
    global _is_following  # noqa: PLW0603 - an audit hook is the process's
    if not _is_following and sum(source.listening is not None for source in recorder.sources) > 1:
        _is_following = True
        sys.addaudithook(_hear)


_is_following = False


@contextmanager
def unfollowed() -> Iterator[None]:
    """A block in which this thread may make sockets that are nobody's onward connections."""
    here = local.here
    before, here.busy = here.busy, True
    try:
        yield
    finally:
        here.busy = before


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.__new__":
        return
    with suppress(Exception):  # a hook that raises would keep the program from having its socket
        sock, kind = arguments[0], arguments[2]
        if type(sock) is socket.socket and kind & KIND == socket.SOCK_STREAM and _is_handling():
            sock.__class__ = _OnwardSocket


def _is_handling() -> bool:
    """Whether this thread handles a request. In a forked child nobody knows the connections of the others."""
    here = local.here
    return here.source is not None and here.connection is not None and not here.busy and here.process is None


class _OnwardSocket(socket.socket):
    """A socket that a handler has made. To the program it is a `socket.socket`, and of the same layout."""

    __slots__ = ()

    def connect(self, address: Any, /) -> None:
        way = _way(address)
        if way is None:
            super().connect(address)
            return
        _tell(way, ENTER, None)
        try:
            super().connect(address)
        except BaseException as error:
            _tell(way, RAISE, failure(error))
            raise
        _tell(way, RETURN, self.getsockname())
        attach(self, way, NO_NUMBER)


_OnwardSocket.__name__, _OnwardSocket.__qualname__ = socket.socket.__name__, socket.socket.__qualname__
_OnwardSocket.__module__ = socket.socket.__module__


def _way(address: Any) -> Way | None:
    """The way to a traced server that listens at this address and records where this thread does."""
    with suppress(Exception):  # an address may be anything; what it is not, connect says
        here = local.here
        if here.source is not None and _is_handling():
            for source in here.source.recorder.sources:
                if source.listening is not None and _leads_to(source.listening(), *address[:2]):
                    # The same name whoever came first: with the number of the connection that is being handled.
                    return Way(source, Flow(f"{here.source.name} for connection {here.connection}"))
    return None


def _leads_to(listening: socket.socket | None, host: str, port: int) -> bool:
    """Whether a connection to this address comes to that socket, as far as one can tell without asking the network."""
    if listening is None or listening.fileno() == -1:
        return False
    at, at_port = listening.getsockname()[:2]
    asked = HERE if host == "localhost" else {host}
    return bool(port == at_port and (at in asked or (at in EVERYWHERE and asked <= HERE)))


def _tell(way: Way, phase: str, payload: object) -> None:
    way.record((perf_counter_ns(), local.here, way, _CONNECTS[phase], None, payload))


_CONNECTS: Final = {
    phase: Meaning(CONNECT, phase, "connect", detail={"onward": True}) for phase in (ENTER, RETURN, RAISE)
}
