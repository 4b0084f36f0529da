"""A process for each core: who serves, what becomes of a child that dies, and that none is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer

import pytest

from socketserver_trace.examples import server_processes
from socketserver_trace.examples.letting_go import LettingGoMixIn
from tests.examples import PATIENCE, Clock, Peer, served, shell

ANY = ("127.0.0.1", 0)

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(socket, "SO_REUSEPORT"), reason="needs SO_REUSEPORT"),
    pytest.mark.filterwarnings(  # the parent of a test serves in a thread
        "ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"
    ),
]


class ProcessHandler(StreamRequestHandler):
    """Says which process serves, dies, or does not end."""

    def handle(self) -> None:
        for line in self.rfile:
            if line == b"die\n":
                os.kill(os.getpid(), signal.SIGKILL)
            self.wfile.write(f"{os.getpid()}\n".encode())
            if line == b"stay\n":
                threading.Event().wait()


class Server(server_processes.ProcessesMixIn, LettingGoMixIn, ThreadingTCPServer):
    """Threads in each process."""

    processes = 2


class OneByOne(server_processes.ProcessesMixIn, TCPServer):
    """One process, which serves one client after the other."""

    processes = 1
    deaths = 2


def process(peer: Peer) -> int:
    """The one that serves this client."""
    peer.say("who?")
    return int(peer.line())


def test_each_process_serves() -> None:
    """And the parent does not."""
    with served(Server(ANY, ProcessHandler)) as address:
        seen: set[int] = set()
        while len(seen) < 2:  # the system shares out by the ports of the clients
            with Peer(address) as peer:
                seen.add(process(peer))
        assert os.getpid() not in seen


def test_a_child_that_has_died_is_replaced() -> None:
    """Its conversations are lost; the other process goes on, and new clients are served."""
    with served(Server(ANY, ProcessHandler)) as address, Peer(address) as alice:
        first = process(alice)
        alice.say("die")
        assert alice.rest() == b""
        for _ in range(20):
            with Peer(address) as peer:
                assert process(peer) != first


def test_a_signal_for_all_processes_is_the_parents() -> None:
    """Ctrl-C at a terminal reaches the children too, and cuts off nobody: they end when their parent says so."""
    with served(Server(ANY, ProcessHandler)) as address, Peer(address) as alice:
        pid = process(alice)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
            assert process(alice) == pid


def test_who_waits_in_the_queue_of_a_child_that_dies_is_served_by_the_next() -> None:
    """The parent has the listening socket open, and with it the queue."""
    with served(OneByOne(ANY, ProcessHandler)) as address, Peer(address) as alice:
        first = process(alice)
        with Peer(address) as bob:
            bob.say("who?")
            alice.say("die")
            assert int(bob.line()) != first
            bob.socket.shutdown(socket.SHUT_RDWR)  # the new child has a copy of this end, as it is a test's


def test_it_gives_up_when_children_die_too_fast() -> None:
    """Two deaths are forgiven, a third one within the time is not; deaths of long ago do not count."""
    clock, failed = Clock(), []
    server = OneByOne(ANY, ProcessHandler)
    server.clock = clock  # type: ignore[method-assign,assignment] # a function, as well

    def serve() -> None:
        with pytest.raises(ChildProcessError) as error:
            server.serve_forever(0.01)
        failed.append(str(error.value))

    thread = threading.Thread(target=serve)
    with server:
        thread.start()
        for seconds in (0, 0, 11, 0, 0):
            with Peer(server.server_address) as peer:  # type: ignore[arg-type] # of TCP
                assert process(peer)  # so the deaths before were noted at the time before
                clock.now += seconds
                peer.say("die")
                assert peer.rest() == b""
        thread.join(PATIENCE)
    assert failed == ["3 children have died within 10 seconds"]


def test_a_child_that_does_not_end_ends_itself() -> None:
    """A handler that waits for nothing keeps neither the child nor the parent."""
    server = Server(ANY, ProcessHandler)
    server.patience = 0.05
    with served(server) as address, Peer(address) as peer:
        peer.say("stay")
        assert peer.line()
        server.shutdown()
        assert peer.rest() == b""


def started(*arguments: str) -> tuple[subprocess.Popen[str], tuple[str, int]]:
    """The server as a program, and its address."""
    command = [sys.executable, "-m", "socketserver_trace.examples.server_processes", *arguments]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert program.stdout is not None
    found = re.search(r"listens at (.*):(\d+);", program.stdout.readline())
    assert found is not None
    return program, (found[1], int(found[2]))


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_child_outlives_its_parent(number: int, status: int) -> None:
    """Whatever ends it. Conversations end in an orderly way, and nobody has anything to say about it."""
    program, address = started("--processes", "3")
    with program, Peer(address) as peer:
        peer.say("hello")
        assert peer.line() == "HELLO"
        program.send_signal(number)
        assert peer.rest() == b""
        said, errors = program.communicate(timeout=PATIENCE)  # it ends when the last one has closed its end
        assert (said.strip(), errors, program.returncode) == ("", "", status)


def test_a_system_without_the_option_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """And with status 2."""
    code = (
        "import runpy, socket; del socket.SO_REUSEPORT; "
        "runpy.run_module('socketserver_trace.examples.server_processes', run_name='__main__')"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert "this needs fork() and SO_REUSEPORT" in told.stderr


def test_a_port_that_is_taken_by_another_program_is_one_sentence() -> None:
    """The option helps only when both have it; and nothing is left of the attempt."""
    with socket.create_server(ANY) as taken:
        with pytest.raises(OSError, match="in use"):
            Server(taken.getsockname(), ProcessHandler)


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, shows the trace of a conversation, and needs one process at least."""
    assert "class MyServer(ProcessesMixIn, LettingGoMixIn, ThreadingTCPServer): ..." in (
        shell("server_processes", "--help").stdout
    )
    shown = shell("server_processes", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "connect → child 1" in shown.stdout
    refused = shell("server_processes", "--processes", "0")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
