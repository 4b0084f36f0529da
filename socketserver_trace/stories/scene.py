"""A recording as the scene of many stories: read once, with all that stories ask of it.

A story needs calls with their ends, the classes behind a hook, the client of a connection, the reasons of `explain`,
the waits at the end. All of it is found in one reading, or when it is first asked for, and then kept, so that the
stories of a whole trace cost little more than one.

The law: pure. The recording stays as it is; what is missing in it is None, or empty.
"""

from __future__ import annotations

from functools import cached_property
from types import MappingProxyType

from socketserver_trace.events import ENTER, HOOK, NO_DETAIL, RAISE, RETURN
from socketserver_trace.explanations import _Answer, _question
from socketserver_trace.folding import folded
from socketserver_trace.inference import infer_clients
from socketserver_trace.lifecycle.classes import DEFINED_BY
from socketserver_trace.matching import accepted_connections, is_client, match
from socketserver_trace.reasons.answer import Explanation
from socketserver_trace.reasons.calls import Call, Facts
from socketserver_trace.stories.excerpts import Source, source_of
from socketserver_trace.stories.story import Ancestor
from socketserver_trace.waits import Chain, chains_of
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.events import Event, Scalar
    from socketserver_trace.recording import Lane, Recording

NO_CLASSES: Final[Mapping[str, type]] = MappingProxyType({})


class Known(Facts):
    """The facts for explanations, which ask for the connections of a server again and again."""

    def of_server(self, server: str | None) -> tuple[int, ...]:
        """The connections of one server."""
        return self._by_server.get(server, ())

    @cached_property
    def _by_server(self) -> dict[str | None, tuple[int, ...]]:
        return {server: super(Known, self).of_server(server) for server in (*self.servers, None)}


