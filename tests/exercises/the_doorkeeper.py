"""What learners write in lesson 09."""

from __future__ import annotations

import contextlib
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, WaitedInVain, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 2
"""How many seconds a client waits for a server whose loop has ended."""


class Host(StreamRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        self.wfile.write(b"welcome\n")
        for line in self.rfile:
            self.wfile.write(line.upper())


class Nothing(StreamRequestHandler):
    """Turns people away when it is too late for that."""

    def handle(self) -> None:
        if not self.server.late:  # type: ignore[attr-defined]
            self.wfile.write(b"welcome\n")


class Clock:
    """The time that it is given."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


# --- Three in a second --------------------------------------------------------------------------------------------


def visits(verify: Callable[[Any, str, float], Any], handler: type[StreamRequestHandler] = Host) -> Any:
    """Nine visits and a stranger, at a doorkeeper who is asked `verify(server, host, now)`."""

    class Limited(TCPServer):
        clock = Clock()

        def __init__(self, *arguments: Any) -> None:
            self.visits: dict[str, list[float]] = {}
            super().__init__(*arguments)

        def verify_request(self, request: Any, client_address: Any) -> Any:
            try:
                return verify(self, client_address[0], self.clock())
            except KeyError:
                request.close()  # which nobody else does, because the loop ends
                raise

    served = serve(Limited, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded, WaitedInVain), served:  # a lesson's cell shows these, and its check runs
        for now in (0.0, 0.8, 0.8, 0.9, 1.2, 1.2, 5.0, 5.0, 5.0):
            Limited.clock.now = now
            with served.client(timeout=PATIENCE) as client:
                client.receive_line()
        served.server.verify_request(None, ("192.0.2.7", 4000))
    return served


def sliding(server: Any, host: str, now: float, *, most: int = 3, span: float = 1, refused: bool = False) -> bool:
    """The times of the last second, for each address."""
    kept = [at for at in server.visits.get(host, []) if now - at < span]
    free = len(kept) < most
    server.visits[host] = [*kept, now] if free or refused else kept
    return free


def counted_back(server: Any, host: str, now: float) -> bool:
    """Another way: the third visit before this one must be a second ago."""
    kept = server.visits.setdefault(host, [])
    if len(kept) >= 3 and now - kept[-3] < 1:
        return False
    kept.append(now)
    return True


def _by_the_second(server: Any, host: str, now: float) -> bool:
    kept = server.visits.setdefault(host, [])
    if len([at for at in kept if int(at) == int(now)]) >= 3:
        return False
    kept.append(now)
    return True


def _all_too_late(server: Any, host: str, now: float) -> bool:
    server.late = not sliding(server, host, now)
    return True


# --- A full house -------------------------------------------------------------------------------------------------


def house(
    verify: Callable[[Any, Any], Any], leave: Callable[[Any, Any], object], handler: type[StreamRequestHandler] = Host
) -> Any:
    """Five guests of a doorkeeper who is asked `verify(server, request)` and told `leave(server, request)`."""

    class FullHouse(ThreadingTCPServer):
        inside = 0
        late = False

        def __init__(self, *arguments: Any) -> None:
            self.guests: set[Any] = set()
            super().__init__(*arguments)

        def verify_request(self, request: Any, _client_address: Any) -> Any:
            try:
                return verify(self, request)
            except AttributeError:
                request.close()
                raise

        def close_request(self, request: Any) -> None:
            try:
                leave(self, request)
            finally:
                super().close_request(request)

    served = serve(FullHouse, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded, WaitedInVain), served:
        guests = [served.client(name, timeout=PATIENCE) for name in ("alice", "bob", "carol", "dave")]
        for guest in guests:
            guest.receive_line()
        guests[0].close()
        served.settle(CALM)
        served.client("carol again", timeout=PATIENCE).receive_line()
    return served


def known(server: Any, request: Any, *, most: int = 2) -> bool:
    """Whoever is let in is kept."""
    if len(server.guests) < most:
        server.guests.add(request)
    return request in server.guests


def _number(server: Any, _request: Any) -> bool:
    if server.inside >= 2:
        return False
    server.inside += 1
    return True


def _one_less(server: Any, _request: Any) -> None:
    server.inside -= 1


def _only_guests(server: Any, request: Any) -> None:
    if request in server.guests:
        server.guests.remove(request)


def _stays(_server: Any, _request: Any) -> None:
    """Nobody is taken off."""


def _too_late(server: Any, _request: Any) -> bool:
    server.inside += 1
    server.late = server.inside > 2
    return True


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("09-three-in-a-second", lambda: visits(sliding)),
    ("09-three-in-a-second", lambda: visits(counted_back)),
    ("09-full-house", lambda: house(known, lambda server, request: server.guests.discard(request))),
    ("09-full-house", lambda: house(known, _only_guests)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("09-three-in-a-second", "everybody", lambda: visits(lambda *_: True), "so did everybody else"),
    ("09-three-in-a-second", "nobody", lambda: visits(lambda *_: False), "turned away already"),
    ("09-three-in-a-second", "no answer", lambda: visits(lambda *_: None), "None counts as false"),
    (
        "09-three-in-a-second",
        "it fails",
        lambda: visits(lambda server, host, _now: bool(server.visits[host])),
        "have an entry in self.visits",
    ),
    ("09-three-in-a-second", "one too many", lambda: visits(lambda *a: sliding(*a, most=4)), "came in at 0.9"),
    ("09-three-in-a-second", "one too few", lambda: visits(lambda *a: sliding(*a, most=2)), "three may come in"),
    ("09-three-in-a-second", "never forgets", lambda: visits(lambda *a: sliding(*a, span=99)), "not even at 5.0"),
    ("09-three-in-a-second", "fixed seconds", lambda: visits(_by_the_second), "keep the time of each visit"),
    (
        "09-three-in-a-second",
        "counts the refused",
        lambda: visits(lambda *a: sliding(*a, refused=True)),
        "don't write it down",
    ),
    (
        "09-three-in-a-second",
        "all addresses together",
        lambda: visits(lambda server, _host, now: sliding(server, "", now)),
        "keep a list for each address",
    ),
    ("09-three-in-a-second", "too late", lambda: visits(_all_too_late, Nothing), "Turn it away before"),
    ("09-full-house", "everybody", lambda: house(lambda *_: True, _stays), "was let in while"),
    ("09-full-house", "no answer", lambda: house(lambda *_: None, _stays), "None counts as false"),
    ("09-full-house", "it fails", lambda: house(lambda server, _r: server.people, _stays), "before the first client"),
    (
        "09-full-house",
        "it fails at the end",
        lambda: house(known, lambda server, request: server.guests.remove(request)),
        "discard() takes out of a set",
    ),
    ("09-full-house", "one too few", lambda: house(lambda *a: known(*a, most=1), _only_guests), "two may be inside"),
    ("09-full-house", "the refused leave", lambda: house(_number, _one_less), "one guest too many was taken off"),
    ("09-full-house", "nobody leaves", lambda: house(known, _stays), "turned away once more"),
    ("09-full-house", "too late", lambda: house(_too_late, _stays, Nothing), "Turn her away before"),
]


def _book() -> str:
    """What alice receives of a doorkeeper who has no answer."""

    class VisitorsBook(TCPServer):
        visitors = 0

        def verify_request(self, _request: Any, _client_address: Any) -> Any:
            self.visitors += 1

    with serve(VisitorsBook, Host, timeout=CALM) as served, served.client("alice") as alice:
        return "the line: welcome" if alice.receive_line() else "nothing, only the end of file"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("09-visitors-book", _book)]
