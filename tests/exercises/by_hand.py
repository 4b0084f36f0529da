"""What learners write in lesson 03."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SOLUTIONS: list[tuple[str, Callable[[], Any]]] = []

WRONG: list[tuple[str, str, Callable[[], Any], str]] = []

ANSWERS: list[tuple[str, Callable[[], Any]]] = []
