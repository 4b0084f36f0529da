"""What differs between two traces, in sentences, from what is most to what is least.

The law: the same difference in several connections is said once, and nothing that is the same is said at all.
"""

from __future__ import annotations

from socketserver_trace.comparison.aligning import BYTES, END, ERROR, LANE, PROVIDER, RESULT
from socketserver_trace.events import HOOK
from socketserver_trace.matching import is_client
from socketserver_trace.reasons.rule import listed
from socketserver_trace.wording import bytes_text, error_text, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Final

    from socketserver_trace.comparison.aligning import Pair
    from socketserver_trace.reasons.calls import Call

MANY: Final = 6
"""How many names a sentence lists."""

SAME: Final = "Both are the same, but for times and addresses."


def sentences(pairs: Sequence[Pair], sides: tuple[str, str]) -> list[str]:
    """What differs. `sides` are the words for where, "on the left" say."""
    found = [
        *_lanes(pairs, sides),
        *_missing(pairs, sides),
        *(sentence for what, say in SAYINGS.items() for sentence in _values(pairs, sides, what, say)),
    ]
    return found or [SAME]


def _lanes(pairs: Sequence[Pair], sides: tuple[str, str]) -> Iterator[str]:
    """What moved to another lane, the calls of one move together."""
    moves: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        if LANE in pair.changes and pair.left is not None and pair.right is not None:
            moves.setdefault((pair.left.lane, pair.right.lane), []).append(pair)
    for (here, there), moved in moves.items():
        names = listed(dict.fromkeys(name_of(pair.call) for pair in moved), MANY)
        where = numbers(moved)
        yield f"{names}{where}: in {safe(here)} {sides[0]}, in {safe(there)} {sides[1]}."


def _missing(pairs: Sequence[Pair], sides: tuple[str, str]) -> Iterator[str]:
    for side, gone in ((sides[0], [pair for pair in pairs if pair.right is None]),
                       (sides[1], [pair for pair in pairs if pair.left is None])):  # fmt: skip
        by_name: dict[str, list[Pair]] = {}
        for pair in gone:
            by_name.setdefault(name_of(pair.call), []).append(pair)
        for name, ones in by_name.items():
            yield f"{name}{numbers(ones)}: only {side}."


def _values(pairs: Sequence[Pair], sides: tuple[str, str], what: str, say: Callable[[Call], str]) -> Iterator[str]:
    changed: dict[tuple[str, str, str], list[Pair]] = {}
    for pair in pairs:
        if what in pair.changes and pair.left is not None and pair.right is not None:
            changed.setdefault((name_of(pair.call), say(pair.left), say(pair.right)), []).append(pair)
    for (name, here, there), ones in changed.items():
        yield f"{name}{numbers(ones)}: {here} {sides[0]}, {there} {sides[1]}."


def name_of(call: Call) -> str:
    """What a call is called in a sentence."""
    event = call.enter
    if event.kind == HOOK:
        whose = "the handler's " if call.owner == "handler" and call.hook == "__init__" else ""
        return f"{whose}{call.hook}()"
    whose = f"{safe(call.lane)}'s" if is_client(event) or event.connection is None else "the server's"
    return f"{whose} {event.kind.replace('_', '-')}"


def numbers(pairs: Sequence[Pair]) -> str:
    """The connections that it is about."""
    found = sorted({pair.call.connection for pair in pairs if pair.call.connection is not None})
    if not found:
        return ""
    return f" of connection{'s' if len(found) > 1 else ''} {listed(map(str, found), MANY)}"


def _provided(call: Call) -> str:
    return f"{safe(call.provider)}'s"


def _returned(call: Call) -> str:
    return f"returned {safe(repr(call.result))}" if call.returned else _ended(call)


def _raised(call: Call) -> str:
    return f"raised {error_text(call.end)}" if call.end is not None and call.raised else "raised nothing"


def _moved(call: Call) -> str:
    return bytes_text(call.data, call.size)


def _ended(call: Call) -> str:
    return "has not ended" if call.end is None else "has ended"


SAYINGS: Final[Mapping[str, Callable[[Call], str]]] = {
    PROVIDER: _provided,
    ERROR: _raised,
    RESULT: _returned,
    BYTES: _moved,
    END: _ended,
}
"""What to say of each side when they differ in this."""
