"""Breakpoints: a thread of a live server stops, everybody else lives on, and nobody stays behind."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from typing import Any

import pytest

from socketserver_trace import Served, WaitedInVain, serve
from socketserver_trace.deadlines import finish_connecting
from socketserver_trace.events import ENTER, RECEIVE
from socketserver_trace.recorder import Recorder, sharing
from socketserver_trace.sentences import CannotPause, NoSuchHook, ServerPaused
from tests.helpers import TIMEOUT, DatagramShout, Shout
from tests.samples import CALM, Echo

KINDS = ["TCPServer", "ThreadingTCPServer"]


class Failing(socketserver.BaseRequestHandler):
    """A handler whose handle raises."""

    def handle(self) -> None:
        raise ValueError("no")


def talking(served: Served, name: str, data: bytes = b"hello\n", **options: Any) -> tuple[threading.Thread, list[Any]]:
    """A thread in which a client says one line; and what it received, or the error instead."""
    told: list[Any] = []

    def talk() -> None:
        try:
            with served.client(name, **options) as client:
                client.send(data)
                told.append(client.receive())
        except Exception as error:  # noqa: BLE001 - the test looks at it
            told.append(error)

    thread = threading.Thread(target=talk)
    thread.start()
    return thread, told


def last_of(served: Served, lane: str) -> tuple[str | None, str | None]:
    """The hook and the phase of the newest event of a lane."""
    event = [event for event in served.trace.arrival() if event.lane == lane][-1]
    return event.hook, event.phase


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("phase", ["enter", "return"])
@pytest.mark.parametrize("hook", ["verify_request", "handle", "__init__", "shutdown_request"])
def test_a_thread_stops_right_behind_the_event(name: str, hook: str, phase: str) -> None:
    """At the enter and at the return, the event is the last of its lane, and the reply comes when it goes on."""
    with serve(getattr(socketserver, name), Shout, timeout=CALM) as served:
        wanted = served.breakpoints.add(hook, phase=phase)
        alice, told = talking(served, "alice")
        stop = served.breakpoints.wait(timeout=CALM)
        where = (stop.hook, stop.phase, stop.connection, stop.breakpoint)
        last = last_of(served, stop.lane)
        stop.resume()
        alice.join(CALM)

    assert where == (hook, phase, 1, wanted)
    assert last == (hook, phase)
    assert told == [b"HELLO\n"]


def test_a_thread_stops_where_a_hook_raises() -> None:
    """At the raise it stops before the exception goes on, and after it the exception is what it was."""
    with serve(socketserver.ThreadingTCPServer, Failing, timeout=CALM) as served:
        served.breakpoints.add("handle", phase="raise")
        alice = served.client("alice")
        stop = served.breakpoints.wait("handle", timeout=CALM)
        errors = [list(served.errors)]
        stop.resume()
        end = alice.receive_all()
        errors.append(served.errors)

    assert (stop.phase, end, errors[0]) == ("raise", b"", [])
    assert [text.splitlines()[-1] for text in errors[1]] == ["ValueError: no"]


def test_only_the_wanted_connection_stops() -> None:
    """The first connection is served while only the second has a breakpoint, and the second waits in it."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request", connection=2)
        first, told_first = talking(served, "alice")
        first.join(CALM)
        nobody = served.breakpoints.parked
        second, told_second = talking(served, "bob")
        stop = served.breakpoints.wait(timeout=CALM)
        before = list(told_second)
        served.breakpoints.release()
        second.join(CALM)

    assert (nobody, before, stop.connection, stop.lane) == ((), [], 2, "server")
    assert told_first == told_second == [b"HELLO\n"]


