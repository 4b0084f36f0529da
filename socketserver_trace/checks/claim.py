"""What a claim is: something that holds of a scope or does not, and says so in the two halves of a sentence.

The law: claims are plain values; judging changes nothing. They are combined by `&`, `|` and `~`, and a
combination says what its parts say.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.checks.verdicts import Verdict
from socketserver_trace.wording import bytes_text, error_text, plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.events import Event
    from socketserver_trace.reasons.calls import Call

MANY: Final = 8
"""How many names a sentence lists."""


class Claim:
    """Something that holds of a trace or does not."""

    def judge(self, scope: Scope) -> Verdict:
        """Whether it holds there, and what there is."""
        raise NotImplementedError

    def __and__(self, other: Claim) -> Claim:
        return Every((self, other))

    def __or__(self, other: Claim) -> Claim:
        return Either((self, other))

    def __invert__(self) -> Claim:
        return Opposite(self)


@dataclass(frozen=True)
class Every(Claim):
    """All of them hold."""

    claims: tuple[Claim, ...]

    def judge(self, scope: Scope) -> Verdict:
        """The first that does not hold is what is said."""
        verdicts = [claim.judge(scope) for claim in self.claims]
        failed = next((one for one in verdicts if not one), None)
        if failed is not None:
            return failed
        return Verdict(holds=True, claimed=_joined(verdicts, " and "), found=_joined_found(verdicts), scope=scope)


@dataclass(frozen=True)
class Either(Claim):
    """At least one of them holds: several solutions are right."""

    claims: tuple[Claim, ...]

    def judge(self, scope: Scope) -> Verdict:
        """The first that holds decides; when none does, all are said."""
        verdicts = [claim.judge(scope) for claim in self.claims]
        right = next((one for one in verdicts if one), None)
        if right is not None:
            return right
        found = "; ".join(dict.fromkeys(one.found for one in verdicts))
        at = next((one.at for one in verdicts if one.at is not None), None)
        return Verdict(holds=False, claimed=_joined(verdicts, ", or that "), found=found, scope=scope, at=at)


@dataclass(frozen=True)
class Opposite(Claim):
    """It does not hold."""

    claim: Claim

    def judge(self, scope: Scope) -> Verdict:
        """Turn the verdict around."""
        inner = self.claim.judge(scope)
        found = f"that was so: {inner.found}" if inner else inner.found
        return Verdict(not inner.holds, f"it is not so that {inner.claimed}", found, scope, inner.at)


def _joined(verdicts: list[Verdict], word: str) -> str:
    return word.join(dict.fromkeys(one.claimed for one in verdicts))


def _joined_found(verdicts: list[Verdict]) -> str:
    return "; ".join(dict.fromkeys(one.found for one in verdicts))


def verdict(scope: Scope, *, holds: bool, claimed: str, found: str, at: Event | None = None) -> Verdict:
    """A verdict about a scope."""
    dropped = scope.recording.dropped
    missing = f" (the oldest {plural(dropped, 'event')} were let go)" if dropped and not holds else ""
    return Verdict(holds, claimed + scope.where, found + missing, scope, at)


def times(number: int) -> str:
    """How often, in words."""
    return {1: "once", 2: "twice"}.get(number, f"{number:,} times")


def how(call: Call) -> str:
    """What is to be said of a call: whose it was and how it ended."""
    event = call.end or call.enter
    if call.raised:
        ended = f"raised {error_text(event)}"
    elif call.returned and "result" in event.detail:
        ended = f"returned {safe(repr(call.result))}"
    elif call.enter.data is not None or event.data is not None:
        ended = f"moved {bytes_text(call.data, call.size)}"
    else:
        ended = "returned" if call.returned else "has not ended" if call.enter.phase is not None else "happened"
    of = f" ({safe(call.provider)}'s)" if call.provider else ""
    return f"{ended} in {safe(call.lane)}{of}"


def first(calls: Sequence[Call]) -> Event | None:
    """Where the first of the calls begins."""
    return calls[0].enter if calls else None


def by_connection(calls: Sequence[Call]) -> dict[int | None, list[Call]]:
    """The calls of each connection."""
    found: dict[int | None, list[Call]] = {}
    for call in calls:
        found.setdefault(call.connection, []).append(call)
    return found
