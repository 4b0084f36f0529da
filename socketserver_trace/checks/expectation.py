"""`expect(trace)`: claims that raise when they do not hold, written one after the other.

    expect(served.trace).connection(1).order("setup", "handle", "finish")
    expect(served.trace).each_connection().never("handle_error", hint="look at what handle() does with no bytes")

Each method that claims takes the teacher's own `message`, which stands first, and a `hint`, which stands last.

The law: what holds returns the expectation itself, and what does not is an AssertionError that is a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from socketserver_trace.checks import claims
from socketserver_trace.checks.combined import each_connection
from socketserver_trace.checks.scope import scope_of
from socketserver_trace.sentences import NotAsExpected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from socketserver_trace.checks.claim import Claim
    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.checks.steps import Step
    from socketserver_trace.checks.verdicts import Verdict

    Asked = Step | str


@dataclass(frozen=True, eq=False)
class Expectation:
    """A trace, or a part of it, of which something is expected. Made by `expect`."""

    scope: Scope
    by_connection: bool = False

    def connection(self, number: int) -> Expectation:
        """Look at one connection. LookupError when there is none of that number."""
        return replace(self, scope=self.scope.connection(number))

    def lane(self, name: str) -> Expectation:
        """Look at one lane. LookupError when there is none of that name."""
        return replace(self, scope=self.scope.lane(name))

    def each_connection(self) -> Expectation:
        """Whatever is claimed next is claimed of every connection by itself."""
        return replace(self, by_connection=True)

    def judge(self, claim: Claim) -> Verdict:
        """Whether a claim holds here, without raising anything."""
        return (each_connection(claim) if self.by_connection else claim).judge(self.scope)

    def that(self, claim: Claim, *, message: str = "", hint: str = "") -> Expectation:
        """Expect a claim. NotAsExpected, with what is there instead and the rows around it, when it does not hold."""
        verdict = self.judge(claim)
        if not verdict:
            raise NotAsExpected(text_of(verdict, message, hint), verdict)
        return self

    def happens(self, *asked: Asked, message: str = "", hint: str = "") -> Expectation:
        """See `claims.happens`."""
        return self.that(claims.happens(*asked), message=message, hint=hint)

    def never(self, *asked: Asked, message: str = "", hint: str = "") -> Expectation:
        """See `claims.never`."""
        return self.that(claims.never(*asked), message=message, hint=hint)

    def count(
        self,
        asked: Asked,
        exactly: int | None = None,
        *,
        least: int | None = None,
        most: int | None = None,
        message: str = "",
        hint: str = "",
    ) -> Expectation:
        """See `claims.count`."""
        return self.that(claims.count(asked, exactly, least=least, most=most), message=message, hint=hint)

    def order(self, *asked: Asked | Collection[Asked], message: str = "", hint: str = "") -> Expectation:
        """See `claims.order`."""
        return self.that(claims.order(*asked), message=message, hint=hint)

    def exactly(self, *hooks: str, message: str = "", hint: str = "") -> Expectation:
        """See `claims.exactly`."""
        return self.that(claims.exactly(*hooks), message=message, hint=hint)

    def inside(self, inner: Asked, outer: Asked, *, message: str = "", hint: str = "") -> Expectation:
        """See `claims.inside`."""
        return self.that(claims.inside(inner, outer), message=message, hint=hint)

    def same_lane(self, one: Asked, other: Asked, *, message: str = "", hint: str = "") -> Expectation:
        """See `claims.same_lane`."""
        return self.that(claims.same_lane(one, other), message=message, hint=hint)

    def other_lane(self, one: Asked, other: Asked, *, message: str = "", hint: str = "") -> Expectation:
        """See `claims.other_lane`."""
        return self.that(claims.other_lane(one, other), message=message, hint=hint)

    def provider(self, asked: Asked, name: str, *, message: str = "", hint: str = "") -> Expectation:
        """See `claims.provider`."""
        return self.that(claims.provider(asked, name), message=message, hint=hint)

    def result(self, asked: Asked, value: object, *, message: str = "", hint: str = "") -> Expectation:
        """See `claims.result`."""
        return self.that(claims.result(asked, value), message=message, hint=hint)

    def raised(
        self, asked: Asked, error: str | type[BaseException] | None = None, *, message: str = "", hint: str = ""
    ) -> Expectation:
        """See `claims.raised`."""
        return self.that(claims.raised(asked, error), message=message, hint=hint)

    def receives(self, data: bytes, *, whole: bool = False, message: str = "", hint: str = "") -> Expectation:
        """See `claims.receives`."""
        return self.that(claims.receives(data, whole=whole), message=message, hint=hint)

    def sends(self, data: bytes, *, whole: bool = False, message: str = "", hint: str = "") -> Expectation:
        """See `claims.sends`."""
        return self.that(claims.sends(data, whole=whole), message=message, hint=hint)


def text_of(verdict: Verdict, message: str, hint: str) -> str:
    """A verdict with what the teacher says of it: the message first, the hint last."""
    parts = [
        message,
        verdict.sentence,
        *(("", *verdict.rows) if verdict.rows else ()),
        *(("", f"Hint: {hint}") if hint else ()),
    ]
    return "\n".join(parts[1:] if not message else parts)


def expect(trace: object) -> Expectation:
    """Expect something of a trace: `expect(served.trace).order("setup", "handle")`. TypeError for what is no trace."""
    return Expectation(scope_of(trace))
