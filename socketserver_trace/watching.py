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
from socketserver import BaseRequestHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Final

PATIENCE: Final = 1000
"""How many calls the watch sees before it gives up."""


class Watch:
    """Calls `adopt` with the first handler whose construction begins in this thread, between `begin` and `end`.

    `adopt` gets the handler and what its constructor was given, and raises nothing.
    """

    def __init__(self, adopt: Callable[[BaseRequestHandler, list[object]], None]) -> None:
        self._adopt = adopt
        self._seen = 0
        self._profile = self._look  # one object, so that it can be told from the program's own

    def begin(self) -> None:
        """Watch from now on, unless the program profiles itself."""
        if sys.getprofile() is None:
            sys.setprofile(self._profile)

    def end(self) -> None:
        """Watch no more. A profile function that the program has set meanwhile stays."""
        if sys.getprofile() is self._profile:
            sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _argument: object) -> None:
        self._seen += 1
        if self._seen > PATIENCE:
            sys.setprofile(None)
        elif event == "call" and (handler := _handler_being_made(frame)) is not None:
            sys.setprofile(None)
            self._adopt(handler, _operands(frame))


def _handler_being_made(frame: FrameType) -> BaseRequestHandler | None:
    code = frame.f_code
    if code.co_name != "__init__" or not code.co_argcount:
        return None
    made = frame.f_locals.get(code.co_varnames[0])
    # Asked of the type: `isinstance` may run code of the program.
    return made if issubclass(type(made), BaseRequestHandler) else None


def _operands(frame: FrameType) -> list[object]:
    """What a constructor that is just being entered was given, by name or in a tuple of more arguments."""
    given = list(frame.f_locals.values())[1:]
    return [*given, *(one for several in given if type(several) is tuple for one in several)]
