"""The recorder: it appends, and does nothing else, while the server runs.

Whoever records calls `source.record` with one tuple of six things: the time, the flow of control, the source, the
meaning, the number of the connection, and a payload. They are appended flat to one list. That is one call of a C
function, atomic, without a lock, and the list holds no container for the garbage collector to visit, which is why an
event costs a fraction of a microsecond (`make bench`). Everything else, the names of the lanes, which call is nested in
which, which client is which connection, is worked out when somebody reads (`assembly`).

The law: no lock is held and no code of the program runs between two appends; nothing here may raise into the server.
"""

from __future__ import annotations

import itertools
import sys
import threading
import weakref
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns

from socketserver_trace.events import FAULT, NO_DETAIL
from socketserver_trace.recording import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Final

    from socketserver_trace.children import Child
    from socketserver_trace.events import Scalar
    from socketserver_trace.parking import Parking

WIDTH: Final = 6
"""How many slots of the flat list one record takes."""

DEFAULT_CAP: Final = 100_000
"""How many events a recorder keeps unless told otherwise: about 10 MB."""

DATA_LIMIT: Final = 4096
"""How many bytes of one transfer are kept; the true length is kept always."""


TEXT_LIMIT: Final = 200
"""How many characters of one text, an exception's message say, are kept."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What all records of one place in the code have in common; see `events.Event` for the words.

    `owner` is whose doing it is: the server's, the handler's, the client's, or nobody's in particular.
    """

    kind: str
    phase: str | None
    hook: str | None
    provider: str | None = None
    owner: str | None = None
    detail: Mapping[str, Scalar] = field(default_factory=lambda: NO_DETAIL, hash=False)


class Flow:
    """A flow of control: a thread, or a client that a thread moves. Counted, never reused.

    `connection` and `source` are what the flow works on just now, so that a hook without a request among its arguments
    knows its connection. `busy` is true inside a recorded socket operation, whose inner operations are not recorded.
    `polling` is true while a serving loop has had no request since it last called service_actions, and `quiet` inside
    the calls of such a loop. `process` is the forked child it belongs to, None for the process that reads. `thread`
    refers to the thread it is, where that is known, and `joinable` says that somebody may wait for its end.
    """

    __slots__ = (
        "busy",
        "connection",
        "ident",
        "joinable",
        "name",
        "number",
        "polling",
        "process",
        "quiet",
        "source",
        "thread",
    )

    numbers = itertools.count(1)

    def __init__(self, name: str | None = None) -> None:
        self.number = next(Flow.numbers)
        self.name = name
        self.ident = threading.get_ident()
        self.connection: int | None = None
        self.source: Source | None = None
        self.busy = False
        self.polling = True
        self.quiet = False
        self.process: Child | None = None
        self.thread: weakref.ref[threading.Thread] | None = None
        self.joinable = False

    def runs_in(self) -> threading.Thread | None:
        """The thread that it is, while that lives and is known."""
        return None if self.thread is None else self.thread()

    @property
    def is_main_thread(self) -> bool:
        """Whether it is the program's first thread."""
        return self.name is None and self.process is None and self.ident == threading.main_thread().ident

    @property
    def is_child(self) -> bool:
        """Whether it is the first flow of a forked child."""
        return self.process is not None and self.process.flow is self


class _Local(threading.local):
    def __init__(self) -> None:
        self.here = Flow()
        # Not threading.current_thread(): in a thread that threading did not start that makes an object that stays.
        thread = vars(threading).get("_active", {}).get(self.here.ident)
        if thread is not None:
            self.here.thread, self.here.joinable = weakref.ref(thread), not thread.daemon


local: Final = _Local()
"""`local.here` is the flow of the thread that asks."""


@contextmanager
def acting_for(flow: Flow) -> Iterator[None]:
    """Let this thread record as the flow that waits for it, so that both are one lane."""
    mine, local.here = local.here, flow
    try:
        yield
    finally:
        local.here = mine


