"""Seeing a handler that the program constructs in a way of its own.

`RequestHandlerClass` may be any callable, a lambda or a partial, and `finish_request` may be overridden and make
whatever handler it likes. Then nobody hands us the class. But one thing always happens: a constructor of a
`BaseRequestHandler` is entered, in the thread that called `finish_request`. So for that short while, and in that
thread only, a profile function waits for it (`sys.setprofile`, which leaves debuggers and coverage alone), and is gone
before the constructor's first line runs.

A callable that never makes a handler would be profiled to its end; the watch gives up after `PATIENCE` calls. A
program that profiles itself is left alone, and its handler goes unseen.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from socketserver import BaseRequestHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Final

PATIENCE: Final = 1000
"""How many calls the watch sees before it gives up."""


@contextmanager
def watching(adopt: Callable[[BaseRequestHandler], None]) -> Iterator[None]:
    """Call `adopt` with the first handler whose construction begins in this thread while the block runs."""
    if sys.getprofile() is not None:
        yield
        return
    seen = 0

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal seen
        seen += 1
        if seen > PATIENCE:
            sys.setprofile(None)
        elif event == "call" and (handler := _handler_being_made(frame)) is not None:
            sys.setprofile(None)
            adopt(handler)

    sys.setprofile(profile)
    try:
        yield
    finally:
        if sys.getprofile() is profile:
            sys.setprofile(None)


def _handler_being_made(frame: FrameType) -> BaseRequestHandler | None:
    code = frame.f_code
    if code.co_name != "__init__" or not code.co_argcount:
        return None
    made = frame.f_locals.get(code.co_varnames[0])
    # Asked of the type: `isinstance` may run code of the program.
    return made if issubclass(type(made), BaseRequestHandler) else None
