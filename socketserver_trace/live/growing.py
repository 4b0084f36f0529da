"""A drawing that grows: laid out one event at a time, told to a page as what is new and what has changed.

The layout is that of the finished drawing (`layout`), fed with what is known so far. What it cannot know yet is drawn
when it comes: a result is put into the caption of a step that stands there already, an arrow arrives rows later. The
rows stand in the order of arrival and never move, so a page can be told of each of them once.

The law: pure but for its own state; a recording's events in, numbers for a page out.
"""

from __future__ import annotations

from collections import defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.diagram import Row, Step
from socketserver_trace.endings import Endings
from socketserver_trace.events import CLOSE, END, ENTER, JOIN, RAISE, RECEIVE, RETURN, SEND, START
from socketserver_trace.layout import Layout
from socketserver_trace.live.lifelines import Lifelines
from socketserver_trace.live.meeting import Meeting
from socketserver_trace.matching import is_client
from socketserver_trace.paint.scene import MICROSECOND, NOBODY, bar_of, column_of, group_of, row_of
from socketserver_trace.recording import CLIENT, THREAD, Recording
from socketserver_trace.rows import Sheet
from socketserver_trace.traffic import Traffic
from socketserver_trace.waits import waits_of
from socketserver_trace.wording import SHOWN_BYTES, caption_of, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Final

    from socketserver_trace.events import Event, Scalar
    from socketserver_trace.recording import Lane
    from socketserver_trace.rows import Call
    from socketserver_trace.waits import Wait

SEARCHED: Final = 512
"""How many characters of some bytes a search finds."""


class Growing:
    """A drawing so far, and what has changed since somebody was told.

    `events` are all that it has drawn; `more` has, by their numbers, what a search finds besides the words.
    """

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self.events: list[Event] = []
        self.more: dict[int, str] = {}
        self._recording: Recording | None = None
        self._lanes = _Lanes(lanes)
        self._meeting = Meeting(lanes)
        self._lanes.strangers = self._meeting.strangers
        self._columns = Lifelines(self._lanes, self._meeting.datagrams)
        self._sheet = Sheet(self._columns)
        self._traffic = _Traffic(self._sheet, self._meeting)
        self._endings = _Endings(self._sheet, Recording(), Recording(), {})
        self._starters: dict[Scalar, str] = {}
        self._layout = _Layout(self._sheet, self._traffic, self._endings, self._starters)
        self._steps: dict[int, int] = {}
        self._arrows: dict[int, list[int]] = defaultdict(list)
        self._told = _Told()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self._sheet.rows)

    @property
    def start(self) -> int:
        """When the first event was, in microseconds."""
        return self.events[0].time_ns // MICROSECOND if self.events else 0

    def recording(self) -> Recording:
        """What is drawn, as a plain value."""
        if self._recording is None or len(self._recording) != len(self.events):
            lanes = (*self._lanes.read.values(), *self._meeting.strangers.values())
            self._recording = Recording(tuple(self.events), lanes)
        return self._recording

    def tail(self) -> list[list[Any]]:
        """Rows for those who wait just now. They stand below the last row, until something happens."""
        found = {event.call: event for event in self.recording().events if event.phase == ENTER}
        return [
            self._waiting(found[wait.call], wait)
            for wait in waits_of(self.recording())
            if wait.call in found and self._columns.has(wait.lane)
        ]

    def _waiting(self, event: Event, wait: Wait) -> list[Any]:
        column, label, caption = self._sheet.place(event), f"{event.hook}()", safe(wait.brief)
        step = Step(
            row=self.rows, column=column, depth=self._sheet.depth(column), kind=drawing.BYTES, label=label,
            caption=caption, own=False, failed=wait.hopeless, open=True, origin=None, origin_depth=0, starts=False,
            event=event.seq,
        )  # fmt: skip
        actor = self._columns.name(column, event.lane)
        row = Row(
            actor, len(self._sheet.calls(event)), f"{label}  {caption}", event.seq, event.connection, event.time_ns
        )
        return row_of(row, step, ())

    def add(self, events: Sequence[Event]) -> None:
        """Draw the next events."""
        self._traffic.ends = {event.call: event for event in events if event.call and event.phase in {RETURN, RAISE}}
        self._endings.look_ahead(events)
        for event in self._meeting.add(events):
            self.events.append(event)
            self._columns.meet(event)
            self._note(event)
            if "inferred" in event.detail:
                self._columns.inferred.add(event.connection)
            if event.data is not None and len(event.data) > SHOWN_BYTES:
                self.more[event.seq] = safe(repr(event.data[:SEARCHED])[2:-1], SEARCHED)
            self._layout.add(event)
            self._leave(event)

    def _note(self, event: Event) -> None:
        """Remember what the drawing of later events asks for."""
        if event.kind == START:
            self._starters[event.detail.get("starts")] = event.lane
        elif event.hook == "get_request" and event.connection is not None:
            self._traffic.accepting[event.connection] = event.lane
        elif event.hook == "close_request" and event.phase == ENTER:
            self._traffic.over.add(event.connection)

    def whole(self) -> dict[str, Any]:
        """Everything, for a page that knows nothing."""
        self._told = _Told(indexed=self._told.indexed)
        return self.increment() | {"reset": True}

    def increment(self) -> dict[str, Any]:
        """What a page that knows all so far must be told; an empty dict when there is nothing."""
        self._index()
        told, sheet = self._told, self._sheet
        changed = sorted(row for row in sheet.changed if row < told.rows)
        sheet.changed.clear()
        news: dict[str, Any] = {}
        if told.rows < len(sheet.rows):
            news |= {"first": told.rows, "rows": [self._row(row) for row in range(told.rows, len(sheet.rows))]}
        if changed:
            news["changed"] = {str(row): self._row(row) for row in changed}
        told.rows = len(sheet.rows)
        bars = self._bars()
        if bars:
            news["bars"] = bars
        if self._columns.news or not told.columns:
            self._columns.news, told.columns = False, True
            columns, groups = self._columns.shown()
            news |= {
                "title": self._columns.title(),
                "columns": [column_of(number, column) for number, column in columns],
                "groups": [group_of(group) for group in groups],
            }
        return news

    def _index(self) -> None:
        """Which step and which arrows begin on which row."""
        sheet, told = self._sheet, self._told
        for number in range(len(self._steps), len(sheet.steps)):
            self._steps[sheet.steps[number].row] = number
        for number in range(told.indexed, len(sheet.arrows)):
            self._arrows[sheet.arrows[number].row].append(number)
        told.indexed = len(sheet.arrows)

    def _row(self, number: int) -> list[Any]:
        sheet = self._sheet
        step = sheet.steps[self._steps[number]] if number in self._steps else None
        arrows = [sheet.arrows[arrow] for arrow in self._arrows.get(number, ())]
        self._columns.give_room(step, arrows)
        row = sheet.rows[number]
        return row_of(row, step, arrows, self.more.get(row.event, ""))

    def _bars(self) -> list[list[Any]]:
        """The bars that are new: of calls that have ended, and of those that are open and last."""
        told, sheet = self._told, self._sheet
        bars = [bar_of(bar) for bar in sheet.bars[told.bars :]]
        told.bars = len(sheet.bars)
        closed = {(bar[0], bar[1], bar[2]) for bar in bars}
        now = self._open_calls()
        bars += [[*key, key[2], "", 0] for key in told.open - closed - now.keys()]  # it had been open, and has no bar
        bars += [
            [*key, NOBODY, self._columns.kind(call.column), 0] for key, call in now.items() if key not in told.open
        ]
        told.open = set(now)
        return bars

    def _open_calls(self) -> dict[tuple[int, int, int], Call]:
        last = self._sheet.last
        return {
            (call.column, call.depth, call.row): call
            for calls in self._sheet.open.values()
            for call in calls
            if call.row < last
        }

    def _leave(self, event: Event) -> None:
        """A lane that is over makes room."""
        kind = self._lanes[event.lane].kind
        if kind == CLIENT:
            over = event.kind == CLOSE and event.phase != ENTER
        else:
            over = event.kind == END or (kind == THREAD and event.parent is None and event.phase in {RETURN, RAISE})
        if over:
            self._columns.leave(event.lane)
        if event.hook == "close_request" and event.phase == RETURN:
            client = self._meeting.clients.get(event.connection or 0)
            if client in self._meeting.strangers and event.connection not in self._meeting.datagrams:
                self._columns.leave(client or "")


