"""Pieces of source: of the running `socketserver`, and of the methods that a program has written.

The library's lines are found by a `Place`, as the reasons find theirs. A program's method is read from its code object,
because a class that was written in a notebook has no source of its own, and its functions do.

The law: of a program nothing runs; a source that is not there costs the excerpt and no more. A line is shown as data,
what does not print by its escape, and a file by its name, never by its folder.
"""

from __future__ import annotations

import functools
import inspect
import socketserver
import textwrap
from pathlib import PurePath
from tokenize import TokenError
from types import FunctionType

from socketserver_trace.stories.story import Excerpt
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Final

    from socketserver_trace.reasons.source import Place

AROUND: Final = 3
"""How many lines are shown before a marked line, and after it."""

METHOD: Final = 12
"""How many lines of a method are shown."""

LINE: Final = 160
"""How many characters of a line are shown."""

NOTEBOOK: Final = "a cell of the notebook"


class Source:
    """The lines of one function, and where they stand."""

    __slots__ = ("file", "lines", "name", "number")

    def __init__(self, name: str, code: CodeType) -> None:
        self.name = safe(name, LINE)
        self.file = _file_name(code.co_filename)
        lines, self.number = inspect.getsourcelines(code)
        # With blanks for tabs, so that the indents can be compared.
        whole = "\n".join(line.rstrip("\r\n").expandtabs(8) for line in lines)
        self.lines = textwrap.dedent(whole).split("\n")

    def around(self, at: int, caption: str) -> Excerpt:
        """The line of that index, with its neighbours in the function."""
        first = max(0, at - AROUND)
        shown = _shown(self.lines[first : at + AROUND + 1])
        return Excerpt(caption, self.name, self.file, self.number + first, shown, at - first)

    def beginning(self, caption: str) -> Excerpt:
        """The first lines of the function."""
        goes_on = len(self.lines) > METHOD
        return Excerpt(caption, self.name, self.file, self.number, _shown(self.lines[:METHOD]), None, goes_on)

    def where(self, *fragments: str) -> list[int]:
        """The indexes of the lines that hold one of the fragments and are no comment."""
        return [
            index
            for index, line in enumerate(self.lines)
            if any(fragment in line for fragment in fragments) and not line.lstrip().startswith("#")
        ]


def source_of(name: str, function: object) -> Source | None:
    """The source of a function; None where it is none, or is written in C, or has no source that can be read."""
    inner = getattr(function, "__func__", None) if type(function) in {staticmethod, classmethod} else function
    if type(inner) is not FunctionType:
        return None
    try:
        return Source(name, inner.__code__)
    except (OSError, TypeError, SyntaxError, TokenError, IndexError):  # the file is gone, or is not what it was
        return None


@functools.cache
def library(place: tuple[str, ...], caption: str) -> Excerpt | None:
    """The line of the running `socketserver` at a place, the function and the fragments, with its neighbours."""
    function, *fragments = place
    source = _library_source(function)
    at = -1
    for fragment in fragments:
        lines = () if source is None else range(at + 1, len(source.lines))
        at = next((later for later in lines if source is not None and fragment in source.lines[later]), -1)
        if at < 0:
            return None
    return None if source is None else source.around(at, caption)


def at(place: Place, caption: str) -> Excerpt | None:
    """The same for a `Place`."""
    return library((place.function, *place.fragments), caption)


@functools.cache
def _library_source(name: str) -> Source | None:
    kind, _, method = name.partition(".")
    return source_of(name, inspect.getattr_static(getattr(socketserver, kind, object), method, None))


def _file_name(name: str) -> str:
    path = PurePath(name)
    in_a_notebook = name.startswith("<ipython-input") or path.parent.name.startswith("ipykernel_")
    return NOTEBOOK if in_a_notebook else safe(path.name)


def _shown(lines: list[str]) -> tuple[str, ...]:
    return tuple(safe(line, LINE) for line in textwrap.dedent("\n".join(lines)).split("\n"))
