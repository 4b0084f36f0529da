"""Who waits for whom, at the end of a recording.

A lane waits when its innermost open call is one that somebody else must end: bytes that another end sends, a loop that
ends, a thread or a child that ends. Whoever it waits for may wait, too; following them gives a chain, and a chain that
comes back to itself is a cycle: nobody in it can go on, for ever. One link is easily forgotten: a client does nothing
by itself, a thread moves it, and a thread that waits as one client moves no other.

The law: pure, from a recording to sentences. Nothing is guessed: a lane that is at work, or a loop that polls, waits
for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.events import CLOSE, CONNECT, END, ENTER, HALF_CLOSE, HOOK, JOIN, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.matching import is_client, match
from socketserver_trace.recording import CHILD, CLIENT, strand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


@dataclass(frozen=True, slots=True)
class Wait:
    """`lane` waits, in the call that was entered with `call`, for `target`, a lane; None where nobody is known.

    `where` is the hook in which it waits, ", in handle() of connection 1,", and `what` goes on: "waits for bytes from
    alice". A `hopeless` wait ends never, whatever others do.
    """

    lane: str
    call: int | None
    target: str | None
    where: str
    what: str
    hopeless: bool = False

    @property
    def brief(self) -> str:
        """What it waits for, in a few words that can stand beside its call."""
        if not self.what.startswith("waits "):
            return "waits for ever" if self.hopeless else "waits for the loop"
        return self.what.partition(", ")[0].partition(":")[0]

    def __str__(self) -> str:
        return f"{self.lane}{self.where} {self.what}"


@dataclass(frozen=True, slots=True)
class Chain:
    """Waits of which each one's target is the lane of the next. In a cycle the last target is a lane of the chain.

    `end` is what the last target does, which does not wait itself: " is in handle() of connection 1"; or nothing.
    """

    waits: tuple[Wait, ...]
    end: str = ""

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody in the chain can ever go on."""
        return self.waits[-1].hopeless or self.waits[-1].target in {wait.lane for wait in self.waits}

    def __str__(self) -> str:
        told = "; ".join(map(str, self.waits))
        first, last = self.waits[0], self.waits[-1]
        if self.end:
            return f"{told}; {last.target}{self.end}."
        if last.hopeless or not self.is_hopeless:
            return f"{told}."
        begins = "" if last.target == first.lane else f"from {last.target} on "
        return f"{told}: {begins}each waits for the next, in a circle, for ever."


def waits_of(recording: Recording) -> tuple[Wait, ...]:
    """Every wait that lasts at the end of the recording, in the order of its lanes."""
    return tuple(_Waits(match(recording)).found.values())


def chains_of(recording: Recording) -> tuple[Chain, ...]:
    """The waits, each followed by that of the lane it waits for; the longest chains only, in the order of the lanes."""
    waits = _Waits(match(recording))
    awaited = {wait.target for wait in waits.found.values() if wait.target != wait.lane}
    chains = [waits.chain(lane) for lane in waits.found if lane not in awaited]
    told = {wait.lane for chain in chains for wait in chain.waits}
    for lane in waits.found:
        if lane not in told:  # a cycle that nobody outside waits for
            chains.append(waits.chain(lane))
            told |= {wait.lane for wait in chains[-1].waits}
    return tuple(chains)


def sentence_about(hook: str, recording: Recording) -> str:
    """The sentence about the wait in a hook that has not ended: of the lane that entered it last."""
    waits = _Waits(match(recording))
    lane = next((lane for lane, calls in reversed(waits.open.items()) if hook in {call.hook for call in calls}), None)
    if lane is None or lane not in waits.found:
        return f"{hook}() waits for something that the trace does not show."
    return str(waits.chain(lane))


def sentence_of(lane: str, recording: Recording) -> str | None:
    """The sentence about the wait of a lane; None when nobody is known for whom it waits."""
    waits = _Waits(match(recording))
    return str(waits.chain(lane)) if lane in waits.found else None


