"""`served.breakpoints`: where a live server is paused, and what one does with a thread that is.

A breakpoint names a hook and a phase: at the enter a thread stops before the method runs, at the return or raise before
its caller goes on. Only that thread stops; the kernel still takes connections and keeps bytes, clients wait, and the
trace can be looked at. The threads themselves are kept in `parking`.

The law: whoever asks for a pause that can never come is told so in a sentence, at once. Without a breakpoint nothing
costs anything: the server's events are appended as if there were none.
"""

from __future__ import annotations

import difflib
import itertools
import math
import socketserver
import threading
import time
from dataclasses import dataclass

from socketserver_trace.assembly import assemble
from socketserver_trace.events import ENTER, HOOK, PHASES, RETURN
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.parking import NEVER, SLICE
from socketserver_trace.pauses import place
from socketserver_trace.quiescence import unsettled
from socketserver_trace.sentences import CannotPause, NoSuchHook, WaitedInVain
from socketserver_trace.waits import chains_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

    from socketserver_trace.lifecycle.hooks import Hook
    from socketserver_trace.parking import Parking
    from socketserver_trace.pauses import Parked
    from socketserver_trace.recorder import Meaning

PATIENCE: Final = 300.0
"""How many seconds a thread is paused at most, unless told otherwise."""

TIMEOUT: Final = 5.0
"""How many seconds `wait` waits, unless told otherwise."""

HOOKS: Final = {hook.name: hook for hook in [*SERVER_HOOKS.values(), *HANDLER_HOOKS.values()] if hook.traced}
"""The hooks by their names; `__init__` is the handler's, because the server's is over before anybody can ask."""

