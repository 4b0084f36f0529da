"""Servers that serve in other ways than the standard library's: in one loop for all, and in processes of their own."""

from __future__ import annotations

import socketserver
import threading
from typing import Any

import pytest

from socketserver_trace import serve, well_formed
from socketserver_trace.examples import shout
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.server_processes import ProcessesShoutServer
from socketserver_trace.examples.server_selector import SelectorShoutServer, converse
from tests.examples import PATIENCE, Peer

ANY = ("127.0.0.1", 0)


def test_a_handler_that_is_called_later_is_in_the_trace() -> None:
    """With the number of its connection, though `finish_request` has returned long before."""
    with serve(lambda: SelectorShoutServer(ANY)) as served:
        converse(served)
    trace = served.trace
    assert trace.hooks(connection=2) == [
        "get_request", "verify_request", "process_request", "finish_request", "__init__", "setup",
        "handle", "finish", "shutdown_request", "close_request",
    ]  # fmt: skip
    assert [event.connection for event in trace if event.hook == "handle" and event.phase == "enter"] == [1, 2, 1]
    assert well_formed(trace)


def test_a_handler_that_belongs_to_no_server_runs_as_it_would() -> None:
    """Whoever calls it, and whatever stands where its server should."""
    called: list[str] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            called.append("handle")

    kept: list[Any] = []

    class Keeping(socketserver.TCPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            super().finish_request(request, client_address)
            made = type(self.RequestHandlerClass.__name__, (Handler,), {})
            kept.append(made(request, client_address, self))

    with serve(Keeping, Handler) as served:
        with served.client("alice") as alice:
            assert alice.receive_all() == b""
    for server in (None, object(), served.server):
        kept[0].server = server
        kept[0].handle()
    assert called == ["handle"] * 5
    assert served.errors == []


@pytest.mark.skipif(not hasattr(socketserver, "ForkingMixIn"), reason="needs fork")
def test_a_child_that_accepts_is_well_formed_and_ends_after_its_threads() -> None:
    """No thread outlives its process."""
    with serve(lambda: ProcessesShoutServer(ANY, 1)) as served:
        shout.converse(served)
    trace = served.trace
    assert well_formed(trace)
    child = [event.seq for event in trace if event.kind == "end"]
    threads = [place for place, event in enumerate(trace) if event.lane.startswith("Thread")]
    (end,) = (place for place, event in enumerate(trace) if event.seq == child[0])
    assert max(threads) < end


def test_a_conversation_ends_when_its_server_is_interrupted_while_it_begins() -> None:
    """By Ctrl-C, between the start of the thread and the moment when somebody knows of it."""

    class Interrupted(socketserver.ThreadingTCPServer):
        def process_request(self, request: Any, client_address: Any) -> None:
            super().process_request(request, client_address)
            raise KeyboardInterrupt

    class Server(LettingGoMixIn, Interrupted):
        """Lets go."""

    interrupted: list[BaseException] = []

    def loop(server: Server) -> None:
        try:
            server.serve_forever(0.01)
        except KeyboardInterrupt as error:
            interrupted.append(error)

    with Server(ANY, shout.ShoutHandler) as server:
        thread = threading.Thread(target=loop, args=(server,))
        thread.start()
        with Peer(server.server_address) as peer:  # type: ignore[arg-type] # of TCP
            thread.join(PATIENCE)
            server.server_close()
            assert peer.rest() == b""
    assert len(interrupted) == 1