def test_only_the_wanted_lane_stops() -> None:
    """A breakpoint of one lane lets the others pass."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle", lane="Thread 2")
        talkers = [talking(served, "alice")]
        talkers[0][0].join(CALM)
        talkers.append(talking(served, "bob"))
        stop = served.breakpoints.wait(lane="Thread 2", timeout=CALM)
        served.breakpoints.clear()
        talkers[1][0].join(CALM)

    assert (stop.connection, [told for _, told in talkers]) == (2, [[b"HELLO\n"], [b"HELLO\n"]])


def test_the_kernel_serves_on_while_the_server_is_paused() -> None:
    """A second client connects and sends, and the kernel's view shows it waiting in the accept queue."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request", connection=1)
        alice = served.client("alice")
        served.breakpoints.wait(timeout=CALM)
        bob = served.client("bob")
        bob.send(b"from bob\n")
        view = served.kernel()
        served.breakpoints.clear()
        alice.send(b"from alice\n")
        replies = [alice.receive_all(), bob.receive_all()]

    assert replies == [b"FROM ALICE\n", b"FROM BOB\n"]
    assert sys.platform != "linux" or view.find("server").waiting == 1
    assert "bob's connection in the accept queue" in {socket.of for socket in view} or sys.platform != "linux"


def test_a_step_is_one_event() -> None:
    """Stepped through a whole request, a thread stops at exactly the events of its lane, and then it is over."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("process_request_thread")
        alice, told = talking(served, "alice")
        stops = []
        while not stops or stops[-1][1:] != ("process_request_thread", "return"):
            stop = served.breakpoints.wait(timeout=CALM)
            stops.append((stop.kind, stop.hook, stop.phase))
            stop.step()
        alice.join(CALM)
        nobody = served.breakpoints.parked
        served.breakpoints.clear()
    lane = served.trace.select(lane="Thread 1").arrival()

    assert stops == [(event.kind, event.hook, event.phase) for event in lane]
    assert {kind for kind, _, _ in stops} == {"hook", "receive", "send", "half_close", "close"}
    assert (told, nobody) == ([b"HELLO\n"], ())


def test_stepping_ends_with_the_thread() -> None:
    """When the thread that stepped is over, the next event of anybody takes the gate away."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        once = served.breakpoints.add("process_request_thread", phase="return")
        alice, _ = talking(served, "alice")
        stop = served.breakpoints.wait(timeout=CALM)
        served.breakpoints.remove(once)
        thread = stop.flow.runs_in()
        stop.step()
        assert thread is not None
        thread.join(CALM)
        alice.join(CALM)
        with served.client("bob") as bob:
            bob.send(b"hi\n")
            bob.receive_all()
        (source,) = served.recorder.sources

        assert source.gate is None
        assert source.record == served.recorder.records.extend


def test_a_step_over_passes_what_is_inside() -> None:
    """From an enter it goes to the end of that call; from an end to the next event, as a step does."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle")
        alice, told = talking(served, "alice")
        places = []
        for _ in range(4):
            stop = served.breakpoints.wait(timeout=CALM)
            places.append(stop.place)
            stop.step_over()
        served.breakpoints.clear()
        alice.join(CALM)

    assert told == [b"HELLO\n"]
    assert places == [
        "before handle() of connection 1",
        "after handle() of connection 1",
        "before finish() of connection 1",
        "after finish() of connection 1",
    ]


def test_a_step_over_stops_at_a_breakpoint_inside() -> None:
    """A breakpoint on the way is a stop as well, and the step over is forgotten there."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("finish_request")
        served.breakpoints.add("handle")
        alice, told = talking(served, "alice")
        served.breakpoints.wait("finish_request", timeout=CALM).step_over()
        inside = served.breakpoints.wait("handle", timeout=CALM)
        inside.resume()
        alice.join(CALM)

    assert told == [b"HELLO\n"]
    assert inside.breakpoint is not None


