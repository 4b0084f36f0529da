"""What an operation of a socket moved: the bytes it was given, or the bytes it returned.

The operations say it in many ways, as a result, in a buffer, as the first of a pair; here each is named with its way.
Of the bytes the first ones are kept, as bytes of their own, with the true number of all.

The law: what the program handed over is looked at and never changed, and nothing keeps it alive.
"""

from __future__ import annotations

import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    Received = Callable[[tuple[Any, ...], Any], tuple[Any, int | None]]
    Given = Callable[[tuple[Any, ...]], Any]

PEEK: Final = int(getattr(socket, "MSG_PEEK", 0))  # an int proper: the operators of an enum are slow


def payload_of(data: Any, size: int | None, limit: int) -> tuple[bytes, int]:
    """The bytes to keep and the true length; `size` is what the operation itself returned, where it returned one."""
    if type(data) is bytes and len(data) <= limit:
        return data, len(data)
    size = size_of(data) if size is None else size
    return kept(data, min(limit, size)), size


def kept(data: Any, limit: int) -> bytes:
    """The first bytes of a buffer, as bytes of their own."""
    with memoryview(data) as view, view.cast("B") as plain_bytes:
        return bytes(plain_bytes[:limit])


def size_of(data: Any) -> int:
    """The number of bytes in a buffer, whatever its items are."""
    with memoryview(data) as view:
        return view.nbytes


# What each operation moved: the bytes it was given (known before), or the bytes it returned (known after).


def _first_of_result(_arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return result[0], None


def _into_buffer(arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return arguments[0], result


def _into_buffer_of_pair(arguments: tuple[Any, ...], result: Any) -> tuple[Any, int | None]:
    return arguments[0], result[0]


def _joined_argument(arguments: tuple[Any, ...]) -> Any:
    return b"".join(arguments[0])


RECEIVING: Final[dict[str, Received | None]] = {
    "recv": None,
    "recv_into": _into_buffer,
    "recvfrom": _first_of_result,
    "recvfrom_into": _into_buffer_of_pair,
    "recvmsg": _first_of_result,
}
"""The operations that receive. None: the bytes are the result itself."""

SENDING: Final[dict[str, Given | None]] = {
    "send": None,
    "sendall": None,
    "sendto": None,
    "sendmsg": _joined_argument,
    "sendfile": lambda _arguments: b"",
}
"""The operations that send. None: the bytes are the first argument itself. What sendfile sends goes past Python."""

FLAGS_AT: Final = {"recv": 1, "recvfrom": 1, "recv_into": 2, "recvfrom_into": 2, "recvmsg": 2}
"""Where the flags stand among the arguments, for the operations that can only look (MSG_PEEK)."""
