"""Forked children: what happens in them reaches the parent's recording.

A child leaves by `os._exit` or is killed, so nothing can be handed over at its end. Each record is written at once into
memory that parent and child share: a `Channel`, made before the fork, with one process that writes and one that reads,
and so without a lock between them. It has no descriptor that the child could close or confuse, and a child never waits
for its reader: when its room runs short it leaves out bytes, and when it is full records are let go, counted and told.
The parent takes the records whenever it forks, collects its children, or is asked for its trace; then they are like its
own (`children`).

A child that forks again gives a part of its own memory (a slot) to the grandchild, because only that is shared with
whoever reads.

The law: nothing here may raise into the server, wait for a lock that another process or a lost thread may hold, or
leave anything behind when the child is gone.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
import time
from collections import deque
from time import perf_counter_ns

from socketserver_trace import recorder as recorders
from socketserver_trace.channels import SLOTS, Channel, room
from socketserver_trace.children import FORKED, GENERATION, Child, packed
from socketserver_trace.recorder import Flow, Source, local

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.events import Scalar

    Record = tuple[Any, ...]

BIRTH: Final = 60_000_000_000
"""How many nanoseconds a child may take to its first step."""

OFTEN: Final = 20_000_000
"""How many nanoseconds may pass between two looks, where forks follow each other quickly."""

KEPT_ROOMS: Final = 40
"""How many rooms of children that are gone are kept for those to come."""


LOOK: Final = 0.02
"""After how many seconds to look again for the end of a child, where the system has no waitid(2)."""


class _Forking(threading.local):
    child: Child | None = None


class Family:
    """The children of this process, and how this process itself writes when it is a child.

    `flows` are the flows of the children by their pids, until somebody has waited for them. `generation` is 0 for a
    process that reads, 1 for its children.
    """

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.flows: dict[int, Flow] = {}
        self.rooms: list[mmap.mmap] = []
        self.lock = threading.RLock()
        self.forking = _Forking()
        self.generation = 0
        self.gathered = 0
        self.channel: Channel | None = None
        self.slots: list[Channel] = []
        self.pending: deque[tuple[int, Record]] = deque()
        self.writing = threading.Lock()

    # Around a fork, in this order: before, and then one of the other two in each of the two processes.

    def before(self) -> None:
        """Make room for a child that is about to be forked, if anybody records."""
        self.forking.child = None
        if not recorders.living:
            return
        try:
            here = local.here
            flow = Flow()
            flow.connection, flow.source, flow.ident = here.connection, here.source, here.ident
            flow.polling, flow.quiet = here.polling, here.quiet
            if self.generation:
                with self.lock:
                    self.forking.child = self._before_a_grandchild(flow, here)
            else:
                if perf_counter_ns() - self.gathered > OFTEN:
                    self.gather()
                with self.lock:
                    memory = self.rooms.pop() if self.rooms else room()
                self.forking.child = child = Child(Channel.of(memory), flow, here)
                child.room = memory
        except Exception:  # noqa: BLE001 - a child that cannot be recorded runs all the same
            self.forking.child = None

    def in_parent(self) -> None:
        """The fork is done, or has failed: then nobody ever says that the child is there."""
        child, self.forking.child = self.forking.child, None
        if child is not None and not self.generation:
            with self.lock:
                self.children.append(child)

    def in_child(self) -> None:
        """This process is a new child: from now on it writes, and its threads and its children begin anew."""
        child, generation, parent = self.forking.child, self.generation + 1, local.here
        self.__init__()  # type: ignore[misc] # every lock anew: a thread that is lost now may have held one
        self.generation = generation
        if child is not None:
            local.here, self.channel = child.flow, child.channel
        if self.channel is not None:
            self.channel.pid = os.getpid()
            self.slots = self.channel.slots()
        Flow.numbers = itertools.count(generation << GENERATION)
        Source.numbers = itertools.count(generation << GENERATION)
        for recorder in list(recorders.living.values()):
            recorder.in_child(generation << GENERATION, self._shipping(recorder.number))
            for source in recorder.sources:
                # Whoever ran a loop runs its copy now; the loops of the other threads are not here.
                serving = parent in source.loops or parent.source is source
                source.loops = {local.here} if parent in source.loops else set()
                if serving:
                    source.leave_clients()

    def _before_a_grandchild(self, flow: Flow, here: Flow) -> Child | None:
        free = next((number for number, slot in enumerate(self.slots) if slot.free), None)
        child = Child(None if free is None else self.slots[free], flow, here)
        source = here.source
        if free is not None:
            self.slots[free].take()
        elif source is not None:
            source.fault(RuntimeError(f"only {SLOTS} at a time"), "recording a child of a child")
        if source is not None and free is not None:
            source.record((perf_counter_ns(), here, source, FORKED, here.connection, (flow, free)))
        return child

    # Writing, in a child.

    def _shipping(self, recorder: int) -> Callable[[Record], None]:
        def ship(record: Record) -> None:
            if self.channel is not None:
                self.pending.append((recorder, record))
                self._write()

        return ship

    def _write(self) -> None:
        # Whoever is first writes for all. Nobody waits: a signal's handler may have come in between, in this thread.
        while self.pending and self.writing.acquire(blocking=False):
            try:
                with contextlib.suppress(IndexError):
                    while self.channel is not None:
                        self.channel.write(packed(*self.pending.popleft(), brief=self.channel.crowded))
            finally:
                self.writing.release()

    # Reading, in the process that forked.

    def gather(self) -> None:
        """Take over what the children have written since, and note which of them have ended."""
        if self.generation or not self.children:
            return
        with self.lock:
            self.gathered = perf_counter_ns()
            for child in list(self.children):
                if not child.pid and child.channel is not None and child.channel.pid:
                    self._known_as(child, child.channel.pid)
                ended = _end_of(child)  # first: what is written before the end is taken after it
                self.children.extend(child.take())
                if ended is not None:
                    self._ended(child, ended)

    def born(self, pid: int) -> None:
        """A server has forked a child of this pid: it is there, also when it was killed before its first step."""
        with self.lock:
            mine = [child for child in self.children if child.parent is local.here]
            if mine and not mine[-1].pid:
                self._known_as(mine[-1], pid)

    def wait(self, pid: int, options: int) -> tuple[int, int, Flow | None]:
        """`os.waitpid`, and the flow of the child that has ended. Nobody looks between its end and our note of it."""
        while True:
            with self.lock:
                ended, status = os.waitpid(pid, options | os.WNOHANG)
                if ended:
                    with contextlib.suppress(Exception):  # the child is collected, whatever we can say of it
                        self._note_the_end(ended, status)
                    return ended, status, self.flows.pop(ended, None)
                if options & os.WNOHANG:
                    return ended, status, None
            wait_for_the_end(pid)

    def kill(self, pid: int) -> bool:
        """End a child that lives and that nobody has waited for, whatever it does. Returns whether there was one."""
        with self.lock:
            if pid not in self.flows or has_ended(pid):
                return False
            os.kill(pid, signal.SIGKILL)
            return True

    def _note_the_end(self, pid: int, status: int) -> None:
        for child in list(self.children):
            if child.pid == pid or (not child.pid and child.channel is not None and child.channel.pid == pid):
                self._known_as(child, pid)
                self.children.extend(child.take())
                self._ended(child, how_it_ended(os.waitstatus_to_exitcode(status)))

    def _known_as(self, child: Child, pid: int) -> None:
        child.pid = pid
        if child.above is None:
            self.flows[pid] = child.flow
        child.tell_the_start(child.source)

    def _ended(self, child: Child, how: dict[str, Scalar]) -> None:
        if child not in self.children:
            return
        self.children.remove(child)
        child.tell_the_end(how)
        if not how:
            self.flows.pop(child.pid, None)  # somebody else has waited for it
        owner = child.above or child
        if owner not in self.children and all(other.above is not owner for other in self.children):
            self._reuse(owner)

    def _reuse(self, owner: Child) -> None:
        """Nobody writes into this room any more."""
        memory, owner.room = owner.room, None
        if memory is not None and not owner.shares and len(self.rooms) < KEPT_ROOMS:
            self.rooms.append(memory)
        elif memory is not None:
            memory.close()


def _end_of(child: Child) -> dict[str, Scalar] | None:
    """How a child has ended, without taking its status away from whoever will wait for it; None while it lives.

    Nothing is known of how when somebody else has waited for it, or when it is a child's child.
    """
    if not child.pid:
        # A child that has not come to its first step in all this time is none: the fork failed.
        return {} if perf_counter_ns() - child.forked > BIRTH else None
    try:
        if child.above is None and hasattr(os, "waitid"):
            ended = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if ended is None:
                return None
            return how_it_ended(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        os.kill(child.pid, 0)
    except (ChildProcessError, ProcessLookupError):
        return {}
    except OSError:
        return None
    return None


def has_ended(pid: int) -> bool:
    """Whether a wait for this child, or for any (-1), would be over at once, as far as the system can say."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(*_whom(pid), os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except OSError:
        return True


def wait_for_the_end(pid: int) -> None:
    """Wait until this child has ended, or any (-1), and leave its status with the system."""
    if hasattr(os, "waitid"):
        os.waitid(*_whom(pid), os.WEXITED | os.WNOWAIT)
    else:
        time.sleep(LOOK)


def _whom(pid: int) -> tuple[int, int]:
    return (os.P_ALL, 0) if pid < 0 else (os.P_PID, pid)


def how_it_ended(exit_code: int) -> dict[str, Scalar]:
    """An exit code, or the negative number of the signal that ended a process, as a detail."""
    if exit_code >= 0:
        return {"status": exit_code}
    try:
        return {"signal": signal.Signals(-exit_code).name}
    except ValueError:
        return {"signal": f"signal {-exit_code}"}


family: Final = Family()
"""The children of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=family.before, after_in_parent=family.in_parent, after_in_child=family.in_child)
    recorders.gather = family.gather
