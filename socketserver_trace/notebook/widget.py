"""What every widget here is: one that speaks in the name of the cell that made it, whichever thread is speaking.

Why that matters: ipykernel 7.4 hands what a page says to the shell from which the kernel has spoken to it last, so that
an answer gets where it is waited for. Said by another thread, that is the shell of whatever message came last, and once
a page is loaded anew, the subshell of the former page is gone: everything that the new page says is then refused as
meant for an unknown subshell (`ipykernel/comm/comm.py`, `BaseComm.publish_msg`). The cell's own shell is always there.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import anywidget

if TYPE_CHECKING:
    from collections.abc import Callable


class CellWidget(anywidget.AnyWidget):
    """A widget whose messages belong to the cell in which it was made. They may be sent from any thread."""

    def __init__(self, **traits: Any) -> None:
        self._cell = copy_context()
        super().__init__(**traits)

    def send(self, content: Any, buffers: Any = None) -> None:
        """Send a message to every view."""
        self._as_the_cell(super().send, content, buffers)

    def send_state(self, key: Any = None) -> None:
        """Tell the views what the widget's traits are."""
        self._as_the_cell(super().send_state, key)

    def set_state(self, sync_data: Any) -> None:
        """Take what a view says the traits are, and tell the others."""
        self._as_the_cell(super().set_state, sync_data)

    def _as_the_cell(self, act: Callable[..., object], *arguments: Any) -> None:
        self._cell.copy().run(act, *arguments)  # a copy: no two threads may be in one context
