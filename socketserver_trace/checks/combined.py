"""Claims made of claims: all of them, one of them, the opposite, if then, and connection by connection.

The law: as for every claim; a combination says what its parts say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from socketserver_trace.checks.claim import Claim, Either, Every, Opposite
from socketserver_trace.checks.verdicts import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.checks.scope import Scope


@dataclass(frozen=True)
class IfThen(Claim):
    """Where the one holds, the other does, too."""

    condition: Claim
    consequence: Claim

    def judge(self, scope: Scope) -> Verdict:
        """Where the condition does not hold, nothing is asked for."""
        condition = self.condition.judge(scope)
        then = self.consequence.judge(scope)
        claimed = f"when {condition.claimed}, {then.claimed}"
        if not condition:
            return Verdict(holds=True, claimed=claimed, found="the condition does not arise", scope=scope)
        return replace(then, claimed=claimed)


@dataclass(frozen=True)
class ForEach(Claim):
    """It holds of every connection by itself, and there is one."""

    claim: Claim

    def judge(self, scope: Scope) -> Verdict:
        """The first connection of which it does not hold is what is said."""
        verdicts = [self.claim.judge(scope.connection(number)) for number in scope.connections]
        if not verdicts:
            claimed = f"something is so in each connection{scope.where}"
            return Verdict(holds=False, claimed=claimed, found="there is no connection", scope=scope)
        failed = next((one for one in verdicts if not one), None)
        return failed or verdicts[0]


@dataclass(frozen=True)
class InConnection(Claim):
    """It holds of one connection, and there is that connection."""

    number: int
    claim: Claim

    def judge(self, scope: Scope) -> Verdict:
        """Look there."""
        if self.number in scope.connections:
            return self.claim.judge(scope.connection(self.number))
        claimed = f"there is a connection {self.number}{scope.where}"
        found = f"there is {'no other than ' + ', '.join(map(str, scope.connections)) if scope.connections else 'none'}"
        return Verdict(holds=False, claimed=claimed, found=found, scope=scope)


def every(*claims: Claim) -> Claim:
    """All of the claims; the first that does not hold is what is said."""
    return claims[0] if len(claims) == 1 else Every(claims)


def either(*claims: Claim) -> Claim:
    """At least one of the claims."""
    return claims[0] if len(claims) == 1 else Either(claims)


def opposite(claim: Claim) -> Claim:
    """The claim does not hold."""
    return Opposite(claim)


def when(condition: Claim, consequence: Claim) -> Claim:
    """Where the condition holds, the consequence does, too.

    when(result("verify_request", False), never("handler"))
    """
    return IfThen(condition, consequence)


def each_connection(claim: Claim) -> Claim:
    """The claim holds of every connection by itself, and there is at least one."""
    return ForEach(claim)


def in_connection(number: int, claim: Claim) -> Claim:
    """The claim holds of the connection of this number, and there is one."""
    return InConnection(number, claim)
