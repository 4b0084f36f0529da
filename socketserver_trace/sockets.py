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
from socketserver_trace.recorder import Meaning, failure, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.recorder import Source

    Received = Callable[[tuple[Any, ...], Any], tuple[Any, int | None]]
    Given = Callable[[tuple[Any, ...]], Any]

PEEK: Final = getattr(socket, "MSG_PEEK", 0)


class Attachment(weakref.ref[socket.socket]):
    """A socket, the source that hears of it, and the connection it belongs to (None: ask the flow).

    It holds the socket weakly, and leaves the table when the socket was never closed but forgotten.
    """

    __slots__ = ("connection", "identity", "source")

    identity: int
    source: Source
    connection: int | None

    def break_off(self) -> None:
        """Shut the connection down both ways, unrecorded, so that whoever waits for it sees its end."""
        sock = self()
        if sock is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


attachments: Final[dict[int, Attachment]] = {}
"""The attached sockets, by identity. A socket leaves when it is closed."""


def attach(candidate: object, source: Source, connection: int | None) -> bool:
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


def kept(data: Any, limit: int) -> bytes:
    """The first bytes of a buffer, as bytes of their own."""
    if type(data) is bytes and len(data) <= limit:
        return data
    with memoryview(data) as view, view.cast("B") as plain_bytes:
        return bytes(plain_bytes[:limit])


def size_of(data: Any) -> int:
    """The number of bytes in a buffer, whatever its items are."""
    if type(data) is bytes:
        return len(data)
    with memoryview(data) as view:
        return view.nbytes


# What each operation moved: the bytes it was given (known before), or the bytes it returned (known after).


def _result(_arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return result, None


def _first_of_result(_arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return result[0], None


def _into_buffer(arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return arguments[0], result


def _into_buffer_of_pair(arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return arguments[0], result[0]


def _argument(arguments: tuple[Any, ...]) -> Any:
    return arguments[0]


def _joined_argument(arguments: tuple[Any, ...]) -> Any:
    # An iterator can be read only once, and that is for the socket.
    return b"".join(arguments[0]) if type(arguments[0]) in {list, tuple} else b""


RECEIVING: Final[dict[str, Received]] = {
    "recv": _result,
    "recv_into": _into_buffer,
    "recvfrom": _first_of_result,
    "recvfrom_into": _into_buffer_of_pair,
    "recvmsg": _first_of_result,
}
SENDING: Final[dict[str, Given]] = {
    "send": _argument,
    "sendall": _argument,
    "sendto": _argument,
    "sendmsg": _joined_argument,
    "sendfile": lambda _arguments: b"",
}
FLAGS_AT: Final = {"recv": 1, "recvfrom": 1, "recv_into": 2, "recvfrom_into": 2, "recvmsg": 2}
"""Where the flags stand among the arguments, for the operations that can only look (MSG_PEEK)."""


def payload_of(data: Any, size: int | None, limit: int) -> tuple[bytes, int]:
    """The bytes to keep and the true length; `size` is what the operation itself returned, where it returned one."""
    size = size_of(data) if size is None else size
    return kept(data, min(limit, size)), size


def _sending(base: type, name: str, given: Given) -> Callable[..., Any]:
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
            payload: object = payload_of(given(arguments or tuple(options.values())), None, source.recorder.data_limit)
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
        source.record((perf_counter_ns(), here, source, leave, connection, result))
        source.recorder.trim()
        return result

    return sending


def _receiving(base: type, name: str, received: Received) -> Callable[..., Any]:
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
        try:
            payload: object = payload_of(
                *received(arguments or tuple(options.values()), result), source.recorder.data_limit
            )
        except Exception as error:  # noqa: BLE001 - as above
            source.fault(error, f"looking at the bytes of {name}()")
            payload = None
        flags = arguments[flags_at] if len(arguments) > flags_at else options.get("flags", 0)
        meaning = looked if flags & PEEK else leave
        source.record((perf_counter_ns(), here, source, meaning, connection, payload))
        source.recorder.trim()
        return result

    return receiving


def _ending(base: type, name: str, kind: str) -> Callable[..., Any]:
    """The traced form of `shutdown` and `close`, which end one half of a connection or all of it."""
    enter, leave, fail = (Meaning(kind, phase, name) for phase in (ENTER, RETURN, RAISE))
    original = getattr(base, name)

    @functools.wraps(original)
    def ending(self: Any, *arguments: Any) -> Any:
        attachment = attachments.get(id(self))
        here = local.here
        if attachment is None or here.busy or arguments == (socket.SHUT_RD,) or _is_held(self, kind):
            return original(self, *arguments)
        if attachment.connection is None:  # the server's own socket, whose end server_close tells
            attachments.pop(id(self), None)
            return original(self, *arguments)
        source, connection = attachment.source, attachment.connection
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        here.busy = True
        try:
            result = original(self, *arguments)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            here.busy = False
            if self.fileno() == -1:
                attachments.pop(id(self), None)
        source.record((perf_counter_ns(), here, source, leave, connection, None))
        return result

    return ending


def _is_held(sock: Any, kind: str) -> bool:
    """Whether closing the socket does nothing yet: files made by makefile() are open, the last of them closes it."""
    return kind == CLOSE and getattr(sock, "_io_refs", 0) > 0


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
    methods["shutdown"] = _ending(base, "shutdown", HALF_CLOSE)
    methods["close"] = _ending(base, "close", CLOSE)
    methods["detach"] = _detaching(base)
    made = type(base.__name__, (base,), methods)
    _traced_classes.add(made)
    return made
