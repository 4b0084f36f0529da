"""What learners write in lesson 04: solutions, and mistakes that people make."""

from __future__ import annotations

from contextlib import suppress
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 1
"""How many seconds a client waits for a server that may not answer."""


class Counting(TCPServer):
    """A server that can count."""

    words = 0


def count_words(handle: Callable[[Any], object], **members: Any) -> Any:
    """Alice says three words, and bob says two."""
    made = type("Counter", (BaseRequestHandler,), {"handle": handle, **members})
    with serve(type("Counting", (Counting,), {}), made, timeout=CALM) as served:
        for name, words in (("alice", 3), ("bob", 2)):
            with served.client(name, timeout=PATIENCE) as client, suppress(OSError):
                for _ in range(words):
                    client.send(b"word")
                    client.receive_line()
    return served


def _tell(handler: Any, mine: int, ours: int) -> None:
    handler.request.sendall(b"%d of %d\n" % (mine, ours))


def _with_setup(handler: Any) -> None:
    while handler.request.recv(1024):
        handler.words += 1
        handler.server.words += 1
        _tell(handler, handler.words, handler.server.words)


def _with_a_variable(handler: Any) -> None:
    """The count of one client is a variable of handle, and that of all an attribute of the handler's class."""
    kind, mine = type(handler), 0
    while handler.request.recv(1024):
        mine += 1
        kind.all += 1
        _tell(handler, mine, kind.all)


def _set_up(handler: Any) -> None:
    handler.words = 0


def _once(handler: Any) -> None:
    handler.request.recv(1024)
    _tell(handler, 1, 1)


def _without_counting(handler: Any) -> None:
    while handler.request.recv(1024):
        _tell(handler, 1, 1)


def _only_mine(handler: Any) -> None:
    mine = 0
    while handler.request.recv(1024):
        mine += 1
        _tell(handler, mine, mine)


def _only_ours(handler: Any) -> None:
    while handler.request.recv(1024):
        handler.server.words += 1
        _tell(handler, handler.server.words, handler.server.words)


def _from_nought(handler: Any) -> None:
    while handler.request.recv(1024):
        _tell(handler, handler.words, handler.server.words)
        handler.words += 1
        handler.server.words += 1


PRICES = {b"apple": 3, b"pear": 4}


class Shop(BaseRequestHandler):
    """The handler of the exercise."""

    def handle(self) -> None:
        self.request.sendall(b"%d coins\n" % PRICES[self.request.recv(1024)])


def shop(**members: Any) -> Any:
    """Alice asks for an apple, and bob for a stone."""
    made = type("PoliteShop", (Shop,), members)
    with serve(TCPServer, made, timeout=CALM) as served:
        for name, fruit in (("alice", b"apple"), ("bob", b"stone")):
            with served.client(name, timeout=PATIENCE) as client, suppress(OSError):
                client.send(fruit)
                client.receive_all()
    return served


def _bye(handler: Any) -> None:
    handler.request.sendall(b"bye\n")


def _bye_at_last(handler: Any) -> None:
    try:
        Shop.handle(handler)
    finally:
        _bye(handler)


def _bye_behind(handler: Any) -> None:
    Shop.handle(handler)
    _bye(handler)


def _bye_and_silence(handler: Any) -> None:
    with suppress(KeyError):
        Shop.handle(handler)
    _bye(handler)


def _bye_alone(handler: Any) -> None:
    handler.request.recv(1024)
    _bye(handler)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("04-mine-and-ours", lambda: count_words(_with_setup, setup=_set_up)),
    ("04-mine-and-ours", lambda: count_words(_with_a_variable, all=0)),
    ("04-say-goodbye", lambda: shop(finish=_bye)),
    ("04-say-goodbye", lambda: shop(handle=_bye_at_last)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("04-mine-and-ours", "text", lambda: count_words(lambda h: h.request.sendall("1 of 1")), "bytes and not text"),
    ("04-mine-and-ours", "it fails", lambda: count_words(_with_setup), "A count must begin somewhere"),
    ("04-mine-and-ours", "always the same", lambda: count_words(_without_counting), "nothing is counted"),
    ("04-mine-and-ours", "one word", lambda: count_words(_once), "until recv returns no bytes"),
    ("04-mine-and-ours", "starts anew", lambda: count_words(_only_mine), "must live longer than a handler"),
    ("04-mine-and-ours", "nobody's own", lambda: count_words(_only_ours), "number 4 of his own"),
    ("04-mine-and-ours", "other words", lambda: count_words(_from_nought, setup=_set_up), "the numbers differ"),
    ("04-say-goodbye", "nobody", shop, "Nobody hears goodbye"),
    ("04-say-goodbye", "only when all is well", lambda: shop(handle=_bye_behind), "is never reached"),
    ("04-say-goodbye", "swallowed", lambda: shop(handle=_bye_and_silence), "the exception was caught"),
    ("04-say-goodbye", "too early", lambda: shop(setup=_bye), "setup runs before handle"),
    ("04-say-goodbye", "twice", lambda: shop(handle=_bye_at_last, finish=_bye), "Once is enough"),
    ("04-say-goodbye", "no price", lambda: shop(handle=_bye_alone), "unless it calls super().handle()"),
    ("04-say-goodbye", "finish fails", lambda: shop(finish=lambda h: h.sendall(b"bye\n")), "as self.request"),
]


def setup_fails() -> Any:
    """A handler that fails in setup."""

    class Failing(BaseRequestHandler):
        def setup(self) -> None:
            raise ValueError("as you wished")

    with serve(TCPServer, Failing, timeout=CALM) as served, served.client("alice") as alice:
        alice.receive_all()
    return served


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("04-setup-fails", setup_fails)]
