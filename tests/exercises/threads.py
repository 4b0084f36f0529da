"""What learners write in lesson 10."""

from __future__ import annotations

import contextlib
import threading
from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, WouldWaitForever, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


class Upper(StreamRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


class Silent(StreamRequestHandler):
    """Reads, and never answers."""

    def handle(self) -> None:
        self.rfile.read()


class Failing(StreamRequestHandler):
    """Takes text for bytes."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.decode().upper())  # type: ignore[arg-type]


class Impatient(Upper):
    """Throws out who says nothing."""

    timeout = 0.2


# --- The hall -----------------------------------------------------------------------------------------------------


def hall(
    bases: tuple[type, ...],
    handler: type[StreamRequestHandler] = Upper,
    *,
    patience: float = CALM,
    answered: float = CALM,
    **members: Any,
) -> Any:
    """Alice says nothing, bob does, and the server is closed. `patience` is for what never ends."""
    with serve(type("BigHall", bases, members), handler, timeout=patience) as served:
        served.client("alice")
        bob = served.client("bob", timeout=answered)
        with contextlib.suppress(WaitedInVain, WouldWaitForever, ConnectionError):
            bob.send(b"hello\n")
            bob.receive_line()
            served.server.shutdown()
            served.server.server_close()
    return served


def _only_bob(server: Any, *_request: Any) -> bool:
    server.guests += 1
    return bool(server.guests > 1)


# --- Every guest counts -------------------------------------------------------------------------------------------


def guests(
    handle: Callable[[Any, threading.Semaphore], object],
    base: type[Any] = ThreadingTCPServer,
    *,
    patience: float = CALM,
    gap: float = 10,
) -> Any:
    """Three guests at once, numbered by `handle(handler, lock)`. `gap` is how long others are waited for."""
    lock = threading.Semaphore()  # a lock that can be let go more than once

    class Guests(base):  # type: ignore[misc]
        guests = 0

        def __init__(self, *arguments: Any) -> None:
            self.gap = threading.Barrier(3)
            super().__init__(*arguments)

        def others_go_on(self) -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                self.gap.wait(gap)

    class Ticket(StreamRequestHandler):
        def handle(self) -> None:
            handle(self, lock)

    with serve(Guests, Ticket, timeout=CALM) as served:
        made = [served.client(name, timeout=patience) for name in ("alice", "bob", "carol")]
        for guest in made:
            with contextlib.suppress(WaitedInVain):
                guest.receive_line()
        seen = served.trace
        lock.release(6)  # so that no thread waits for ever
    return seen


def _count(handler: Any, begin: int = 1) -> int:
    number = int(handler.server.guests) + begin
    handler.server.others_go_on()
    handler.server.guests = number + 1 - begin
    return number


def _tell(handler: Any, number: int) -> None:
    handler.wfile.write(b"%d\n" % number)


def _locked(handler: Any, lock: threading.Semaphore, begin: int = 1) -> None:
    with lock:
        number = _count(handler, begin)
    _tell(handler, number)


def _by_hand(handler: Any, lock: threading.Semaphore) -> None:
    lock.acquire()
    try:
        _tell(handler, _count(handler))
    finally:
        lock.release()


def _lock_of_its_own(handler: Any, _lock: threading.Semaphore) -> None:
    _locked(handler, threading.Semaphore())


def _half(handler: Any, lock: threading.Semaphore) -> None:
    with lock:
        number = handler.server.guests + 1
    handler.server.others_go_on()
    with lock:
        handler.server.guests = number
    _tell(handler, number)


def _kept(handler: Any, lock: threading.Semaphore) -> None:
    lock.acquire()
    _tell(handler, _count(handler))


def _twice(handler: Any, lock: threading.Semaphore) -> None:
    with lock:
        lock.acquire()
        _tell(handler, _count(handler))


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("10-the-hall", lambda: hall((ThreadingMixIn, TCPServer), daemon_threads=True)),
    ("10-the-hall", lambda: hall((ThreadingTCPServer,), block_on_close=False)),
    ("10-every-guest-counts", lambda: guests(_locked, gap=0.2)),
    ("10-every-guest-counts", lambda: guests(_by_hand, gap=0.2)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "10-the-hall",
        "one thread for all",
        lambda: hall((TCPServer, ThreadingMixIn), answered=1),
        "the only thread was with alice",
    ),
    ("10-the-hall", "waits for her", lambda: hall((ThreadingTCPServer,), patience=3), "is not waited for"),
    ("10-the-hall", "thrown out", lambda: hall((ThreadingTCPServer,), Impatient), "thrown out by a timeout"),
    (
        "10-the-hall",
        "turned away",
        lambda: hall((ThreadingTCPServer,), guests=0, verify_request=_only_bob, daemon_threads=True),
        "in nobody's way",
    ),
    (
        "10-the-hall",
        "it fails",
        lambda: hall((ThreadingTCPServer,), Failing, daemon_threads=True),
        "only the class of the server",
    ),
    (
        "10-the-hall",
        "no answer",
        lambda: hall((ThreadingTCPServer,), Silent, answered=1, daemon_threads=True),
        "still answer each line",
    ),
    ("10-every-guest-counts", "the same number", lambda: guests(lambda h, _lock: _tell(h, _count(h))), "before either"),
    ("10-every-guest-counts", "the same number", lambda: guests(_lock_of_its_own), "made anew in each handle"),
    ("10-every-guest-counts", "the same number", lambda: guests(_half), "one half of it only"),
    (
        "10-every-guest-counts",
        "it fails",
        lambda: guests(lambda h, _lock: _locked(h, h.server.lock)),
        "before the guests come",
    ),
    ("10-every-guest-counts", "no threads", lambda: guests(_locked, TCPServer, gap=0.2), "look at its bases"),
    ("10-every-guest-counts", "from nought", lambda: guests(lambda *a: _locked(*a, begin=0), gap=0.2), "is number 0"),
    ("10-every-guest-counts", "never let go", lambda: guests(_kept, patience=1.5, gap=0.2), "was never let go"),
    ("10-every-guest-counts", "all wait", lambda: guests(_twice, patience=0.5, gap=0.2), "waits for himself"),
]


def _swapped() -> str:
    """Who answers bob while alice says nothing."""
    with serve(type("Swapped", (TCPServer, ThreadingMixIn), {}), Upper, timeout=CALM) as served:
        served.client("alice")
        bob = served.client("bob", timeout=0.5)
        bob.send(b"hello\n")
        try:
            bob.receive_line()
        except WaitedInVain:
            return "nobody, as long as alice says nothing"
        return "a thread of his own"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("10-swapped", _swapped)]
