"""What learners write in lesson 02."""

from __future__ import annotations

import contextlib
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServerPaused, Trace, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


def door(*asked: Any, **options: Any) -> Trace:
    """Alice and bob at a server that is paused somewhere."""

    class Echo(BaseRequestHandler):
        def handle(self) -> None:
            while data := self.request.recv(1024):
                self.request.sendall(data)

    served = serve(ThreadingTCPServer, Echo, timeout=CALM).start()
    try:
        served.breakpoints.add(*asked, **options)
        alice, _bob = served.client("alice"), served.client("bob")
        alice.send(b"hello")
        with contextlib.suppress(ServerPaused):
            alice.receive()
        return served.trace
    finally:
        served.stop()


def bob_at_the_door() -> str:
    """What bob has done when the server is paused for alice."""
    with serve(ThreadingTCPServer, BaseRequestHandler, timeout=CALM) as served:
        served.breakpoints.add("verify_request", connection=1)
        _alice, bob = served.client("alice"), served.client("bob")
        bob.send(b"hello from bob")
        return " and ".join(event.kind for event in served.trace.select(lane="bob", phase="return"))


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("02-at-the-other-door", lambda: door("get_request", phase="return", connection=2)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("02-at-the-other-door", "paused for everybody", lambda: door("verify_request"), "for alice already"),
    ("02-at-the-other-door", "too late", lambda: door("process_request", connection=2), "one step too far"),
    ("02-at-the-other-door", "not paused", lambda: door("get_request", phase="return", connection=7), "bob was served"),
    ("02-at-the-other-door", "too early", lambda: door("service_actions"), "was not taken yet"),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [("02-bob-at-the-door", bob_at_the_door)]
