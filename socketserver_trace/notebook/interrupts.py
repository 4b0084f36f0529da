"""Whoever interrupts a cell wants everything to go on: also a server that is paused, whatever the cell waited for.

A wait of ours hears of an interrupt by itself. Another one, a plain `recv` in a cell, does not; but the notebook knows
at the end of each cell what it raised.

The law: one hook for each server, from its start to its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from collections.abc import Callable


def when_a_cell_is_interrupted(act: Callable[[], object]) -> Callable[[], None]:
    """Do this whenever a cell has ended by an interrupt, from now on; returns the end of it."""
    shell: Any = get_ipython()
    if shell is None:
        return lambda: None

    def look(result: Any) -> None:
        if isinstance(result.error_in_exec, KeyboardInterrupt):
            act()

    shell.events.register("post_run_cell", look)
    return lambda: shell.events.unregister("post_run_cell", look)