class Scene:
    """The recording, read. `classes` are those of the running program, by their names, as far as they are there."""

    def __init__(self, recording: Recording, classes: Mapping[str, type] = NO_CLASSES) -> None:
        self.recording = infer_clients(match(recording))
        self.classes = classes
        self.lanes: dict[str, Lane] = {lane.name: lane for lane in self.recording.lanes}
        self.facts = Facts(self.recording)
        self.calls = {call.enter.seq: call for call in (*self.facts.calls, *self.facts.clients)}
        self.ends: dict[int | None, Event] = {}
        self.enters: dict[int | None, Event] = {}
        self.clients: dict[int | None, str] = {}
        self.made: dict[tuple[object, ...], Mapping[str, Scalar]] = {}
        for event in self.recording.events:
            self._note(event)
        self._sources: dict[tuple[str, str], Source | None] = {}
        self._explanations: dict[tuple[str, int | None], Explanation] = {}
        self._ancestors: dict[tuple[str, str, str, str, str], tuple[Ancestor, ...]] = {}

    def _note(self, event: Event) -> None:
        if event.phase in {RETURN, RAISE}:
            self.ends[event.call] = event
        elif event.phase == ENTER:
            self.enters[event.call] = event
        if is_client(event):
            self.clients.setdefault(event.connection, event.lane)
        if event.kind == HOOK and event.hook == "__init__" and "mro" in event.detail:
            kind, number = event.detail.get("class"), event.connection
            for who in ((event.server, number, kind), (event.server, number)):
                self.made.setdefault((event.detail.get("owner"), *who), event.detail)

    def call_of(self, event: Event) -> Call | None:
        """The call whose enter or end an event is."""
        return None if event.call is None else self.calls.get(event.call)

    def around(self, event: Event) -> Call | None:
        """The call in whose body an event happened."""
        return None if event.parent is None else self.calls.get(event.parent)

    def client_of(self, connection: int | None) -> str:
        """The name of the client of a connection, safe to show."""
        known = self.clients.get(connection) if connection is not None else None
        return "the client" if known is None else safe(known)

    def is_first(self, event: Event) -> bool:
        """Whether certainly nothing is around an event. When events were let go, the call around it may be one."""
        return event.parent is None and not self.recording.dropped

    @cached_property
    def datagrams(self) -> frozenset[int]:
        """The connections that are datagrams."""
        accepted = accepted_connections(self.recording.events)
        return frozenset(one.connection for one in accepted if one.datagram is not None)

    def constructor(self, call: Call) -> Mapping[str, Scalar]:
        """What was told of the classes when the server or the handler of a hook was made."""
        enter = call.enter
        number = enter.connection if call.owner == "handler" else None
        return self.made.get((call.owner, enter.server, number, enter.detail.get("class")), NO_DETAIL)

    def handler_class(self, server: str | None, connection: int | None) -> str:
        """The class of the handler of a connection; empty when none was made."""
        return safe(str(self.made.get(("handler", server, connection), NO_DETAIL).get("class", "")))

    def mro(self, call: Call) -> tuple[str, ...]:
        """The names of the classes, in the order in which Python looks."""
        return tuple(str(self.constructor(call).get("mro", "")).split())

    def ancestors(self, call: Call) -> tuple[Ancestor, ...]:
        """The classes, with what each of them has to do with the hook."""
        told = self.constructor(call)
        mro, yours, library = (str(told.get(key, "")) for key in ("mro", "yours", "library"))
        key = (mro, yours, library, call.hook, call.provider)
        if key not in self._ancestors:
            self._ancestors[key] = _ancestors(*key)
        return self._ancestors[key]

    def behind(self, call: Call) -> str:
        """The class of the `socketserver` module whose method runs, or would run if the program's own calls super()."""
        if not call.own and call.provider in DEFINED_BY:
            return call.provider
        names = zip(self.mro(call), self.ancestors(call), strict=True)
        return next((name for name, one in names if not one.yours and call.hook in DEFINED_BY.get(name, ())), "")

    def source(self, provider: str, hook: str) -> Source | None:
        """The source of a method of the program, when the class is there and defines it."""
        key = (provider, hook)
        if key not in self._sources:
            kind = self.classes.get(provider)
            function = None if kind is None else vars(kind).get(hook)
            self._sources[key] = source_of(f"{provider}.{hook}", function)
        return self._sources[key]

    def why(self, call: Call) -> Explanation | None:
        """Why a hook ran, as `explain` says it."""
        name = f"{call.owner}.__init__" if call.hook == "__init__" else call.hook
        key = (name, call.connection if call.connection in self._asked.connections else None)
        if key not in self._explanations:
            try:
                answer = _Answer(self._asked, _question(name), key[1])
            except LookupError:  # an edited file may call anything a hook
                return None
            self._explanations[key] = Explanation(name, key[1], answer.times, answer.verdict(), tuple(answer.reasons()))
        return self._explanations[key]

    @cached_property
    def _asked(self) -> Known:
        return Known(folded(self.recording))

    def waits(self, lane: str) -> str | None:
        """The sentence about the wait of a lane at the end of the recording."""
        return self._waits.get(lane)

    @cached_property
    def _waits(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for chain in chains_of(self.recording):
            for at, wait in enumerate(chain.waits):
                before = {earlier.lane for earlier in chain.waits[:at]}
                rest = chain if chain.waits[-1].target in before else Chain(chain.waits[at:], chain.end)
                found.setdefault(wait.lane, str(rest))
        return found


def _ancestors(mro: str, yours: str, library: str, hook: str, provider: str) -> tuple[Ancestor, ...]:
    own, others = (_definitions(text) for text in (yours, library))
    known: list[tuple[str, bool, bool]] = []
    for name in mro.split():
        # Two classes may have one name, and these lists have the order of the MRO.
        mine = bool(own) and own[0][0] == name
        listed = own if mine else others
        hooks = listed.pop(0)[1] if listed and listed[0][0] == name else DEFINED_BY.get(name, frozenset())
        known.append((name, mine, hook in hooks))
    runs = _running(known, "_".join(provider.split()) or "_")
    return tuple(
        Ancestor(safe(name), mine, defines or at == runs, at == runs, defines and -1 < runs < at)
        for at, (name, mine, defines) in enumerate(known)
    )


def _running(known: list[tuple[str, bool, bool]], provider: str) -> int:
    """The index of the class whose method runs; -1 when it is not among them."""
    named = [at for at, (name, _, _) in enumerate(known) if name == provider]
    return next((at for at in named if known[at][2]), named[0] if named else -1)


def _definitions(text: str) -> list[tuple[str, frozenset[str]]]:
    """What "Echo:handle,setup Quiet:" says: the classes with the hooks that each of them defines."""
    pairs = (word.rpartition(":") for word in text.split())
    return [(name, frozenset(hooks.split(","))) for name, _, hooks in pairs]
