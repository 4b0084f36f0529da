"""Text inside markup: what the painters of SVG and of HTML share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&#39;"}
# No document of XML may hold these, however they are written.
FORBIDDEN: Final = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(55296, 57344), 65534, 65535), "�")
REPLACED: Final = ENTITIES | FORBIDDEN


def escape(text: str) -> str:
    """The text as it may stand between tags and in a quoted attribute, of HTML and of XML."""
    return text.translate(REPLACED)
