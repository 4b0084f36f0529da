"""Servers that nobody has stopped are stopped when the program ends, as the end of their block would have done it.

Python waits for every thread that is no daemon when the main thread has ended, handlers that wait for our own clients
among them, and does whatever `atexit` has to do only after that. So this is done before it waits, as concurrent.futures
does it (`_python_exit` in Lib/concurrent/futures/thread.py).

The law: what goes wrong then is told to nobody, because nobody is there any more.
"""

from __future__ import annotations

import functools
import threading
import weakref
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.serving import Served

_running: Final[weakref.WeakSet[Served]] = weakref.WeakSet()


def stop_at_the_end(served: Served) -> None:
    """Stop this server when the program ends, unless somebody does so before."""
    _running.add(served)
    _register()


def forget(served: Served) -> None:
    """It is being stopped."""
    _running.discard(served)


@functools.cache
def _register() -> None:
    register = getattr(threading, "_register_atexit", None)
    if register is not None:
        register(_stop_all)


def _stop_all() -> None:
    for served in list(_running):
        with suppress(Exception):
            served.stop()
