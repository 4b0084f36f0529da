"""The walker of legal orders: it compares calls that happened with the grammar, and says in a sentence what is wrong.

The theory: a call is legal when the sequence of its direct calls is one that its function can make and end as it did.
A call that is still open is legal when that sequence is the beginning of one. Each call is judged on its own, so one
mistake gives one sentence, and a call of the program's own code may call anything, though what it calls is judged, too.

The law: pure; it knows calls and the grammar, and neither events nor servers.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from socketserver_trace.lifecycle.grammar import ENDING, LANES, VIEWS, lane_pattern, pattern
from socketserver_trace.lifecycle.hooks import hook as hook_entry
from socketserver_trace.lifecycle.patterns import ANY_WORD, NEVER, after, first, may_end, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Final

    from socketserver_trace.lifecycle.grammar import Lane, Outcome, View
    from socketserver_trace.lifecycle.patterns import Pattern

PAST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "returned": "returned",
        "raised": "raised an exception",
        "raised base": "raised an exception that is no Exception",
        "false": "returned a false value",
        "open": "not ended",
    }
)
"""What is said of a call in each outcome."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a hook: which one, of which class, how it ended, and what it called itself, in order.

    `provider` is the name of the class whose method ran; a class of the program goes by a name that the standard
    library does not use. `owner` is `server` or `handler`, and `threads` for the list of threads inside a threading
    server; calls of any other owner (a socket) are no hooks, and are passed over. `outcome` is `false` only for a
    `verify_request` that returned a false value, and `open` for a call that has not ended.
    """

    hook: str
    provider: str
    owner: str
    outcome: Outcome = "returned"
    children: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is illegal: a sentence, and the call that should not be there, or with `at_end` should not have ended so."""

    sentence: str
    call: Call
    at_end: bool = False


def violations(calls: Iterable[Call], view: View = "hooks", lane: Lane = "thread") -> list[str]:
    """The sentences of `faults`."""
    return [fault.sentence for fault in faults(calls, view, lane)]


def faults(calls: Iterable[Call], view: View = "hooks", lane: Lane = "thread") -> list[Fault]:
    """The first illegal thing in each call, from the outside in; empty when all is legal.

    `calls` are the calls at the top of one lane, in order. A "handler thread" runs `process_request_thread` and
    nothing else, and a forked "child" what `ForkingMixIn.process_request` does in the child; in any other "thread" the
    program itself calls what it likes. Raises `ValueError` for a view or a lane that there is not.
    """
    if view not in VIEWS or lane not in LANES:
        raise ValueError(f"there is no view {view!r} of a lane {lane!r}; views: {VIEWS}, lanes: {tuple(LANES)}")
    # A lane is like a call that is still open: it may yet go on.
    top = Call("", f"a {lane}", "lane", "open", tuple(calls))
    found = [_fault(top, lane_pattern(lane))]
    found += [_fault(call, _pattern(call, view)) for call in _inside(top)]
    return [fault for fault in found if fault is not None]


def expected_next(call: Call, view: View = "hooks") -> tuple[str, ...]:
    """The hooks that an open call may call next, in the order of the grammar.

    Empty when it can only end, when its last call is open itself, and when it is the program's own code.
    """
    state = _pattern(call, view)
    for child in _hooks(call):
        state = after(state, _word(child, call))
    return _names(state)


def as_recorded(calls: Iterable[Call], inside: Call | None = None) -> tuple[Call, ...]:
    """The calls of the view "functions" as the view "hooks" has them: what the tracer would record of them.

    What is not recorded, and a `super()` call `inside` the same hook, leaves the calls that it makes in its place.
    """
    recorded: list[Call] = []
    for call in calls:
        entry = hook_entry(call.hook, call.owner)
        children = as_recorded(call.children, call)
        if entry and entry.traced and not _is_super(call, inside):
            recorded.append(Call(call.hook, call.provider, call.owner, call.outcome, children))
        else:
            recorded += children
    return tuple(recorded)


def _is_super(child: Call, call: Call | None) -> bool:
    return call is not None and (child.hook, child.owner) == (call.hook, call.owner)


def _pattern(call: Call, view: View) -> Pattern:
    return pattern(call.provider, call.hook, call.outcome, view)


def _hooks(call: Call) -> list[Call]:
    return [child for child in call.children if child.owner == "threads" or hook_entry(child.hook, child.owner)]


def _inside(call: Call) -> Iterator[Call]:
    for child in _hooks(call):
        yield child
        yield from _inside(child)


def _name(child: Call, call: Call) -> str:
    """How the grammar names a call inside another one."""
    if child.hook == "__init__":
        # Both owners have a constructor, and BaseServer's is called by its name and not by super().
        return "handler.__init__" if child.owner == "handler" else f"{child.provider}.__init__"
    return "super" if _is_super(child, call) else child.hook


def _word(child: Call, call: Call) -> str:
    outcome = "returned" if child.outcome == "false" and child.hook != "verify_request" else child.outcome
    return _name(child, call) + ENDING[outcome]


def _fault(call: Call, state: Pattern) -> Fault | None:
    """The first illegal thing in a call, given the pattern of its calls."""
    previous = None
    for child in _hooks(call):
        sentence = _misplaced(child, previous, call, state)
        if sentence:
            return Fault(sentence, child)
        state, previous = after(state, _word(child, call)), child
    if call.outcome == "open" or may_end(state):
        return None
    sentence = f"{_label(call)} {PAST[call.outcome]} too early: {_expected(state)} was expected {_when(previous)}"
    return Fault(sentence, call, at_end=True)


def _misplaced(child: Call, previous: Call | None, call: Call, state: Pattern) -> str:
    if previous and previous.outcome == "open":
        return f"{child.hook} ran while {previous.hook} was still open in {_label(call)}"
    if child.outcome == "open" and call.outcome != "open":
        return f"{child.hook} was still open when {_label(call)} had {PAST[call.outcome]}"
    if _fits(child, call, state):
        return ""
    if call.outcome != "open" and _name(child, call) in _names(state):
        return f"{_label(call)} {PAST[call.outcome]} although {child.hook} had {PAST[child.outcome]}"
    return f"{child.hook} ran {_when(previous)}: {_expected(state)} was expected in {_label(call)}"


def _fits(child: Call, call: Call, state: Pattern) -> bool:
    if child.outcome != "open":
        return after(state, _word(child, call)) != NEVER
    return ANY_WORD.text in first(state) or _name(child, call) in _names(state)


def _names(state: Pattern) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name_of(text) for text in first(state) if text != ANY_WORD.text))


def _expected(state: Pattern) -> str:
    names = ["super()" if name == "super" else name for name in _names(state)]
    return " or ".join(names) or "nothing more"


def _when(previous: Call | None) -> str:
    return f"after {previous.hook} had {PAST[previous.outcome]}" if previous else "first"


def _label(call: Call) -> str:
    return f"{call.provider}.{call.hook}" if call.hook else call.provider
