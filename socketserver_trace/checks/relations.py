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

    `whole` asks for these and no others. Of a large piece only the beginning was kept: what comes after it does not
    follow it, and whether the whole is the same nobody can say.
    """

    kind: str
    data: bytes
    whole: bool = False

    def judge(self, scope: Scope) -> Verdict:
        """Put the pieces of each connection together."""
        verb, past = ("receives", "received") if self.kind == RECEIVE else ("sends", "sent")
        claimed = f"the server {verb} {'exactly ' if self.whole else ''}{bytes_text(self.data, None)}"
        streams = self._streams(scope)
        if any(self._is_in(stream) for stream in streams.values()) or (self.whole and not self.data and not streams):
            return verdict(scope, holds=True, claimed=claimed, found="it does")
        told = [f"{_stream_text(stream)}{_where(number, streams)}" for number, stream in streams.items()]
        last = next((stream[-1].enter for stream in streams.values()), None)
        return verdict(scope, holds=False, claimed=claimed, found=f"it {past} {listed(told) or 'nothing'}", at=last)

    def _is_in(self, stream: list[Call]) -> bool:
        runs = _runs(stream)
        return runs == [self.data] if self.whole else any(self.data in run for run in runs)

    def _streams(self, scope: Scope) -> dict[int | None, list[Call]]:
        moves = [call for call in scope.calls if call.enter.kind == self.kind and not is_client(call.enter)]
        return by_connection([call for call in moves if not (call.end and "peek" in call.end.detail)])


def _runs(stream: list[Call]) -> list[bytes]:
    """The bytes that are known to follow each other; a piece of which a part was not kept ends a run."""
    runs = [b""]
    for call in stream:
        runs[-1] += call.data
        if _is_cut(call):
            runs.append(b"")
    return runs


def _is_cut(call: Call) -> bool:
    return call.size > len(call.data)


def _stream_text(stream: list[Call]) -> str:
    size = sum(max(call.size, len(call.data)) for call in stream)
    cut = ", of which a part was not kept" if any(map(_is_cut, stream)) else ""
    return f"{bytes_text(_runs(stream)[0], size)}{cut}"


def _where(number: int | None, streams: dict[int | None, list[Call]]) -> str:
    return f" on connection {number}" if len(streams) > 1 else ""
