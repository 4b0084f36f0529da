"""Who waits for whom: in a sentence and in the drawing, while it lasts; and what serve() makes of what never ends."""

from __future__ import annotations

import os
import signal
import socketserver
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import StillWaiting, WaitedInVain, WouldWaitForever, serve, trace_of, traced
from socketserver_trace.waits import sentence_of
from tests.helpers import TIMEOUT, BaseShout, plain_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALM = 30
"""How many seconds may pass on a busy machine before a test gives up."""
SHORT = 0.1
"""How many seconds those wait who are to be told that they wait in vain."""


class Reading(socketserver.BaseRequestHandler):
    """Reads once, and answers."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(100))


class ShuttingDown(socketserver.BaseRequestHandler):
    """Wants to stop its own server."""

    def handle(self) -> None:
        self.server.shutdown()


def _said(server: Any) -> list[str]:
    """The sentences about the waits that last."""
    return [str(chain) for chain in trace_of(server).waits()]


@contextmanager
def _running(job: Callable[[], object]) -> Iterator[threading.Thread]:
    """A thread that runs the job, joined in the end."""
    thread = threading.Thread(target=job)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def _until(server: Any, condition: Callable[[Any], bool]) -> None:
    """Wait until the trace of a server is so."""
    source = vars(server)["_socketserver_trace_source"]
    news = threading.Event()
    forget = source.recorder.listen(lambda _record: news.set())
    deadline = time.monotonic() + CALM
    try:
        while not condition(trace_of(server)):
            assert time.monotonic() < deadline
            # In slices: a record that was on its way when we began to listen is in the list, told to nobody.
            news.wait(0.05)
            news.clear()
    finally:
        forget()


def _is_open(hook: str) -> Callable[[Any], bool]:
    def is_open(trace: Any) -> bool:
        events = [event for event in trace.arrival() if event.hook == hook]
        return bool(events) and events[-1].phase == "enter"

    return is_open


def _let_go(server: Any) -> None:
    """End the wait of a shutdown() that nobody else can end: the only way there is."""
    server._BaseServer__is_shut_down.set()


def test_a_shutdown_on_the_serving_thread_waits_for_itself() -> None:
    """A drop-in class hangs as the standard library does, and its trace names the cycle while it lasts."""
    server = traced(socketserver.TCPServer)(("127.0.0.1", 0), ShuttingDown)
    with server, plain_client(server), _running(lambda: server.serve_forever(0.01)):
        _until(server, _is_open("shutdown"))
        said, drawn = _said(server), trace_of(server).text()
        (chain,) = trace_of(server).waits()
        _let_go(server)

    assert said == [
        (
            "server, in handle() of connection 1, has called shutdown(), which waits for the end of serve_forever(), "
            "and that runs on the same thread: it waits for itself, for ever."
        )
    ]
    assert chain.is_hopeless
    assert "shutdown()  waits for ever" in drawn
    assert said[0] in drawn


def test_serve_raises_the_sentence_in_the_place_of_that_wait() -> None:
    """In serve() the handler gets the sentence as an exception, the client its end, and the next one is served."""
    with serve(socketserver.TCPServer, ShuttingDown) as served, served.client("alice") as alice:
        assert alice.receive() == b""
        served.server.RequestHandlerClass = Reading
        with served.client("bob") as bob:
            bob.send(b"still there")
            assert bob.receive() == b"still there"

    assert "WouldWaitForever: server, in handle() of connection 1, has called shutdown(), " in served.errors[0]
    assert "it waits for itself, for ever." in served.errors[0]


def test_a_shutdown_without_a_loop_has_nobody_to_wait_for() -> None:
    """A drop-in class waits until a loop comes, and the trace says that nobody runs one; serve() raises that."""
    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Reading) as server, _running(server.shutdown):
        _until(server, _is_open("shutdown"))
        said = _said(server)
        server.serve_forever(0.01)  # which the shutdown then ends

    served = serve(socketserver.TCPServer, Reading)
    with pytest.raises(WouldWaitForever, match=r"^main has called shutdown\(\), .* and nobody runs it\.$"):
        served.server.shutdown()
    served.stop()

    assert said == ["Thread 1 has called shutdown(), which waits for the end of serve_forever(), and nobody runs it."]


def test_a_shutdown_before_the_loop_has_come_to_its_first_step_is_no_wait() -> None:
    """Whoever stops a server at once, in the very block in which it begins, is not told that nobody serves."""
    for _ in range(50):
        with serve(socketserver.TCPServer, Reading) as served:
            served.server.shutdown()


def test_a_loop_that_somebody_else_has_just_entered_is_one_that_can_be_ended() -> None:
    """From the moment when the trace knows of a loop, a shutdown waits for its end and is no wait in vain."""
    for _ in range(50):
        served = serve(socketserver.TCPServer, Reading, timeout=CALM)
        loop = threading.Thread(target=served.server.serve_forever, args=(0.01,))
        loop.start()
        served.wait_for("serve_forever", phase="enter", timeout=CALM)
        served.server.shutdown()
        loop.join()
        served.stop()


def test_a_shutdown_that_waits_for_a_handler_of_a_silent_client_names_the_circle() -> None:
    """The loop is in handle(), which waits for a client, which whoever called shutdown() moves."""
    with serve(socketserver.TCPServer, Reading, timeout=SHORT) as served:
        alice = served.client("alice", timeout=CALM)
        served.wait_for("handle", phase="enter", timeout=CALM)
        with pytest.raises(WouldWaitForever) as caught:
            served.server.shutdown()
        alice.send(b"hello")
        assert alice.receive_all() == b"hello"

    assert str(caught.value).startswith(
        "main has called shutdown(), which waits for the end of serve_forever() in server;"
    )
    assert "waits for bytes from alice" in str(caught.value)
    assert str(caught.value).endswith("in a circle, for ever. Nothing has changed for 0.1 s.")


def test_a_close_that_joins_a_silent_clients_handler_names_the_circle() -> None:
    """server_close() waits for the thread, that for the client, and the client for whoever called server_close()."""
    with serve(socketserver.ThreadingTCPServer, Reading, timeout=SHORT) as served:
        served.client("alice")
        served.wait_for("handle", phase="enter", timeout=CALM)
        with pytest.raises(WouldWaitForever) as caught:
            served.server.server_close()

    assert str(caught.value) == (
        "main, in server_close(), waits for the end of Thread 1; Thread 1, in handle() of connection 1, waits for "
        "bytes from alice; alice does nothing meanwhile, because main, which moves it, waits: each waits for the next, "
        "in a circle, for ever. Nothing has changed for 0.1 s."
    )


def test_a_thread_that_nobody_joins_is_not_left_behind_by_serve() -> None:
    """Daemon threads too have ended when the block has, though their client is silent."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with serve(Server, Reading, timeout=CALM) as served:
        silent = plain_client(served.server)
        client = silent.__enter__()
        served.wait_for("handle", phase="enter", timeout=CALM)

    assert client.recv(1) == b""
    silent.__exit__(None, None, None)
    assert [event.hook for event in served.trace if event.lane == "Thread 1"][-1] == "process_request_thread"


