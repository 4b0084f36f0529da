"""The columns of a drawing that grows: a lane comes, and has a lifeline from then on.

A column keeps its number for ever; where it stands from left to right is said apart from it, because a client that
comes late stands among the clients. With many clients or threads, one that comes takes the place of one that is over,
as in the finished drawing; who is over is known when its outermost call has ended, or its client has closed.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from socketserver_trace import diagram as drawing
from socketserver_trace.columns import CROWD, Columns, make_room_for_arrow, make_room_for_step
from socketserver_trace.recording import CHILD, CLIENT, THREAD
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from socketserver_trace.columns import Key
    from socketserver_trace.diagram import Arrow, Column, Group, Step
    from socketserver_trace.events import Event
    from socketserver_trace.recording import Lane


class Lifelines(Columns):
    """The lifelines so far. `lanes` is a table that grows; `news` says that a column is new, or looks otherwise."""

    def __init__(self, lanes: Mapping[str, Lane], datagrams: set[int | None]) -> None:
        self._lanes = lanes
        self._hosts: dict[str, str] = {}
        self._guests: Counter[str] = Counter()
        self.inferred: set[int | None] = set()
        self._looping: dict[str, None] = {}
        self.serving: str | None = None
        self._accepting: set[str] = set()
        self._constructing: set[str] = set()
        self._handled: dict[Key, set[int | None]] = defaultdict(set)
        self.datagrams = datagrams
        self._keys: list[Key] = []
        self._numbers: dict[Key, int] = {}
        self._firsts: dict[str, int] = {}
        self._places: Counter[str] = Counter()
        self._free: dict[str, dict[str, None]] = defaultdict(dict)
        self._over: set[str] = set()
        self._room: list[int] = []
        self._clients: list[str] = []
        self.news = False

    def meet(self, event: Event) -> None:
        """Note what an event tells of its lane, before it is drawn."""
        lane = event.lane
        if lane not in self._hosts or lane in self._over:
            self._settle(lane)
        if event.hook == "serve_forever" and lane not in self._looping:
            self._looping[lane] = None
            self.serving = self.serving or lane
            self.news = True
        elif event.hook == "get_request" and lane not in self._accepting:
            self._accepting.add(lane)
            self.news = True
        elif event.hook == "server_bind":
            self._constructing.add(lane)
        if self._lanes[lane].kind == CLIENT:
            self._number((self.host(lane), drawing.CLIENT, self.host(lane)))

    def leave(self, lane: str) -> None:
        """A lane is over: its place is free for another one, if it ever comes to be crowded."""
        if lane in self._hosts and lane not in self._over:
            self._over.add(lane)
            self._free[self._lanes[lane].kind][self._hosts[lane]] = None

    def of_hook(self, event: Event) -> int:
        """The column of a hook: of its server or its handler, in its lane."""
        key = self._key(event)
        if key[1] == drawing.HANDLER and event.connection not in (handled := self._handled[key]):
            handled.add(event.connection)
            self._keep_the_range(handled)
            self.news = True
        return self._number(key)

    def of_lane(self, lane: str) -> int:
        """The first column of a lane."""
        host = self.host(lane)
        if host not in self._firsts:
            kind = drawing.CLIENT if self._lanes[host].kind == CLIENT else drawing.SERVER
            self._number((host, kind, host))
        return self._firsts[host]

    def has(self, lane: str) -> bool:
        """Whether a lane is drawn."""
        return lane in self._hosts and self.host(lane) in self._firsts

    def title(self) -> str:
        """The title of the drawing: the servers and how many clients there are."""
        servers = dict.fromkeys(title for lane, kind, title in self._keys if kind == drawing.SERVER and title != lane)
        return safe(f"{' and '.join(servers) or 'a server'} with {self._named(self._clients)}")

    def give_room(self, step: Step | None, arrows: list[Arrow]) -> None:
        """Widen the columns for what is drawn on them."""
        before = sum(self._room)
        if step is not None:
            make_room_for_step(self._room, step)
        for arrow in arrows:
            make_room_for_arrow(self._room, arrow)
        self.news = self.news or sum(self._room) != before

    def shown(self) -> tuple[list[tuple[int, Column]], tuple[Group, ...]]:
        """The columns with their numbers from left to right, and the boxes around them by their places."""
        order = sorted(range(len(self._keys)), key=self._place)
        columns = [(number, self._column(self._keys[number], self._room[number])) for number in order]
        return columns, self._groups([self._keys[number] for number in order])

    def _place(self, number: int) -> tuple[int, int, bool]:
        """Where a column stands: by its box, then by who came first; a handler beside its server."""
        lane, kind, _title = self._keys[number]
        return self._box(self._lanes[lane]), self._firsts[lane], kind == drawing.HANDLER

    @staticmethod
    def _named(clients: list[str]) -> str:
        if not clients:
            return "no client yet"
        return " and ".join(clients) if len(clients) < 3 else f"{len(clients)} clients"  # noqa: PLR2004 - as many as fit

    def _number(self, key: Key) -> int:
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._keys)
            self._keys.append(key)
            self._room.append(0)
            self._firsts.setdefault(key[0], number)
            self.news = True
        return number

    def _settle(self, lane: str) -> None:
        """Give a lane its place: the one it had, a new one, or in a crowd one that is free."""
        kind = self._lanes[lane].kind
        free = self._free[kind]
        if lane in self._over:
            self._over.discard(lane)
            if self._hosts[lane] in free:
                del free[self._hosts[lane]]
                return
        host = lane
        if kind in {CLIENT, THREAD, CHILD} and self._places[kind] >= CROWD and free:
            host = next(iter(free))
            del free[host]
        else:
            self._places[kind] += 1
        if kind == CLIENT and lane not in self._hosts:
            self._clients.append(lane)
        self._hosts[lane] = host
        self._guests[host] += 1
        self.news = True

    @staticmethod
    def _keep_the_range(numbers: set[int | None]) -> None:
        """Only the first and the last are shown."""
        known = [number for number in numbers if number is not None]
        if len(known) > 2:  # noqa: PLR2004 - the first, the last, and one more
            numbers.clear()
            numbers |= {min(known), max(known)}
