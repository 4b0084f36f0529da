"""`serve()`: ready when the block begins, gone when it ends, and it never hangs."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import socketserver_trace
from socketserver_trace import Served, ServingEnded, StillWaiting, WouldWaitForever, serve, trace_of, traced
from tests.helpers import SERVER_NAMES, TIMEOUT, Echo, Shout, handlers_for, plain_client


class Wait(socketserver.BaseRequestHandler):
    """Waits for bytes that need not come."""

    def handle(self) -> None:
        self.request.recv(10)


def _ours() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).iterdir() if path.name.startswith(("served", "client"))}


@pytest.mark.parametrize("name", SERVER_NAMES)
def test_every_kind_of_server_is_served(name: str) -> None:
    """It is ready at once, on loopback and a free port or in a folder of its own, of which nothing is left."""
    before = _ours()
    server_class = getattr(socketserver, name)
    for handler in handlers_for(server_class):
        with serve(server_class, handler) as served, served.client("alice") as alice:
            address = served.server.server_address
            alice.send(b"hello\n")
            reply = alice.receive()

        assert reply == b"HELLO\n"
        assert isinstance(address, str) or (address[0] == "127.0.0.1" and address[1] > 0)
    assert _ours() == before


def test_an_empty_block_serves_nobody() -> None:
    """A block without a client starts and stops, ten times, without an error."""
    for _ in range(10):
        with serve(socketserver.TCPServer, Echo) as served:
            pass

        assert served.errors == []


@pytest.mark.parametrize("name", ["TCPServer", "ThreadingTCPServer"])
def test_a_forgotten_client_is_closed(name: str) -> None:
    """A client that is still open, with a handler that waits for it, is closed by the end of the block."""
    with serve(getattr(socketserver, name), Wait) as served:
        alice = served.client("alice")
        served.wait_for("handle", phase="enter")

    assert repr(alice) == "<client alice, closed>"
    assert len(served.trace.select(hook="handle", phase="return")) == 1


@pytest.mark.parametrize(("name", "method"), [("TCPServer", "shutdown"), ("ThreadingTCPServer", "server_close")])
def test_a_handler_stuck_on_a_silent_client_is_named_and_broken_off(name: str, method: str) -> None:
    """What did not end within the deadline is said with its hook and connection, and then it is ended."""

    class Server(getattr(socketserver, name)):  # type: ignore[misc] # a class by its name
        daemon_threads = False

    served = serve(Server, Wait, timeout=0.1)
    said = (
        rf"^{method}\(\) still waited after 0\.1 s: main.* waits for .*; "
        r".*, in handle\(\) of connection 1, waits for bytes from its client\.$"
    )
    with pytest.raises(StillWaiting, match=said):  # noqa: PT012 - it is the end of the block that raises
        with served:
            client = socket.create_connection(served.server.server_address, TIMEOUT)
            served.wait_for("handle", phase="enter")
    end = client.recv(1)
    client.close()

    assert end == b""
    assert len(served.trace.select(hook="handle", phase="return")) == 1


def test_an_exception_of_the_block_wins() -> None:
    """What goes wrong in the block is what the learner sees, whatever else does not end."""
    closed: list[bool] = []

    class Server(socketserver.TCPServer):
        def server_close(self) -> None:
            super().server_close()
            closed.append(True)
            raise OSError("also this")

    with pytest.raises(LookupError, match=r"^the learner's own$"):  # noqa: PT012 - as above
        with serve(Server, Wait, timeout=0.1) as served:
            with plain_client(served.server) as client:
                served.wait_for("handle", phase="enter")
                client.close()
                raise LookupError("the learner's own")

    assert closed == [True]


def test_a_failing_server_close_is_raised_when_all_is_stopped() -> None:
    """The exception of server_close comes out of the block, and no thread or folder is left."""
    before = _ours()

    class Server(socketserver.ThreadingUnixStreamServer):
        def server_close(self) -> None:
            super().server_close()
            raise OSError("could not say goodbye")

    with pytest.raises(OSError, match="could not say goodbye"):
        with serve(Server, Echo):
            pass

    assert _ours() == before


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_loop_that_was_ended_by_an_exception_says_so(kind: type[BaseException]) -> None:
    """The exception that ended serve_forever is the cause of what the block raises."""

    class Stop(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise kind("enough")

    with pytest.raises(
        ServingEnded, match=rf"ended before the server was stopped, by {kind.__name__}: enough$"
    ) as told:
        with serve(socketserver.TCPServer, Stop) as served, served.client("alice") as alice:
            alice.receive()

    assert isinstance(told.value.__cause__, kind)


def test_the_error_of_a_handler_is_kept_and_not_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """The traceback that handle_error would print is in served.errors, without the tracer's own frames."""

    class Fail(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise ValueError("no such thing")

    with serve(socketserver.ThreadingTCPServer, Fail) as served, served.client("alice") as alice:
        alice.receive()
    (text,) = served.errors

    assert capfd.readouterr() == ("", "")
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: no such thing\n")
    assert re.findall(r", in (\w+)", text) == ["process_request_thread", "finish_request", "__init__", "handle"]


def test_an_own_handle_error_is_called() -> None:
    """A server that deals with errors itself does so."""
    dealt: list[Any] = []

    class Server(socketserver.TCPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            dealt.append(client_address[0])

    class Fail(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            raise ValueError

    with serve(Server, Fail) as served, served.client("alice") as alice:
        alice.receive()

    assert dealt == ["127.0.0.1"]
    assert served.errors == []


def test_an_own_loop_may_take_no_poll_interval() -> None:
    """A serve_forever overridden without arguments is called as its program would call it."""

    class Server(socketserver.TCPServer):
        def serve_forever(self) -> None:  # type: ignore[override] # what people write
            super().serve_forever(0.01)

    with serve(Server, Shout) as served, served.client() as client:
        client.send(b"abc\n")
        reply = client.receive()

    assert reply == b"ABC\n"


def test_an_address_in_use_is_explained() -> None:
    """The error keeps its type and number, and says what to do."""
    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as other:
        port = other.server_address[1]
        with pytest.raises(OSError, match=rf"127\.0\.0\.1:{port} is in use, by another program or by"):
            serve(socketserver.TCPServer, Echo, address=other.server_address)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may listen everywhere")
def test_a_privileged_port_is_explained() -> None:
    """A port that belongs to the system is a PermissionError that says so."""
    with pytest.raises(PermissionError, match=r"you may not listen on 127\.0\.0\.1:1, ports below 1024 belong to"):
        serve(socketserver.TCPServer, Echo, address=("127.0.0.1", 1))


def test_an_address_of_another_machine_is_explained() -> None:
    """An address that this machine does not have is named (192.0.2.0/24 is for documentation, RFC 5737)."""
    with pytest.raises(OSError, match=r"192\.0\.2\.1:0 is not an address of this machine: take 127\.0\.0\.1"):
        serve(socketserver.TCPServer, Echo, address=("192.0.2.1", 0))


@pytest.mark.parametrize(
    ("server", "handler", "said"),
    [
        (socketserver.TCPServer, None, "serve() needs a handler class beside the server class"),
        (Echo, socketserver.TCPServer, "serve() takes the server class first, and then the handler"),
        (Echo, None, "serve() takes the server class first, and then the handler"),
        (int, Echo, "traced() takes a server or handler class built on socketserver"),
        (
            lambda _address, _handler: 7,
            Echo,
            "serve() takes a server class, a function that makes",
        ),
        (
            socketserver.ThreadingMixIn,
            Echo,
            "serve() takes a server class, a function that makes",
        ),
    ],
)
def test_wrong_arguments_are_explained(server: Any, handler: Any, said: str) -> None:
    """What serve() cannot serve is a TypeError with a sentence, and leaves nothing behind."""
    with pytest.raises(TypeError, match=f"^{re.escape(said)}"):
        serve(server, handler)


def test_a_function_may_make_the_server_and_what_it_makes_is_traced() -> None:
    """With an address and a handler, or with nothing, whatever class it takes."""
    made = [
        serve(functools.partial(socketserver.TCPServer, bind_and_activate=True), Shout),
        serve(lambda: socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout)),
    ]
    for served in made:
        with served, served.client("alice") as alice:
            alice.send(b"hello\n")

            assert alice.receive_line() == b"HELLO\n"
        assert "handle" in served.trace.hooks()


def test_an_untraced_server_is_refused_and_stays_open() -> None:
    """A server that was there before cannot be traced from its beginning on: it is told so, and left alone."""
    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as own:
        for server in (own, lambda: own):
            with pytest.raises(TypeError, match="or a server that is traced already"):
                serve(server)
        still_open = own.socket.fileno()

    assert still_open != -1


def test_a_constructor_that_raises_leaves_no_folder() -> None:
    """Whatever a server's constructor raises is raised, and its folder is removed."""
    before = _ours()

    class Server(socketserver.UnixStreamServer):
        def server_activate(self) -> None:
            raise RuntimeError("not today")

    with pytest.raises(RuntimeError, match="not today"):
        serve(Server, Echo)

    assert _ours() == before


@pytest.mark.parametrize("make", [True, False])
def test_a_server_that_was_made_already_is_served(make: bool) -> None:
    """An instance, or a function that makes one, is served with its own address and stopped."""
    server_class = traced(socketserver.TCPServer)
    with serve(server_class if make else server_class(("127.0.0.1", 0), Shout), Shout if make else None) as served:
        with served.client("alice") as alice:
            alice.send(b"abc\n")
            reply = alice.receive()

    assert reply == b"ABC\n"
    assert served.server.socket.fileno() == -1


def test_a_server_that_has_served_before_is_served_again() -> None:
    """A loop that ended long ago does not confuse the end of a block, ten times."""
    for _ in range(10):
        server = socketserver_trace.TCPServer(("127.0.0.1", 0), Shout)
        thread = threading.Thread(target=server.serve_forever, args=(0.001,))
        thread.start()
        server.shutdown()
        thread.join(TIMEOUT)
        with serve(server):
            pass

        assert server.socket.fileno() == -1


def test_wait_for_says_what_did_not_happen() -> None:
    """A hook that is not called in time is a sentence, with the connection if one was asked for."""
    with serve(socketserver.TCPServer, Echo) as served:
        with pytest.raises(TimeoutError, match=r"^waited 0\.01 s for the return of handle, in vain\.$"):
            served.wait_for("handle", timeout=0.01)
        with pytest.raises(TimeoutError, match=r"^waited 0\.01 s for the enter of setup of connection 2, in vain\.$"):
            served.wait_for("setup", phase="enter", connection=2, timeout=0.01)


def test_settle_tells_whether_the_server_is_at_rest() -> None:
    """A handler at work is not at rest; when it has ended, the server is."""
    inside, go_on = threading.Event(), threading.Event()

    class Work(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            inside.set()
            go_on.wait(TIMEOUT)

    with serve(socketserver.ThreadingTCPServer, Work) as served:
        at_rest = [served.settle()]
        with served.client("alice"):
            assert inside.wait(TIMEOUT)
            at_rest.append(served.settle(0))
            go_on.set()
            at_rest.append(served.settle())

    assert at_rest == [True, False, True]


class Hesitant(threading.Event):
    """Is cleared late."""

    def clear(self) -> None:
        threading.Event().wait(0.1)
        super().clear()


class Slow(socketserver.TCPServer):
    """Its loop takes its time before it forgets what was asked of it before, and before it knows what to wait for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._BaseServer__is_shut_down = Hesitant()
        self._BaseServer__is_shut_down.set()

    def fileno(self) -> int:
        threading.Event().wait(0.1)
        return super().fileno()


def test_a_loop_that_was_started_hears_each_shutdown() -> None:
    """Of two that are asked for at once the second one is left, for a loop that comes later."""
    with serve(Slow, Wait) as served:
        served.server.shutdown()
        served.server.shutdown()
        served.wait_for("serve_forever")

        assert vars(served.server)["_BaseServer__shutdown_request"]


def test_a_loop_whose_socket_is_closed_at_once_goes_on() -> None:
    """It fails to get requests, and is stopped like any other."""
    with serve(Slow, Wait) as served:
        served.server.server_close()
        served.wait_for("get_request", phase="raise")

    assert served.errors == []


def test_a_loop_that_is_paused_before_it_begins_is_waited_for_by_nobody() -> None:
    """start() returns, or nobody could let the loop go on."""
    served = serve(socketserver.TCPServer, Shout)
    served.breakpoints.add("serve_forever")
    with served:
        served.breakpoints.wait("serve_forever").resume()
        with served.client("alice") as alice:
            alice.send(b"hello\n")

            assert alice.receive() == b"HELLO\n"


@pytest.mark.parametrize("name", ["serve_forever", "fileno"])
def test_a_loop_that_does_not_tell_when_it_begins_is_waited_for_by_nobody(name: str) -> None:
    """What was put onto the server itself runs as it is, and start() returns at once."""
    server = traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout)
    setattr(server, name, functools.partial(getattr(socketserver.TCPServer, name), server))
    began = time.monotonic()
    with serve(server, timeout=TIMEOUT) as served, served.client("alice") as alice:
        assert time.monotonic() - began < TIMEOUT
        alice.send(b"abc\n")

        assert alice.receive() == b"ABC\n"


def test_settle_waits_for_a_thread_that_has_not_begun() -> None:
    """A request that was given to a thread is at work before the thread's first step."""
    begin, given = threading.Event(), threading.Event()

    class Server(socketserver.ThreadingTCPServer):
        def process_request(self, request: Any, client_address: Any) -> None:
            thread = threading.Thread(target=self._later, args=(request, client_address))
            thread.start()
            self.worker = thread

        def service_actions(self) -> None:
            if hasattr(self, "worker"):
                given.set()

        def _later(self, request: Any, client_address: Any) -> None:
            begin.wait(TIMEOUT)
            self.process_request_thread(request, client_address)

    with serve(Server, Shout) as served, served.client("alice") as alice:
        alice.send(b"abc\n")
        assert given.wait(TIMEOUT)
        at_rest = [served.settle(0.1)]
        begin.set()
        at_rest.append(served.settle())
        served.server.worker.join(TIMEOUT)

    assert at_rest == [False, True]


def test_the_trace_of_a_live_server_is_the_same_on_every_run() -> None:
    """A trace that is taken while the server serves shows what has happened, five times the same."""

    def talk() -> tuple[str, str]:
        with serve(socketserver.ThreadingTCPServer, Shout) as served:
            with served.client("alice") as alice, served.client("bob") as bob:
                bob.send(b"from bob\n")
                alice.send(b"from alice\n")
                waiting = str(served.trace)
                bob.receive()
                alice.receive()
        return waiting, str(served.trace)

    first = talk()

    assert [talk() == first for _ in range(4)] == [True] * 4


def test_trace_of_a_live_server_is_its_trace_so_far() -> None:
    """The trace of any traced server can be asked for while it runs."""
    with serve(socketserver.TCPServer, Shout) as served:
        before = len(trace_of(served.server))
        with served.client("alice") as alice:
            alice.send(b"abc\n")
            alice.receive()

        assert served.settle()
        assert len(trace_of(served.server)) > before


def test_the_newest_events_are_kept_when_a_cap_is_asked_for() -> None:
    """A recording with a cap has that many events, and says how many it let go."""
    with serve(socketserver.TCPServer, Shout, cap=20) as served:
        for _ in range(5):
            with served.client() as client:
                client.send(b"abc\n")
                client.receive()
    recording = served.trace.arrival().recording

    assert recording.dropped > 0


def test_a_server_can_live_over_several_cells() -> None:
    """Started and stopped by hand, and stopping twice is harmless."""
    served = serve(socketserver.TCPServer, Shout).start()
    with served.client("alice") as alice:
        alice.send(b"abc\n")
        reply = alice.receive()
    served.stop()
    served.stop()

    assert reply == b"ABC\n"


def test_a_server_that_was_never_started_can_be_stopped() -> None:
    """The end of a server that has not served does not wait for its loop."""
    served = serve(socketserver.TCPServer, Shout)
    served.stop()

    assert served.server.socket.fileno() == -1
    assert served.trace.hooks() == ["__init__", "server_bind", "server_activate", "server_close"]


@pytest.mark.parametrize("kind", [socketserver.TCPServer, socketserver.ThreadingTCPServer])
def test_a_thread_of_the_server_cannot_stop_it(kind: type[socketserver.BaseServer]) -> None:
    """It would wait for itself: it says so and stops nothing, and the server can still be stopped by others."""
    told: list[BaseException] = []

    class Stopping(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                served.stop()
            except WouldWaitForever as error:
                told.append(error)
            self.wfile.write(b"still here")

    with serve(kind, Stopping) as served, served.client("alice") as alice:
        answer = alice.receive_all()
        state = served.state

    assert (answer, state, len(told)) == (b"still here", "running", 1)
    assert served.server.socket.fileno() == -1


def test_a_loop_that_fails_at_each_turn_keeps_to_the_cap() -> None:
    """A get_request that only raises lets the oldest records go all the same."""

    class Exhausted(socketserver.TCPServer):
        turns = 0
        enough = threading.Event()

        def get_request(self) -> Any:
            self.turns += 1
            if self.turns > 3000:
                self.enough.set()
            raise OSError(24, "Too many open files")

    with serve(Exhausted, socketserver.BaseRequestHandler, cap=100) as served, served.client("alice"):
        assert Exhausted.enough.wait(TIMEOUT)
        kept = len(served.recorder.records) // 6

    assert kept <= 130


@pytest.mark.skipif(not hasattr(socketserver, "ForkingTCPServer"), reason="this system does not fork")
def test_a_child_that_reads_to_the_end_sees_it_when_our_client_closes() -> None:
    """A forked child holds no copy of our client's own end, so the connection ends for it, and so does it."""

    class Upper(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(line.upper())

    with serve(socketserver.ForkingTCPServer, Upper) as served:
        for name in ("alice", "bob"):
            with served.client(name) as client:
                client.send(b"hi\n")
                client.receive_line()

    assert [event.detail.get("status") for event in served.trace if event.kind == "end"] == [0, 0]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forking_server_settles_when_its_children_are_collected() -> None:
    """Also when an idle poll has found the last of them, which is told without that poll."""
    with serve(socketserver.ForkingTCPServer, Shout, timeout=TIMEOUT) as served:
        for _ in range(3):
            with served.client("alice") as alice:
                alice.send(b"hello\n")
                alice.receive_all()
            assert served.settle(TIMEOUT)
            served.server.collect_children(blocking=True)
            assert served.settle(TIMEOUT)


@pytest.mark.skipif(not hasattr(socketserver, "ForkingTCPServer"), reason="this system does not fork")
@pytest.mark.parametrize("waits", [True, False])
def test_a_child_that_never_ends_is_not_left_behind(waits: bool) -> None:
    """The end of the block kills what is left after the deadline, says so when it waited for it, and collects it."""

    class Endless(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"for ever")
            threading.Event().wait()

    class Server(socketserver.ForkingTCPServer):
        block_on_close = waits

    served = serve(Server, Endless, timeout=0.5)
    said = r"server_close\(\) still waited after 0.5 s: .* The children that were left have been killed\."
    with pytest.raises(StillWaiting, match=said) if waits else contextlib.nullcontext(), served:
        alice = served.client("alice", timeout=TIMEOUT)
        alice.receive()
    ends = [event.detail for event in served.trace if event.kind == "end"]

    assert [end["signal"] for end in ends] == ["SIGKILL"]


@pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="this system has no Unix sockets")
def test_ten_unix_clients_stand_in_line_while_the_server_is_paused() -> None:
    """Those for whom the kernel's line has no room wait for it, and all ten are answered."""
    answers: list[bytes] = []

    def talk(number: int) -> None:
        with served.client(f"client {number}") as client:
            client.send(b"hi\n")
            answers.append(client.receive_line())

    class Upper(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline().upper())

    with serve(socketserver.UnixStreamServer, Upper, timeout=30) as served:
        served.breakpoints.add("verify_request")
        threads = [threading.Thread(target=talk, args=(number,)) for number in range(10)]
        for thread in threads:
            thread.start()
        served.breakpoints.wait()
        assert served._wait_until(lambda: connecting(served) >= 8, 20)  # one is taken, and six find room
        served.breakpoints.clear()
        for thread in threads:
            thread.join()

    assert answers == [b"HI\n"] * 10


def connecting(served: Served) -> int:
    """How many clients have begun to connect."""
    return sum(event.kind == "connect" and event.phase == "enter" for event in served.recorded())


PROGRAM = """
import socketserver, sys
from socketserver_trace import serve

class Wait(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(10)

served = serve(getattr(socketserver, sys.argv[1]), Wait).start()
alice = served.client("alice")
served.breakpoints.add("service_actions")
served.wait_for("get_request")
print("the end", flush=True)
"""


@pytest.mark.parametrize("name", [name for name in SERVER_NAMES if "UDP" not in name and "Datagram" not in name])
@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "1 / 0"])
def test_a_program_that_ends_without_stopping_its_server_ends(name: str, ending: str) -> None:
    """Handlers that wait for our clients, or are paused, do not keep it; and no file is left."""
    before = _ours()
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM + ending, name], capture_output=True, text=True, timeout=TIMEOUT * 4, check=False
    )

    assert ended.stdout == "the end\n"
    assert ended.returncode == {"": 0, "raise SystemExit(3)": 3, "1 / 0": 1}[ending]
    assert ("ZeroDivisionError" in ended.stderr) == (ending == "1 / 0")
    assert "Exception ignored" not in ended.stderr
    assert _ours() <= before


