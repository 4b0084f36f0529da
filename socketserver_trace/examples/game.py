"""Noughts and crosses for two, with rooms, with whoever likes to watch, and with clocks.

The protocol is lines of ASCII. A client says

    NEW NAME             open a room and wait there for somebody       -> ROOM 3fa9 5d41402abc4b2a76
    JOIN ROOM NAME       play against who waits in a room              -> ROOM 3fa9 7d793037a0760186
    WATCH ROOM           see what is played                            -> WATCHING 3fa9
    BACK ROOM SECRET     come back after the connection was lost       -> ROOM 3fa9 5d41402abc4b2a76
    PLAY PLACE           put your mark on 1 to 9, row by row
    QUIT                 good-bye

and the second word after ROOM is the player's secret. Everybody in a room is told the same:

    BOARD X...O.... TURN alice      the board, row by row, and who is to play, within 60 seconds
    AWAY bob 30                     bob's connection is lost; he has 30 seconds to come back
    HERE bob                        and he is
    WON alice, DRAW, LATE bob       the end: by three in a row, by a full board, or because bob let the time pass

Whatever cannot be done is answered with ERROR and a sentence, and changes nothing.

The law: the rules are values and know no network (`Board`). A game changes under one lock, and what is told of it is
told under that lock, so everybody hears the same in the same order. Telling never waits (`outbox`). Time passes in the
server's loop, which looks at the clocks in its pauses (`service_actions`); no game has a thread of its own.
"""

from __future__ import annotations

import functools
import secrets
import threading
import time
from dataclasses import dataclass, field
from socketserver import ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import OutboxHandler, RefusedError
from socketserver_trace.examples.outbox import SendingMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from socketserver_trace.examples.outbox import Outbox
    from socketserver_trace.serving import Served

ROOMS: Final = 1_000
"""How many games may go on at once."""

EMPTY: Final = "."
MARKS: Final = "XO"
LINES: Final = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))


class Board:
    """Nine places, and the rules."""

    def __init__(self) -> None:
        self.places = EMPTY * 9

    def play(self, place: str, mark: str) -> None:
        """Put a mark on a place from 1 to 9. RefusedError when it is none, or not empty."""
        if place not in set("123456789"):
            raise RefusedError("a place is a number from 1 to 9")
        index = int(place) - 1
        if self.places[index] != EMPTY:
            raise RefusedError(f"place {place} is taken")
        self.places = self.places[:index] + mark + self.places[index + 1 :]

    @property
    def winner(self) -> str | None:
        """The mark that has three in a row."""
        rows = {"".join(self.places[index] for index in line) for line in LINES}
        return next((mark for mark in MARKS if mark * 3 in rows), None)

    @property
    def is_full(self) -> bool:
        """Whether no place is left."""
        return EMPTY not in self.places


@dataclass
class Player:
    """Somebody who plays. `outbox` is None while the connection is lost; `until` is when the patience ends."""

    name: str
    secret: str
    outbox: Outbox | None
    until: float | None = None


@dataclass
class Room:
    """One game: its players, the first of whom has the crosses, and who watches."""

    code: str
    board: Board = field(default_factory=Board)
    players: list[Player] = field(default_factory=list)
    watchers: list[Outbox] = field(default_factory=list)
    turn: int = 0
    is_over: bool = False

    def player(self, outbox: Outbox) -> Player | None:
        """The player who has that connection; None for one who watches."""
        return next((one for one in self.players if one.outbox is outbox), None)

    def tell(self, line: str) -> None:
        """Tell everybody who is here."""
        for outbox in [*(player.outbox for player in self.players), *self.watchers]:
            if outbox is not None:
                outbox.tell(line)

    def state(self) -> str:
        """What everybody knows."""
        if len(self.players) < len(MARKS):
            return f"BOARD {self.board.places} WAITING"
        return f"BOARD {self.board.places} TURN {self.players[self.turn].name}"

    def end(self, line: str) -> None:
        """The game is over."""
        self.is_over = True
        self.tell(line)


