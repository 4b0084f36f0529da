"""From what a recorder has appended since the last look to events.

`assembly` makes a recording of everything, each time anew. Here the same records are read once, in portions, by
somebody who looks again and again while the server runs. So a lane is named when it is first seen, and not by what it
will do later: `Thread 1` is the thread that was seen first.

What a forked child has written is taken over later than it happened. So where there are children, the newest records
wait a moment for what a child may still have to say about the same time.

The law: one reader, one thread. The recording side is only looked at.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from time import perf_counter_ns

from socketserver_trace import recording
from socketserver_trace.assembly import event_of, stack_of, system_names
from socketserver_trace.events import START
from socketserver_trace.recorder import WIDTH
from socketserver_trace.recording import Lane, Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from socketserver_trace.assembly import Record
    from socketserver_trace.events import Event
    from socketserver_trace.recorder import Flow, Meaning, Recorder

MOMENT: Final = 20_000_000
"""How many nanoseconds the newest records wait where there are children."""


class Reader:
    """Reads a recorder on and on.

    `lanes` has every lane so far, `missed` says how many events were let go unread, `position` how far it has come.
    """

    def __init__(self, recorder: Recorder, *, newest: int | None = None) -> None:
        self.lanes: dict[str, Lane] = {}
        self.missed = 0
        self._recorder = recorder
        self.position = 0 if newest is None else max(recorder.total - newest, 0)
        self.ends = False  # nobody will say anything more, so nothing waits any longer
        self._count = 0
        self._flows: dict[object, str] = {}
        self._names = Names()
        self._stacks: dict[object, list[tuple[int, Meaning]]] = defaultdict(list)
        self._waiting: list[Record] = []
        self._forks = False

    @property
    def behind(self) -> int:
        """How many records were not read yet."""
        return max(self._recorder.total - self.position, 0)

    @property
    def is_behind(self) -> bool:
        """Whether there is something that was not read yet; quick."""
        return self._recorder.total != self.position or self._forks

    def read(self, most: int) -> list[Event]:
        """The next events, not many more than `most` of them."""
        records = self._records(most)
        self._name(records)
        return [self._event(record) for record in records]

    def _records(self, most: int) -> list[Record]:
        flat, before = self._recorder.since(self.position)
        self.missed += before - self.position
        del flat[most * WIDTH :]
        self.position = before + len(flat) // WIDTH
        records: list[Record] = list(zip(*(iter(flat),) * WIDTH, strict=True))
        self._forks = self._forks or any(record[1].process is not None for record in records)
        return self._settled(records) if self._forks else records

    def _settled(self, records: list[Record]) -> list[Record]:
        """Those that are a moment old, in the order of the clock."""
        records = sorted((*self._waiting, *records), key=lambda record: record[0])
        until = perf_counter_ns() - (0 if self.ends else MOMENT)
        ripe = sum(1 for _record in itertools.takewhile(lambda record: record[0] <= until, records))
        self._waiting = records[ripe:]
        return records[:ripe]

    def _event(self, record: Record) -> Event:
        self._count += 1
        return event_of(self._count, record, self._flows, self._stacks[stack_of(record)])

    def _name(self, records: Iterable[Record]) -> None:
        """Name the flows that these are the first records of."""
        records = [record for record in records if self._has_news(record)]
        serving = {record[1] for record in records if record[3].hook == "serve_forever"}
        serving |= {record[5] for record in records if record[3].kind == START and not record[5].is_child}
        for _time, flow, _source, meaning, _connection, payload in records:
            self._meet(flow, serving)
            if meaning.kind == START:
                self._meet(payload, serving)
            elif meaning.owner == "client":
                self._meet(payload[0], serving, moves=flow)

    def _has_news(self, record: Record) -> bool:
        meaning = record[3]
        return record[1] not in self._flows or meaning.kind == START or meaning.owner == "client"

    def _meet(self, flow: Flow, serving: set[Flow], *, moves: Flow | None = None) -> None:
        if flow in self._flows:
            return
        name, kind, numbered = self._called(flow, serving, moves)
        lane = Lane(self._names.new(name, numbered=numbered), kind, detail=system_names(flow))
        self.lanes[lane.name] = lane
        # Whoever joins a thread names it by its flow, or by the weak reference to its thread.
        self._flows |= {flow: lane.name, id(flow): lane.name}
        if flow.thread is not None:
            self._flows[id(flow.thread)] = lane.name

    @staticmethod
    def _called(flow: Flow, serving: set[Flow], moves: Flow | None) -> tuple[str, str, bool]:
        if flow.name is not None:
            return flow.name, recording.CLIENT, False
        if flow.is_main_thread:
            return "main", recording.MAIN, False
        if flow in serving:
            return "server", recording.SERVER, False
        if flow.is_child:
            return "child", recording.CHILD, True
        if moves is not None:
            return f"{moves.name}'s thread", recording.THREAD, False
        return "Thread", recording.THREAD, True