OVER: Final = frozenset({"server_bind", "server_activate"})
IN_A_CHILD: Final = frozenset({"finish_request", *HANDLER_HOOKS})


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A place at which threads are paused. `connection` and `lane` are None where any will do.

    `patience` is how many seconds a thread waits here at most, `number` counts the breakpoints of a server from 1.
    """

    hook: str
    phase: str
    connection: int | None
    lane: str | None
    patience: float
    number: int

    def __str__(self) -> str:
        return place(self.hook, self.phase, self.connection) + (f" in {self.lane}" if self.lane else "")

    def is_at(self, meaning: Meaning) -> bool:
        """Whether an event of this meaning is one of this hook and phase."""
        return meaning.hook == self.hook and meaning.phase == self.phase and meaning.kind == HOOK

    def catches(self, parked: Parked) -> bool:
        """Whether the connection and the lane of a thread that has come here are the wanted ones."""
        return self.connection in {None, parked.connection} and (self.lane is None or self.lane == parked.lane)


class Breakpoints:
    """The breakpoints of one server, in the order in which they were made. Everything may be called from any thread."""

    def __init__(self, server: Any, parking: Parking) -> None:
        self._server = server
        self._parking = parking
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._parking.breakpoints)

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(self._parking.breakpoints)

    def __repr__(self) -> str:
        return f"<breakpoints: {'; '.join(map(str, self)) or 'none'}>"

    @property
    def changes(self) -> int:
        """A number that grows with each breakpoint and each pause that begins or ends: cheap to look at, often."""
        return self._parking.changes

    @property
    def parked(self) -> tuple[Parked, ...]:
        """The threads that are paused now, in the order in which they were."""
        return self._parking.parked

    def add(
        self,
        hook: str,
        *,
        phase: str = ENTER,
        connection: int | None = None,
        lane: str | None = None,
        patience: float = PATIENCE,
    ) -> Breakpoint:
        """Pause each thread that enters, returns from or raises from a hook, of one connection or lane or of any.

        `hook` is the name of the method, `connection` counts from 1, `lane` is a name as the trace has it at that
        moment. After `patience` seconds a thread goes on by itself, and the trace says so. LookupError for a hook
        that the server does not have, ValueError where nobody could ever be paused.
        """
        self._check(hook, phase, connection, patience)
        made = Breakpoint(hook, phase, connection, lane, patience, next(self._numbers))
        self._parking.set_breakpoints(add=made)
        return made

    def remove(self, breakpoint: Breakpoint) -> None:  # noqa: A002 - the word of this trade
        """Pause nobody there any more. Threads that are paused stay so. Removing twice is harmless."""
        self._parking.set_breakpoints(remove=breakpoint)

    def clear(self) -> None:
        """Remove all breakpoints and release all threads."""
        self._parking.release(clear=True)

    def release(self) -> None:
        """Let all paused threads go on, and nobody step any more. The breakpoints stay."""
        self._parking.release()

    def wait(self, hook: str | None = None, *, lane: str | None = None, timeout: float = TIMEOUT) -> Parked:
        """The thread that has been paused the longest, in this hook and lane if asked for; waits until there is one.

        WaitedInVain, a TimeoutError, says what the threads did instead. An interrupt releases all.
        """
        news, deadline = threading.Event(), time.monotonic() + timeout
        with self._parking.released_by_an_interrupt(), self._parking.heard_by(news):
            while True:
                news.clear()
                for parked in self.parked:
                    if (hook is None or hook == parked.hook) and (lane is None or lane == parked.lane):
                        return parked
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise WaitedInVain(f"waited {timeout:g} s for a thread to be paused, in vain: {self._told()}")
                news.wait(min(remaining, SLICE))

    def told(self) -> str:
        """Which threads are paused where, in words; nothing when none is."""
        return " and ".join(f"{parked.lane} is paused {parked.place}" for parked in self.parked)

    def _told(self) -> str:
        """What the breakpoints are, and what everybody does."""
        recording = assemble(self._parking.source.recorder)
        where = f"the breakpoints are {'; '.join(map(str, self))}" if len(self) else "there is no breakpoint"
        doing = self.told() or "; ".join(str(chain).removesuffix(".") for chain in chains_of(recording))
        return f"{where}. Meanwhile {doing or unsettled(recording) or 'nobody has anything to do'}."

    def _check(self, hook: str, phase: str, connection: int | None, patience: float) -> None:
        if self._parking.ended:
            raise CannotPause("this server was stopped, and nothing of it can be paused any more: serve() a new one.")
        if phase not in PHASES:
            raise CannotPause(f"there is no phase {phase!r}: a thread is paused at the enter, the return or the raise.")
        if connection is not None and (type(connection) is not int or connection < 1):
            raise CannotPause(f"connections are counted from 1, so there is none with the number {connection!r}.")
        if not 0 < patience < math.inf:
            raise CannotPause(f"patience is a number of seconds, more than 0, and not {patience!r}.")
        entry = self._entry(hook)
        if hook in NEVER:
            raise CannotPause(f"nobody is paused in {hook}(): whoever stops a server lets all of its threads go on.")
        if hook in OVER:
            raise CannotPause(f"{hook}() is over: it ran while the server was made, before this breakpoint.")
        if hook in IN_A_CHILD and isinstance(self._server, getattr(socketserver, "ForkingMixIn", ())):
            raise CannotPause(
                f"{hook}() runs in a forked child of this server, and a child cannot be paused from here: "
                "take process_request, which forks it, or a server with threads."
            )
        if connection is not None:
            _check_connection(entry, phase)

    def _entry(self, hook: str) -> Hook:
        entry = HOOKS.get(hook)
        if entry is None:
            near = difflib.get_close_matches(str(hook), HOOKS, n=3, cutoff=0.5)
            names = f"the nearest are {', '.join(near)}" if near else "a hook is named as its method, handle say"
            raise NoSuchHook(f"there is no hook {hook!r} at which a thread could be paused; {names}.")
        if entry.owner == "server" and not hasattr(self._server, hook):
            raise NoSuchHook(f"this {type(self._server).__name__} has no {hook}, so nobody ever comes there.")
        return entry


def _check_connection(entry: Hook, phase: str) -> None:
    if not entry.per_request:
        raise CannotPause(f"{entry.name}() belongs to no connection: leave the connection out.")
    if entry.name == "get_request" and phase != RETURN:
        raise CannotPause(
            f"at the {phase} of get_request a connection has no number yet, it gets one there: "
            'leave the connection out, or take phase="return".'
        )
