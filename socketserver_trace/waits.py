"""Who waits for whom, at the end of a recording.

A lane waits when its innermost open call is one that somebody else must end: bytes that another end sends, a loop that
ends, a thread or a child that ends. Whoever it waits for may wait, too; following them gives a chain, and a chain that
comes back to itself is a cycle: nobody in it can go on, for ever. One link is easily forgotten: a client does nothing
by itself, a thread moves it, and a thread that waits as one client moves no other.

The law: pure, from a recording whose connections are matched to sentences. Nothing is guessed: a lane that is at work,
or a loop that polls, waits for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.events import CONNECT, ENTER, HOOK, JOIN, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.matching import is_client, match
from socketserver_trace.quiescence import given, polls
from socketserver_trace.recording import CHILD, CLIENT, strand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


@dataclass(frozen=True, slots=True)
class Wait:
    """`lane` waits, in the call that `call` entered, for `target`, a lane; None when there is nobody to wait for.

    `words` go on after the lane's name: "waits for bytes from alice". `ends` says that the wait is hopeless by itself.
    """

    lane: str
    call: int | None
    target: str | None
    words: str
    ends: bool = False


def waits_of(recording: Recording) -> tuple[Wait, ...]:
    """Every wait that lasts at the end of the recording, in the order of its lanes."""
    return tuple(_Waits(match(recording)).found.values())


def sentences(recording: Recording) -> tuple[str, ...]:
    """The chains and cycles of those waits, a sentence each, the longest chains only."""
    return tuple(_sentence(chain) for chain in chains(recording))


def chains(recording: Recording) -> tuple[tuple[Wait, ...], ...]:
    """The waits, each followed by that of the lane it waits for. In a cycle the last one waits for the first or later."""
    waits = {wait.lane: wait for wait in waits_of(recording)}
    awaited = {wait.target for wait in waits.values() if wait.target != wait.lane}
    found = [_chain(waits, lane) for lane in waits if lane not in awaited]
    told = {wait.lane for chain in found for wait in chain}
    for lane in waits:
        if lane not in told:  # a cycle that nobody outside waits for
            found.append(_chain(waits, lane))
            told |= {wait.lane for wait in found[-1]}
    return tuple(found)


def is_hopeless(chain: tuple[Wait, ...]) -> bool:
    """Whether nobody in the chain can ever go on by itself."""
    return chain[-1].ends or chain[-1].target in {wait.lane for wait in chain}


def sentence_about(hook: str, recording: Recording) -> str:
    """The sentence about the wait in a hook that has not ended: of the lane that entered it last."""
    waits = _Waits(match(recording))
    lane = next((lane for lane, calls in reversed(waits.open.items()) if hook in {call.hook for call in calls}), None)
    chain = () if lane is None else _chain(waits.found, lane)
    return _sentence(chain) if chain else f"{hook}() waits for something that the trace does not show."


def _chain(waits: dict[str, Wait], lane: str) -> tuple[Wait, ...]:
    chain: list[Wait] = []
    following: str | None = lane
    while following in waits and all(wait.lane != following for wait in chain):
        chain.append(waits[following])
        following = chain[-1].target
    return tuple(chain)


def _sentence(chain: tuple[Wait, ...]) -> str:
    told = "; ".join(f"{wait.lane}{wait.words}" for wait in chain)
    if len(chain) > 1 and chain[-1].target == chain[0].lane:
        told += ": each waits for the next, in a circle, for ever"
    elif len(chain) > 1 and is_hopeless(chain) and not chain[-1].ends:
        told += f": from {chain[-1].target} on each waits for the next, in a circle, for ever"
    return f"{told}."


class _Waits:
    """The waits of a recording, by lane, and what is needed to find them."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.open: dict[str, list[Event]] = {}
        self.last: dict[str, Event] = {}
        self.accepted_by: dict[int | None, str] = {}
        self.handled_by: dict[int | None, str] = {}
        self.clients: dict[int | None, str] = {}
        self.movers: dict[str, str] = {}
        self.moves: dict[str, Event] = {}
        for event in recording.events:
            self._note(event)
        self.given = given(recording.events)
        self.found: dict[str, Wait] = {}
        for lane in recording.lanes:
            wait = self._wait(lane.name)
            if wait is not None:
                self.found[lane.name] = wait

    def _note(self, event: Event) -> None:
        calls = self.open.setdefault(event.lane, [])
        if event.phase == ENTER:
            calls.append(event)
        elif event.phase in {RETURN, RAISE}:
            depth = next((depth for depth, call in enumerate(calls) if call.call == event.call), len(calls))
            del calls[depth:]
        elif event.kind == "end":
            calls.clear()
        self.last[event.lane] = event
        if is_client(event):
            self.movers[event.lane] = strand(event)
            self.clients[event.connection] = event.lane
        elif event.hook == "get_request":
            self.accepted_by[event.connection] = event.lane
        if not is_client(event) and event.connection is not None:
            self.handled_by[event.connection] = event.lane

    def _wait(self, lane: str) -> Wait | None:
        calls = self.open.get(lane, [])
        if not calls:
            return self._unmoved(lane)
        inner = calls[-1]
        if inner.kind == RECEIVE:
            return self._for_a_client(lane, inner) if not is_client(inner) else self._for_the_server(lane, inner)
        if inner.kind == SEND:
            return self._for_a_reader(lane, inner)
        if inner.kind == CONNECT:
            return self._for_the_server(lane, inner)
        if inner.kind == JOIN:
            return self._for_an_end(lane, inner)
        if inner.kind == HOOK and inner.hook == "shutdown":
            return self._for_the_loop(lane, inner)
        return None

    def _unmoved(self, lane: str) -> Wait | None:
        """A client whose thread waits as another client does nothing meanwhile."""
        mover = self.movers.get(lane)
        other = next(
            (
                name
                for name, calls in self.open.items()
                if mover is not None and name != lane and calls and is_client(calls[-1]) and strand(calls[-1]) == mover
            ),
            None,
        )
        if other is None or self.last[lane].kind == "close":
            return None
        return Wait(lane, None, other, f" does nothing meanwhile, because {mover}, which moves it, waits as {other}")

    def _for_a_client(self, lane: str, receive: Event) -> Wait | None:
        if receive.connection in self.given:
            return None
        client = self.clients.get(receive.connection)
        return Wait(lane, receive.call, client, f"{self._inside(lane)} waits for bytes from {client or 'its client'}")

    def _for_a_reader(self, lane: str, send: Event) -> Wait | None:
        reader = self.handled_by.get(send.connection) if is_client(send) else self.clients.get(send.connection)
        return Wait(lane, send.call, reader, f"{self._inside(lane)} waits until {reader or 'its peer'} reads")

    def _for_the_server(self, lane: str, receive: Event) -> Wait | None:
        server = self.handled_by.get(receive.connection) if receive.connection is not None else None
        if server is not None:
            if not self.open.get(server) or polls(self.last[server]):
                return Wait(
                    lane, receive.call, None, " waits for bytes that nobody will send: its request is over", True
                )
            return Wait(lane, receive.call, server, f" waits for bytes from {server}")
        server = next((name for name in self._loops(receive.server) if not polls(self.last[name])), None)
        if server is None:
            return None
        return Wait(lane, receive.call, server, f" waits until {server} has time for it")

    def _for_an_end(self, lane: str, join: Event) -> Wait:
        target = join.detail.get("joins")
        ended = str(target) if target else "one of its children"
        return Wait(
            lane, join.call, str(target) if target else None, f"{self._inside(lane)} waits for the end of {ended}"
        )

    def _for_the_loop(self, lane: str, shutdown: Event) -> Wait | None:
        loops = self._loops(shutdown.server)
        called = f"{self._inside(lane, besides='shutdown')} has called shutdown(), which waits for the end of serve_forever()"
        if lane in loops:
            return Wait(
                lane,
                shutdown.call,
                lane,
                f"{called}, and that runs on the same thread: it waits for itself, for ever",
                True,
            )
        if self.recording.lane(lane).kind == CHILD:
            return Wait(
                lane, shutdown.call, None, f"{called}, and that runs in the parent, which a child cannot tell", True
            )
        if not loops:
            return Wait(lane, shutdown.call, None, f"{called}, and nobody runs it", True)
        return None if polls(self.last[loops[0]]) else Wait(lane, shutdown.call, loops[0], f"{called} in {loops[0]}")

    def _loops(self, server: str | None) -> list[str]:
        """The lanes that run the loop of a server."""
        return [
            lane
            for lane, calls in self.open.items()
            if any(call.hook == "serve_forever" and call.server == server for call in calls)
        ]

    def _inside(self, lane: str, besides: str = "") -> str:
        """In which hook a lane is."""
        hooks = [call for call in self.open[lane] if call.kind == HOOK and call.hook not in {"serve_forever", besides}]
        if not hooks or self.recording.lane(lane).kind == CLIENT:
            return ""
        number = hooks[-1].connection
        return f", in {hooks[-1].hook}()" + (f" of connection {number}," if number is not None else ",")
