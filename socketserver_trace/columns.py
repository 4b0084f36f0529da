"""The columns of a drawing: which lifelines there are, in which order, and how much room each needs.

Every lane is a box: the main thread, then all clients in one, then the serving threads, then the others. In the box of
a thread stand the servers and then the handlers that it ran, each on a lifeline of its own.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.diagram import Column, Group
from socketserver_trace.events import ENTER, HOOK
from socketserver_trace.matching import accepted_connections
from socketserver_trace.recording import CHILD, CLIENT, MAIN, SERVER, THREAD
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    from socketserver_trace.diagram import Arrow, Step
    from socketserver_trace.events import Event
    from socketserver_trace.recording import Lane, Recording

    Key = tuple[str, str, str]
    """A lane, the kind of the column, and the class that it shows."""

LOOP: Final = 5
"""The width of the arrow that loops from a lifeline to a step's label."""

CROWD: Final = 8
"""How many clients, or threads, have a place of their own each. More of them share."""

CAPTION: Final = 0.73
"""How wide a character of a caption is, beside one of a label."""


class Columns:
    """The lifelines of a recording, by what they show."""

    def __init__(self, recording: Recording, whole: Recording) -> None:
        self._recording = recording
        self._lanes: Mapping[str, Lane] = {lane.name: lane for lane in recording.lanes}
        self._hosts = _hosts(recording)
        self._guests = Counter(self._hosts.values())
        self.inferred = {event.connection for event in whole if "inferred" in event.detail}
        self._looping = dict.fromkeys(event.lane for event in whole if event.hook == "serve_forever")
        self.serving = next(iter(self._looping), None)
        self._accepting = {event.lane for event in whole if event.hook == "get_request"}
        self._constructing = {event.lane for event in whole if event.hook == "server_bind"}
        self._handled: dict[Key, set[int | None]] = defaultdict(set)
        for event in recording:
            if event.detail.get("owner") == drawing.HANDLER:
                self._handled[self._key(event)].add(event.connection)
        accepted = accepted_connections(whole.events)
        self.datagrams: set[int | None] = {one.connection for one in accepted if one.datagram is not None}
        self._keys = self._ordered()
        self._numbers = {key: number for number, key in enumerate(self._keys)}
        self._firsts = {key[0]: number for number, key in reversed(list(enumerate(self._keys)))}

    def of_hook(self, event: Event) -> int:
        """The column of a hook: of its server or its handler, in its lane."""
        return self._numbers[self._key(event)]

    def has(self, lane: str) -> bool:
        """Whether a lane is drawn."""
        return self.host(lane) in self._firsts

    def of_lane(self, lane: str) -> int:
        """The first column of a lane."""
        return self._firsts[self.host(lane)]

    def host(self, lane: str) -> str:
        """The lane in whose place a lane is drawn: its own, or that of one that was over before it began."""
        return self._hosts.get(lane, lane)

    def shares(self, lane: str) -> bool:
        """Whether a lane is drawn in the same place as another one."""
        return self._guests[self.host(lane)] > 1

    def lane(self, column: int) -> str:
        """The lane in whose place a column is drawn."""
        return self._keys[column][0]

    def kind(self, column: int) -> str:
        """Whether a column is a client's, a server's or a handler's."""
        return self._keys[column][1]

    def name(self, column: int, lane: str) -> str:
        """How a text calls a lane in a column: by its name, and a handler by its class, too."""
        _host, kind, title = self._keys[column]
        return safe(f"{title} in {lane}" if kind == drawing.HANDLER else lane)

    def title(self) -> str:
        """The title of the drawing: the servers and their clients, or else whoever is in it."""
        servers = dict.fromkeys(
            safe(title) for lane, kind, title in self._keys if kind == drawing.SERVER and title not in {"", lane}
        )
        clients = [safe(lane.name) for lane in self._recording.lanes if lane.kind == CLIENT]
        shown = clients if len(clients) <= 3 else [f"{len(clients)} clients"]  # noqa: PLR2004 - as many names as fit
        others = list(dict.fromkeys(safe(lane) for lane, _kind, _title in self._keys))
        return " with ".join(filter(None, (_and(list(servers)), _and(shown)))) or _and(others) or "nothing happened"

    def finished(self, steps: list[Step], arrows: list[Arrow]) -> tuple[tuple[Column, ...], tuple[Group, ...]]:
        """The columns with the room that their texts need, and the boxes around them."""
        room = [0] * len(self._keys)
        for step in steps:
            make_room_for_step(room, step)
        for arrow in arrows:
            make_room_for_arrow(room, arrow)
        columns = tuple(self._column(key, width) for key, width in zip(self._keys, room, strict=True))
        return columns, self._groups(self._keys)

    def _column(self, key: Key, room: int) -> Column:
        lane, kind, title = key
        name = title if kind == drawing.HANDLER else lane
        more = " …" if self._guests[lane] > 1 and kind != drawing.HANDLER else ""
        shown = f"{title}{more}" if kind == drawing.CLIENT else title
        inferred = self._lanes[lane].inferred
        return Column(safe(f"{name}{more}"), safe(shown), self._subtitle(key), kind, inferred, room, safe(lane))

    def _key(self, event: Event) -> Key:
        host = self.host(event.lane)
        if event.detail.get("owner") == drawing.HANDLER:
            return host, drawing.HANDLER, str(event.detail.get("class", ""))
        return host, drawing.SERVER, event.server or ""

    def _ordered(self) -> list[Key]:
        events = self._recording.events
        keys: dict[Key, None] = {
            self._key(event): None for event in events if event.kind == HOOK and event.phase == ENTER
        }
        with_columns = {key[0] for key in keys}
        for event in events:
            host = self.host(event.lane)
            if host not in with_columns:
                kind = drawing.CLIENT if self._lanes[host].kind == CLIENT else drawing.SERVER
                keys[host, kind, host] = None
        rank = {lane.name: (self._box(lane), number) for number, lane in enumerate(self._recording.lanes)}
        return sorted(keys, key=lambda key: (*rank[key[0]], key[1] == drawing.HANDLER))

    def _box(self, lane: Lane) -> int:
        """Where the box of a lane stands. A main thread that serves stands behind its clients."""
        return 2 if lane.name in self._accepting else {MAIN: 0, CLIENT: 1, SERVER: 2, THREAD: 3, CHILD: 3}[lane.kind]

    def _subtitle(self, key: Key) -> str:
        lane, kind, _title = key
        if kind == drawing.CLIENT:
            clients = f"{self._guests[lane]} clients" if self._guests[lane] > 1 else "client"
            return f"{clients}, inferred" if self._lanes[lane].inferred else clients
        if kind == drawing.HANDLER:
            return _connections_text(self._handled[key])
        if lane in self._accepting:
            return "serves here"
        return "made here" if lane in self._constructing else "works here"

    def _groups(self, keys: Iterable[Key]) -> tuple[Group, ...]:
        """The boxes around the columns, which are these from the left to the right."""
        groups: list[Group] = []
        boxes: list[str] = []
        for number, (lane, kind, _title) in enumerate(keys):
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
        if self._guests[lane] > 1:
            title += f" and {self._guests[lane] - 1} more"
        return f"{title}: serve_forever" if lane in self._looping else title


