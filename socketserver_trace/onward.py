"""A handler that is a client itself: its own connections to other traced servers of this process, a proxy's say.

A handler makes such a socket in a way of its own, and no hook runs when it does. But Python tells whoever has asked to
be told that a socket is being made (`sys.addaudithook`, "socket.__new__" in the table of audit events). A stream socket
that a thread makes while it handles a request gets a class of the same layout in place (as in `sockets`); if it is then
connected to a server that records into the same recorder, its operations are recorded as those of a client, moved by
the thread that calls them. So both connections are in one trace, with cause and effect between them. Everything else
that is connected to stays what it was, and unseen.

An audit hook can never be removed, so there is one for the process, from the first traced server on. It does nothing
but compare a name, in a fifth of a microsecond, where no socket is made.

The law: what the program calls runs as it would; a failure of ours is a fault that is recorded.
"""

from __future__ import annotations

import functools
import socket
import sys
import weakref
from contextlib import contextmanager
from time import perf_counter_ns

from socketserver_trace.events import CLOSE, CONNECT, ENTER, HALF_CLOSE, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.recorder import Flow, Meaning, failure, local, plain
from socketserver_trace.transfers import RECEIVING, SENDING, payload_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from socketserver_trace.recorder import Source


class Way:
    """Where the bytes of one onward connection are recorded: the source of the server it leads to, and its own flow."""

    __slots__ = ("flow", "sock", "source")

    def __init__(self, sock: socket.socket, source: Source, flow: Flow, identity: int) -> None:
        self.sock = weakref.ref(sock, lambda _dead: ways.pop(identity, None))
        self.source = source
        self.flow = flow

    def record(self, meaning: Meaning, payload: object) -> None:
        """Something happens on it, in the thread that asks."""
        self.source.record((perf_counter_ns(), self.flow, self.source, meaning, None, (local.here, payload)))


ways: Final[dict[int, Way]] = {}
"""The onward connections that are open, by the identity of their sockets."""


def follow_onward() -> None:
    """From now on follow what handlers connect. Called again, it does nothing more."""
    global _is_following  # noqa: PLW0603 - an audit hook is the process's
    if not _is_following:
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
    sock, here = arguments[0], local.here
    if here.source is None or here.connection is None or here.busy or here.process is not None:
        return  # nobody handles a request here, or in a forked child, whose connections cannot be told apart from here
    if type(sock) is socket.socket and arguments[2] & _KIND == socket.SOCK_STREAM:
        sock.__class__ = _OnwardSocket  # of the same layout


_KIND: Final = 0xF
"""The bits that say the kind of a socket; the others are flags (socket(2))."""


def _way(sock: socket.socket, address: object) -> Way | None:
    """The way to a traced server that listens at this address and records where this thread does."""
    here = local.here
    if here.source is None or not isinstance(address, tuple) or here.busy:
        return None
    for source in here.source.recorder.sources:
        if source.port == address[1]:
            # The name is the same whoever came first: it has the number of the connection that is being handled.
            flow = Flow(f"{here.source.name} for connection {here.connection}")
            return Way(sock, source, flow, id(sock))
    return None


_CONNECT: Final = {
    phase: Meaning(CONNECT, phase, "connect", owner="client", detail={"onward": True})
    for phase in (ENTER, RETURN, RAISE)
}


def _connect(self: Any, address: Any, /) -> None:
    way = _way(self, address)
    if way is None:
        return socket.socket.connect(self, address)
    way.record(_CONNECT[ENTER], None)
    try:
        socket.socket.connect(self, address)
    except BaseException as error:
        way.record(_CONNECT[RAISE], failure(error))
        raise
    ways[id(self)] = way
    way.record(_CONNECT[RETURN], self.getsockname())
    return None


def _followed(name: str, kind: str, sent: Callable[..., Any] | None, received: Callable[..., Any] | None) -> Any:
    """A method of a socket that is recorded as a client's doing: `sent` and `received` find the bytes (`transfers`)."""
    enter, leave, fail = (Meaning(kind, phase, name, owner="client") for phase in (ENTER, RETURN, RAISE))
    original = getattr(socket.socket, name)

    def look(way: Way, find: Callable[[], tuple[Any, int | None]]) -> object:
        try:
            return payload_of(*find(), way.source.recorder.data_limit)
        except Exception as error:  # noqa: BLE001 - what we do not understand must not stop the program
            way.source.fault(error, f"looking at the bytes of {name}()")
            return None

    @functools.wraps(original)
    def followed(self: Any, *arguments: Any, **options: Any) -> Any:
        way, here = ways.get(id(self)), local.here
        if way is None or here.busy or (kind == CLOSE and getattr(self, "_io_refs", 0) > 0):
            return original(self, *arguments, **options)
        operands = arguments or tuple(options.values())
        before = look(way, lambda: (operands[0] if sent is None else sent(operands), None)) if kind == SEND else None
        way.record(enter, before)
        here.busy = True
        try:
            result = original(self, *arguments, **options)
        except BaseException as error:
            way.record(fail, failure(error))
            raise
        finally:
            here.busy = False
            if kind == CLOSE:
                ways.pop(id(self), None)
        after: object = None if kind != SEND or result is None else plain(result)
        if kind == RECEIVE:
            after = look(way, lambda: (result, None) if received is None else received(operands, result))
        way.record(leave, after)
        return result

    return followed


def _methods() -> dict[str, Any]:
    """What an onward socket does in another way: what the class of all sockets has of it."""
    base = socket.socket
    return {
        "connect": functools.wraps(base.connect)(_connect),
        **{name: _followed(name, RECEIVE, None, way) for name, way in RECEIVING.items() if hasattr(base, name)},
        **{name: _followed(name, SEND, way, None) for name, way in SENDING.items() if hasattr(base, name)},
        "shutdown": _followed("shutdown", HALF_CLOSE, None, None),
        "close": _followed("close", CLOSE, None, None),
        "__slots__": (),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
    }


_OnwardSocket: Final = type(socket.socket.__name__, (socket.socket,), _methods())