class Rooms:
    """All games. May be used from any thread."""

    def __init__(self, to_play: float, to_come_back: float, clock: Callable[[], float]) -> None:
        self._to_play = to_play
        self._to_come_back = to_come_back
        self._clock = clock
        self._lock = threading.Lock()
        self._rooms: dict[str, Room] = {}

    def open(self, outbox: Outbox, name: str) -> Room:
        """A new room with one player, who waits."""
        with self._lock:
            if len(self._rooms) >= ROOMS:
                raise RefusedError("all rooms are taken; try again later")
            room = Room(self._new_code())
            self._sit_down(room, outbox, name)
            self._rooms[room.code] = room
            return room

    def join(self, outbox: Outbox, code: str, name: str) -> Room:
        """The second player comes, and the game begins."""
        with self._lock:
            room = self._room(code)
            if len(room.players) == len(MARKS):
                raise RefusedError("two play there already; WATCH shows what they do")
            if name in (player.name for player in room.players):
                raise RefusedError(f"{name} is there already; take another name")
            self._sit_down(room, outbox, name)
            self._next_turn(room, 0)
            return room

    def watch(self, outbox: Outbox, code: str) -> Room:
        """Somebody sees what is played."""
        with self._lock:
            room = self._room(code)
            room.watchers.append(outbox)
            outbox.tell(f"WATCHING {code}")
            outbox.tell(room.state())
            return room

    def come_back(self, outbox: Outbox, code: str, secret: str) -> Room:
        """A player whose connection was lost is here again."""
        with self._lock:
            room = self._room(code)
            known = (one for one in room.players if secrets.compare_digest(one.secret.encode(), secret.encode()))
            player = next(known, None)
            if player is None:
                raise RefusedError("that is nobody's secret there")
            if player.outbox is not None:
                raise RefusedError(f"{player.name} is there already")
            player.outbox, player.until = outbox, None
            outbox.tell(f"ROOM {code} {secret}")
            room.tell(f"HERE {player.name}")
            if len(room.players) == len(MARKS) and room.players[room.turn] is player:
                self._next_turn(room, room.turn)
            else:
                outbox.tell(room.state())
            return room

    def play(self, room: Room, outbox: Outbox, place: str) -> None:
        """A player puts a mark."""
        with self._lock:
            player = room.player(outbox)
            if room.is_over:
                raise RefusedError("the game is over")
            if player is None or len(room.players) < len(MARKS) or room.players[room.turn] is not player:
                raise RefusedError("it is not your turn")
            room.board.play(place, MARKS[room.turn])
            player.until = None
            if room.board.winner or room.board.is_full:
                room.tell(f"BOARD {room.board.places}")
                self._end(room, f"WON {player.name}" if room.board.winner else "DRAW")
            else:
                self._next_turn(room, 1 - room.turn)

    def leave(self, room: Room, outbox: Outbox) -> None:
        """Somebody's connection is lost. A player may come back."""
        with self._lock:
            player = room.player(outbox)
            if player is None:
                room.watchers.remove(outbox)
                return
            player.outbox = None
            if not room.is_over:
                player.until = self._clock() + self._to_come_back
                room.tell(f"AWAY {player.name} {self._to_come_back:g}")

    def look_at_the_clocks(self) -> None:
        """End the games of those who let their time pass."""
        with self._lock:
            now = self._clock()
            for room in list(self._rooms.values()):
                late = [one for one in room.players if one.until is not None and one.until <= now]
                if late:
                    self._end(room, f"LATE {late[0].name}")

    def outboxes(self) -> list[Outbox]:
        """Of everybody who plays or watches."""
        with self._lock:
            rooms = list(self._rooms.values())
            players = [player.outbox for room in rooms for player in room.players if player.outbox is not None]
            return players + [outbox for room in rooms for outbox in room.watchers]

    def _room(self, code: str) -> Room:
        if code not in self._rooms:
            raise RefusedError("there is no such room")
        return self._rooms[code]

    def _new_code(self) -> str:
        while (code := secrets.token_hex(2)) in self._rooms:
            pass
        return code

    def _sit_down(self, room: Room, outbox: Outbox, name: str) -> None:
        if not name.isalnum() or len(name) > len("a name of 20 letters"):
            raise RefusedError("a name has 1 to 20 letters and digits")
        room.players.append(Player(name, secrets.token_hex(8), outbox))
        outbox.tell(f"ROOM {room.code} {room.players[-1].secret}")
        if len(room.players) < len(MARKS):
            outbox.tell(room.state())

    def _next_turn(self, room: Room, turn: int) -> None:
        room.turn = turn
        now = room.players[turn]
        if now.outbox is not None:  # who is away has another clock running
            now.until = self._clock() + self._to_play
        room.tell(room.state())

    def _end(self, room: Room, line: str) -> None:
        room.end(line)
        del self._rooms[room.code]


