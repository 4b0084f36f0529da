"""A page as the tests need it: what it is told, and what it shows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Page:
    """Hears messages as a page does, and keeps what it would show."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.rows: list[Any] = []
        self.tail: list[Any] = []
        self.bars: dict[tuple[int, int, int], Any] = {}
        self.columns: list[Any] = []
        self.status: dict[str, Any] = {"parked": [], "breakpoints": [], "kernel": [], "sentence": None}
        self.clients: dict[str, Any] = {}
        self.stories: list[dict[str, Any]] = []
        self.sent = 0
        self._heard = threading.Condition()

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message."""
        with self._heard:
            self.messages.append(message)
            {
                "scene": self._scene,
                "status": self.status.update,
                "clients": self._clients,
                "story": self.stories.append,
            }[message["type"]](message)
            self._heard.notify_all()

    def wait_for(self, condition: Callable[[Page], object], timeout: float = 20.0) -> None:
        """Wait until what it shows is as wanted."""
        with self._heard:
            assert self._heard.wait_for(lambda: condition(self), timeout), (self.words(), self.status)

    def state_of(self, name: str) -> str | None:
        """How a client is, if the page knows it yet: of clients it is told after it was told of pauses."""
        return self.clients[name]["state"] if name in self.clients else None

    def words(self) -> list[str]:
        """What its rows say."""
        return [f"{row[3]}: {row[5]}" for row in self.rows]

    def _scene(self, message: dict[str, Any]) -> None:
        if message["reset"]:
            self.rows, self.bars, self.columns = [], {}, []
        if "rows" in message:
            assert message["first"] == len(self.rows), "no row is sent twice, and none is left out"
            self.rows += message["rows"]
            self.sent += len(message["rows"])
        for number, row in message.get("changed", {}).items():
            assert self.rows[int(number)] != row, "a row is sent again only when it has changed"
            self.rows[int(number)] = row
        for bar in message.get("bars", ()):
            key = tuple(bar[:3])
            if bar[3] == bar[2]:
                del self.bars[key]
            else:
                assert self.bars.get(key) != bar
                self.bars[key] = bar
        self.columns = message.get("columns", self.columns)
        self.tail = message.get("tail", self.tail)

    def _clients(self, message: dict[str, Any]) -> None:
        self.clients = {client["name"]: client for client in message["clients"]}
