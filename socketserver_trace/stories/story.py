"""What the story of an event is: plain values that are safe to show, and its text.

A story is for a panel beside a drawing, for a page, for a terminal. So it has no form of its own but the plainest: a
title, sentences, pairs of a name and a text, classes, pieces of source. `as_json` has the same in lists and dicts, and
what many stories share (purpose, classes, sources, reasons) stands in values of its own, so that a writer of many can
keep equal ones once.

The law: frozen values, and texts that are made of them alone. Whoever makes a story has made its words safe. What the
clock or the version of Python decides is in no text unless it is asked for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from textwrap import fill

from socketserver_trace.reasons.rule import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

    from socketserver_trace.reasons.answer import Explanation

WIDTH: Final = 100
"""How many characters a line of the sentences of a text has."""

NAME_WIDTH: Final = 16


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A class in the MRO of the server or of the handler, and what it has to do with the hook.

    `yours` marks the program's own. It `defines` the hook or inherits it; one that does is the `provider`, whose method
    runs, or stands behind it and is `shadowed`: its method runs only when one before it calls it, as by super().
    """

    name: str
    yours: bool = False
    defines: bool = False
    provider: bool = False
    shadowed: bool = False

    def __str__(self) -> str:
        return f"{self.name} · yours" if self.yours else self.name


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A few lines of a function, without their common indent.

    `caption` says what they show, `function` whose they are, `file` is a file's name without its folder. `first` is
    the number of the first line in the file, and `marked` the index in `lines` of the line that matters, None where
    all of them do. `goes_on` says that the function is longer.
    """

    caption: str
    function: str
    file: str
    first: int
    lines: tuple[str, ...]
    marked: int | None = None
    goes_on: bool = False

    def text(self, *, numbers: bool = False) -> str:
        """The lines below their caption, the marked one with an arrow; on request with their numbers."""
        told = [f"{self.caption}, in {self.function} ({self.file}):"]
        for index, line in enumerate(self.lines):
            number = f"{self.first + index:5} " if numbers else ""
            told.append(f"  {'>' if index == self.marked else ' '} {number}{line}".rstrip())
        return "\n".join([*told, "    …"] if self.goes_on else told)


@dataclass(frozen=True, slots=True)
class DumpLine:
    """Up to sixteen bytes: where they begin, in hexadecimal digits, and as text with a dot for what is not ASCII."""

    offset: int
    hex: str
    text: str

    def __str__(self) -> str:
        return f"{self.offset:04x}  {self.hex:<47}  {self.text}"


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that can be told about one event.

    `title` says what happened and `moment` how far it had come. `purpose` says what such a thing is for, `contract`
    what a program may do with the hook. `mro` are the classes in the order in which Python looks, `facts` pairs of a
    name and a text. `data` are the first bytes that moved. `sources` are the caller's line and the program's own
    method; `why` tells why the hook ran, and `waits` for whom the call waits, when it has not ended.
    `duration_ns` is how long the call lasted, in nanoseconds; None while it lasts, and for what takes no time.
    """

    seq: int
    kind: str
    title: str
    moment: str
    purpose: str
    contract: str = ""
    mro: tuple[Ancestor, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    data: tuple[DumpLine, ...] = ()
    sources: tuple[Excerpt, ...] = ()
    why: Explanation | None = None
    waits: str | None = None
    duration_ns: int | None = None

    def text(self, *, numbers: bool = False) -> str:
        """The story as plain text; on request with the numbers of the lines of source, and with the duration."""
        return "\n\n".join(filter(None, self._paragraphs(numbers=numbers)))

    def __str__(self) -> str:
        return self.text()

    def fact(self, name: str) -> str:
        """The text of the fact of that name; LookupError when the story has none."""
        for known, text in self.facts:
            if known == name:
                return text
        raise LookupError(f"this story has no {name!r}; it has {listed((known for known, _ in self.facts), 99)}.")

    def as_json(self) -> dict[str, Any]:
        """The story as strings, numbers, booleans, None, lists and dicts."""
        return {
            "seq": self.seq,
            "kind": self.kind,
            "title": self.title,
            "moment": self.moment,
            "purpose": self.purpose,
            "contract": self.contract,
            "mro": [asdict(ancestor) for ancestor in self.mro],
            "facts": [list(fact) for fact in self.facts],
            "data": [asdict(line) for line in self.data],
            "sources": [{**asdict(source), "lines": list(source.lines)} for source in self.sources],
            "why": None if self.why is None else _why(self.why),
            "waits": self.waits,
            "duration_ns": self.duration_ns,
        }

    def _paragraphs(self, *, numbers: bool) -> Iterator[str]:
        yield "\n".join(filter(None, (self.title, self.moment and f"({self.moment})")))
        yield fill(f"{self.purpose} {self.contract}".strip(), WIDTH)
        yield _aligned(self.facts if self.duration_ns is None or not numbers else (*self.facts, self._lasted()))
        if self.mro:
            yield "The classes, in the order in which Python looks:\n" + _aligned(map(_role, self.mro))
        yield "\n".join(map(str, self.data))
        for source in self.sources:
            yield source.text(numbers=numbers)
        yield "" if self.why is None else self.why.text(numbers=numbers)
        yield fill(self.waits or "", WIDTH)

    def _lasted(self) -> tuple[str, str]:
        return "lasted", f"{(self.duration_ns or 0) / 1e6:,.3f} ms"


def _aligned(pairs: Iterable[tuple[str, str]]) -> str:
    told = list(pairs)
    width = max([NAME_WIDTH, *(len(name) for name, _ in told)])
    return "\n".join(f"  {name:<{width}}  {text}".rstrip() for name, text in told)


def _role(ancestor: Ancestor) -> tuple[str, str]:
    if ancestor.provider:
        return str(ancestor), "its method runs"
    if ancestor.shadowed:
        return str(ancestor), "shadowed: runs only if a method before it calls it, as by super()"
    return str(ancestor), ""


def _why(why: Explanation) -> dict[str, Any]:
    return {
        "verdict": why.verdict,
        "reasons": [
            {"sentence": str(reason), "rule": reason.rule, "lines": [asdict(line) for line in reason.lines]}
            for reason in why.reasons
        ],
    }
