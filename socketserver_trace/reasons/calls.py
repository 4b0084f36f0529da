"""A recording as calls: a tree of them for each lane, with the client's steps beside it.

The theory: events come in pairs, and a pair is a call: of a hook, of an operation of a socket, of a join. `Facts` reads
a recording once and keeps its calls by hook and by connection, so that a rule finds them without searching.

The law: pure. What a recording lacks, its beginning or its end, costs the call or its end, and nothing breaks.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from socketserver_trace.events import CONNECT, ENTER, HOOK, JOIN, NO_DETAIL, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.matching import is_client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from socketserver_trace.events import Event, Scalar
    from socketserver_trace.recording import Recording

CALLS: Final = frozenset({HOOK, CONNECT, RECEIVE, SEND, JOIN})
"""The kinds of events that come in pairs, as calls."""


@dataclass(slots=True, eq=False)
class Call:
    """One call: of a hook, of an operation of a socket, of a join. `end` is None while it has not ended.

    `children` are the calls that it made itself, in order, and `parent` the one that made it.
    """

    enter: Event
    parent: Call | None = None
    end: Event | None = None
    children: list[Call] = field(default_factory=list)

    @property
    def hook(self) -> str:
        """The method's name."""
        return self.enter.hook or ""

    @property
    def owner(self) -> str:
        """Whose hook it is, the server's or the handler's; empty for a call that is no hook."""
        return str(self.enter.detail.get("owner", ""))

    @property
    def provider(self) -> str:
        """The class whose method ran."""
        return self.enter.provider or ""

    @property
    def own(self) -> bool:
        """Whether that class is the program's own."""
        return bool(self.enter.detail.get("own"))

    @property
    def lane(self) -> str:
        """The flow of control that made the call."""
        return self.enter.lane

    @property
    def connection(self) -> int | None:
        """The connection it belongs to, known for a `get_request` when it has returned."""
        return self.enter.connection if self.end is None else self.end.connection or self.enter.connection

    @property
    def returned(self) -> bool:
        """Whether it has ended by a return."""
        return self.end is not None and self.end.phase == RETURN

    @property
    def raised(self) -> bool:
        """Whether it has ended by an exception."""
        return self.end is not None and self.end.phase == RAISE

    @property
    def error(self) -> str:
        """The name of the exception's type; empty when there was none."""
        return str((NO_DETAIL if self.end is None else self.end.detail).get("error", ""))

    @property
    def message(self) -> str:
        """What the exception says; data, to be shown through `wording.safe`."""
        return str((NO_DETAIL if self.end is None else self.end.detail).get("message", ""))

    @property
    def result(self) -> Scalar:
        """What it returned, as far as it is a plain value; None also for a call that has not returned."""
        return (NO_DETAIL if self.end is None else self.end.detail).get("result")

    @property
    def size(self) -> int:
        """How many bytes it moved, for the operations that do."""
        sizes = [event.size for event in (self.end, self.enter) if event is not None and event.size is not None]
        return sizes[0] if sizes else 0

    @property
    def data(self) -> bytes:
        """The bytes that it moved, as far as they were kept."""
        found = self.enter.data if self.enter.data is not None else None if self.end is None else self.end.data
        return found or b""

    @property
    def ended_at(self) -> float:
        """The number of its end in the order of arrival, infinite while there is none."""
        return float("inf") if self.end is None else self.end.seq

    def above(self) -> Iterator[Call]:
        """The calls around it, from the inside out."""
        call = self.parent
        while call is not None:
            yield call
            call = call.parent

    def below(self) -> Iterator[Call]:
        """The calls inside it, in order."""
        for call in self.children:
            yield call
            yield from call.below()

    def inside(self, hook: str) -> bool:
        """Whether it was made in the course of a call of that hook."""
        return any(call.hook == hook for call in self.above())

    def first(self, hook: str) -> Call | None:
        """The first call of that hook which it made itself."""
        return next((call for call in self.children if call.hook == hook), None)

    @property
    def culprit(self) -> Call:
        """The innermost call from which its exception came; itself, when it raised of its own or not at all."""
        for call in reversed(self.children):
            if call.raised and call.error == self.error and call.enter.kind == HOOK:
                return call.culprit
        return self


class Facts:
    """A recording, read once: its calls, the steps that take no time, and what its servers and handlers are."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.calls: list[Call] = []
        self.clients: list[Call] = []
        self.steps: list[tuple[Event, Call | None]] = []
        known: dict[int, Call] = {}
        for event in recording.events:
            self._note(event, known)
        # By hook or by kind, and by connection; None stands for all of them.
        self.hooks: dict[tuple[str, int | None], list[Call]] = defaultdict(list)
        self.moves: dict[tuple[str, int | None, bool], list[Call]] = defaultdict(list)
        self.moments: dict[tuple[str, int | None], list[tuple[Event, Call | None]]] = defaultdict(list)
        self._index()

    def _index(self) -> None:
        for call in (*self.calls, *self.clients):
            for number in {None, call.connection}:
                if call.enter.kind == HOOK:
                    self.hooks[call.hook, number].append(call)
                else:
                    self.moves[call.enter.kind, number, is_client(call.enter)].append(call)
        for event, parent in self.steps:
            for number in {None, event.connection}:
                self.moments[event.kind, number].append((event, parent))

    def _note(self, event: Event, known: dict[int, Call]) -> None:
        parent = known.get(event.parent or 0)
        if event.phase == ENTER and event.kind in CALLS and event.call is not None:
            call = known[event.call] = Call(event, parent)
            (self.clients if is_client(event) else self.calls).append(call)
            if parent is not None:
                parent.children.append(call)
        elif event.call in known and event.phase in {RETURN, RAISE}:
            known[event.call].end = event
        else:
            self.steps.append((event, parent))

    @cached_property
    def servers(self) -> tuple[str, ...]:
        """The names of the servers, in the order in which they are first met."""
        return tuple(dict.fromkeys(event.server for event in self.recording.events if event.server is not None))

    @cached_property
    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections, in order."""
        return tuple(sorted({event.connection for event in self.recording.events if event.connection is not None}))

    def of_server(self, server: str | None) -> tuple[int, ...]:
        """The connections of one server."""
        found = {event.connection for event in self.recording.events if event.server == server}
        return tuple(sorted(number for number in found if number is not None))
