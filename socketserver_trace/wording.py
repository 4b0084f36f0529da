"""The words of a drawing: short, and safe to show.

What a peer sends, what a program names and what an exception says is data. Bytes are shown as Python writes them, and a
character that does not print, a control or one that turns the direction of the text, is shown by its escape; so no text
can become markup, a terminal's control or an order to a browser. Painters escape once more for their own language.
"""

from __future__ import annotations

from socketserver_trace.lifecycle.classes import EFFECTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.events import Event

SHOWN_BYTES: Final = 24
SHOWN_TEXT: Final = 48
SHOWN_MESSAGE: Final = 72


def safe(text: str, limit: int = SHOWN_TEXT) -> str:
    """The text on one line, every character of it visible, at most `limit` of them."""
    if len(text) <= limit and text.isprintable():
        return text
    shown = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text[: limit + 1]
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def bytes_text(data: bytes | None, size: int | None) -> str:
    """Bytes as Python writes them, cut short, with their number where not all are shown."""
    if data is None or (not data and size):
        return plural(size or 0, "byte")
    shown = repr(data[:SHOWN_BYTES])
    whole = len(data) if size is None else size
    return shown if whole <= SHOWN_BYTES else f"{shown[:-1]}…{shown[-1]} ({plural(whole, 'byte')})"


def plural(number: int, noun: str) -> str:
    """The number with its noun: 1 byte, 5,000 bytes."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def caption_of(enter: Event, end: Event | None) -> str:
    """The line below a hook's name: whose method it is, what it does to the outside, what it returned."""
    provider = safe(enter.provider or "")
    if enter.detail.get("own"):
        provider += " · yours"
    effect = EFFECTS.get((enter.provider or "", enter.hook or ""), "")
    if end is not None and "error" in end.detail:
        effect = ""
    elif end is not None and "result" in end.detail:
        effect = safe(str(end.detail["result"]))
    return f"{provider} → {effect}" if effect else provider


def failure_texts(event: Event) -> tuple[str, str]:
    """What was raised, as a label and a caption."""
    message = str(event.detail.get("message", ""))
    return f"✗ {safe(str(event.detail.get('error', '')))}", safe(message, SHOWN_MESSAGE)


def error_text(event: Event) -> str:
    """What was raised, in one text."""
    name, message = failure_texts(event)
    return f"{name}: {message}".removeprefix("✗ ").removesuffix(": ")
