"""What a rule may ask of a trace: a case, which is one hook, of one connection or of a whole server.

The theory: a rule is about one question, and most of a trace is not. A case is a view of the calls from that question:
those of its connection, those of its server, and what the classes of both have said of themselves.

The law: pure, and all of it is what was recorded; nothing is looked up in the program. What is not there is None or an
empty tuple.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from socketserver_trace.events import START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from socketserver_trace.events import Event
    from socketserver_trace.reasons.calls import Call, Facts


@dataclass(frozen=True)
class Case:
    """One question: this hook, for one connection of a server, or with `connection` None for the server itself.

    `hook` is the method's name and `owner` whose it is. The methods that look for calls look inside the connection,
    when there is one; those called `of_server` look at all that the server did.
    """

    facts: Facts
    hook: str
    owner: str
    server: str | None
    connection: int | None

    def of_server(self, hook: str) -> list[Call]:
        """Every call of a server's hook, in the order of the trace."""
        found = self.facts.hooks.get((hook, None), ())
        return [call for call in found if call.enter.server == self.server and call.owner == "server"]

    def calls(self, hook: str, owner: str = "") -> list[Call]:
        """The calls of a hook, of the connection when there is one."""
        found = self.facts.hooks.get((hook, self.connection), ())
        return [call for call in found if call.enter.server == self.server and owner in {"", call.owner}]

    def call(self, hook: str, owner: str = "") -> Call | None:
        """The first call of a hook, of the connection when there is one."""
        return next(iter(self.calls(hook, owner)), None)

    def ran(self, hook: str, owner: str = "") -> bool:
        """Whether the hook was called."""
        return bool(self.calls(hook, owner))

    @property
    def asked(self) -> list[Call]:
        """The calls of the hook that the question is about."""
        return self.calls(self.hook, self.owner)

    def raising(self, hook: str, owner: str = "") -> Call | None:
        """The first call of a hook that raised."""
        return next((call for call in self.calls(hook, owner) if call.raised), None)

    def operations(self, kind: str) -> list[Call]:
        """The server's own sends or receives."""
        found = self.facts.moves.get((kind, self.connection, False), ())
        return [call for call in found if call.enter.server == self.server]

    def of_clients(self, kind: str) -> list[Call]:
        """The clients' own calls of that kind, of those that record themselves."""
        found = self.facts.moves.get((kind, self.connection, True), ())
        return [call for call in found if call.enter.server == self.server]

    def steps(self, kind: str) -> list[tuple[Event, Call | None]]:
        """What took no time, with the call in which it happened."""
        found = self.facts.moments.get((kind, self.connection), ())
        return [(event, call) for event, call in found if event.server == self.server]

    @property
    def forked(self) -> bool:
        """Whether a child was forked."""
        return any(event.hook == "fork" for event, _ in self.steps(START))

    @property
    def children(self) -> frozenset[str]:
        """The lanes of forked children."""
        return frozenset(str(event.detail.get("starts")) for event, _ in self.facts.steps if event.hook == "fork")

    @property
    def loop(self) -> Call | None:
        """The first call of serve_forever."""
        return next(iter(self.of_server("serve_forever")), None)

    @cached_property
    def mro(self) -> tuple[str, ...]:
        """The classes of the server, as far as the trace has its constructor."""
        return self._words("server", "mro")

    @cached_property
    def handler_mro(self) -> tuple[str, ...]:
        """The classes of the handler; empty when none was made."""
        return self._words("handler", "mro")

    @cached_property
    def settings(self) -> Mapping[str, str]:
        """What the server's class says of its settings."""
        return dict(word.split("=", 1) for word in self._words("server", "settings"))

    @cached_property
    def handler_settings(self) -> Mapping[str, str]:
        """What the handler's class says of its settings."""
        return dict(word.split("=", 1) for word in self._words("handler", "settings"))

    def _words(self, owner: str, key: str) -> tuple[str, ...]:
        made = self.of_server("__init__") if owner == "server" else self.calls("__init__", "handler")
        found = next((call for call in made if call.owner == owner and key in call.enter.detail), None)
        return () if found is None else tuple(str(found.enter.detail[key]).split())

    @property
    def is_datagram(self) -> bool:
        """Whether the server takes datagrams: its class says so, or its get_request does."""
        return "UDPServer" in self.mro or any(call.provider == "UDPServer" for call in self.calls("get_request"))