def test_whoever_stops_it_too_waits_until_it_is_stopped() -> None:
    """A second stop() returns when the first has done its work, not while it does it."""
    go_on = threading.Event()
    seen: list[bool] = []

    class Stuck(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            go_on.wait(TIMEOUT)

    served = serve(socketserver.ThreadingTCPServer, Stuck).start()
    served.client("alice")
    served.wait_for("handle", phase="enter")
    first = threading.Thread(target=served.stop)
    first.start()
    assert served._wait_until(lambda: served.state == "stopped", TIMEOUT)

    def stop_too() -> None:
        served.stop()
        seen.append(served._thread is not None and served._thread.is_alive())

    second = threading.Thread(target=stop_too)
    second.start()
    go_on.set()
    first.join()
    second.join()

    assert seen == [False]


def test_a_client_that_cannot_be_closed_does_not_keep_the_server_from_stopping() -> None:
    """What goes wrong with closing a client is raised when everything has been stopped."""

    class Complaining:
        def attend(self, _waiting_for: str) -> None:
            pass

        def closed(self) -> None:
            raise RuntimeError("not like that")

    served = serve(socketserver.ThreadingTCPServer, Wait).start()
    served.client("alice", attendant=Complaining())
    bob = served.client("bob")
    with pytest.raises(RuntimeError, match="not like that"):
        served.stop()

    assert bob.is_closed
    assert served.server.socket.fileno() == -1
