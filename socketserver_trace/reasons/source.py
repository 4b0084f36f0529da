"""The line of the running `socketserver.py` that decides something.

A rule names a line by its function and by what stands in it, never by a number: the numbers differ between versions of
Python, and the function is asked where it stands. Where a line is like another one, the fragments before it lead there:
`Place("BaseServer._handle_request_noblock", "else:", "self.shutdown_request(request)")` is the one after `else:`.

The law: a source that is not there, or that reads differently in another version, costs the line and never the answer.
"""

from __future__ import annotations

import functools
import inspect
import socketserver
from dataclasses import dataclass
from pathlib import PurePath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of a source: the function it belongs to, the file's name, its number and its text without the indent.

    `number` and `text` are None when the source is not to be had, or has no such line in this version of Python.
    """

    function: str
    file: str
    number: int | None
    text: str | None

    def shown(self, *, numbers: bool = False) -> str:
        """The line with where it stands, as a comment; its number only on request."""
        where = f"{self.function} in {self.file}"
        if self.text is None:
            return f"# {where}"
        return f"{self.text}  # {where}" + (f", line {self.number}" if numbers else "")


class Place:
    """Where a line stands: the function, and fragments of lines in their order; the last one is the line."""

    __slots__ = ("fragments", "function")

    def __init__(self, function: str, *fragments: str) -> None:
        self.function = function
        self.fragments = fragments

    def __repr__(self) -> str:
        return f"Place({', '.join(map(repr, (self.function, *self.fragments)))})"

    def find(self) -> SourceLine:
        """The line in the running module."""
        return _find(self.function, self.fragments)


@functools.cache
def _find(function: str, fragments: tuple[str, ...]) -> SourceLine:
    missing = SourceLine(function, "socketserver.py", None, None)
    found = _function(function)
    if found is None:
        return missing
    try:
        lines, number = inspect.getsourcelines(found)
    except (OSError, TypeError):  # a Python without its sources, or a function that was put in the place of ours
        return missing
    at = -1
    for fragment in fragments:
        at = next((later for later in range(at + 1, len(lines)) if fragment in lines[later]), -1)
        if at < 0:
            return missing
    return SourceLine(function, PurePath(found.__code__.co_filename).name, number + at, lines[at].strip())


def _function(name: str) -> FunctionType | None:
    kind, _, method = name.partition(".")
    found = getattr(getattr(socketserver, kind, None), method, None)
    return found if inspect.isfunction(found) else None