class Source:
    """Where records come from: one server, with its clients. It has the server's name and its open connections.

    `loops` are the flows that run its serve_forever; `begins`, if any, is called when one of them begins to wait for
    clients. `listening` refers to the stream socket at which it listens, None where there is none. `patience` is how
    many seconds a call may wait for what may never come, None for as long as it takes. `clients` are the clients of
    ours, None for a server that has none and never will. `connecting` lets one client connect at a time where only the
    order of their connects tells them apart. Hooks find it on the server, sockets and clients hold it. `record` is the
    append of the recorder, kept here because it is called for every event. `parking` has its paused threads, where
    there can be any, and `gate` is called after each record while there may be a reason to pause.
    """

    __slots__ = (
        "begins",
        "clients",
        "connecting",
        "connections",
        "ended",
        "errors",
        "front",
        "gate",
        "limit",
        "listening",
        "loops",
        "name",
        "number",
        "parking",
        "patience",
        "quiet",
        "record",
        "recorder",
        "records",
    )

    numbers = itertools.count(1)

    def __init__(self, recorder: Recorder, name: str) -> None:
        self.number = next(Source.numbers)
        self.recorder = recorder
        self.name = name
        self.connections: dict[int, int] = {}
        self.clients: weakref.WeakSet[Any] | None = None
        self.connecting = threading.Lock()
        self.quiet = False
        self.patience: float | None = None
        self.listening: weakref.ref[Any] | None = None
        self.loops: set[Flow] = set()
        self.begins: Callable[[], object] | None = None
        self.errors: list[str] = []
        self.ended: str | None = None
        self.front: tuple[type, type] | None = None
        self.parking: Parking | None = None
        self.gate: Callable[[tuple[Any, ...]], object] | None = None
        self.records = recorder.records
        self.limit = recorder.limit
        self.record = recorder.record
        recorder.sources.append(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of a server, or one that was pickled, has no source: what it does is not this server's doing."""
        return type(None), ()

    def leave_clients(self) -> None:
        """In a child that a server has forked: close the copies of the clients' ends.

        A connection ends when nobody holds its other end any more, and a handler that reads to the end of it would
        hold, and wait for, itself.
        """
        for client in list(self.clients or ()):
            client.leave()

    def fault(self, error: BaseException, doing: str) -> None:
        """Record that the tracer failed at something. The server goes on."""
        meaning = Meaning(FAULT, None, None, detail={"doing": doing})
        here = local.here
        self.record((perf_counter_ns(), here, self, meaning, here.connection, failure(error)))


class Recorder:
    """A list of records, the sources that write into it, and the listeners that hear of each record at once.

    `cap` is the number of events that are kept, the newest; None keeps all. `data_limit` is the number of bytes kept of
    one transfer. Any thread may record and read at any time.
    """

    numbers = itertools.count(1)

    def __init__(self, *, cap: int | None = DEFAULT_CAP, data_limit: int = DATA_LIMIT) -> None:
        if cap is not None and cap < 1:
            raise ValueError(f"cap is the number of events to keep, 1 or more, or None for all; not {cap}")
        self.cap = cap
        # A quarter of room, so that the list is moved once in many records and not at each.
        self.limit = sys.maxsize if cap is None else (cap + cap // 4) * WIDTH
        self.data_limit = data_limit
        self.records: list[Any] = []
        self.dropped = 0
        self.sources: list[Source] = []
        self.listeners: tuple[Callable[[tuple[Any, ...]], object], ...] = ()
        self.record: Callable[[tuple[Any, ...]], object] = self.records.extend
        self.next_connection = itertools.count(1).__next__
        self.number = next(Recorder.numbers)
        self._append: Callable[[tuple[Any, ...]], object] = self.records.extend
        self._names = Names()
        self._trimming = threading.Lock()
        self._listening = threading.RLock()
        living[self.number] = self

    def source(self, name: str) -> Source:
        """A new source, whose name is made unique: Echo, Echo 2, Echo 3."""
        return Source(self, self._names.new(name))

    def trim(self) -> None:
        """Let the oldest records go when there are too many. Called once in a while, from the recording side."""
        if self.cap is None or len(self.records) <= self.limit:
            return
        # A second thread need not wait for the first: the next call of trim() comes soon.
        if self._trimming.acquire(blocking=False):
            try:
                excess = len(self.records) // WIDTH - self.cap
                del self.records[: excess * WIDTH]
                self.dropped += excess
            finally:
                self._trimming.release()

    def snapshot(self) -> tuple[list[Any], int]:
        """A copy of the flat list, and the number of records that were let go before its first."""
        gather()
        with self._trimming:
            records, dropped = self.records.copy(), self.dropped
        if self.cap is not None and len(records) > self.cap * WIDTH:
            excess = len(records) // WIDTH - self.cap
            return records[excess * WIDTH :], dropped + excess
        return records, dropped

    @property
    def total(self) -> int:
        """How many records there have been, also those that were let go, without what children still hold."""
        return self.dropped + len(self.records) // WIDTH

    def since(self, number: int) -> tuple[list[Any], int]:
        """The records after the first `number`, as a flat list, and how many came before the first of these.

        That is more than `number` when some of them were let go meanwhile.
        """
        gather()
        with self._trimming:
            start = max(number - self.dropped, 0)
            return self.records[start * WIDTH :], self.dropped + start

    def flow(self, number: int) -> Flow | None:
        """The flow of this number, if it has recorded anything that is kept."""
        flows = itertools.islice(self.records.copy(), 1, None, WIDTH)
        return next((flow for flow in flows if flow.number == number), None)

    def listen(self, listener: Callable[[tuple[Any, ...]], object]) -> Callable[[], None]:
        """Call the listener with each record from now on, in the thread that records; returns the end of it.

        A listener must be quick. One that raises is dropped, and the fault is recorded.
        """
        with self._listening:
            self._set_listeners((*self.listeners, listener))
        return lambda: self._forget(listener)

    def _forget(self, listener: Callable[[tuple[Any, ...]], object]) -> None:
        with self._listening:
            self._set_listeners(tuple(other for other in self.listeners if other is not listener))

    def _set_listeners(self, listeners: tuple[Callable[[tuple[Any, ...]], object], ...]) -> None:
        self.listeners = listeners
        self._switch()

    def set_gate(self, source: Source, gate: Callable[[tuple[Any, ...]], object] | None) -> None:
        """From now on call this gate with each record of the source, in the thread that records; None: no more.

        A gate is called when all listeners have heard, and may let the thread wait. One that raises is taken away,
        and the fault is recorded.
        """
        with self._listening:
            source.gate = gate
            self._switch()

    def _switch(self) -> None:
        """Let each source record in the shortest way that is enough."""
        self.record = self._record_and_tell if self.listeners else self._append
        for source in self.sources:
            source.record = self.record if source.gate is None else self._record_and_tell

    def _record_and_tell(self, record: tuple[Any, ...]) -> None:
        self._append(record)
        for listener in self.listeners:
            try:
                listener(record)
            except Exception as error:  # noqa: BLE001 - whatever a listener raises, the server goes on
                self._forget(listener)
                record[2].fault(error, "telling a listener, which hears no more")
        gate = record[2].gate
        if gate is not None:
            try:
                gate(record)
            except Exception as error:  # noqa: BLE001 - likewise
                self.set_gate(record[2], None)
                record[2].fault(error, "looking at the breakpoints, which pause nobody now")

    def in_child(self, first_connection: int, ship: Callable[[tuple[Any, ...]], object]) -> None:
        """This is the copy in a forked child, and ships its records to the parent. Nobody may hold its locks."""
        self._trimming = threading.Lock()
        self._listening = threading.RLock()
        self._append = ship
        self.next_connection = itertools.count(first_connection).__next__
        for source in self.sources:
            source.connecting = threading.Lock()
            source.gate = source.parking = None  # nobody could send a child on
        self._set_listeners(())


living: Final[weakref.WeakValueDictionary[int, Recorder]] = weakref.WeakValueDictionary()
"""Every recorder of this process, by its number."""


def gather() -> None:
    """Take over what was recorded in other processes. `forks` puts its own in this place, where there are forks."""


shared: Recorder | None = None
"""The recorder into which every new server records, while `sharing` lasts; without one, each server has its own."""


@contextmanager
def sharing(recorder: Recorder) -> Iterator[Recorder]:
    """Let every traced server that is made from now on record into this one."""
    global shared  # noqa: PLW0603 - one switch for the whole process is what this is
    before, shared = shared, recorder
    try:
        yield recorder
    finally:
        shared = before


def failure(error: BaseException) -> tuple[str, tuple[Scalar, ...]]:
    """An exception as plain values. Its `__str__` is code of the program, a reference would keep its frames alive."""
    arguments = BaseException.args.__get__(error)  # type: ignore[attr-defined] # past an `args` of the program's own
    return type(error).__name__, tuple(plain(argument) for argument in arguments[:3])


def plain(value: object) -> Scalar:
    """The value itself where it is a plain one, otherwise the name of its type in angle brackets."""
    if value is None or type(value) is bool or type(value) is int:
        return value
    if type(value) is str:
        return value if len(value) <= TEXT_LIMIT else value[:TEXT_LIMIT] + "…"
    return f"<{type(value).__name__}>"
