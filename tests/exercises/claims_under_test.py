"""What learners write in lesson 23."""

from __future__ import annotations

import contextlib
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingMixIn, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, expect, serve
from socketserver_trace.checks import order, same_lane
from tests.samples import CALM, Shout

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 0.5
"""How many seconds a client waits that may wait in vain."""


# --- A counter-example ----------------------------------------------------------------------------


class Welcome(StreamRequestHandler):
    """The handler of the lesson, to which something happens."""

    def handle(self) -> None:
        self.wfile.write(b"welcome\n")


def visited(*, server: type[Any] = TCPServer, **hooks: Callable[[Any], object]) -> Any:
    """Alice comes, and then bob. A hook that is given runs before the one of `Welcome`."""

    def before(name: str, act: Callable[[Any], object]) -> Callable[[Any], None]:
        def hook(handler: Any) -> None:
            act(handler)
            getattr(Welcome, name)(handler)

        return hook

    handler = type("Counterexample", (Welcome,), {name: before(name, act) for name, act in hooks.items()})
    with contextlib.suppress(ServingEnded), serve(server, handler, timeout=CALM) as served:
        served.server.visitors = 0
        for name in ("alice", "bob"):
            with contextlib.suppress(OSError, EOFError), served.client(name, timeout=SOON) as client:
                client.receive_all()
    return served


def first(error: type[BaseException]) -> Callable[[Any], None]:
    """Something that happens to the first one."""

    def happens(handler: Any) -> None:
        handler.server.visitors += 1
        if handler.server.visitors == 1:
            raise error("not today")

    return happens


def always(error: type[BaseException]) -> Callable[[Any], None]:
    """Something that happens to everybody."""

    def happens(_handler: Any) -> None:
        raise error("not today")

    return happens


def setup_by_name(handler: Any) -> None:
    """Another way: it does not count, but asks for something that is there only the second time."""
    name, handler.server.name = getattr(handler.server, "name", None), "known"
    handler.name = name.upper()


class Choosy(TCPServer):
    """Refuses alice at the door."""

    asked = 0

    def verify_request(self, request: Any, client_address: Any) -> bool:
        self.asked += 1
        return self.asked > 1


# --- Mend it --------------------------------------------------------------------------------------


def let_in(_server: Any, _request: Any, _address: Any) -> bool:
    """Everybody may come in."""
    return True


def lines(handler: Any) -> None:
    """Each line comes back."""
    for line in handler.rfile:
        handler.wfile.write(line)


def once(handler: Any) -> None:
    """As it stands in the lesson."""
    handler.request.sendall(handler.request.recv(1024).strip())


def pieces(handler: Any) -> None:
    """Another way: as it comes, line or not."""
    while data := handler.request.recv(1024):
        handler.request.sendall(data)


def mended(
    handle: Callable[[Any], None] = lines,
    *,
    bases: tuple[type[Any], ...] = (ThreadingMixIn, TCPServer),
    base: type[Any] = StreamRequestHandler,
    verify: Callable[[Any, Any, Any], Any] = let_in,
) -> Any:
    """Bob is connected and says nothing; carol says two lines."""
    server = type("Mended", bases, {"verify_request": verify})
    handler = type("Echo", (base,), {"handle": handle})
    with serve(server, handler, timeout=CALM) as served:
        with served.client("bob"), served.client("carol", timeout=SOON) as carol:
            with contextlib.suppress(OSError):
                for line in (b"one\n", b"  two\n"):
                    carol.send(line)
                    carol.receive_line()
    return served


# --- What will happen? ----------------------------------------------------------------------------


def how_often() -> str:
    """How often the loop calls handle_request, for two clients."""

    class Counting(TCPServer):
        calls = 0

        def handle_request(self) -> None:
            self.calls += 1

    with serve(Counting, Shout, timeout=CALM) as served:
        for name in ("alice", "bob"):
            with served.client(name) as client:
                client.send(b"hello\n")
                client.receive_line()
    return f"{served.server.calls} times"


def the_wrong_one() -> str:
    """The one of three claims that does not hold."""
    with serve(ThreadingTCPServer, Shout, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_all()
    tried = {
        "verify_request() runs before there is a handler": order("verify_request", "setup"),
        "finish() runs in the thread of the server's loop": same_lane("get_request", "finish"),
        "the connection is closed in the handler's thread": same_lane("handle", "close_request"),
    }
    (wrong,) = (sentence for sentence, claim in tried.items() if not expect(served.trace).judge(claim))
    return wrong


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("23-a-counterexample", lambda: visited(setup=first(ValueError))),
    ("23-a-counterexample", lambda: visited(setup=setup_by_name)),
    ("23-mend-it", mended),
    ("23-mend-it", lambda: mended(pieces, bases=(ThreadingTCPServer,), base=BaseRequestHandler)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("23-a-counterexample", "all is well", visited, "before handle() is called"),
    ("23-a-counterexample", "refused at the door", lambda: visited(server=Choosy), "Let her in"),
    (
        "23-a-counterexample",
        "finish ran all the same",
        lambda: visited(handle=first(ValueError)),
        "so far the claim holds",
    ),
    ("23-a-counterexample", "finish itself", lambda: visited(finish=first(ValueError)), "not the same as not to"),
    ("23-a-counterexample", "the server has ended", lambda: visited(setup=first(SystemExit)), "ended the server"),
    ("23-a-counterexample", "bob as well", lambda: visited(setup=always(ValueError)), "Only the first handler"),
    (
        "23-mend-it",
        "everybody is dropped",
        lambda: mended(verify=lambda *_: None),
        "None counts as false",
    ),
    (
        "23-mend-it",
        "the mix-in comes too late",
        lambda: mended(bases=(TCPServer, ThreadingMixIn)),
        "the mix-in must stand first",
    ),
    ("23-mend-it", "one recv only", lambda: mended(once), "not all that a client says"),
    ("23-mend-it", "it fails", lambda: mended(base=BaseRequestHandler), "look at served.errors"),
    (
        "23-mend-it",
        "nothing comes back",
        lambda: mended(lambda handler: handler.wfile.write(handler.rfile.read())),
        "waits for the end",
    ),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("23-how-often", how_often),
    ("23-the-wrong-one", the_wrong_one),
]
