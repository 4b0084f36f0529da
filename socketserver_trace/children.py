"""A forked child as its parent knows it, and what it has written as records of the parent.

A child numbers its flows, sources and connections anew. Whatever it has numbered itself has the child's generation in
its upper bits, so that the numbers of two processes are never mixed up; what it has inherited keeps the parent's
number. Here each becomes an object of the process that reads, made when it is met first.

The law: a record that cannot be read is told, and the others follow.
"""

from __future__ import annotations

import marshal
from time import perf_counter_ns

from socketserver_trace import recorder as recorders
from socketserver_trace.events import END, START
from socketserver_trace.recorder import Flow, Meaning, Source, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from socketserver_trace.channels import Channel
    from socketserver_trace.events import Scalar
    from socketserver_trace.recorder import Recorder

    Record = tuple[Any, ...]

GENERATION: Final = 40
"""By how many bits the number of a generation is shifted."""

FORKED: Final = Meaning(START, None, "fork")
ENDED: Final = Meaning(END, None, None)


class Child:
    """A forked process, as the one knows it that reads its channel.

    `flow` is the child's first flow, `parent` the one that forked, `source` the server that forked, where it is known.
    `above` is the child whose child it is, and in whose room it writes; `room` is the memory of a child that has one of
    its own, which it `shares` when it has forked. `told` are the servers to which its beginning was told, because it
    works for them.
    """

    def __init__(self, channel: Channel | None, flow: Flow, parent: Flow, above: Child | None = None) -> None:
        self.channel = channel
        self.flow = flow
        self.parent = parent
        self.above = above
        self.room: mmap.mmap | None = None
        self.shares = False
        self.source = parent.source
        self.connection = parent.connection
        self.forked = perf_counter_ns()
        self.pid = 0
        # What was entered before the fork and is left in the child is the child's own doing.
        self.known: dict[tuple[str, int], Any] = {("flow", flow.number): flow, ("flow", parent.number): flow}
        self.told: list[Source] = []
        flow.process = self

    def tell_the_start(self, source: Source | None) -> None:
        """Record, once for each server that it works for, that the child was forked."""
        if source is not None and source not in self.told:
            self.told.append(source)
            source.record((self.forked, self.parent, source, FORKED, self.connection, self.flow))

    def tell_the_end(self, how: dict[str, Scalar]) -> None:
        """Record that the child has ended, and how, and let go of all that was needed to read it."""
        lost = 0 if self.channel is None else self.channel.lost
        for source in self.told:
            source.record((perf_counter_ns(), self.flow, source, ENDED, self.connection, how))
        for source in self.told[:1] if lost else ():
            error = MemoryError(f"{lost} events were let go")
            source.fault(error, "keeping up with a child, whose room was full")
        if self.channel is not None:
            self.channel.let_go()
        self.channel, self.known = None, {}

    def take(self) -> Iterator[Child]:
        """Record all that the child has written since; gives the children of its own that it tells of."""
        for data in () if self.channel is None else self.channel.read():
            try:
                grandchild = self._deliver(marshal.loads(data))  # noqa: S302 - written by this very program
            except Exception as error:  # noqa: BLE001 - as the law says
                for source in self.told[:1]:
                    source.fault(error, "reading what a child has written")
            else:
                if grandchild is not None:
                    yield grandchild

    def _deliver(self, written: Any) -> Child | None:
        number, time_ns, (flow, name, source, server, mover), told, connection, payload = written
        recorder = recorders.living.get(number)
        if recorder is None:
            return None
        here = self._known("flow", flow, lambda: self._flow(recorder, flow, name))
        its_source = self._source(recorder, source, server)
        self.tell_the_start(its_source)
        if connection is not None and connection >> GENERATION:
            connection = self._known("connection", connection, recorder.next_connection)
        meaning = _meaning(*told)
        if mover is not None:
            moved = self._known("flow", mover[0], lambda: self._flow(recorder, *mover))
            if meaning.kind == START:
                return self._child_of_its_own(moved, payload, (time_ns, here, its_source, connection))
            payload = (moved, payload)
        its_source.record((time_ns, here, its_source, meaning, connection, payload))
        if len(its_source.records) > its_source.limit:
            recorder.trim()
        return None

    def _child_of_its_own(self, flow: Flow, slot: int, forked: tuple[int, Flow, Source, int | None]) -> Child:
        self.shares = True
        channel = None if self.channel is None else self.channel.slots()[slot]
        made = Child(channel, flow, forked[1], self)
        made.forked, _parent, made.source, made.connection = forked
        # It has inherited what this one had, and goes on where this one's first flow went on.
        made.known = self.known | {key: flow for key, known in self.known.items() if known is forked[1]}
        return made

    def _known(self, what: str, number: int, make: Callable[[], Any]) -> Any:
        """The flow, connection or source that has this number in the child; made when it is met first."""
        if (what, number) not in self.known:
            self.known[what, number] = make()
        return self.known[what, number]

    def _flow(self, recorder: Recorder, number: int, name: str | None) -> Flow:
        if name is not None and not number >> GENERATION:
            inherited = recorder.flow(number)  # a client that was made before the fork is the same client
            if inherited is not None:
                return inherited
        flow = Flow(name)
        flow.process = self
        return flow

    def _source(self, recorder: Recorder, number: int, name: str) -> Source:
        if number >> GENERATION:
            made: Source = self._known("source", number, lambda: Source(recorder, name))
            return made
        return next(source for source in recorder.sources if source.number == number)


def packed(recorder: int, record: Record, *, brief: bool) -> bytes:
    """A record as bytes, for `Child.take`; a `brief` one leaves out the bytes that moved, and keeps their number.

    What cannot be written as it is, an address of an unusual type say, is written as the name of its type.
    """
    time_ns, flow, source, meaning, connection, payload = record
    mover: Flow | None = None
    if isinstance(payload, tuple) and payload and isinstance(payload[0], Flow):
        mover, payload = payload
    elif isinstance(payload, Flow):
        mover, payload = payload, None
    if brief and isinstance(payload, tuple) and payload and type(payload[0]) is bytes:
        payload = (b"", *payload[1:])
    told = (meaning.kind, meaning.phase, meaning.hook, meaning.provider, meaning.owner, tuple(meaning.detail.items()))
    names = (flow.number, flow.name, source.number, source.name, None if mover is None else (mover.number, mover.name))
    try:
        return marshal.dumps((recorder, time_ns, names, told, connection, payload))
    except ValueError:
        return marshal.dumps((recorder, time_ns, names, told, connection, plain(payload)))


_meanings: dict[tuple[Any, ...], Meaning] = {}


def _meaning(*told: Any) -> Meaning:
    """The meaning with these words, one object for all records that have it."""
    known = _meanings.get(told)
    if known is None:
        kind, phase, hook, provider, owner, detail = told
        known = _meanings[told] = Meaning(kind, phase, hook, provider, owner, dict(detail))
    return known