def test_a_loop_that_steps_does_not_stop_at_idle_polls() -> None:
    """The serving thread steps from the end of one request to the beginning of the next."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("service_actions", phase="return")
        alice, _ = talking(served, "alice")
        alice.join(CALM)
        served.breakpoints.wait("service_actions", timeout=CALM).step()
        bob, told = talking(served, "bob")
        following = served.breakpoints.wait(timeout=CALM)
        where = (following.hook, following.phase, following.connection, following.breakpoint)
        served.breakpoints.clear()
        bob.join(CALM)

    assert where == ("get_request", "enter", None, None)
    assert told == [b"HELLO\n"]


def test_a_pause_that_is_over_can_be_left_no_more() -> None:
    """What was sent on stays sent on: a second step, step over or resume does nothing to the next pause."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("setup")
        alice, told = talking(served, "alice")
        first = served.breakpoints.wait(timeout=CALM)
        texts = [repr(first)]
        first.step()
        second = served.breakpoints.wait(timeout=CALM)
        for again in (first.step, first.step_over, first.resume):
            again()
        texts.append(repr(first))
        still, remaining = served.breakpoints.parked, (first.remaining, second.remaining > 0)
        served.breakpoints.release()
        alice.join(CALM)

    assert still == (second,)
    assert texts == [
        "<Thread 1, paused before setup() of connection 1>",
        "<Thread 1, was paused before setup() of connection 1>",
    ]
    assert (remaining, told) == ((0.0, True), [b"HELLO\n"])


def test_datagrams_stop_as_well() -> None:
    """A datagram has a number of its own, and its reply comes when its handler goes on."""
    with serve(socketserver.UDPServer, DatagramShout, timeout=CALM) as served, served.client("alice") as alice:
        served.breakpoints.add("handle", connection=2)
        alice.send(b"one")
        replies = [alice.receive()]
        alice.send(b"two")
        stop = served.breakpoints.wait(timeout=CALM)
        stop.resume()
        replies.append(alice.receive())

    assert (stop.connection, replies) == (2, [b"ONE", b"TWO"])


