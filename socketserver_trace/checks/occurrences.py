"""Claims about single steps: that they happen, how often, whose they are, what they return or raise.

The law: a claim about something that did not happen at all does not hold, but for one that says "never".
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.checks.claim import Claim, first, how, times, verdict
from socketserver_trace.checks.steps import Step, has_returned
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.checks.verdicts import Verdict
    from socketserver_trace.events import Event
    from socketserver_trace.reasons.calls import Call


@dataclass(frozen=True)
class Happens(Claim):
    """A step happens so often. `most` None has no upper limit."""

    step: Step
    least: int = 1
    most: int | None = None

    def judge(self, scope: Scope) -> Verdict:
        """Count it."""
        found = scope.find(self.step)
        holds = self.least <= len(found) and (self.most is None or len(found) <= self.most)
        did = "ran" if self.step.verb == "runs" else "happened"
        told = f"it {did} {times(len(found))}" if found else f"it did not {'run' if did == 'ran' else 'happen'}"
        if not found and (near := self._nearly(scope)) is not None:
            return verdict(scope, holds=holds, claimed=self._claimed(), found=near[1], at=near[0])
        at = found[min(self.most, len(found) - 1)].enter if found and self.most is not None else first(found)
        return verdict(scope, holds=holds, claimed=self._claimed(), found=told, at=at)

    def _claimed(self) -> str:
        verb = self.step.verb
        if self.most == 0:
            return f"{self.step} never {verb}"
        if self.most == self.least:
            return f"{self.step} {verb} {'exactly ' if self.most > 1 else ''}{times(self.most)}"
        if self.most is not None and self.least == 0:
            return f"{self.step} {verb} {times(self.most)} at most"
        if self.most is not None:
            return f"{self.step} {verb} {times(self.least)} at least and {times(self.most)} at most"
        return f"{self.step} {verb}" + ("" if self.least == 1 else f" {times(self.least)} at least")

    def _nearly(self, scope: Scope) -> tuple[Event, str] | None:
        """It did happen, but not as it was asked for."""
        plain = Step(self.step.name, self.step.of)
        near = scope.find(plain) if plain != self.step else []
        return (near[0].enter, f"{plain} {how(near[0])}") if near else None


@dataclass(frozen=True)
class All(Claim):
    """Every call of a step is such: of this provider, or with this result."""

    step: Step
    provider: str | None = None
    result: object = None

    def judge(self, scope: Scope) -> Verdict:
        """Look at each, and tell of the first that is another one."""
        claimed = f"{self.step} {self._claimed()}"
        found = scope.find(self.step)
        other = next((call for call in found if not self._is_such(call)), None)
        if other is not None:
            return verdict(scope, holds=False, claimed=claimed, found=f"it {how(other)}", at=other.enter)
        return verdict(scope, holds=bool(found), claimed=claimed, found="it does" if found else "it did not run")

    def _claimed(self) -> str:
        return f"returns {safe(repr(self.result))}" if self.provider is None else f"is {safe(self.provider)}'s"

    def _is_such(self, call: Call) -> bool:
        if self.provider is None:
            return has_returned(call, self.result)
        return call.provider == self.provider


@dataclass(frozen=True)
class Raises(Claim):
    """A step raises, this type of exception when one is given."""

    step: Step
    error: str | None = None

    def judge(self, scope: Scope) -> Verdict:
        """Find one that did."""
        claimed = f"{self.step} raises {safe(self.error) if self.error else 'an exception'}"
        found = scope.find(self.step)
        raising = next((call for call in found if call.raised and self.error in {None, call.error}), None)
        if raising is not None:
            return verdict(scope, holds=True, claimed=claimed, found=f"it {how(raising)}")
        told = f"it {how(found[0])}" if found else "it did not run"
        return verdict(scope, holds=False, claimed=claimed, found=told, at=first(found))
