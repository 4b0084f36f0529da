"""What learners write in lesson 23."""

from __future__ import annotations

import contextlib
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, expect, serve
from socketserver_trace.checks import order, same_lane
from tests.samples import CALM, Shout

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 0.5
"""How many seconds a client waits that can only wait in vain."""


# --- A counter-example ----------------------------------------------------------------------------


class Welcome(StreamRequestHandler):
    """The handler of the lesson, to which something happens."""

    def handle(self) -> None:
        self.wfile.write(b"welcome\n")


def visited(*, server: type[Any] = TCPServer, patience: float = CALM, **hooks: Callable[[Any], object]) -> Any:
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
            with contextlib.suppress(OSError, EOFError), served.client(name, timeout=patience) as client:
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


# --- Without handle -------------------------------------------------------------------------------


def shout(handler: Any) -> None:
    """What handle would do."""
    handler.wfile.write(handler.rfile.readline().upper())


def shout_in_setup(handler: Any) -> None:
    """It does its work when the files are there."""
    StreamRequestHandler.setup(handler)
    shout(handler)


def shout_in_finish(handler: Any) -> None:
    """Another way: while the files are still there."""
    shout(handler)
    StreamRequestHandler.finish(handler)


def shout_too_late(handler: Any) -> None:
    """The files are closed."""
    StreamRequestHandler.finish(handler)
    shout(handler)


def shout_in_the_server(_server: Any, request: Any, _address: Any) -> None:
    """Instead of making a handler."""
    request.sendall(request.recv(1024).upper())


def asked(**hooks: Callable[..., object]) -> Any:
    """Alice asks a handler that has these methods. `finish_request` is one of the server."""
    server = type("Asked", (TCPServer,), {name: hooks.pop(name) for name in ("finish_request",) if name in hooks})
    with serve(server, type("Speechless", (StreamRequestHandler,), hooks), timeout=CALM) as served:
        with contextlib.suppress(OSError, EOFError), served.client("alice", timeout=CALM) as alice:
            alice.send(b"hello\n")
            alice.receive_all()
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
    ("23-without-handle", lambda: asked(setup=shout_in_setup)),
    ("23-without-handle", lambda: asked(finish=shout_in_finish)),
    ("23-a-counterexample", lambda: visited(setup=first(ValueError))),
    ("23-a-counterexample", lambda: visited(setup=setup_by_name)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("23-without-handle", "setup fails", lambda: asked(setup=shout), "super().setup() comes first"),
    ("23-without-handle", "finish fails", lambda: asked(finish=shout_too_late), "super().finish() comes last"),
    ("23-without-handle", "a handle of one's own", lambda: asked(handle=shout), "has a handle() of its own"),
    (
        "23-without-handle",
        "no handler at all",
        lambda: asked(finish_request=shout_in_the_server),
        "the server has done the work",
    ),
    ("23-without-handle", "no answer", asked, "Which two other methods"),
    ("23-a-counterexample", "all is well", visited, "before handle() is called"),
    ("23-a-counterexample", "refused at the door", lambda: visited(server=Choosy), "Let her in"),
    (
        "23-a-counterexample",
        "finish ran all the same",
        lambda: visited(handle=first(ValueError)),
        "so far the claim holds",
    ),
    ("23-a-counterexample", "finish itself", lambda: visited(finish=first(ValueError)), "not the same as not to"),
    (
        "23-a-counterexample",
        "the server has ended",
        lambda: visited(setup=first(SystemExit), patience=SOON),
        "ended the server",
    ),
    ("23-a-counterexample", "bob as well", lambda: visited(setup=always(ValueError)), "Only the first handler"),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("23-how-often", how_often),
    ("23-the-wrong-one", the_wrong_one),
]
