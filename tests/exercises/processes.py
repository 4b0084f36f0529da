"""What learners write in lesson 11."""

from __future__ import annotations

import socketserver
from multiprocessing import Pipe
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


NAMES = ("alice", "bob", "carol")


def forking() -> Any:
    """The class that there is only where the system can fork."""
    return socketserver.ForkingTCPServer


class Inn:
    """A server that counts in the parent, before the fork."""

    guests = 0

    def process_request(self, *arguments: Any) -> None:
        self.guests += 1
        super().process_request(*arguments)  # type: ignore[misc]


class DoorkeepersInn:
    """It counts at the door, which is in the parent as well."""

    guests = 0

    def verify_request(self, *_arguments: Any) -> bool:
        self.guests += 1
        return True


class LateInn:
    """It counts when the child has been forked already."""

    guests = 0

    def process_request(self, *arguments: Any) -> None:
        super().process_request(*arguments)  # type: ignore[misc]
        self.guests += 1


class NobodysInn:
    """It does not count."""

    guests = 0


class TwiceCounting(Inn):
    """It counts at two doors, from the second guest on."""

    def verify_request(self, *_arguments: Any) -> bool:
        self.guests += self.guests > 0
        return True


def door(inn: Any, kind: Any = None, greet: Callable[[Any], object] | None = None) -> Any:
    """Three guests of an inn."""

    class Welcome(BaseRequestHandler):
        def handle(self) -> None:
            if greet is None:
                self.request.sendall(b"welcome, guest %d" % self.server.guests)  # type: ignore[attr-defined]
            else:
                greet(self)

    with serve(type("CountingInn", (inn, kind or forking()), {}), Welcome, timeout=CALM) as served:
        for name in NAMES:
            with served.client(name) as client:
                client.receive_all()
    return served


def _count_and_greet(handler: Any) -> None:
    handler.server.guests += 1
    handler.request.sendall(b"welcome, guest %d" % handler.server.guests)


class Till(StreamRequestHandler):
    """The handler of the lesson."""

    server: Any

    def handle(self) -> None:
        word = self.rfile.readline().strip()
        if word == b"total":
            self.wfile.write(b"%d\n" % self.server.total)
        else:
            self.server.pay(int(word))
            self.wfile.write(b"thank you\n")


class Shop:
    """A shop whose children send what was paid, and whose parent reads it before it forks."""

    total = 0

    def server_activate(self) -> None:
        self.reader, self.writer = Pipe(duplex=False)
        super().server_activate()  # type: ignore[misc]

    def server_close(self) -> None:
        super().server_close()  # type: ignore[misc]
        self.reader.close()
        self.writer.close()

    def pay(self, amount: Any) -> None:
        self.writer.send(amount)

    def take(self) -> int:
        """What has come since."""
        taken = 0
        while self.reader.poll():
            taken += self.reader.recv()
        return taken

    def process_request(self, *arguments: Any) -> None:
        self.total += self.take()
        super().process_request(*arguments)  # type: ignore[misc]


class DoorkeepersShop(Shop):
    """It reads at the door, which is before the fork as well."""

    def process_request(self, *arguments: Any) -> None:
        super(Shop, self).process_request(*arguments)  # type: ignore[misc]

    def verify_request(self, *_arguments: Any) -> bool:
        self.total += self.take()
        return True


class ForgetfulShop(Shop):
    """It collects nobody."""

    def service_actions(self) -> None:
        pass


class LateShop(Shop):
    """What it has read counts only when the child has been forked."""

    def process_request(self, *arguments: Any) -> None:
        taken = self.take()
        super(Shop, self).process_request(*arguments)  # type: ignore[misc]
        self.total += taken


class LastShop(Shop):
    """It knows only the last amount."""

    def process_request(self, *arguments: Any) -> None:
        self.total = 0
        super().process_request(*arguments)


class ShopOfCopies(Shop):
    """What is paid stays in the child."""

    def pay(self, amount: Any) -> None:
        self.total += amount


class DoubleShop(Shop):
    """It is told everything twice."""

    def pay(self, amount: Any) -> None:
        super().pay(amount)
        super().pay(amount)


def till(shop: Any, kind: Any = None) -> Any:
    """Two customers pay, and the third asks for the total."""
    with serve(type("Shop", (shop, kind or forking()), {}), Till, timeout=CALM) as served:
        for name, word in zip(NAMES, (b"2\n", b"3\n", b"total\n"), strict=True):
            with served.client(name) as client:
                client.send(word)
                client.receive_line()
    return served


def three_guests() -> int:
    """What the server has counted when its three guests are gone."""
    served = door(NobodysInn, greet=_count_and_greet)
    return int(served.server.guests)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("11-count-at-the-door", lambda: door(Inn)),
    ("11-count-at-the-door", lambda: door(DoorkeepersInn)),
    ("11-the-till", lambda: till(Shop)),
    ("11-the-till", lambda: till(DoorkeepersShop)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("11-count-at-the-door", "always the first", lambda: door(NobodysInn, greet=_count_and_greet), "lost with it"),
    ("11-count-at-the-door", "from nought", lambda: door(LateInn), "the child had been forked already"),
    ("11-count-at-the-door", "no children", lambda: door(Inn, TCPServer), "nobody was forked"),
    ("11-count-at-the-door", "it fails", lambda: door(Inn, greet=lambda h: h.server.visitors), "raised an exception"),
    ("11-count-at-the-door", "twice", lambda: door(TwiceCounting), "count each guest once"),
    (
        "11-count-at-the-door",
        "other words",
        lambda: door(Inn, greet=lambda h: h.request.sendall(b"guest %d" % h.server.guests)),
        "The words differ",
    ),
    ("11-the-till", "stays in the child", lambda: till(ShopOfCopies), "never came home"),
    ("11-the-till", "too late", lambda: till(LateShop), "Read the pipe before the fork"),
    ("11-the-till", "the last one", lambda: till(LastShop), "add each amount"),
    ("11-the-till", "no children", lambda: till(Shop, TCPServer), "nobody was forked"),
    ("11-the-till", "zombies", lambda: till(ForgetfulShop), "all were zombies until then"),
    ("11-the-till", "another total", lambda: till(DoubleShop), "each amount must be added once"),
    (
        "11-the-till",
        "it fails",
        lambda: till(type("Broken", (Shop,), {"pay": lambda self, amount: self.cash + amount})),
        "raised an exception",
    ),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("11-three-guests", three_guests)]
