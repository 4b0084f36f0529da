"""A small notation for sequences of calls, and the machine that walks it.

    setup handle finish             one after the other
    finish_request | close_request  one of the two
    [fileno]                        may be left out
    (service_actions)*              any number of times

A word is a call, and its ending tells how the call ended: `handle` returned, `handle!` raised an `Exception`,
`handle!!` raised a `BaseException` that is no `Exception` (`SystemExit`, `KeyboardInterrupt`), `verify_request?`
returned a false value, and `handle^` raised what the caller then raised, too.

The theory is Brzozowski's ("Derivatives of Regular Expressions", 1964): `after(pattern, word)` is the pattern of what
may still follow, `first(pattern)` are the words that may come next, and a sequence is complete where `may_end` holds.
A pattern is thus its own machine, and always ready to say what it expects.

The law: patterns are plain values, and nothing here knows what the words mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Final, Literal

    Kind = Literal["word", "sequence", "choice", "repeat"]

ENDINGS: Final = ("!!", "!", "?", "^")
"""How a word may end; a word without an ending is a call that returned."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A node of a pattern: a word, or a sequence, a choice or a repetition of its parts.

    Make them with `word`, `sequence`, `choice` and `repeat`, which keep them small, or with `parse`.
    """

    kind: Kind
    parts: tuple[Pattern, ...] = ()
    text: str = ""


NOTHING: Final = Pattern("sequence")
"""The pattern of no call at all."""
NEVER: Final = Pattern("choice")
"""The pattern that nothing matches."""
ANY_WORD: Final = Pattern("word", (), "*")
ANYTHING: Final = Pattern("repeat", (ANY_WORD,))
"""The pattern that everything matches."""


def word(text: str) -> Pattern:
    """The pattern of one call."""
    return Pattern("word", (), text)


def sequence(*parts: Pattern) -> Pattern:
    """One part after the other."""
    flat = [inner for part in parts for inner in (part.parts if part.kind == "sequence" else (part,))]
    if NEVER in flat:
        return NEVER
    return flat[0] if len(flat) == 1 else Pattern("sequence", tuple(flat))


def choice(*parts: Pattern) -> Pattern:
    """One of the parts."""
    flat = tuple(dict.fromkeys(inner for part in parts for inner in (part.parts if part.kind == "choice" else (part,))))
    return flat[0] if len(flat) == 1 else Pattern("choice", flat)


def repeat(part: Pattern) -> Pattern:
    """The part any number of times, also not at all."""
    if part in (NOTHING, NEVER):
        return NOTHING
    return part if part.kind == "repeat" else Pattern("repeat", (part,))


def parse(text: str) -> Pattern:
    """Read the notation. Raises `ValueError` for what is not one."""
    import re

    words = re.findall(r"\s*([\w.]+(?:!!|[!?^])?|[\[\]()|*]|\S)", text)[::-1]
    pattern = _parse_choice(words)
    if words:
        raise ValueError(f"{words[-1]!r} is not expected in the pattern {text!r}")
    return pattern


def _parse_choice(words: list[str]) -> Pattern:
    parts = [_parse_sequence(words)]
    while words and words[-1] == "|":
        words.pop()
        parts.append(_parse_sequence(words))
    return choice(*parts)


def _parse_sequence(words: list[str]) -> Pattern:
    parts = []
    while words and (words[-1] in "([" or words[-1][0].isidentifier()):
        part = _parse_part(words)
        while words and words[-1] == "*":
            words.pop()
            part = repeat(part)
        parts.append(part)
    return sequence(*parts)


def _parse_part(words: list[str]) -> Pattern:
    opening = words.pop()
    if opening not in "([":
        return word(opening)
    inner = _parse_choice(words)
    if not words or words.pop() != {"(": ")", "[": "]"}[opening]:
        raise ValueError(f"a {opening!r} in a pattern is not closed")
    return choice(inner, NOTHING) if opening == "[" else inner


def name_of(text: str) -> str:
    """A word without its ending."""
    return text.rstrip("!?^")


@lru_cache(maxsize=4096)
def may_end(pattern: Pattern) -> bool:
    """Whether the sequence may be complete here."""
    if pattern.kind in ("word", "choice"):
        return any(map(may_end, pattern.parts))
    return pattern.kind == "repeat" or all(map(may_end, pattern.parts))


@lru_cache(maxsize=4096)
def first(pattern: Pattern) -> tuple[str, ...]:
    """The words that may come next, in the order in which the pattern names them."""
    if pattern.kind == "word":
        return (pattern.text,)
    found: list[str] = []
    for part in pattern.parts:
        found += first(part)
        if pattern.kind == "sequence" and not may_end(part):
            break
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=4096)
def after(pattern: Pattern, text: str) -> Pattern:
    """What may follow once a word has come; `NEVER` when it must not come here."""
    if pattern.kind == "word":
        return NOTHING if pattern.text in (text, ANY_WORD.text) else NEVER
    if pattern.kind == "choice":
        return choice(*(after(part, text) for part in pattern.parts))
    if pattern.kind == "repeat":
        return sequence(after(pattern.parts[0], text), pattern)
    if not pattern.parts:
        return NEVER
    head, rest = pattern.parts[0], sequence(*pattern.parts[1:])
    followed = sequence(after(head, text), rest)
    return choice(followed, after(rest, text)) if may_end(head) else followed


def matches(pattern: Pattern, words: Iterable[str]) -> bool:
    """Whether a sequence of words is complete and legal."""
    for text in words:
        pattern = after(pattern, text)
    return may_end(pattern)


def replaced(pattern: Pattern, change: Callable[[str], Pattern]) -> Pattern:
    """The pattern with every word replaced by what `change` makes of it."""
    if pattern.kind == "word":
        return change(pattern.text)
    parts: Sequence[Pattern] = [replaced(part, change) for part in pattern.parts]
    if pattern.kind == "repeat":
        return repeat(parts[0])
    return sequence(*parts) if pattern.kind == "sequence" else choice(*parts)


def passing_on(pattern: Pattern) -> Pattern:
    """How a function that catches nothing raises: one of its calls raises, and that is the last one.

    Words with an ending other than `?` stand for what was caught, and so raise nothing further.
    """
    if pattern.kind == "word":
        ending = pattern.text[len(name_of(pattern.text)) :]
        return word(name_of(pattern.text) + "^") if ending in ("", "?") else NEVER
    if pattern.kind == "repeat":
        return sequence(pattern, passing_on(pattern.parts[0]))
    if pattern.kind == "choice":
        return choice(*map(passing_on, pattern.parts))
    return choice(*(sequence(*pattern.parts[:n], passing_on(part)) for n, part in enumerate(pattern.parts)))