def test_a_close_that_waits_is_drawn_while_it_waits() -> None:
    """In a drop-in class the wait lasts; whoever looks from another thread sees it, as an open step and a sentence."""
    server = traced(socketserver.ThreadingTCPServer)(("127.0.0.1", 0), Reading)
    with _running(lambda: server.serve_forever(0.01)), plain_client(server) as client:
        _until(server, _is_open("recv"))
        server.shutdown()
        with _running(server.server_close):
            _until(server, _is_open("join"))
            said, drawn = _said(server), trace_of(server).text()
            client.sendall(b"at last")

    assert said == [
        (
            "Thread 2, in server_close(), waits for the end of Thread 1; "
            "Thread 1, in handle() of connection 1, waits for bytes from client 1."
        )
    ]
    assert "join()  waits for the end of Thread 1" in drawn
    assert "join(): Thread 1 has ended" in trace_of(server).text()


def test_a_client_waits_for_a_server_that_serves_another_one() -> None:
    """The chain goes from the client to the server, and on to the client that keeps the server busy."""
    with serve(socketserver.TCPServer, Reading, timeout=CALM) as served, served.client("alice") as alice:
        served.wait_for("handle", phase="enter", timeout=CALM)
        bob = served.client("bob")
        with _running(bob.receive):
            _until(served.server, lambda trace: any(e.lane == "bob" and e.kind == "receive" for e in trace.arrival()))
            said, drawn = _said(served.server), served.trace.text()
            bob.send(b"me too")
            alice.send(b"done")
            assert alice.receive() == b"done"

    assert said == [
        "bob waits until server has time for it; server, in handle() of connection 1, waits for bytes from alice."
    ]
    assert "recv()  waits until server has time for it" in drawn
    assert said[0] in drawn


def test_a_client_that_waited_in_vain_says_who_waits_for_whom() -> None:
    """In a notebook one thread moves all clients: while it waits as bob, alice can do nothing. The error says so."""
    with serve(socketserver.TCPServer, Reading, timeout=CALM) as served, served.client("alice"):
        served.wait_for("handle", phase="enter", timeout=CALM)
        bob = served.client("bob", timeout=SHORT)
        bob.send(b"hello?")
        with pytest.raises(WaitedInVain) as caught:
            bob.receive()

    assert str(caught.value) == (
        "bob waited 0.1 s for bytes from the server, in vain: bob waits until server has time for it; server, in "
        "handle() of connection 1, waits for bytes from alice; alice does nothing meanwhile, because main, which moves "
        "it, waits as bob: each waits for the next, in a circle, for ever."
    )


