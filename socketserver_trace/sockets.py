"""The traced socket: bytes in and out of a request, on the very object that the handler has.

An accepted socket is given another class in place. The class is a subclass with the same layout, so the object, its
identity and its descriptor stay what they were, and `rfile`, `wfile` and whatever else reads and writes through it are
seen too, because they end in `recv_into`, `send` and `sendall`. The class of a socket that is not `socket.socket`
itself (TLS, a class of the program's own) gets a subclass of its own, made when it is first met.

What belongs to a socket stands in a table by its identity, since a class of the same layout has no room for it. A
socket that cannot take another class is left alone: its bytes are not seen, and nothing breaks.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import weakref
from time import perf_counter_ns

from socketserver_trace.events import CLOSE, ENTER, HALF_CLOSE, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.recorder import Meaning, failure, local, plain
from socketserver_trace.transfers import FLAGS_AT, PEEK, RECEIVING, SENDING, payload_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.onward import Way
    from socketserver_trace.recorder import Source
    from socketserver_trace.transfers import Given, Received


class Attachment(weakref.ref[socket.socket]):
    """A socket, the source that hears of it, and the connection it belongs to (None: ask the flow).

    It holds the socket weakly, and leaves the table when the socket was never closed but forgotten.
    """

    __slots__ = ("connection", "identity", "source")

    identity: int
    source: Source | Way
    connection: int | None

    def break_off(self) -> None:
        """Shut the connection down both ways, unrecorded, so that whoever waits for it sees its end."""
        sock = self()
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


READING: Final = (socket.SHUT_RD,)
"""The arguments of a shutdown that ends nothing for the other side."""

attachments: Final[dict[int, Attachment]] = {}
"""The attached sockets, by identity. A socket leaves when it is closed."""


def attach(candidate: object, source: Source | Way, connection: int | None) -> bool:
    """Trace this socket from now on, whatever it is. Returns whether it is one that can be traced."""
    if not isinstance(candidate, socket.socket):
        return False
    kind = type(candidate)
    if kind not in _traced_classes:
        try:
            candidate.__class__ = traced_socket_class(kind)  # type: ignore[arg-type] # a class can be hashed
        except TypeError:
            return False
    attachment = Attachment(candidate, _forget)
    attachment.identity = id(candidate)
    attachment.source = source
    attachment.connection = connection
    attachments[attachment.identity] = attachment
    return True


def _forget(attachment: Any) -> None:
    attachments.pop(attachment.identity, None)


def attached(candidate: object) -> bool:
    """Whether this very socket is traced already."""
    return type(candidate) in _traced_classes and id(candidate) in attachments


def _sending(base: type, name: str, given: Given | None) -> Callable[..., Any]:
    """The traced form of a method that sends: the bytes before it, the number that really went after it."""
    enter, leave, fail = (Meaning(SEND, phase, name) for phase in (ENTER, RETURN, RAISE))
    original = getattr(base, name)

    @functools.wraps(original)
    def sending(self: Any, *arguments: Any, **options: Any) -> Any:
        attachment = attachments.get(id(self))
        here = local.here
        if attachment is None or here.busy:
            return original(self, *arguments, **options)
        source = attachment.source
        connection = attachment.connection or here.connection
        try:
            operands = arguments or tuple(options.values())
            data = operands[0] if given is None else given(operands)
            payload: object = payload_of(data, None, source.recorder.data_limit)
        except Exception as error:  # noqa: BLE001 - an operand that we do not understand must not stop the server
            source.fault(error, f"looking at the bytes of {name}()")
            payload = None
        source.record((perf_counter_ns(), here, source, enter, connection, payload))
        here.busy = True
        try:
            result = original(self, *arguments, **options)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            here.busy = False
        count = result if result is None else plain(result)
        source.record((perf_counter_ns(), here, source, leave, connection, count))
        if len(source.records) > source.limit:
            source.recorder.trim()
        return result

    return sending


def _reading_once(sendmsg: Callable[..., Any]) -> Callable[..., Any]:
    """`sendmsg` may be given an iterator, which can be read only once, and now two want to read it."""

    @functools.wraps(sendmsg)
    def reading_once(self: Any, buffers: Any, /, *more: Any) -> Any:
        return sendmsg(self, list(buffers) if hasattr(type(buffers), "__next__") else buffers, *more)

    return reading_once


def _receiving(base: type, name: str, received: Received | None) -> Callable[..., Any]:
    """The traced form of a method that receives: the enter before it, the bytes after it."""
    enter, leave, fail = (Meaning(RECEIVE, phase, name) for phase in (ENTER, RETURN, RAISE))
    # What is only looked at is not taken: a later receive returns the same bytes again.
    looked = Meaning(RECEIVE, RETURN, name, detail={"peek": True})
    flags_at = FLAGS_AT[name]
    original = getattr(base, name)

    @functools.wraps(original)
    def receiving(self: Any, *arguments: Any, **options: Any) -> Any:
        attachment = attachments.get(id(self))
        here = local.here
        if attachment is None or here.busy:
            return original(self, *arguments, **options)
        source = attachment.source
        connection = attachment.connection or here.connection
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        here.busy = True
        try:
            result = original(self, *arguments, **options)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            here.busy = False
        meaning = leave
        try:
            operands = arguments or tuple(options.values())
            data, size = (result, None) if received is None else received(operands, result)
            payload: object = payload_of(data, size, source.recorder.data_limit)
            if (arguments[flags_at] if len(arguments) > flags_at else options.get("flags", 0)) & PEEK:
                meaning = looked
        except Exception as error:  # noqa: BLE001 - as above
            source.fault(error, f"looking at the bytes of {name}()")
            payload = None
        source.record((perf_counter_ns(), here, source, meaning, connection, payload))
        if len(source.records) > source.limit:
            source.recorder.trim()
        return result

    return receiving


def _ending(base: type, name: str, kind: str) -> Callable[..., Any]:
    """The traced form of `shutdown` and `close`, which end one half of a connection or all of it, in no time."""
    happens, fail = (Meaning(kind, phase, name) for phase in (None, RAISE))
    original = getattr(base, name)

    @functools.wraps(original)
    def ending(self: Any, *arguments: Any) -> Any:
        attachment = attachments.get(id(self))
        here = local.here
        if attachment is None or here.busy or (_is_held(self) if kind == CLOSE else arguments == READING):
            return original(self, *arguments)
        source, connection = attachment.source, attachment.connection
        # The server's own socket has no connection; its end is told by server_close.
        if connection is not None:
            source.record((perf_counter_ns(), here, source, happens, connection, None))
        here.busy = True
        try:
            return original(self, *arguments)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            here.busy = False
            if kind == CLOSE and self.fileno() == -1:
                attachments.pop(id(self), None)

    return ending


def _is_held(sock: Any) -> bool:
    """Whether closing the socket does nothing yet: files made by makefile() are open, the last of them closes it."""
    held: bool = getattr(sock, "_io_refs", 0) > 0
    return held


def _detaching(base: type) -> Callable[..., Any]:
    """The traced form of `detach`, which gives the descriptor to somebody else: this object is a socket no more."""
    original = getattr(base, "detach")  # noqa: B009 - `base` is any class of sockets

    @functools.wraps(original)
    def detach(self: Any) -> Any:
        attachments.pop(id(self), None)
        return original(self)

    return detach


_traced_classes: Final[set[type]] = set()


@functools.cache
def traced_socket_class(base: type) -> type:
    """The subclass of a socket class whose operations are recorded, with the same layout and the same name."""
    methods: dict[str, Any] = {"__slots__": (), "__module__": base.__module__, "__qualname__": base.__qualname__}
    methods |= {name: _receiving(base, name, received) for name, received in RECEIVING.items() if hasattr(base, name)}
    methods |= {name: _sending(base, name, given) for name, given in SENDING.items() if hasattr(base, name)}
    if "sendmsg" in methods:
        methods["sendmsg"] = _reading_once(methods["sendmsg"])
    methods["shutdown"] = _ending(base, "shutdown", HALF_CLOSE)
    methods["close"] = _ending(base, "close", CLOSE)
    methods["detach"] = _detaching(base)
    made = type(base.__name__, (base,), methods)
    _traced_classes.add(made)
    return made