class _Told:
    """How far a page has been told."""

    def __init__(self, indexed: int = 0) -> None:
        self.rows = 0
        self.bars = 0
        self.indexed = indexed  # arrows, which are looked at once
        self.columns = False
        self.open: set[tuple[int, int, int]] = set()


class _Lanes(dict[str, "Lane"]):
    """The reader's lanes, and those of strangers."""

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        super().__init__()
        self.read = lanes
        self.strangers: Mapping[str, Lane] = {}

    def __missing__(self, name: str) -> Lane:
        return self.read[name] if name in self.read else self.strangers[name]


class _Layout(Layout):
    """Mends what was drawn before it was known."""

    def _leave(self, event: Event, *, failed: bool) -> None:
        call = next((call for call in reversed(self.sheet.calls(event)) if call.enter.call == event.call), None)
        if call is not None and not failed and "result" in event.detail:
            caption = caption_of(call.enter, event)
            if caption != self.sheet.steps[call.step].caption:
                self.sheet.change_step(call.step, caption=caption)
        super()._leave(event, failed=failed)


class _Traffic(Traffic):
    """Does not know who will receive: what leaves is on its way until it arrives."""

    def __init__(self, sheet: Sheet, meeting: Meeting) -> None:
        super().__init__(sheet, Recording(), {}, {})
        self.senders = meeting.senders
        self.speakers = meeting.speakers
        self.over: set[int | None] = set()

    def wait(self, event: Event, column: int) -> None:
        """Whoever waits just now stands below the last row, and not among what has happened."""

    def _taker(self, event: Event) -> str | None:
        if is_client(event) and event.kind == SEND and ("address" in event.detail or self._is_datagram(event)):
            return self.accepting.get(event.connection) or self.columns.serving
        return None

    def _is_datagram(self, event: Event) -> bool:
        taken = not is_client(event) and any(call.enter.hook == "get_request" for call in self.sheet.calls(event)[-1:])
        return event.connection in self.columns.datagrams or (event.kind == RECEIVE and taken)

    def _is_heard(self, event: Event) -> bool:
        return is_client(event) and event.connection not in self.over and event.lane not in self.speakers


class _Endings(Endings):
    """Knows the joins of a portion of events."""

    def look_ahead(self, events: Sequence[Event]) -> None:
        """Take note of the joins to come, of which those of one call are one row."""
        self.joined.clear()
        for event in events:
            if event.kind == JOIN and event.phase in {None, RETURN}:
                self.joined[event.lane, event.parent].append(event)
                self.collected.add(event.detail.get("joins"))
