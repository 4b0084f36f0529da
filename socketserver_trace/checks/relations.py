"""Claims about where something happens, and about the bytes that a server moves.

The law: connection by connection. What two connections do is never put together.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.checks.claim import Claim, by_connection, verdict
from socketserver_trace.events import RECEIVE
from socketserver_trace.matching import is_client
from socketserver_trace.reasons.rule import listed
from socketserver_trace.wording import bytes_text, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.checks.steps import Step
    from socketserver_trace.checks.verdicts import Verdict
    from socketserver_trace.reasons.calls import Call


@dataclass(frozen=True)
class Inside(Claim):
    """Each call of one is made in the course of a call of the other."""

    inner: Step
    outer: Step

    def judge(self, scope: Scope) -> Verdict:
        """Look at the calls around each."""
        claimed = f"{self.inner} {self.inner.verb} inside {self.outer}"
        found = scope.find(self.inner)
        for call in found:
            if not any(self.outer.is_at(above) for above in call.above()):
                around = next((above.hook for above in call.above()), None)
                told = f"it was inside {around}()" if around else f"it was inside nothing in {safe(call.lane)}"
                return verdict(scope, holds=False, claimed=claimed, found=told, at=call.enter)
        return verdict(scope, holds=bool(found), claimed=claimed, found="it does" if found else "it is not there")


@dataclass(frozen=True)
class Lanes(Claim):
    """Two steps of a connection happen in the same lane, or in different ones."""

    one: Step
    other: Step
    same: bool

    def judge(self, scope: Scope) -> Verdict:
        """Compare the lanes, connection by connection."""
        where = "the same lane" if self.same else "different lanes"
        claimed = f"{self.one} and {self.other} happen in {where}"
        ones, others = by_connection(scope.find(self.one)), by_connection(scope.find(self.other))
        both = [number for number in ones if number in others]
        if not both:
            missing = next((step for step, found in ((self.one, ones), (self.other, others)) if not found), None)
            told = f"{missing} is not there" if missing else "no connection has both"
            return verdict(scope, holds=False, claimed=claimed, found=told)
        for number in both:
            here, there = {call.lane for call in ones[number]}, {call.lane for call in others[number]}
            if (here == there) if self.same else not (here & there):
                continue
            told = f"{self.one} was in {_names(here)} and {self.other} in {_names(there)}"
            return verdict(scope, holds=False, claimed=claimed, found=told, at=others[number][0].enter)
        return verdict(scope, holds=True, claimed=claimed, found="they do")


def _names(lanes: Collection[str]) -> str:
    return listed(sorted(map(safe, lanes)))


@dataclass(frozen=True)
class Moves(Claim):
    """The server receives or sends these bytes on one connection, in however many pieces.

    `whole` asks for these and no others.
    """

    kind: str
    data: bytes
    whole: bool = False

    def judge(self, scope: Scope) -> Verdict:
        """Put the pieces of each connection together."""
        verb = "receives" if self.kind == RECEIVE else "sends"
        claimed = f"the server {verb} {'exactly ' if self.whole else ''}{bytes_text(self.data, None)}"
        streams = self._streams(scope)
        for stream in streams.values():
            moved = b"".join(call.data for call in stream)
            if moved == self.data if self.whole else self.data in moved:
                return verdict(scope, holds=True, claimed=claimed, found="it does")
        moved = b"".join(call.data for stream in streams.values() for call in stream)
        cut = any(call.size > len(call.data) for stream in streams.values() for call in stream)
        past = "received" if self.kind == RECEIVE else "sent"
        told = f"it {past} {bytes_text(moved, None) if moved else 'nothing'}"
        told += ", of which a part was not kept" if cut else ""
        last = next((stream[-1].enter for stream in streams.values()), None)
        return verdict(scope, holds=False, claimed=claimed, found=told, at=last)

    def _streams(self, scope: Scope) -> dict[int | None, list[Call]]:
        moves = [call for call in scope.calls if call.enter.kind == self.kind and not is_client(call.enter)]
        return by_connection([call for call in moves if not (call.end and "peek" in call.end.detail)])
