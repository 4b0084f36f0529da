"""What differs between two traces, in sentences, from what is most to what is least.

The law: the same difference in several connections is said once, and nothing that is the same is said at all.
"""

from __future__ import annotations

from socketserver_trace.comparison.aligning import AROUND, BYTES, END, ERROR, LANE, PROVIDER, RESULT
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
    # Whoever does other things does them in another order as well, which needs no word.
    told = found or [*_order(pairs), *_names(pairs, sides)] or [SAME]
    return [*told, *_cut(pairs)]


def _order(pairs: Sequence[Pair]) -> Iterator[str]:
    """What happens in different connections may be told apart by its order alone."""
    both = [pair for pair in pairs if pair.left is not None and pair.right is not None and not pair.changes]
    if sorted(both, key=lambda pair: pair.left_place) != sorted(both, key=lambda pair: pair.right_place):
        yield "What both have comes in another order, where several lanes or connections meet."


def _names(pairs: Sequence[Pair], sides: tuple[str, str]) -> Iterator[str]:
    """Servers and handlers of other classes that do the same."""
    for what, of in (("server", _server), ("handler", _handler)):
        here = list(dict.fromkeys(of(pair.left) for pair in pairs if pair.left is not None and of(pair.left)))
        there = list(dict.fromkeys(of(pair.right) for pair in pairs if pair.right is not None and of(pair.right)))
        if here != there and here and there:
            yield f"The {what} is {listed(here)} {sides[0]}, {listed(there)} {sides[1]}."


def _server(call: Call) -> str:
    return safe(call.enter.server or "")


def _handler(call: Call) -> str:
    return safe(str(call.enter.detail.get("class", ""))) if call.owner == "handler" else ""


def _cut(pairs: Sequence[Pair]) -> Iterator[str]:
    calls = [call for pair in pairs for call in (pair.left, pair.right) if call is not None]
    if any(call.size > len(call.data) for call in calls):
        yield "Of large transfers only the bytes that were kept are compared."


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
        # What moved to another lane is inside something else there, which needs no word.
        moved = what == AROUND and LANE in pair.changes
        if what in pair.changes and not moved and pair.left is not None and pair.right is not None:
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


def _inside(call: Call) -> str:
    return "inside nothing" if call.parent is None else f"inside {call.parent.hook}()"


SAYINGS: Final[Mapping[str, Callable[[Call], str]]] = {
    PROVIDER: _provided,
    ERROR: _raised,
    RESULT: _returned,
    BYTES: _moved,
    END: _ended,
    AROUND: _inside,
}
"""What to say of each side when they differ in this."""