def given(events: Iterable[Event]) -> set[int]:
    """The connections on which a client has sent more than was read, or has said that it is done, unheard."""
    sent: dict[int, int] = {}
    ended: set[int] = set()
    for event in events:
        number = event.connection
        if number is None:
            continue
        if event.kind == SEND and event.phase == ENTER and is_client(event):
            sent[number] = sent.get(number, 0) + (event.size or 0)
        elif event.kind in {CLOSE, HALF_CLOSE} and event.phase == ENTER and is_client(event):
            ended.add(number)
        elif event.kind == RECEIVE and event.phase == RETURN and not is_client(event) and "peek" not in event.detail:
            sent[number] = sent.get(number, 0) - (event.size or 0)
            if not event.size:
                ended.discard(number)
    return ended | {number for number, rest in sent.items() if rest > 0}


def polls(last: Event) -> bool:
    """Whether a serving loop whose last event this is waits for the next connection."""
    return (last.hook, last.phase) in {("serve_forever", ENTER), ("service_actions", RETURN)}


HANDLING: Final = frozenset({"process_request_thread", "finish_request"})
"""The hooks of the lane in which a request is handled."""


class _Waits:
    """The waits of a recording, by lane, and what is needed to find them."""

    def __init__(self, recording: Recording) -> None:
        self.kinds = {lane.name: lane.kind for lane in recording.lanes}
        self.open: dict[str, list[Event]] = {}
        self.last: dict[str, Event] = {}
        self.handled_by: dict[int | None, str] = {}
        self.handled: set[int | None] = set()
        self.clients: dict[int | None, str] = {}
        self.over: set[int | None] = set()
        self.movers: dict[str, str] = {}
        self.asked: dict[str, int | None] = {}  # the connection of what a client asked last
        for event in recording.events:
            self._note(event)
        self.given = given(recording.events)
        waits = {lane.name: self._wait(lane.name) for lane in recording.lanes}
        self.found = {lane: wait for lane, wait in waits.items() if wait is not None}

    def chain(self, lane: str) -> Chain:
        """The wait of a lane, that of the lane it waits for, and so on."""
        waits: list[Wait] = []
        following: str | None = lane
        while following in self.found and all(wait.lane != following for wait in waits):
            waits.append(self.found[following])
            following = waits[-1].target
        at_work = following is not None and following not in self.found and self.kinds.get(following) != CLIENT
        inside = self._inside(following) if at_work and following else ""
        return Chain(tuple(waits), f" is{inside.removesuffix(',').removeprefix(',')}" if inside else "")

    def _note(self, event: Event) -> None:
        calls = self.open.setdefault(event.lane, [])
        if event.phase == ENTER:
            calls.append(event)
        elif event.phase in {RETURN, RAISE}:
            depth = next((depth for depth, call in enumerate(calls) if call.call == event.call), len(calls))
            del calls[depth:]
        elif event.kind == END:
            calls.clear()
        self.last[event.lane] = event
        if is_client(event):
            self.movers[event.lane] = strand(event)
            self.clients[event.connection] = event.lane
            if event.kind == CONNECT or (event.kind == SEND and event.phase == ENTER):
                self.asked[event.lane] = event.connection
        elif event.connection is not None:
            if event.hook == "shutdown_request" and event.phase != ENTER:
                self.over.add(event.connection)
            handles = event.hook in HANDLING and event.phase == ENTER
            if handles or event.connection not in self.handled:
                self.handled_by[event.connection] = (
                    event.lane
                )  # later on, whoever handed it on has no more to do with it
            if handles:
                self.handled.add(event.connection)

    def _wait(self, lane: str) -> Wait | None:
        calls = self.open.get(lane, [])
        if not calls:
            return self._unmoved(lane)
        inner = calls[-1]
        if inner.kind == RECEIVE and not is_client(inner):
            return self._for_a_client(lane, inner)
        if inner.kind in {RECEIVE, CONNECT}:
            return self._for_the_server(lane, inner)
        if inner.kind == SEND:
            return self._for_a_reader(lane, inner)
        if inner.kind == JOIN:
            return self._for_an_end(lane, inner)
        return self._for_the_loop(lane, inner) if inner.kind == HOOK and inner.hook == "shutdown" else None

    def _unmoved(self, lane: str) -> Wait | None:
        """A client whose thread waits, as another client or for something else, does nothing meanwhile."""
        mover = self.movers.get(lane)
        if mover is None or self.last[lane].kind == CLOSE:
            return None
        moved = (name for name, by in self.movers.items() if by == mover and name != lane and self.open.get(name))
        other = next(moved, mover if self.open.get(mover) and mover != lane else None)
        if other is None:
            return None
        also = f" as {other}" if other != mover else ""
        return Wait(lane, None, other, "", f"does nothing meanwhile, because {mover}, which moves it, waits{also}")

    def _for_a_client(self, lane: str, receive: Event) -> Wait | None:
        if receive.connection in self.given:
            return None
        client = self.clients.get(receive.connection)
        what = f"waits for bytes from {client or 'its client'}"
        return Wait(lane, receive.call, client, self._inside(lane), what)

    def _for_a_reader(self, lane: str, send: Event) -> Wait | None:
        reader = self.handled_by.get(send.connection) if is_client(send) else self.clients.get(send.connection)
        return Wait(lane, send.call, reader, self._inside(lane), f"waits until {reader or 'its peer'} reads")

    def _for_the_server(self, lane: str, receive: Event) -> Wait | None:
        number = self.asked.get(lane)
        server = self.handled_by.get(number) if number is not None else None
        if number in self.over:
            what = "waits for bytes that nobody will send: its request is over"
            return Wait(lane, receive.call, None, "", what, hopeless=True)
        if server is not None:
            # A loop that polls has handed the request on, to a thread that has not begun.
            at_work = bool(self.open.get(server)) and not polls(self.last[server])
            return Wait(lane, receive.call, server, "", f"waits for bytes from {server}") if at_work else None
        server = next((name for name in self._loops(receive.server) if not polls(self.last[name])), None)
        if server is None:
            return None
        return Wait(lane, receive.call, server, "", f"waits until {server} has time for it")

    def _for_an_end(self, lane: str, join: Event) -> Wait:
        target = join.detail.get("joins")
        ended = target if isinstance(target, str) else None
        what = f"waits for the end of {ended or 'one of its children'}"
        return Wait(lane, join.call, ended, self._inside(lane), what)

    def _for_the_loop(self, lane: str, shutdown: Event) -> Wait | None:
        loops = self._loops(shutdown.server)
        where = self._inside(lane, besides="shutdown")
        called = "has called shutdown(), which waits for the end of serve_forever()"
        if lane in loops:
            what = f"{called}, and that runs on the same thread: it waits for itself, for ever"
            return Wait(lane, shutdown.call, lane, where, what, hopeless=True)
        if self.kinds.get(lane) == CHILD:
            what = f"{called}, and that runs in the parent, which a child cannot tell"
            return Wait(lane, shutdown.call, None, where, what, hopeless=True)
        if not loops:
            return Wait(lane, shutdown.call, None, where, f"{called}, and nobody runs it", hopeless=True)
        if polls(self.last[loops[0]]):
            return None
        return Wait(lane, shutdown.call, loops[0], where, f"{called} in {loops[0]}")

    def _loops(self, server: str | None) -> list[str]:
        """The lanes that run the loop of a server."""
        return [
            lane
            for lane, calls in self.open.items()
            if any(call.hook == "serve_forever" and call.server == server for call in calls)
        ]

    def _inside(self, lane: str, besides: str = "") -> str:
        """In which hook a lane is: ", in handle() of connection 1,"; nothing for a client."""
        left_out = {"serve_forever", besides}
        hooks = [call for call in self.open.get(lane, ()) if call.kind == HOOK and call.hook not in left_out]
        if not hooks or self.kinds.get(lane) == CLIENT:
            return ""
        number = hooks[-1].connection
        return f", in {hooks[-1].hook}()" + (f" of connection {number}," if number is not None else ",")
