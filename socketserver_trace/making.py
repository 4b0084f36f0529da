"""The server that `serve()` serves: made of a class, of a function, or given; with an address of its own.

The law: whatever is made is traced, and what could not be made leaves nothing behind.
"""

from __future__ import annotations

import errno
import os
import socket
from socketserver import BaseRequestHandler, BaseServer

from socketserver_trace.assembly import address_text
from socketserver_trace.clients import new_folder, remove_folder
from socketserver_trace.fronts import everybody_is_traced, is_traced, traced
from socketserver_trace.recorder import Recorder, sharing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def made_server(server: Any, handler: Any, address: Any, cap: int | None) -> tuple[Any, str | None]:
    """The server, and the temporary folder of its socket when it has one. See `serve` for what may be given.

    TypeError with a sentence for what cannot be served, OSError with one when the address cannot be had.
    """
    folder: str | None = None
    if isinstance(server, BaseServer):
        made = server
    else:
        kind = _checked(server, handler)
        if address is None:
            address, folder = _free_address(kind)
        try:
            with sharing(Recorder(cap=cap)), everybody_is_traced():
                made = kind() if handler is None else kind(address, handler)
        except BaseException as error:
            if folder is not None:
                remove_folder(folder)
            if isinstance(error, OSError):
                raise _clear(error, address) from None
            raise
    if not is_traced(made):
        raise TypeError(
            "serve() takes a server class, a function that makes a server, or a server that is traced already: "
            "serve(MyServer, MyHandler), or serve(traced(MyServer)(address, MyHandler))."
        )
    return made, folder


def _checked(server: Any, handler: Any) -> Any:
    if isinstance(server, type) and issubclass(server, BaseRequestHandler):
        raise TypeError("serve() takes the server class first, and then the handler: serve(TCPServer, MyHandler).")
    kind = traced(server) if isinstance(server, type) else server
    if handler is None and isinstance(server, type):
        raise TypeError("serve() needs a handler class beside the server class: serve(TCPServer, MyHandler).")
    return kind


def _free_address(kind: Any) -> tuple[Any, str | None]:
    """An address of this machine that nobody else has, and the folder in which it is."""
    family = getattr(kind, "address_family", socket.AF_INET)
    if family == getattr(socket, "AF_UNIX", None):
        folder = new_folder("served")
        return os.path.join(folder, "socket"), folder  # noqa: PTH118 - pathlib would double the import time
    return ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), None


def _clear(error: OSError, address: Any) -> OSError:
    """The same error with a sentence for the usual reasons why a server cannot have its address."""
    where = address_text(address)
    reasons = {
        errno.EADDRINUSE: f"{where} is in use, by another program or by one that ended a minute ago at most: stop it, "
        "wait, or leave the address out and get a free port.",
        errno.EACCES: f"you may not listen on {where}, ports below 1024 belong to the system: "
        "take a higher one, or leave the address out and get a free port.",
        errno.EADDRNOTAVAIL: f"{where} is not an address of this machine: take 127.0.0.1, or leave the address out.",
    }
    return type(error)(error.errno, reasons[error.errno]) if error.errno in reasons else error
