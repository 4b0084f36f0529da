"""Which call of one trace is which of the other.

Connections go by their numbers, which causal order gives the same way on every run. Inside a connection, and in what
belongs to none, calls are told apart by what they are (a hook of the server, a send of the client) and by their order;
not by their lane, their class or their result, because those are what differs. The order is aligned as difflib aligns
the lines of two files.

The law: pure. Every call of both traces is in one pair, in the order of its own trace.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from socketserver_trace.matching import is_client
from socketserver_trace.wording import error_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Final

    from socketserver_trace.reasons.calls import Call

LANE: Final = "lane"
PROVIDER: Final = "provider"
RESULT: Final = "result"
ERROR: Final = "error"
BYTES: Final = "bytes"
END: Final = "end"
AROUND: Final = "around"


@dataclass(frozen=True, eq=False)
class Pair:
    """A call of one trace and the same call of the other; None where the other has none.

    The places are those of the calls in the order of their traces.
    """

    left: Call | None
    right: Call | None
    left_place: int = 0
    right_place: int = 0

    @property
    def call(self) -> Call:
        """The one that there is."""
        return self.left or self.right  # type: ignore[return-value] # one of them is there, as the law says

    @property
    def changes(self) -> tuple[str, ...]:
        """In what the two differ; nothing when one of them is not there."""
        if self.left is None or self.right is None:
            return ()
        return tuple(name for name, of in COMPARED.items() if of(self.left) != of(self.right))

    @property
    def same(self) -> bool:
        """Whether both are there and differ in nothing."""
        return self.left is not None and self.right is not None and not self.changes


def aligned(left: Sequence[Call], right: Sequence[Call]) -> list[Pair]:
    """The pairs, connection by connection; what belongs to none comes first."""
    ones, others = _by_connection(left), _by_connection(right)
    here, there = ({id(call): place for place, call in enumerate(calls)} for calls in (left, right))
    numbers = sorted({*ones, *others}, key=lambda number: number or 0)
    pairs = (pair for number in numbers for pair in _of_one(ones[number], others[number]))
    return [
        replace(pair, left_place=here.get(id(pair.left), 0), right_place=there.get(id(pair.right), 0)) for pair in pairs
    ]


def _of_one(left: list[Call], right: list[Call]) -> Iterator[Pair]:
    matcher = SequenceMatcher(None, [_key(call) for call in left], [_key(call) for call in right], autojunk=False)
    for tag, begin, end, start, stop in matcher.get_opcodes():
        if tag == "equal":
            yield from (Pair(one, other) for one, other in zip(left[begin:end], right[start:stop], strict=True))
        else:
            yield from (Pair(one, None) for one in left[begin:end])
            yield from (Pair(None, other) for other in right[start:stop])


def _by_connection(calls: Iterable[Call]) -> defaultdict[int | None, list[Call]]:
    found: defaultdict[int | None, list[Call]] = defaultdict(list)
    for call in calls:
        found[call.connection].append(call)
    return found


def _key(call: Call) -> tuple[str, str, str]:
    event = call.enter
    whose = call.lane if is_client(event) else call.owner
    return event.kind, call.hook if event.kind == "hook" else "", whose


def _lane(call: Call) -> str:
    return call.lane


def _provider(call: Call) -> str:
    return call.provider


def _result(call: Call) -> object:
    return call.result


def _error(call: Call) -> str:
    return error_text(call.end) if call.end is not None and call.raised else ""


def _bytes(call: Call) -> tuple[bytes, int]:
    return call.data, call.size


def _end(call: Call) -> bool:
    return call.end is None and call.enter.phase is not None


def _around(call: Call) -> str:
    """The call in whose course it was made."""
    return "" if call.parent is None else call.parent.hook


COMPARED: Final[Mapping[str, Callable[[Call], object]]] = {
    LANE: _lane,
    PROVIDER: _provider,
    RESULT: _result,
    ERROR: _error,
    BYTES: _bytes,
    END: _end,
    AROUND: _around,
}
"""What is compared of a call."""
