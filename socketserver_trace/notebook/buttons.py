"""Answers to choose from, as radio buttons that can be reached and moved with keys.

The law: no answer is chosen until the reader has chosen one.
"""

from __future__ import annotations

from ipywidgets import RadioButtons

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


def buttons(title: str, options: Sequence[str]) -> Any:
    """Radio buttons; `value` is the option that was chosen, or None."""
    return RadioButtons(
        options=list(options),
        value=None,
        description=title,
        layout={"width": "auto"},
        style={"description_width": "auto"},
    )