class GameHandler(OutboxHandler):
    """One client: a player or somebody who watches."""

    server: GameServer
    longest = 100

    def commands(self) -> dict[str, Callable[..., object]]:
        """What a client may say."""
        rooms = self.server.rooms
        return {
            "NEW NAME": functools.partial(self.enter, rooms.open),
            "JOIN ROOM NAME": functools.partial(self.enter, rooms.join),
            "WATCH ROOM": functools.partial(self.enter, rooms.watch),
            "BACK ROOM SECRET": functools.partial(self.enter, rooms.come_back),
            "PLAY PLACE": self.play,
            "QUIT": self.quit,
        }

    def setup(self) -> None:
        """Be in no room yet."""
        super().setup()
        self.room: Room | None = None

    def finish(self) -> None:
        """Leave the room; a player may come back to it."""
        if self.room is not None:
            self.server.rooms.leave(self.room, self.outbox)
        super().finish()

    def enter(self, enter: Callable[..., Room], *words: str) -> None:
        """Go into a room, which must be the only one."""
        if self.room is not None:
            if not self.room.is_over:
                raise RefusedError("you are in a room already; QUIT leaves it")
            self.server.rooms.leave(self.room, self.outbox)
            self.room = None
        self.room = enter(self.outbox, *words)

    def play(self, place: str) -> None:
        """Put a mark."""
        if self.room is None:
            raise RefusedError("you are in no room")
        self.server.rooms.play(self.room, self.outbox, place)


class GameServer(LettingGoMixIn, SendingMixIn, ThreadingTCPServer):
    """All rooms, and a thread for each client. `clock` gives seconds, which may begin anywhere."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[GameHandler] = GameHandler,
        *,
        to_play: float = 60,
        to_come_back: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rooms = Rooms(to_play, to_come_back, clock)
        super().__init__(address, handler)

    def outboxes(self) -> list[Outbox]:
        """Of everybody in a room."""
        return self.rooms.outboxes()

    def service_actions(self) -> None:
        """Look at the clocks."""
        self.rooms.look_at_the_clocks()
        super().service_actions()


def converse(served: Served) -> None:
    """Alice and bob play, and alice has three in a row."""
    with served.client("alice") as alice, served.client("bob") as bob:
        alice.send(b"NEW alice\n")
        room = alice.receive_line().split()[1]
        alice.receive_line()
        bob.send(b"JOIN " + room + b" bob\n")
        bob.receive_line()
        for player, place in ((alice, b"1"), (bob, b"4"), (alice, b"2"), (bob, b"5"), (alice, b"3")):
            for one in (alice, bob):
                one.receive_line()
            player.send(b"PLAY " + place + b"\n")
        for one in (alice, bob):
            one.receive_line()
            one.receive_line()
            one.send(b"QUIT\n")
            one.receive_all()


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: GameServer((options.host, options.port)), converse).run())
