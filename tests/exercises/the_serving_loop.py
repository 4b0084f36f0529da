"""What learners write in lesson 06."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from socketserver import (
    BaseRequestHandler,
    DatagramRequestHandler,
    StreamRequestHandler,
    TCPServer,
    ThreadingTCPServer,
    UDPServer,
)
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, serve, tracing
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 1.0
"""How many seconds a client waits for a server that may not answer."""


# --- The watchman -------------------------------------------------------------------------------------------------


class Inn(ThreadingTCPServer):
    """The server of the lesson: it knows since when each of its guests has been silent."""

    patience = 30
    now = 0

    def __init__(self, *arguments: Any) -> None:
        self.since: dict[Any, int] = {}
        super().__init__(*arguments)

    def let_go(self, request: Any) -> None:
        """Say good-bye: the handler and the client both see the end of the stream."""
        self.since.pop(request, None)
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)


class Talk(StreamRequestHandler):
    """The handler of the lesson."""

    server: Inn

    def setup(self) -> None:
        super().setup()
        self.server.since[self.request] = self.server.now

    def handle(self) -> None:
        for line in self.rfile:
            self.server.since[self.request] = self.server.now
            self.wfile.write(line.upper())


def watched(chore: Callable[[Any], object] | None = None, handler: type[Any] = Talk, **members: Any) -> Any:
    """Mallory is silent from the first second on, and carol comes after twenty."""
    members = members if chore is None else {"service_actions": chore, **members}
    made = type("Watched", (Inn,), members)
    served: Any = serve(made, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded), served:
        mallory = served.client("mallory", timeout=PATIENCE)
        served.settle(CALM)
        served.server.now = 20
        carol = served.client("carol", timeout=PATIENCE)
        served.settle(CALM)
        served.server.now = 40
        served.client("dave")  # behind whose request the loop has looked once more
        served.settle(CALM)
        with contextlib.suppress(OSError):
            mallory.receive_all()
        with contextlib.suppress(OSError):
            carol.send(b"hello\n")
            carol.receive_line()
    return served


def _look(server: Any, is_late: Callable[[int, int], bool]) -> None:
    for request, since in list(server.since.items()):
        if is_late(server.now - since, server.patience):
            server.let_go(request)


def _look_at_the_oldest(server: Any) -> None:
    """Another way: as long as the one who has been silent the longest is late."""
    while server.since:
        oldest = min(server.since, key=server.since.__getitem__)
        if server.since[oldest] >= server.now - server.patience:
            return
        server.let_go(oldest)


def _look_without_a_list(server: Any) -> None:
    for request, since in server.since.items():
        if server.now - since > server.patience:
            server.let_go(request)


def _not_the_first(server: Any, *_asked: Any) -> bool:
    server.patience, is_first = 31, server.patience == 30
    return not is_first


class Impatient(Talk):
    """A handler that looks at a clock of its own."""

    timeout = 0.3


# --- Two servers, one thread --------------------------------------------------------------------------------------


class Shout(BaseRequestHandler):
    """Answers what comes first, in capitals."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(1024).upper())


class ShoutDatagram(DatagramRequestHandler):
    """The same for datagrams."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class Fuse:
    """What the lesson's two servers have in common: neither of them waits for ever, whatever one tries."""

    timeout: float | None = 0.6

    def service_actions(self) -> None:
        raise RuntimeError("this is the loop of serve_forever(); here it shall be handle_request()")


class Shop(Fuse, TCPServer):
    """The one of the two servers."""


class Post(Fuse, UDPServer):
    """The other one."""


def both(serve_all: Callable[[list[Any], float], object], timeout: float = Fuse.timeout or 0) -> Any:
    """Alice, bob and carol have asked already when serve_all begins, and look for their answers when it is over."""
    with tracing() as seen:
        shop = serve(Shop(("127.0.0.1", 0), Shout), timeout=CALM)
        post = serve(Post(("127.0.0.1", 0), ShoutDatagram), timeout=CALM)
    shop.server.timeout = post.server.timeout = timeout
    try:
        clients = [
            served.client(name, timeout=0.2) for served, name in ((shop, "alice"), (post, "bob"), (shop, "carol"))
        ]
        for client in clients:
            client.send(b"hello")
        with contextlib.suppress(RuntimeError):
            serve_all([shop.server, post.server], 0.5)
        for client in clients:
            with contextlib.suppress(TimeoutError):
                client.receive()
    finally:
        shop.stop()
        post.stop()
    return seen.trace


