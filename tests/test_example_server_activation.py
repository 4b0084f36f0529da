"""Activation by a socket: what is taken, what is refused, and that a restart loses no connection."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from socketserver_trace.examples import server_activation, shout
from tests.examples import PATIENCE, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ANY = ("127.0.0.1", 0)
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def pass_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Makes sockets the ones that this process was given, under other numbers than 3, 4, ..."""
    kept: list[socket.socket] = []

    def pass_on(*sockets: socket.socket, names: str | None = None, count: str | None = None) -> None:
        first = sockets[0].fileno()
        assert [one.fileno() for one in sockets] == [first + place for place in range(len(sockets))]
        monkeypatch.setattr(server_activation, "FIRST", first)
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", str(len(sockets)) if count is None else count)
        if names is not None:
            monkeypatch.setenv("LISTEN_FDNAMES", names)
        for one in sockets:
            os.set_inheritable(one.fileno(), True)
            kept.append(one)

    yield pass_on
    for one in kept:
        with contextlib.suppress(OSError):  # whoever took it has closed it
            one.close()


def side_by_side(count: int) -> list[socket.socket]:
    """Listening sockets whose numbers follow each other, whatever else is open in this process."""
    made = [socket.create_server(ANY) for _ in range(count)]
    first = max(int(path.name) for path in Path("/dev/fd").iterdir()) + 1
    for place, one in enumerate(made):
        os.dup2(one.fileno(), first + place)
        one.close()
    return [socket.socket(fileno=first + place) for place in range(count)]


def test_it_serves_at_the_socket_that_was_given(pass_on: Callable[..., None]) -> None:
    """Who had connected before the server was made is served; and the address is the socket's own."""
    listening = socket.create_server(ANY)
    with Peer(listening.getsockname()) as early:
        early.say("hello")
        pass_on(listening)
        given = server_activation.passed_socket()
        listening.detach()
        with served(server_activation.ActivatedShoutServer(ANY, shout.ShoutHandler, given=given)) as address:
            assert early.line() == "HELLO"
            assert address == early.socket.getpeername()


def test_the_variables_and_the_descriptors_are_nobody_elses(pass_on: Callable[..., None]) -> None:
    """A program that the server starts finds neither; asked again, there is nothing."""
    listening = socket.create_server(ANY)
    pass_on(listening, names="shout")
    [(name, given)] = server_activation.passed_sockets()
    listening.detach()
    with given:
        assert (name, given.get_inheritable()) == ("shout", False)
        assert not [one for one in os.environ if one.startswith("LISTEN_")]
        assert server_activation.passed_sockets() == []


@pytest.mark.parametrize(
    ("said", "names"),
    [("web:admin", ["web", "admin"]), (None, ["unknown", "unknown"]), ("web", ["web", "unknown"])],
)
def test_sockets_have_names(pass_on: Callable[..., None], said: str | None, names: list[str]) -> None:
    """Those that were said, and otherwise systemd's word for none. One server expects one socket."""
    sockets = side_by_side(2)
    pass_on(*sockets, names=said)
    taken = server_activation.passed_sockets()
    for one in sockets:
        one.detach()
    assert [name for name, _ in taken] == names
    pass_on(*[one for _, one in taken], names=said)
    with pytest.raises(ValueError, match=f"one socket is expected, and 2 are passed: {', '.join(names)}"):
        server_activation.passed_socket()
    for _, one in taken:
        one.detach()


