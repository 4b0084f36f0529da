"""Claims about what comes after what.

The law: the order is that of the trace. In causal order it is the same on every run, also where the clock would differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.checks.claim import MANY, Claim, first, verdict
from socketserver_trace.events import HOOK
from socketserver_trace.reasons.rule import listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.checks.steps import Step
    from socketserver_trace.checks.verdicts import Verdict
    from socketserver_trace.events import Event


@dataclass(frozen=True)
class Order(Claim):
    """One step after the other. Of those in one set the order is free."""

    parts: tuple[frozenset[Step], ...]

    def judge(self, scope: Scope) -> Verdict:
        """Find each part behind the one before."""
        claimed = f"{_sequence(self.parts)} happen in this order"
        last, before = -1, "the beginning"
        at: Event | None = None
        for part in self.parts:
            reached = last
            for step in sorted(part, key=str):
                calls = scope.find(step)
                after = next((call for call in calls if scope.place(call) > last), None)
                if after is None:
                    found = f"no {step} comes after {before}" if calls else f"{step} is not there"
                    return verdict(scope, holds=False, claimed=claimed, found=found, at=first(calls[-1:]) or at)
                reached, at = max(reached, scope.place(after)), after.enter
            last, before = reached, listed(sorted(map(str, part)), MANY)
        return verdict(scope, holds=True, claimed=claimed, found="they do")


def _sequence(parts: Sequence[Collection[Step]]) -> str:
    names = [
        f"({' and '.join(sorted(map(str, part)))} in any order)" if len(part) > 1 else str(*part) for part in parts
    ]
    return ", then ".join(names) if len(names) > MANY else listed(names, MANY)


@dataclass(frozen=True)
class Exactly(Claim):
    """These hooks and no others, in this order, one lane after the other, as `Trace.hooks` gives them."""

    hooks: tuple[str, ...]

    def judge(self, scope: Scope) -> Verdict:
        """Compare the names one by one."""
        lanes = [lane.name for lane in scope.recording.lanes]
        hooks = [call for call in scope.calls if call.enter.kind == HOOK]
        calls = sorted(hooks, key=lambda call: lanes.index(call.lane))
        claimed = f"exactly {listed([f'{hook}()' for hook in self.hooks], MANY)} run, in this order"
        for number, call in enumerate(calls):
            wanted = self.hooks[number] if number < len(self.hooks) else None
            if call.hook != wanted:
                place = f"{wanted}() was to be" if wanted else "nothing more was to be"
                return verdict(
                    scope, holds=False, claimed=claimed, found=f"{call.hook}() ran where {place}", at=call.enter
                )
        if len(calls) < len(self.hooks):
            missing = listed([f"{hook}()" for hook in self.hooks[len(calls) :]], MANY)
            at = calls[-1].enter if calls else None
            return verdict(scope, holds=False, claimed=claimed, found=f"{missing} did not follow", at=at)
        return verdict(scope, holds=True, claimed=claimed, found="they do")
