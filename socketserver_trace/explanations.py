"""`explain(trace, hook)`: why a hook ran, ran twice, or did not run, with the line of `socketserver.py` that decides.

The rules of `reasons` are asked one after the other; for whatever they leave open the lifecycle tables have an answer,
so there always is one. A question about one connection looks at that connection. A question without looks at the server
as a whole and at each of its connections, and says the same thing once for all connections for which it holds.

The law: pure but for one thing, the source of the running `socketserver`, which is read for its lines. The text is the
same on every run and in every version of Python, unless the numbers of the lines are asked for.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import NamedTuple

from socketserver_trace.events import START
from socketserver_trace.folding import folded
from socketserver_trace.inference import infer_clients
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.lifecycle.hooks import hook as entry_of
from socketserver_trace.matching import match
from socketserver_trace.reasons import RULES
from socketserver_trace.reasons.accepting import is_closed
from socketserver_trace.reasons.answer import Explanation, Reason
from socketserver_trace.reasons.calls import Facts
from socketserver_trace.reasons.case import Case
from socketserver_trace.reasons.fallback import fallback
from socketserver_trace.reasons.rule import capital, listed, what
from socketserver_trace.reasons.source import SourceLine
from socketserver_trace.recording import Recording
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Final, TypeVar

    from socketserver_trace.reasons.rule import Rule
    from socketserver_trace.reasons.source import Place

    Told = TypeVar("Told")

__all__ = ["Explanation", "Reason", "SourceLine", "explain"]


def explain(trace: object, hook: str, *, connection: int | None = None) -> Explanation:
    """Why a hook ran, ran twice, or did not run.

    `trace` is a trace or a recording; of a selection the whole trace is looked at.
    `hook` is the name of a hook, of a server or of a handler; of the two constructors one is named as "server.__init__"
    or "handler.__init__". "thread", "child" (or "fork") and "handler" ask why there is one, or none. LookupError with a
    sentence for a name that is no hook, and for a connection that is not in the trace.
    """
    question = _question(hook)
    facts = Facts(_whole(trace))
    if connection is not None and connection not in facts.connections:
        there = f"there is {_numbers(facts)}" if facts.connections else "there is none at all"
        raise LookupError(f"there is no connection {connection!r} in this trace; {there}.")
    answer = _Answer(facts, question, connection)
    return Explanation(hook, connection, answer.times, answer.verdict(), tuple(answer.reasons()))


class Question(NamedTuple):
    """What was asked: the name as it was given, the one that rules know it by, and the hook."""

    asked: str
    key: str
    hook: str
    owner: str

    @property
    def of_request(self) -> bool:
        """Whether it is about something that belongs to a single connection."""
        entry = entry_of(self.hook, self.owner)
        return entry is None or entry.per_request


ALIASES: Final = {
    "thread": "process_request_thread",
    "child": "child",
    "fork": "child",
    "handler": "handler.__init__",
}
"""What people ask for that is no hook, and what they mean."""

NONE_OF: Final = {
    "thread": ("No thread was started", "started a thread"),
    "child": ("No child was forked", "forked a child"),
    "fork": ("No child was forked", "forked a child"),
    "handler": ("No handler was made", "made a handler"),
}


def _question(asked: str) -> Question:
    name = ALIASES.get(asked, asked)
    if name == "child":
        return Question(asked, name, name, "server")
    owner, _, rest = name.rpartition(".")
    owners = [owner] if owner else ["server", "handler"]
    found = [given for given in owners if entry_of(rest, given) is not None]
    if not found:
        raise LookupError(f"there is no hook named '{safe(asked)}'; {_nearest(asked)}.")
    if len(found) > 1:
        raise LookupError(f"a server and a handler both have {rest}: ask for 'server.{rest}' or for 'handler.{rest}'.")
    return Question(asked, f"{found[0]}.{rest}" if rest == "__init__" else rest, rest, found[0])


def _nearest(asked: str) -> str:
    names = [*SERVER_HOOKS, *HANDLER_HOOKS, *ALIASES, "server.__init__", "handler.__init__"]
    near = difflib.get_close_matches(asked, dict.fromkeys(names), n=3, cutoff=0.5)
    return (
        f"the nearest names are {listed(near)}" if near else "a hook is named as its method, get_request or handle say"
    )


def _whole(trace: object) -> Recording:
    """The recording with the clients that it has, and without the idle turns of the loop."""
    found = getattr(trace, "whole", trace)
    if not isinstance(found, Recording):
        kind = type(trace).__name__
        raise TypeError(f"explain() takes a trace first, as explain(served.trace, 'handle'), and not a {kind}.")
    return folded(infer_clients(match(found)))


def _numbers(facts: Facts) -> str:
    return listed(map(str, facts.connections), 10)


@dataclass(frozen=True)
class _Answer:
    facts: Facts
    question: Question
    connection: int | None

    @property
    def times(self) -> int:
        if self.question.key == "child":
            return sum(
                event.kind == START and event.hook == "fork" and self.connection in {None, event.connection}
                for event, _call in self.facts.steps
            )
        return sum(len(case.asked) for case in self._cases())

    def verdict(self) -> str:
        """How often it ran, in one sentence."""
        asked, times = self.question.asked, self.times
        entry = entry_of(self.question.hook, self.question.owner)
        if entry is not None and not entry.traced:
            return f"{asked}() is not recorded, so a trace does not say how often it ran."
        where = f" for connection {self.connection}" if self.connection is not None and self.question.of_request else ""
        how_often = {1: "once", 2: "twice"}.get(times, f"{times:,} times")
        if self._spins():
            how_often = "again and again"
        if not times and self.facts.recording.dropped:
            return f"What is left of this trace has no {asked}(){where}."
        if asked in NONE_OF:
            none, some = NONE_OF[asked]
            return f"{none}{where}." if not times else f"The server {some} {how_often}{where}."
        if not times:
            return f"{asked}() did not run{where}."
        return f"{asked}() ran {how_often}{where}{self._end()}."

    def _spins(self) -> bool:
        """Whether a loop found its socket closed, and how often depends on the clock only."""
        return self.question.key == "get_request" and any(
            call.raised and is_closed(case, call) for case in self._cases() for call in case.asked
        )

    def _end(self) -> str:
        """How the call ended, where there was but one, and that not by chance."""
        calls = [call for case in self._cases() for call in case.asked]
        if len(calls) != 1 or self._spins():
            return ""
        if calls[0].raised:
            return f", and raised {what(calls[0])}"
        return ", and has not ended" if calls[0].end is None else ""

    def _case(self, server: str | None, connection: int | None) -> Case:
        return Case(self.facts, self.question.hook, self.question.owner, server, connection)

    def _server_cases(self) -> list[Case]:
        return [self._case(server, None) for server in self.facts.servers or (None,)]

    def _cases(self) -> list[Case]:
        """The cases that a question without a connection has: its servers; or the one connection."""
        if self.connection is None or not self.question.of_request:
            return self._server_cases()
        return [self._case(server, self.connection) for server in self._servers_of(self.connection)]

    def _servers_of(self, connection: int) -> list[str | None]:
        return [server for server in self.facts.servers if connection in self.facts.of_server(server)] or [None]

    def _request_cases(self) -> list[Case]:
        """The cases that a rule about a connection looks at: each connection, or the server when it has none."""
        if self.connection is not None or not self.question.of_request or not self.facts.connections:
            return self._cases()
        return [self._case(server, number) for server in self.facts.servers for number in self.facts.of_server(server)]

    def reasons(self) -> Iterator[Reason]:
        """The rules that decide, then what the tables say where none did, then the remarks."""
        mine = [rule for rule in RULES if self.question.key in rule.hooks]
        answered: set[Case] = set()
        for rule in mine:
            if not rule.remark:
                yield from self._reasons_of(rule, answered)
        yield from self._fallbacks(answered)
        for rule in mine:
            if rule.remark:
                yield from self._reasons_of(rule, set())
        yield from self._missing()

    def _reasons_of(self, rule: Rule, answered: set[Case]) -> Iterator[Reason]:
        if rule.of_request:
            cases = self._request_cases()
        elif self.connection is None or not self.question.of_request:
            cases = self._server_cases()
        else:
            return
        found = {case: sentence for case in cases if (sentence := rule.applies(case)) is not None}
        answered.update(found)
        for sentence, ones in _grouped(found).items():
            yield self._reason(sentence, rule.places, rule.name, ones, cases)

    def _fallbacks(self, answered: set[Case]) -> Iterator[Reason]:
        cases = self._request_cases()
        if any(case.connection is None for case in answered) and not any(case.asked for case in cases):
            return
        open_ones = {case: fallback(self.question.key, case) for case in cases if case not in answered}
        for (sentence, places), ones in _grouped(open_ones).items():
            yield self._reason(sentence, places, "lifecycle", ones, cases)

    def _reason(
        self, sentence: str, places: tuple[Place, ...], name: str, ones: list[Case], cases: list[Case]
    ) -> Reason:
        numbers = tuple(case.connection for case in ones if case.connection is not None)
        shown = numbers if len(numbers) < len(cases) else ()
        return Reason(capital(sentence), tuple(place.find() for place in places), name, shown)

    def _missing(self) -> Iterator[Reason]:
        recording = self.facts.recording
        if recording.dropped:
            yield Reason(f"The oldest {plural(recording.dropped, 'event')} of this trace were let go.", (), "not whole")
        if recording.cut_off:
            yield Reason("The file of this trace ends in the middle: what came after it is not known.", (), "not whole")


def _grouped(found: Mapping[Case, Told]) -> dict[Told, list[Case]]:
    """The cases of which the same is told, together."""
    groups: dict[Told, list[Case]] = {}
    for case, told in found.items():
        groups.setdefault(told, []).append(case)
    return groups
