"""`%%needs fork`: a cell that runs only where the system has what it needs, and says so where it does not.

    %%needs fork
    with serve(ForkingTCPServer, Echo) as served:
        ...

The law: a lesson runs to its end on every system. What a cell needs is asked of the system itself, each time.
"""

from __future__ import annotations

import os
import socket

from IPython.core.error import UsageError

from socketserver_trace.notebook.cells import function_of
from socketserver_trace.notebook.runs import shown_in_cell
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final


def can_fork() -> bool:
    """Whether there is `os.fork`; without it `socketserver` has no ForkingMixIn (its class is made `if` there is)."""
    return hasattr(os, "fork")


def has_unix_sockets() -> bool:
    """Whether there is `socket.AF_UNIX`; without it `socketserver` has no UnixStreamServer."""
    return hasattr(socket, "AF_UNIX")


def has_ipv6() -> bool:
    """Whether a socket can be bound to the IPv6 loopback address."""
    if not socket.has_ipv6:  # of Python's build; the system may still have it switched off
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as tried:
            tried.bind(("::1", 0))
    except OSError:
        return False
    return True


NEEDS: Final[Mapping[str, tuple[Callable[[], bool], str]]] = {
    "fork": (can_fork, "cannot fork"),
    "unix": (has_unix_sockets, "has no Unix sockets"),
    "ipv6": (has_ipv6, "has no IPv6 loopback address"),
}
"""What a cell may need: how to ask for it, and what is said where it is missing."""


class NeedyCells:
    """The cells of one notebook that need something of the system."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def needs(self, line: str, cell: str) -> Any:
        """Run the cell where the system has what it needs: fork, unix (sockets), ipv6, one or several.

            %%needs fork
            with serve(ForkingTCPServer, Echo) as served:
                ...

        Elsewhere nothing of it runs, and a sentence says what is missing.
        """
        asked = line.split()
        unknown = [name for name in asked if name not in NEEDS]
        if unknown or not asked:
            told = f"{safe(unknown[0])} is nothing that a cell can need. " if unknown else ""
            raise UsageError(f"{told}Write: %%needs {'|'.join(NEEDS)} ...")
        missing = [NEEDS[name][1] for name in asked if not NEEDS[name][0]()]
        if missing:
            print(f"Not run: this system {' and '.join(missing)}.")  # noqa: T201 - a magic speaks to whoever ran the cell
            return None
        function = function_of(self._shell, line, cell, "needs")
        try:
            return function(None)
        except BaseException as error:
            shown_in_cell(self._shell, function, error)
            raise