def test_what_is_for_another_process_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables were inherited from somebody who had been given sockets; the server makes its own."""
    monkeypatch.setenv("LISTEN_PID", str(os.getppid()))
    monkeypatch.setenv("LISTEN_FDS", "1")
    given = server_activation.passed_socket()
    assert given is None
    assert "LISTEN_FDS" not in os.environ
    with served(server_activation.ActivatedShoutServer(ANY, shout.ShoutHandler, given=given)) as address:
        with Peer(address) as peer:
            peer.say("hello")
            assert peer.line() == "HELLO"


@pytest.mark.parametrize("count", ["", "one", "-1", "1.0"])
def test_a_count_that_is_none_is_one_sentence(pass_on: Callable[..., None], count: str) -> None:
    """It is said what was found."""
    pass_on(socket.create_server(ANY), count=count)
    with pytest.raises(ValueError, match="LISTEN_FDS is to say how many sockets"):
        server_activation.passed_sockets()


def test_what_is_no_listening_stream_socket_is_refused(
    pass_on: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A datagram socket, one that does not listen, a file, and a descriptor that is not there."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        made = socket.socket(socket.AF_INET, kind)
        pass_on(made)
        with pytest.raises(OSError, match="is to be a stream socket that listens, and is none"):
            server_activation.passed_sockets()
        made.detach()
    reading, writing = os.pipe()
    monkeypatch.setattr(server_activation, "FIRST", reading)
    for sentence in ("is to be a socket, and is none: Socket operation", "is to be a socket, and is none: Bad file"):
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        with pytest.raises(OSError, match=sentence):
            server_activation.passed_sockets()
        with contextlib.suppress(OSError):
            os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets")
def test_the_socket_may_be_of_another_family(tmp_path: Path) -> None:
    """The server asks it, and does not care what it is."""
    path = str(tmp_path / "socket")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    server = server_activation.ActivatedShoutServer(ANY, shout.ShoutHandler, given=listening)
    with served(server) as address:
        assert (server.address_family, address) == (socket.AF_UNIX, path)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            peer.sendall(b"hello\n")
            assert peer.recv(100) == b"HELLO\n"


def test_two_servers_may_accept_from_one_queue() -> None:
    """Whoever comes second to accept() does not wait in it: both can be stopped."""
    with socket.create_server(ANY) as launcher:
        servers = [
            server_activation.ActivatedShoutServer(ANY, shout.ShoutHandler, given=launcher.dup()) for _ in range(2)
        ]
        with pytest.raises(BlockingIOError):
            servers[0].get_request()
        with served(servers[0]) as address, served(servers[1]) as same:
            assert address == same

            def act(number: int) -> None:
                with Peer(address) as peer:
                    peer.say(f"client {number}")
                    assert peer.line() == f"CLIENT {number}"

            at_once(100, act)


class Launched:
    """The launcher as a program. `pid` is the server that it has started last."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "socketserver_trace.examples.server_activation", "--launch"]
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = re.search(r"listens at (.*):(\d+);", self._line())
        assert found is not None
        self.address = (found[1], int(found[2]))

    def started(self) -> int:
        """The pid of the next server that is started."""
        while (found := re.match(r"(\d+) is started", self._line())) is None:
            pass
        return int(found[1])

    def ended(self, number: int) -> tuple[int, str]:
        """End the launcher by a signal. Its status, and what it had to complain about, when all of them have ended."""
        self.program.send_signal(number)
        _, errors = self.program.communicate(timeout=PATIENCE)
        return self.program.returncode, errors

    def _line(self) -> str:
        assert self.program.stdout is not None
        line = self.program.stdout.readline()
        assert line, "the launcher has ended"
        return line


@needs_fork
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_restart_loses_no_connection(number: int) -> None:
    """The server is started for the first client. Whoever comes when it is gone waits, and is served by the next."""
    launched = Launched()
    with launched.program, Peer(launched.address) as alice:
        alice.say("hello")
        pid = launched.started()
        assert alice.line() == "HELLO"
        with Peer(launched.address) as bob:  # when he is answered, the loop is done with alice
            bob.say("hello")
            assert bob.line() == "HELLO"
        os.kill(pid, number)
        assert alice.rest() == b""

        def act(number: int) -> None:
            with Peer(launched.address) as peer:
                peer.say(f"client {number}")
                assert peer.line() == f"CLIENT {number}"

        at_once(50, act)
        assert launched.started() != pid
        assert launched.ended(signal.SIGTERM) == (0, "")


@needs_fork
@pytest.mark.parametrize(("program", "status"), [(["/bin/false"], 1), (["/no/such/program"], 127)])
def test_a_program_that_fails_is_not_started_for_ever(program: list[str], status: int) -> None:
    """The launcher says so and ends."""
    with server_activation.Launcher(ANY, program) as launcher, Peer(launcher.server_address):  # type: ignore[arg-type] # TCP
        with pytest.raises(ChildProcessError, match=f"the program has failed with status {status}"):
            launcher.serve_forever()


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation: server_bind() takes what was given."""
    assert "LISTEN_FDNAMES=shout" in shell("server_activation", "--help").stdout
    shown = shell("server_activation", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "server_bind()  ActivationMixIn · yours" in shown.stdout
