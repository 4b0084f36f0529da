r"""What a person typed into a page, as the bytes that are meant.

Text is UTF-8, with the escapes that a string of Python has for what cannot be typed: \n \r \t \0 \\ and \xHH. Hex is
pairs of digits, with blanks wherever they help to read. What is wrong is told in one sentence, with its place.

The law: what was typed is data. It is searched, never evaluated, and shown only through `wording.safe`.
"""

from __future__ import annotations

import re

from socketserver_trace.sentences import Sentence
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LARGEST: Final = 1_000_000
"""How many bytes one send may have, and how many characters what is typed for it."""

ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|[nrt0\\])?")
ESCAPES: Final = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\"}
NO_HEX: Final = re.compile(r"[^0-9A-Fa-f\s]")


class Mistyped(Sentence, ValueError):  # noqa: N818 - its name is a sentence, like those of its kind
    """What was typed means no bytes. The message says what is wrong, and where."""


def bytes_of(typed: str, form: str = "text") -> bytes:
    """The bytes that are meant; `form` is "text" or "hex". Mistyped says what is wrong with it."""
    if len(typed) > LARGEST:
        raise Mistyped(f"that is too much: {plural(len(typed), 'character')}, and at most {LARGEST:,} can be sent.")
    if form not in FORMS:
        raise Mistyped(f"{safe(repr(form))} is no form to type bytes in: there are 'text' and 'hex'.")
    data = FORMS[form](typed)
    if len(data) > LARGEST:
        raise Mistyped(f"that is too much: {plural(len(data), 'byte')}, and at most {LARGEST:,} can be sent.")
    return data


def _text(typed: str) -> bytes:
    pieces, at = [], 0
    for found in ESCAPE.finditer(typed):
        pieces += [_plain(typed, at, found.start()), _escape(typed, found)]
        at = found.end()
    return b"".join([*pieces, _plain(typed, at, len(typed))])


def _plain(typed: str, start: int, end: int) -> bytes:
    try:
        return typed[start:end].encode()
    except UnicodeEncodeError as error:
        wrong, place = ascii(error.object[error.start]), start + error.start + 1
        raise Mistyped(f"{wrong} at character {place} is half a character, which UTF-8 cannot write.") from None


def _escape(typed: str, found: re.Match[str]) -> bytes:
    meant = found[1]
    if meant is None:
        wrong = typed[found.start() : found.start() + (4 if typed.startswith("x", found.end()) else 2)]
        raise Mistyped(
            f"{safe(wrong)} at character {found.start() + 1} is no escape: there are \\n, \\r, \\t, \\0, "
            r"\xHH with two hex digits, and \\ for the backslash itself."
        )
    return ESCAPES[meant] if meant in ESCAPES else bytes.fromhex(meant[1:])


def _hex(typed: str) -> bytes:
    wrong = NO_HEX.search(typed)
    if wrong is not None:
        raise Mistyped(
            f"{safe(wrong[0])} at character {wrong.start() + 1} is no hex digit: write 68 69 0a, "
            "two digits of 0-9 and a-f for each byte."
        )
    digits = "".join(typed.split())
    if len(digits) % 2:
        raise Mistyped(f"{plural(len(digits), 'hex digit')}, and a byte has two: the last one, {digits[-1]}, is alone.")
    return bytes.fromhex(digits)


FORMS: Final = {"text": _text, "hex": _hex}