@pytest.mark.skipif(not hasattr(socketserver, "ForkingTCPServer"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # forking beside threads is what is tested
def test_the_parent_of_a_forked_child_stops() -> None:
    """Before it forks the parent can be paused, the child runs through, and the trace has all of it."""
    with serve(socketserver.ForkingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("process_request")
        alice, told = talking(served, "alice")
        stop = served.breakpoints.wait(timeout=CALM)
        lane = stop.lane
        stop.step_over()
        end = served.breakpoints.wait(timeout=CALM)
        end.resume()
        alice.join(CALM)

    assert (lane, end.hook, end.phase, told) == ("server", "process_request", "return", [b"HELLO\n"])
    assert "handle" in served.trace.select(lane="child 1").hooks()


@pytest.mark.skipif(not hasattr(socketserver, "ForkingTCPServer"), reason="this system cannot fork")
@pytest.mark.parametrize("hook", ["finish_request", "setup", "handle", "__init__"])
def test_a_child_cannot_be_paused(hook: str) -> None:
    """A hook that runs in a forked child is refused, with what to take instead."""
    with serve(socketserver.ForkingTCPServer, Shout, timeout=CALM) as served:
        with pytest.raises(CannotPause, match=rf"^{hook}\(\) runs in a forked child of this server, and a child"):
            served.breakpoints.add(hook)


@pytest.mark.parametrize(
    ("hook", "options", "said"),
    [
        ("handel", {}, r"^there is no hook 'handel' at which a thread could be paused; the nearest are handle,"),
        (
            "",
            {},
            r"^there is no hook '' at which a thread could be paused; a hook is named as its method, handle say\.",
        ),
        ("fileno", {}, r"^there is no hook 'fileno'"),
        ("process_request_thread", {}, r"^this TCPServer has no process_request_thread, so nobody ever comes there\.$"),
        ("handle", {"phase": "begin"}, r"^there is no phase 'begin': a thread is paused at the enter,"),
        ("handle", {"connection": 0}, r"^connections are counted from 1, so there is none with the number 0\.$"),
        ("handle", {"connection": "1"}, r"so there is none with the number '1'\.$"),
        ("handle", {"patience": 0}, r"^patience is a number of seconds, more than 0, and not 0\.$"),
        ("get_request", {"connection": 1}, r'no number yet, it gets one there: leave .* or take phase="return"\.$'),
        ("service_actions", {"connection": 1}, r"^service_actions\(\) belongs to no connection: leave"),
        ("shutdown", {}, r"^nobody is paused in shutdown\(\): whoever stops a server lets all of its threads go on\.$"),
        ("server_bind", {}, r"^server_bind\(\) is over: it ran while the server was made"),
    ],
)
def test_a_pause_that_can_never_come_is_refused(hook: str, options: Any, said: str) -> None:
    """Each is a sentence, and there is no breakpoint afterwards."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        with pytest.raises((CannotPause, NoSuchHook), match=said):
            served.breakpoints.add(hook, **options)

        assert len(served.breakpoints) == 0


def test_a_stopped_server_cannot_be_paused() -> None:
    """After the end of the block a breakpoint is refused."""
    with serve(socketserver.TCPServer, Shout) as served:
        pass
    with pytest.raises(CannotPause, match=r"^this server was stopped, and nothing of it can be paused any more"):
        served.breakpoints.add("handle")


def test_breakpoints_are_counted_shown_and_removed() -> None:
    """They stand in the order in which they were made, with numbers that are never used again."""
    with serve(socketserver.TCPServer, Shout) as served:
        first = served.breakpoints.add("handle")
        second = served.breakpoints.add("verify_request", phase="return", connection=2, lane="server", patience=1)
        shown, before = repr(served.breakpoints), served.breakpoints.changes
        served.breakpoints.remove(first)
        served.breakpoints.remove(first)
        third = served.breakpoints.add("handle")

        assert list(served.breakpoints) == [second, third]
        assert [first.number, second.number, third.number] == [1, 2, 3]
        assert shown == "<breakpoints: before handle(); after verify_request() of connection 2 in server>"
        assert served.breakpoints.changes > before
        served.breakpoints.clear()
        assert repr(served.breakpoints) == "<breakpoints: none>"


def test_without_breakpoints_events_are_only_appended() -> None:
    """A breakpoint puts the gate in, of its own server only; when all are removed, the plain append is back."""
    with sharing(Recorder()) as recorder:
        pass
    with serve(socketserver.TCPServer, Shout) as served, serve(socketserver.TCPServer, Shout) as other:
        (source,), append = served.recorder.sources, served.recorder.records.extend
        plain = [source.record == append]
        served.breakpoints.add("handle")
        plain += [source.record == append, other.recorder.sources[0].gate is None]
        served.breakpoints.clear()
        plain.append(source.record == append)

    assert plain == [True, False, True, True]
    assert recorder.sources == []


def test_two_servers_of_one_recorder_have_their_own_breakpoints() -> None:
    """The breakpoint of one server stops no thread of the other, whose events are appended as ever."""
    recorder = Recorder()
    from socketserver_trace import ThreadingTCPServer as Traced

    with sharing(recorder):
        servers = [Traced(("127.0.0.1", 0), Shout) for _ in range(2)]
    with serve(servers[0], timeout=CALM) as one, serve(servers[1], timeout=CALM) as other:
        one.breakpoints.add("handle")
        alice, told_one = talking(one, "alice")
        one.breakpoints.wait(timeout=CALM)
        bob, told_other = talking(other, "bob")
        bob.join(CALM)
        gates = [source.gate is None for source in recorder.sources]
        one.breakpoints.clear()
        alice.join(CALM)

    assert gates == [False, True]
    assert told_one == told_other == [b"HELLO\n"]


def test_release_lets_all_go_on_and_nobody_steps() -> None:
    """Those that are paused and those that step run to their ends; the breakpoints stay for the next ones."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        here = served.breakpoints.add("handle", connection=1)
        served.breakpoints.add("handle", connection=2)
        alice, told_alice = talking(served, "alice")
        served.breakpoints.wait(timeout=CALM)
        bob, told_bob = talking(served, "bob")
        while len(served.breakpoints.parked) < 2:
            served.breakpoints.wait(lane="Thread 2", timeout=CALM)
        served.breakpoints.parked[0].step()
        served.breakpoints.release()
        alice.join(CALM)
        bob.join(CALM)
        kept = list(served.breakpoints)

    assert told_alice == told_bob == [b"HELLO\n"]
    assert kept[0] == here
    assert len(kept) == 2


def test_a_thread_goes_on_by_itself_after_its_patience() -> None:
    """Nobody sends it on, the reply comes all the same, and the trace says why."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle", patience=0.05)
        alice, told = talking(served, "alice")
        alice.join(CALM)
        nobody = served.breakpoints.parked
    (note,) = served.trace.select(kind="note").arrival()

    assert (told, nobody) == ([b"HELLO\n"], ())
    assert (note.lane, note.detail["text"]) == ("Thread 1", "went on by itself: it was paused for 0.05 s")


def test_a_step_keeps_the_patience() -> None:
    """A thread that stepped is paused no longer than its breakpoint said, stop after stop."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("setup", patience=7)
        alice, _ = talking(served, "alice")
        served.breakpoints.wait(timeout=CALM).step()
        stepped = served.breakpoints.wait(timeout=CALM)
        patience, at = stepped.patience, stepped.breakpoint
        served.breakpoints.clear()
        alice.join(CALM)

    assert (patience, at) == (7, None)


@pytest.mark.parametrize("name", KINDS)
def test_shutdown_from_any_thread_releases_all(name: str) -> None:
    """A program's own shutdown while the server is paused ends the pause, and comes back."""
    with serve(getattr(socketserver, name), Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request")
        served.breakpoints.add("handle")
        alice, told = talking(served, "alice")
        served.breakpoints.wait(timeout=CALM)
        thread = threading.Thread(target=served.server.shutdown)
        thread.start()
        thread.join(CALM)
        alice.join(CALM)
        left = (thread.is_alive(), served.breakpoints.parked, len(served.breakpoints))

    assert left == (False, (), 0)
    assert told == [b"HELLO\n"]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("hook", ["get_request", "verify_request", "handle", "close_request"])
def test_the_end_of_the_block_releases_all(name: str, hook: str) -> None:
    """A block that ends while a thread is paused ends as it would without, and nothing is left behind."""
    with serve(getattr(socketserver, name), Shout, timeout=CALM) as served:
        served.breakpoints.add(hook)
        alice = served.client("alice")
        alice.send(b"hello\n")
        alice.half_close()
        stop = served.breakpoints.wait(timeout=CALM)

    assert stop.gone.is_set()
    assert len(served.trace.select(hook="handle", phase="return")) == 1


def test_server_close_from_any_thread_releases_all() -> None:
    """Whoever closes the server waits for its threads, so these are paused no more."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle")
        alice, told = talking(served, "alice")
        served.breakpoints.wait(timeout=CALM)
        thread = threading.Thread(target=served.server.server_close)
        thread.start()
        thread.join(CALM)
        alice.join(CALM)

    assert told == [b"HELLO\n"]


class Interrupting(str):
    """A name which interrupts the main thread as soon as somebody compares it: inside the wait, on every run."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        signal.raise_signal(signal.SIGINT)
        return False

    def __hash__(self) -> int:
        signal.raise_signal(signal.SIGINT)
        return 0


def _wait_for_a_stop(served: Served) -> None:
    served.breakpoints.wait(Interrupting("nothing"), timeout=CALM)


def _wait_for_a_hook(served: Served) -> None:
    served.wait_for("handle", phase="enter", connection=Interrupting("nothing"), timeout=CALM)  # type: ignore[arg-type] # see there


def _receive(served: Served) -> None:
    def interrupt(record: Any) -> None:
        if record[1].name == "bob" and (record[3].kind, record[3].phase) == (RECEIVE, ENTER):
            signal.raise_signal(signal.SIGINT)

    with contextlib.closing(served.client("bob")) as bob:
        forget = served.recorder.listen(interrupt)
        try:
            bob.receive()
        finally:
            forget()


@pytest.mark.parametrize("waiting", [_wait_for_a_stop, _wait_for_a_hook, _receive])
def test_an_interrupt_releases_all(waiting: Any) -> None:
    """A KeyboardInterrupt in a wait of ours is raised on, and whoever was paused has gone on."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle", connection=1)
        alice, told = talking(served, "alice")
        stop = served.breakpoints.wait(timeout=CALM)
        with pytest.raises(KeyboardInterrupt):
            waiting(served)
        alice.join(CALM)
        kept = len(served.breakpoints)

    assert stop.gone.is_set()
    assert (told, kept) == ([b"HELLO\n"], 1)


def test_the_end_of_the_program_releases_all() -> None:
    """A program whose main thread ends while a thread of its server is paused ends as well."""
    program = """
import socketserver
from socketserver_trace import serve

class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())
        print("handled", flush=True)

served = serve(socketserver.ThreadingTCPServer, Shout).start()
served.breakpoints.add("handle", patience=1000)
served.breakpoints.add("finish", patience=1000)
alice = served.client("alice")
alice.send(b"hello\\n")
print(served.breakpoints.wait(timeout=60))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "<Thread 1, paused before handle() of connection 1>\nhandled\n"


def test_the_main_thread_does_not_wait_for_a_paused_server() -> None:
    """A receive that would wait says who is paused and what to do; when it is resumed, the reply comes."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle")
        alice = served.client("alice")
        alice.send(b"hello\n")
        served.breakpoints.wait(timeout=CALM)
        with pytest.raises(ServerPaused) as told:
            alice.receive()
        served.breakpoints.release()
        reply = alice.receive()

    assert str(told.value) == (
        "alice would wait for bytes from the server, but Thread 1 is paused before handle() of connection 1: "
        "step or release it first, or talk from another thread (in a notebook: %%client --background alice)."
    )
    assert reply == b"HELLO\n"


def test_the_main_thread_receives_what_was_sent_before_the_pause() -> None:
    """A reply that is there needs no wait, wherever the server is paused."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served, served.client("alice") as alice:
        served.breakpoints.add("handle", phase="return")
        alice.send(b"hello\n")
        served.breakpoints.wait(timeout=CALM)
        reply = alice.receive()
        with pytest.raises(ServerPaused, match="alice would wait for the end of the stream, but Thread 1"):
            alice.receive_all()

    assert reply == b"HELLO\n"


def test_a_pause_that_begins_during_a_wait_ends_the_wait() -> None:
    """The main thread waits already when another thread's request is paused."""
    go_on = threading.Event()

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(10)

        def finish(self) -> None:
            go_on.wait(CALM)

    def let_go(record: Any) -> None:
        if (record[3].kind, record[3].phase, record[1].name) == (RECEIVE, ENTER, "alice"):
            go_on.set()

    with serve(socketserver.ThreadingTCPServer, Slow, timeout=CALM) as served, served.client("alice") as alice:
        served.breakpoints.add("finish", phase="return")
        alice.send(b"hello\n")
        forget = served.recorder.listen(let_go)
        try:
            with pytest.raises(ServerPaused, match=r"Thread 1 is paused after finish\(\) of connection 1"):
                alice.receive()
        finally:
            forget()


def test_a_send_without_room_does_not_wait_for_a_paused_server() -> None:
    """What there is room for is sent while the server is paused; when there is none, the main thread is told."""
    with serve(socketserver.ThreadingTCPServer, Echo, timeout=CALM) as served:
        served.breakpoints.add("handle")
        alice = served.client("alice")
        served.breakpoints.wait(timeout=CALM)
        alice.send(b"small")
        with pytest.raises(ServerPaused, match=r"^alice would wait for room to send, but Thread 1 is paused"):
            alice.send(bytes(50_000_000))
        alice.reset()


@pytest.mark.skipif(sys.platform != "linux", reason="how long a queue really is, each system decides for itself")
def test_a_connect_that_finds_no_room_does_not_wait_for_a_paused_server() -> None:
    """Clients connect until the accept queue is full; the next one is told who is paused, and leaves nothing behind."""

    class Short(socketserver.TCPServer):
        request_queue_size = 1

    with serve(Short, Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request")
        served.client("alice")
        served.breakpoints.wait(timeout=CALM)
        with pytest.raises(ServerPaused, match=r"the server to take the connection, but server is paused"):  # noqa: PT012 - it is one of the connects
            for number in range(10):
                served.client(f"client {number}")


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
def test_a_connect_waits_until_its_deadline() -> None:
    """Without a pause, a connect for which there is no room ends at the deadline, with its sentence."""

    class Short(socketserver.TCPServer):
        request_queue_size = 1

    served = serve(Short, Shout, timeout=CALM)
    with pytest.raises(WaitedInVain, match=r"waited 0\.2 s for the server to take the connection"):  # noqa: PT012 - as above
        for number in range(10):
            served.client(f"client {number}", timeout=0.2)
    served.stop()


def test_a_connect_that_goes_on_is_finished() -> None:
    """A connect that has begun is over when the socket says so; what it failed with is raised."""
    with socket.socket() as listening, socket.socket() as good, socket.socket() as bad, socket.socket() as closed:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        closed.bind(("127.0.0.1", 0))
        for sock, address in ((good, listening.getsockname()), (bad, closed.getsockname())):
            sock.setblocking(False)
            sock.connect_ex(address)
            sock.settimeout(TIMEOUT)
        finish_connecting(good)
        connected = good.getpeername() == listening.getsockname()
        with pytest.raises(ConnectionRefusedError):
            finish_connecting(bad)

    assert connected


def test_the_clock_of_a_client_stands_still_during_a_pause() -> None:
    """A client in a thread waits through a pause that is longer than its patience, and gets its reply."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("handle", connection=1)
        served.breakpoints.add("handle", connection=2, patience=0.3)
        bob, told_bob = talking(served, "bob")
        stop = served.breakpoints.wait(timeout=CALM)
        alice, told = talking(served, "alice", timeout=0.02)
        alice.join(CALM)
        stop.resume()
        bob.join(CALM)

    assert told == told_bob == [b"HELLO\n"]
    assert len(served.trace.select(kind="note")) == 1


def test_the_clock_of_a_pause_stands_still_however_it_is_read() -> None:
    """Between two readings nothing has passed, so a thread that is held up in the middle loses no time."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request")
        served.client("alice")
        served.breakpoints.wait(timeout=CALM)
        first, second = served.breakpoints._parking.clock, served.breakpoints._parking.clock
        served.breakpoints.release()

    assert first == second


def test_the_clock_of_a_client_goes_on_after_a_pause() -> None:
    """A client whose reply does not come at all waits in vain, once nobody is paused."""
    with serve(socketserver.ThreadingTCPServer, Echo, timeout=CALM) as served:
        served.breakpoints.add("handle")
        alice, told = talking(served, "alice", data=b"", timeout=0.02)
        served.breakpoints.wait(timeout=CALM).resume()
        alice.join(CALM)

    (error,) = told
    assert str(error).startswith("alice waited 0.02 s for bytes from the server, in vain")


def test_a_trace_waits_for_no_paused_thread() -> None:
    """A server whose only work is paused is at rest, and its trace shows where."""
    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        served.breakpoints.add("verify_request")
        served.client("alice")
        served.breakpoints.wait(timeout=CALM)
        served.client("bob")
        at_rest = served.settle(CALM)
        open_calls = served.trace.hooks()
        served.breakpoints.release()

    assert at_rest
    assert open_calls[-1] == "verify_request"


def test_a_pause_outlives_its_event() -> None:
    """When a full recorder has let the event go, the thread has no name any more, and goes on all the same."""
    with serve(socketserver.ThreadingTCPServer, Shout, timeout=CALM, cap=10) as served:
        served.breakpoints.add("handle", connection=1)
        alice, told = talking(served, "alice")
        stop = served.breakpoints.wait(timeout=CALM)
        bob, _ = talking(served, "bob")
        bob.join(CALM)
        name, at_rest = stop.lane, served.settle(CALM)
        stop.resume()
        alice.join(CALM)

    assert (name, at_rest, told) == ("a thread", True, [b"HELLO\n"])


def waited_in_vain(served: Served, hook: str) -> str:
    """What a wait that cannot succeed says."""
    with pytest.raises(WaitedInVain, match=r"^waited 0\.01 s for a thread to be paused, in vain: ") as told:
        served.breakpoints.wait(hook, timeout=0.01)
    return str(told.value).partition("in vain: ")[2]


def test_a_wait_in_vain_says_what_was_there_instead() -> None:
    """It names the breakpoints and what everybody does: nothing, wait for a client, or be paused elsewhere."""
    with serve(socketserver.ThreadingTCPServer, Echo, timeout=CALM) as served:
        texts = [waited_in_vain(served, "finish")]
        served.client("alice")
        served.settle(CALM)
        texts.append(waited_in_vain(served, "finish"))
        served.breakpoints.add("handle")
        served.client("bob")
        served.breakpoints.wait("handle", timeout=CALM)
        texts.append(waited_in_vain(served, "finish"))
        with pytest.raises(WaitedInVain, match=r"in vain: Thread 2 is paused before handle\(\) of connection 2\.$"):
            served.wait_for("handle", connection=2, timeout=0.01)

    assert texts[0] == "there is no breakpoint. Meanwhile nobody has anything to do."
    assert texts[1] == (
        "there is no breakpoint. Meanwhile Thread 1, in handle() of connection 1, waits for bytes from alice."
    )
    assert texts[2] == (
        "the breakpoints are before handle(). Meanwhile Thread 2 is paused before handle() of connection 2."
    )


def test_the_main_thread_is_never_paused() -> None:
    """A server that the main thread runs itself passes its breakpoints: nobody could step it."""
    served = serve(socketserver.TCPServer, Shout, timeout=CALM)
    served.breakpoints.add("handle")
    alice, told = talking(served, "alice")
    served.server.handle_request()
    alice.join(CALM)
    served.stop()

    assert told == [b"HELLO\n"]


def test_a_thread_of_the_program_is_paused_as_well() -> None:
    """Whoever calls handle_request in a thread of its own stops in it, and leaves it when the server is closed."""
    served = serve(socketserver.TCPServer, Shout, timeout=CALM)
    served.breakpoints.add("handle_request")
    thread = threading.Thread(target=served.server.handle_request)
    thread.start()
    stop = served.breakpoints.wait(timeout=CALM)
    alice, told = talking(served, "alice")
    stop.resume()
    alice.join(CALM)
    thread.join(CALM)
    served.stop()

    assert (stop.place, told) == ("before handle_request()", [b"HELLO\n"])


def test_a_gate_that_fails_is_a_fault() -> None:
    """The server answers as ever, the trace says what failed, and nobody is paused by it any more."""

    def broken(_record: Any) -> None:
        raise ZeroDivisionError("broken")

    with serve(socketserver.TCPServer, Shout, timeout=CALM) as served:
        (source,) = served.recorder.sources
        served.recorder.set_gate(source, broken)
        with served.client("alice") as alice:
            alice.send(b"hello\n")
            reply = alice.receive_all()
        gate = source.gate
    faults = served.trace.select(kind="fault").arrival()

    assert (reply, gate) == (b"HELLO\n", None)
    assert [(event.detail["error"], event.detail["doing"]) for event in faults] == [
        ("ZeroDivisionError", "looking at the breakpoints, which pause nobody now")
    ]


@pytest.mark.parametrize("name", KINDS)
def test_every_reply_comes_while_somebody_steps_all_the_time(name: str) -> None:
    """Eight clients ask two hundred times while another thread steps, steps over, resumes and releases as it likes."""
    over = threading.Event()
    chance = random.Random(4)  # noqa: S311 - it decides nothing but the order of a test
    replies: list[Any] = []

    def ask(served: Served, number: int) -> None:
        for turn in range(25):
            with served.client(f"client {number}.{turn}") as client:
                client.send(b"hello\n")
                replies.append(client.receive_all())

    def move(served: Served) -> None:
        while not over.is_set():
            with contextlib.suppress(WaitedInVain):
                stop = served.breakpoints.wait(timeout=0.01)
                chance.choice([stop.step, stop.step_over, stop.resume, stop.resume, served.breakpoints.release])()

    with serve(getattr(socketserver, name), Shout, timeout=CALM) as served:
        served.breakpoints.add("handle")
        served.breakpoints.add("verify_request", phase="return")
        mover = threading.Thread(target=move, args=(served,))
        clients = [threading.Thread(target=ask, args=(served, number)) for number in range(8)]
        for thread in itertools.chain([mover], clients):
            thread.start()
        for thread in clients:
            thread.join()
        over.set()
        mover.join()

    assert replies == [b"HELLO\n"] * 200
