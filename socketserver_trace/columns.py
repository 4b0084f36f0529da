"""The columns of a drawing: which lifelines there are, in which order, and how much room each needs.

Every lane is a box: the main thread, then all clients in one, then the serving threads, then the others. In the box of
a thread stand the servers and then the handlers that it ran, each on a lifeline of its own.
"""

from __future__ import annotations

from collections import defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.diagram import Column, Group
from socketserver_trace.events import ENTER, HOOK
from socketserver_trace.matching import accepted_connections
from socketserver_trace.recording import CLIENT, MAIN, SERVER, THREAD
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.diagram import Arrow, Step
    from socketserver_trace.events import Event
    from socketserver_trace.recording import Lane, Recording

    Key = tuple[str, str, str]
    """A lane, the kind of the column, and the class that it shows."""

LOOP: Final = 5
"""The width of the arrow that loops from a lifeline to a step's label."""

CAPTION: Final = 0.73
"""How wide a character of a caption is, beside one of a label."""


class Columns:
    """The lifelines of a recording, by what they show."""

    def __init__(self, recording: Recording, whole: Recording) -> None:
        self._recording = recording
        self._lanes = {lane.name: lane for lane in recording.lanes}
        self.inferred = {event.connection for event in whole if "inferred" in event.detail}
        self._looping = dict.fromkeys(event.lane for event in whole if event.hook == "serve_forever")
        self.serving = next(iter(self._looping), None)
        self._accepting = {event.lane for event in whole if event.hook == "get_request"}
        self._constructing = {event.lane for event in whole if event.hook == "server_bind"}
        self._handled: dict[Key, set[int | None]] = defaultdict(set)
        for event in recording:
            if event.detail.get("owner") == drawing.HANDLER:
                self._handled[_key(event)].add(event.connection)
        accepted = accepted_connections(whole.events)
        self.datagrams = {one.connection for one in accepted if one.datagram is not None}
        self._keys = self._ordered()
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._firsts = {key[0]: number for number, key in reversed(list(enumerate(self._keys)))}

    def of_hook(self, event: Event) -> int:
        """The column of a hook: of its server or its handler, in its lane."""
        return self._numbers[_key(event)]

    def has(self, lane: str) -> bool:
        """Whether a lane is drawn."""
        return lane in self._firsts

    def of_lane(self, lane: str) -> int:
        """The first column of a lane."""
        return self._firsts[lane]

    def lane(self, column: int) -> str:
        """The lane of a column."""
        return self._keys[column][0]

    def kind(self, column: int) -> str:
        """Whether a column is a client's, a server's or a handler's."""
        return self._keys[column][1]

    def name(self, column: int) -> str:
        """How a text calls the column: the lane, and for a handler its class."""
        lane, kind, title = self._keys[column]
        return safe(f"{title} in {lane}" if kind == drawing.HANDLER else lane)

    def title(self) -> str:
        """The title of the drawing: the servers and their clients."""
        servers = dict.fromkeys(safe(title) for _lane, kind, title in self._keys if kind == drawing.SERVER and title)
        clients = [safe(lane.name) for lane in self._recording.lanes if lane.kind == CLIENT]
        shown = clients if len(clients) <= 3 else [f"{len(clients)} clients"]  # noqa: PLR2004 - as many names as fit
        return " with ".join(filter(None, (_and(list(servers)), _and(shown)))) or "nothing happened"

    def finished(self, steps: list[Step], arrows: list[Arrow]) -> tuple[tuple[Column, ...], tuple[Group, ...]]:
        """The columns with the room that their texts need, and the boxes around them."""
        room = [0] * len(self._keys)
        for step in steps:
            needed = max(len(step.label), round(len(step.caption) * CAPTION)) + LOOP + step.depth
            room[step.column] = max(room[step.column], needed)
            if step.origin is not None:
                _make_room(room, step.origin, step.column, len("start") + 2)
        for arrow in arrows:
            if arrow.target is None:
                needed = len(arrow.label) + LOOP + round(len(arrow.away) * CAPTION)
                room[arrow.column] = max(room[arrow.column], needed)
            else:
                _make_room(room, arrow.column, arrow.target, len(arrow.label) + 4)
        columns = tuple(
            Column(
                safe(key[2] if key[1] == drawing.HANDLER else key[0]),
                safe(key[2]),
                self._subtitle(key),
                key[1],
                self._lanes[key[0]].inferred,
                width,
            )
            for key, width in zip(self._keys, room, strict=True)
        )
        return columns, self._groups()

    def _ordered(self) -> list[Key]:
        events = self._recording.events
        keys: dict[Key, None] = {_key(event): None for event in events if event.kind == HOOK and event.phase == ENTER}
        with_columns = {key[0] for key in keys}
        for event in events:
            if event.lane not in with_columns:
                lane = self._lanes[event.lane]
                keys[event.lane, drawing.CLIENT if lane.kind == CLIENT else drawing.SERVER, event.lane] = None
        rank = {lane.name: (self._box(lane), number) for number, lane in enumerate(self._recording.lanes)}
        return sorted(keys, key=lambda key: (*rank[key[0]], key[1] == drawing.HANDLER))

    def _box(self, lane: Lane) -> int:
        """Where the box of a lane stands. A main thread that serves stands behind its clients."""
        return {MAIN: 0, CLIENT: 1, SERVER: 2, THREAD: 3}[lane.kind] if lane.name not in self._accepting else 2

    def _subtitle(self, key: Key) -> str:
        lane, kind, _title = key
        if kind == drawing.CLIENT:
            return "client, inferred" if self._lanes[lane].inferred else "client"
        if kind == drawing.HANDLER:
            return _connections_text(self._handled[key])
        if lane in self._accepting:
            return "serves here"
        return "made here" if lane in self._constructing else "works here"

    def _groups(self) -> tuple[Group, ...]:
        groups: list[Group] = []
        boxes: list[str] = []
        for number, (lane, kind, _title) in enumerate(self._keys):
            box = "" if kind == drawing.CLIENT else lane
            if boxes and boxes[-1] == box:
                groups[-1] = Group(groups[-1].title, groups[-1].kind, groups[-1].first, number)
                continue
            boxes.append(box)
            groups.append(Group(self._group_title(lane, kind), self._lanes[lane].kind, number, number))
        return tuple(groups)

    def _group_title(self, lane: str, kind: str) -> str:
        if kind == drawing.CLIENT:
            return "clients"
        title = {MAIN: "main thread"}.get(self._lanes[lane].kind, lane)
        return f"{title}: serve_forever" if lane in self._looping else title


def _key(event: Event) -> Key:
    if event.detail.get("owner") == drawing.HANDLER:
        return event.lane, drawing.HANDLER, str(event.detail.get("class", ""))
    return event.lane, drawing.SERVER, event.server or ""


def _make_room(room: list[int], one: int, other: int, width: int) -> None:
    """Widen the last column between two, so that a text of this width fits between their lifelines."""
    first, last = sorted((one, other))
    missing = width - sum(room[first:last])
    if last > first and missing > 0:
        room[last - 1] += missing


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _connections_text(numbers: set[int | None]) -> str:
    known = sorted(number for number in numbers if number is not None)
    if len(known) <= 1:
        return f"connection {known[0]}" if known else "handler"
    return f"connections {known[0]} to {known[-1]}"