def _hosts(recording: Recording) -> dict[str, str]:
    """The lane in whose place each lane is drawn.

    With many clients, or threads, one that begins when another is over takes its place; with a few, each has its own.
    """
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for position, event in enumerate(recording.events):
        first.setdefault(event.lane, position)
        last[event.lane] = position
    hosts: dict[str, str] = {}
    for kind in (CLIENT, THREAD, CHILD):
        lanes = [lane.name for lane in recording.lanes if lane.kind == kind and lane.name in first]
        if len(lanes) > CROWD:
            hosts |= _shared_places(sorted(lanes, key=lambda lane: first[lane]), first, last)
    return hosts


def _shared_places(lanes: list[str], first: dict[str, int], last: dict[str, int]) -> dict[str, str]:
    hosts: dict[str, str] = {}
    free: list[tuple[int, int, str]] = []
    for number, lane in enumerate(lanes):
        over = free[0] if free and free[0][0] < first[lane] else None
        if over is not None:
            heapq.heappop(free)
        place = (number, lane) if over is None else over[1:]
        hosts[lane] = place[1]
        heapq.heappush(free, (last[lane], *place))
    return hosts


def make_room_for_step(room: list[int], step: Step) -> None:
    """Widen the column of a step, so that its texts fit beside the lifeline."""
    needed = max(len(step.label), round(len(step.caption) * CAPTION)) + LOOP + step.depth
    room[step.column] = max(room[step.column], needed)
    if step.origin is not None:
        _make_room(room, step.origin, step.column, len("start") + 2)


def make_room_for_arrow(room: list[int], arrow: Arrow) -> None:
    """Widen what an arrow goes over, so that its text fits."""
    if arrow.target is None:
        needed = len(arrow.label) + LOOP + round(len(arrow.away) * CAPTION)
        room[arrow.column] = max(room[arrow.column], needed)
    else:
        _make_room(room, arrow.column, arrow.target, len(arrow.label) + 4)


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
