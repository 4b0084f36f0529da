"""What is looked for in a trace: a step, by its name and by what else is asked of it.

A step is named as its hook, `handle` say; or as its kind when it is no hook: `connect`, `send`, `receive`, `close`,
`half_close`, `start`, `join`, `end`, `note`. Four more words are those of `explain`: a `handler` is made, a `thread` is
started, a `child` (or `fork`) is forked.

The law: a name that nothing could ever have is refused at once, because "never" would hold for it always.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from socketserver_trace.events import END, FAULT, HOOK, KERNEL, KINDS, RECEIVE, SEND, START
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.matching import is_client
from socketserver_trace.reasons.rule import listed
from socketserver_trace.wording import bytes_text, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.events import Scalar
    from socketserver_trace.reasons.calls import Call

ANYTHING: Final = "anything"
"""What stands for a result that is not asked for: no plain value is equal to it but itself."""

WORDS: Final[Mapping[str, str]] = {
    "handler": "the making of a handler",
    "thread": "the start of a thread for a request",
    "child": "the fork of a child",
    "fork": "the fork of a child",
}
"""The names that are neither a hook nor a kind, with what they mean."""

OF: Final = ("server", "handler", "client")
MOVES: Final = frozenset({SEND, RECEIVE})
KINDS_ASKED: Final = tuple(kind for kind in KINDS if kind not in {HOOK, KERNEL, FAULT})
NAMES: Final = (*dict.fromkeys((*SERVER_HOOKS, *HANDLER_HOOKS)), *KINDS_ASKED, *WORDS)


@dataclass(frozen=True)
class Step:
    """One thing that may happen. Made by `step`, or from its name alone.

    What is None is not asked for. `of` says whose it is: a "server", a "handler", or a "client" that sends and receives
    itself; a send or a receive of which it is not said is the server's. `data` are bytes that it moved, among others.
    `error` is the name of an exception's type.
    """

    name: str
    of: str | None = None
    lane: str | None = None
    provider: str | None = None
    result: Scalar | object = ANYTHING
    error: str | None = None
    data: bytes | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            near = difflib.get_close_matches(self.name, NAMES, 3) or NAMES[:3]
            raise LookupError(f"nothing in a trace is named {safe(self.name)!r}; the nearest names are {listed(near)}.")
        if self.of is not None and self.of not in OF:
            raise LookupError(f"a step is of a {listed(OF)}, and not of {safe(str(self.of))!r}.")
        if self.of == "handler" and self.name in KINDS:
            raise LookupError(f"a {self.name} is the server's or a client's: write of='server', whoever works for it.")

    def __str__(self) -> str:
        return f"{self._named()}{self._more()}"

    @property
    def verb(self) -> str:
        """What it does, in a sentence: a hook runs, everything else happens."""
        return "happens" if self.name in KINDS or self.name in WORDS else "runs"

    def _named(self) -> str:
        article = "an" if self.name == END else "a"
        name = f"{article} {self.name.replace('_', '-')}" if self.name in KINDS_ASKED else f"{self.name}()"
        name = WORDS.get(self.name, name)
        if self.of is None:
            return name
        return f"the {self.of}'s {name.removeprefix('a ')}" if self.of != "client" else f"{name} of a client"

    def _more(self) -> str:
        more = [
            "" if self.lane is None else f" in {safe(self.lane)}",
            "" if self.provider is None else f" of {safe(self.provider)}",
            "" if self.result is ANYTHING else f" that returned {safe(repr(self.result))}",
            "" if self.error is None else f" that raised {safe(self.error)}",
            "" if self.data is None else f" of {bytes_text(self.data, None)}",
        ]
        return "".join(more)

    def is_at(self, call: Call) -> bool:
        """Whether this call, or this step that takes no time, is one of those that are looked for."""
        return (
            self._is_named(call)
            and (self.of or ("server" if self.name in MOVES else None)) in {None, _whose(call)}
            and self.lane in {None, call.lane}
            and self.provider in {None, call.provider}
            and (self.result is ANYTHING or has_returned(call, self.result))
            and (self.error is None or (call.raised and call.error == self.error))
            and (self.data is None or self.data in call.data)
        )

    def _is_named(self, call: Call) -> bool:
        event = call.enter
        if self.name == "handler":
            return event.kind == HOOK and call.hook == "__init__" and call.owner == "handler"
        if self.name == "thread":
            return event.kind == HOOK and call.hook == "process_request_thread"
        if self.name in WORDS:
            return event.kind == START and event.hook == "fork"
        return event.kind == self.name or (event.kind == HOOK and call.hook == self.name)


def has_returned(call: Call, wanted: object) -> bool:
    """Whether a call returned this. Of `get_request` the address is recorded, and not what it returned."""
    return call.returned and call.hook != "get_request" and equals(call.result, wanted)


def equals(found: object, wanted: object) -> bool:
    """Whether a result is the one that was asked for; 1 is not True here, and what is no plain value is its name."""
    return type(found) is type(wanted) and found == wanted


def _whose(call: Call) -> str:
    if is_client(call.enter):
        return "client"
    owner = call.owner
    return owner if owner in OF else "server"


def step(
    name: str,
    *,
    of: str | None = None,
    lane: str | None = None,
    provider: str | None = None,
    result: Scalar | object = ANYTHING,
    error: str | type[BaseException] | None = None,
    data: bytes | None = None,
) -> Step:
    """Something that may happen, by its name and by what else is asked of it; see `Step`.

    LookupError, with the nearest names, for a name that nothing in a trace has.
    """
    return Step(name, of, lane, provider, result, error.__name__ if isinstance(error, type) else error, data)


def as_step(asked: Step | str) -> Step:
    """A step, also when only its name was given."""
    return asked if isinstance(asked, Step) else Step(asked)