def test_a_client_whose_request_is_over_waits_for_nobody() -> None:
    """When the server has forgotten a datagram without an answer, no answer comes."""

    class Silent(socketserver.BaseRequestHandler):
        pass

    with serve(socketserver.UDPServer, Silent, timeout=CALM) as served:
        with served.client("alice", timeout=SHORT) as alice:
            alice.send(b"hello?")
            served.wait_for("close_request", timeout=CALM)
            with pytest.raises(WaitedInVain, match="waits for bytes that nobody will send: its request is over"):
                alice.receive()


def test_whoever_sends_to_one_that_does_not_read_waits_for_it() -> None:
    """A handler whose client takes nothing waits until it reads, and the trace says so."""

    class Flooding(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(bytes(20_000_000))

    with serve(socketserver.ThreadingTCPServer, Flooding, timeout=CALM) as served, served.client("alice") as alice:
        served.wait_for("sendall", phase="enter", timeout=CALM)
        said = _said(served.server)
        assert len(alice.receive_all()) == 20_000_000

    assert said == ["Thread 1, in handle() of connection 1, waits until alice reads."]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_child_cannot_stop_its_parents_loop() -> None:
    """A drop-in class hangs in the child for ever, and the parent's trace says why; serve() raises that."""
    server = traced(socketserver.ForkingTCPServer)(("127.0.0.1", 0), ShuttingDown)
    with server, _running(lambda: server.serve_forever(0.01)), plain_client(server):
        _until_polled(server, _is_open("shutdown"))
        said = _said(server)
        for child in set(server.active_children):
            os.kill(child, signal.SIGKILL)
        server.shutdown()

    with serve(socketserver.ForkingTCPServer, ShuttingDown, timeout=CALM) as served, served.client("alice") as alice:
        assert alice.receive() == b""
    (raised,) = [
        event
        for event in served.trace
        if event.hook == "shutdown" and event.lane == "child 1" and event.detail.get("error")
    ]

    assert said == [
        (
            "child 1, in handle() of connection 1, has called shutdown(), which waits for the end of serve_forever(), "
            "and that runs in the parent, which a child cannot tell."
        )
    ]
    assert raised.detail["error"] == "WouldWaitForever"


def _until_polled(server: Any, condition: Callable[[Any], bool]) -> None:
    """The same for what happens in a child, which tells nobody: the parent looks when its loop polls."""
    source = vars(server)["_socketserver_trace_source"]
    seen = threading.Event()
    forget = source.recorder.listen(lambda record: record[3].hook == "shutdown" and seen.set())
    try:
        assert seen.wait(CALM)
        assert condition(trace_of(server))
    finally:
        forget()


def test_a_server_that_waits_for_the_world_waits_for_nobody() -> None:
    """A loop that polls is no wait, nor is a client that does nothing."""
    with serve(socketserver.TCPServer, BaseShout, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert alice.receive() == b"HELLO"
        assert served.settle(CALM)
        assert _said(served.server) == []


def test_serve_names_whoever_keeps_it_from_ending() -> None:
    """The end of the block says the chain, also when a handler waits for something that is no socket."""
    never = threading.Event()

    class Stuck(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            never.wait(CALM)

    served = serve(socketserver.ThreadingTCPServer, Stuck, timeout=SHORT)
    said = (
        r"^server_close\(\) still waited after 0\.1 s: main, in server_close\(\), waits for the end of Thread 1; "
        r"Thread 1 is in handle\(\) of connection 1\.$"
    )
    with pytest.raises(StillWaiting, match=said), served:  # noqa: PT012 - it is the end of the block that raises
        served.client("alice")
        served.wait_for("handle", phase="enter", timeout=CALM)
    never.set()


def test_whoever_took_a_connection_over_is_waited_for_however_late_the_other_one_returns() -> None:
    """In the order of arrival the end of process_request may come after the handler has begun to wait."""
    with serve(socketserver.ThreadingTCPServer, Reading, timeout=CALM) as served:
        alice = served.client("alice")
        waiting = threading.Thread(target=alice.receive)
        waiting.start()
        served.wait_for("process_request", timeout=CALM)
        assert served._wait_until(lambda: bool(trace_of(served.server).waits()), CALM)
        events = [*served.recorded().events]
        alice.half_close()
        waiting.join()
    late = next(event for event in events if (event.hook, event.phase) == ("process_request", "return"))
    events.remove(late)
    recording = served.recorded().with_events([*events, late])

    assert sentence_of("alice", recording) == (
        "alice waits for bytes from Thread 1; Thread 1, in handle() of connection 1, waits for bytes from alice: "
        "each waits for the next, in a circle, for ever."
    )