def _with_a_selector(servers: list[Any], seconds: float, *, turns: float = 1000, kind: Any = None) -> None:
    end = time.monotonic() + seconds
    selector: Any
    with (kind or selectors.DefaultSelector)() as selector:
        for server in servers:
            selector.register(server, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0 and turns:
            turns -= 1
            for key, _ready in selector.select(left):
                key.fileobj.handle_request()


def _in_turn(servers: list[Any], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for server in servers:
            server.handle_request()


def _in_threads(servers: list[Any], _seconds: float) -> None:
    def take(server: Any) -> None:
        for _ in range(2 if isinstance(server, TCPServer) and not isinstance(server, UDPServer) else 1):
            server.handle_request()

    threads = [threading.Thread(target=take, args=[server]) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(CALM)


def _select_and_forget(servers: list[Any], seconds: float) -> None:
    with selectors.DefaultSelector() as selector:
        for server in servers:
            selector.register(server, selectors.EVENT_READ)
        selector.select(seconds)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("06-the-watchman", lambda: watched(lambda server: _look(server, lambda silent, most: silent > most))),
    ("06-the-watchman", lambda: watched(_look_at_the_oldest)),
    ("06-two-servers-one-thread", lambda: both(_with_a_selector)),
    ("06-two-servers-one-thread", lambda: both(lambda *asked: _with_a_selector(*asked, kind=selectors.SelectSelector))),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("06-the-watchman", "no chore", watched, "Yours must have just that name"),
    ("06-the-watchman", "it fails", lambda: watched(_look_without_a_list), "a for loop goes through it"),
    ("06-the-watchman", "the handler's clock", lambda: watched(handler=Impatient), "let the loop do it"),
    (
        "06-the-watchman",
        "not let in",
        lambda: watched(verify_request=_not_the_first),
        "turned away at the door",
    ),
    ("06-the-watchman", "everybody", lambda: watched(lambda server: _look(server, lambda *_: True)), "and nobody else"),
    (
        "06-the-watchman",
        "everybody",
        lambda: watched(lambda server: _look(server, lambda silent, most: silent < most)),
        "must be the larger one",
    ),
    ("06-the-watchman", "nobody", lambda: watched(lambda _server: None), "and let nobody go"),
    (
        "06-two-servers-one-thread",
        "serve_forever",
        lambda: both(lambda servers, _seconds: servers[0].serve_forever(0.01)),
        "does not return",
    ),
    ("06-two-servers-one-thread", "threads", lambda: both(_in_threads, CALM), "taken in other threads"),
    ("06-two-servers-one-thread", "asks again and again", lambda: both(_in_turn, 0.01), "keeps the machine busy"),
    ("06-two-servers-one-thread", "waits for one", lambda: both(_in_turn), "nobody looked at the other one"),
    (
        "06-two-servers-one-thread",
        "once each",
        lambda: both(lambda *asked: _with_a_selector(*asked, turns=1)),
        "go on until the time is over",
    ),
    ("06-two-servers-one-thread", "nobody", lambda: both(_select_and_forget), "the key's fileobj"),
    (
        "06-two-servers-one-thread",
        "only one server",
        lambda: both(lambda servers, seconds: _with_a_selector(servers[:1], seconds)),
        "register each of them",
    ),
]


def _how_often() -> str:
    """What the lesson does: a loop that turns twenty times takes longer than the timeout."""
    enough = threading.Event()

    class Impatience(TCPServer):
        timeout: float | None = 0.01
        timeouts = turns = 0

        def handle_timeout(self) -> None:
            self.timeouts += 1

        def service_actions(self) -> None:
            self.turns += 1
            if self.turns >= 20:
                enough.set()

    with serve(Impatience, Shout, timeout=CALM) as served:
        enough.wait(CALM)
    return {0: "Never", 1: "Once, and then the loop ends"}.get(served.server.timeouts, "Again and again")


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("06-an-impatient-server", _how_often)]
