"""The kernel's view: what the system says of the sockets of a trace, and what comes of it where it says nothing."""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import Served, kernel, load, procnet, serve, sockdiag, trace_of, traced, whose
from socketserver_trace.clients import client_of
from socketserver_trace.endpoints import SocketView, as_details, from_details
from socketserver_trace.fronts import source_of
from socketserver_trace.kernel import KernelView, snapshot, view_of, views_of
from socketserver_trace.recorder import local
from tests.helpers import TIMEOUT, Shout, faults, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells this of its sockets")
unix_only = pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="there are no Unix sockets here")


class Small(socketserver.TCPServer):
    """A server whose accept queue is full soon."""

    request_queue_size = 2


class Parked(socketserver.BaseRequestHandler):
    """Does nothing with its connection until it is released."""

    def handle(self) -> None:
        self.server.parked.set()  # type: ignore[attr-defined] # parking() gives the server what is needed
        self.server.released.wait(TIMEOUT)  # type: ignore[attr-defined] # as above


class Flooding(Parked):
    """Sends until the kernel takes no more, and parks."""

    def handle(self) -> None:
        self.request.setblocking(False)
        try:
            while True:
                self.server.sent.append(self.request.send(bytes(65536)))  # type: ignore[attr-defined] # as above
        except BlockingIOError:
            super().handle()


@contextmanager
def parking(kind: type, handler: type = Parked) -> Iterator[Served]:
    """A server whose handlers are parked until the block ends."""
    with serve(kind, handler) as served:
        served.server.parked, served.server.released = threading.Event(), threading.Event()
        served.server.sent = []
        try:
            yield served
        finally:
            served.server.released.set()


def look(served: Served) -> KernelView:
    """What the kernel knows of a server and its clients now."""
    return snapshot(served.server, served._source, served._clients)


def look_until(take: Callable[[], KernelView], condition: Callable[[KernelView], bool]) -> KernelView:
    """The first view of which the condition holds: the kernel delivers in its own time, and tells nobody when."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        view = take()
        with suppress(LookupError):  # a socket that the condition asks for is not there yet
            if condition(view):
                return view
    raise AssertionError(f"the kernel never came so far:\n{view}")


def states(view: KernelView) -> dict[str, str | None]:
    """The state of each socket by its name."""
    return {one.of: one.state for one in view}


@pytest.fixture
def unserved() -> Iterator[Any]:
    """A traced server that listens, and whose loop does not run."""
    with traced(Small)(("127.0.0.1", 0), Shout) as server:
        yield server


@contextmanager
def clients_of(server: Any, *names: str) -> Iterator[list[Any]]:
    """Connected clients with these names."""
    with ExitStack() as stack:
        yield [stack.enter_context(client_of(server, source_of(server), name=name)) for name in names]


@linux_only
@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_the_accept_queue_has_a_length_and_a_limit(unserved: Any, number: int) -> None:
    """Connections that nobody accepts wait in the queue, one more than the limit, as the kernel says."""
    with clients_of(unserved, *["alice", "bob", "carol"][:number]):
        view = look_until(lambda: snapshot(unserved, source_of(unserved)), lambda view: view[0].waiting == number)

        assert view[0] == SocketView(of="server", state="LISTEN", waiting=number, backlog=2)
        waiting = [one.of for one in view if one.of.endswith("in the accept queue")]
        assert waiting == [f"{name}'s connection in the accept queue" for name in ["alice", "bob", "carol"][:number]]
    sentence = {
        0: "nobody waits in the accept queue, which holds 3 at most.",
        1: "1 connection waits in the accept queue, which holds 3 at most.",
        2: "2 connections wait in the accept queue, which holds 3 at most.",
        3: "3 connections wait in the accept queue, which holds 3 at most: it is full.",
    }[number]
    assert view.sentences()[0] == sentence


@linux_only
def test_whoever_finds_the_queue_full_is_still_connecting(unserved: Any) -> None:
    """With a full accept queue the next client gets no answer: its end is SYN_SENT, and the server has none."""
    with clients_of(unserved, "alice", "bob", "carol") as clients, socket.socket() as late:
        take = lambda: snapshot(unserved, source_of(unserved), clients)  # noqa: E731 - it is taken twice
        look_until(take, lambda view: view[0].waiting == 3)
        late.setblocking(False)
        late.connect_ex(unserved.server_address)
        view = take()

    assert view.find("a client") == SocketView(of="a client", state="SYN_SENT", unread=0, unsent=0)
    assert "a client asks for a connection, and nobody has answered yet." in view.sentences()


@linux_only
def test_bytes_wait_before_their_connection_is_accepted(unserved: Any) -> None:
    """A client can send, and even end its stream, while it stands in the queue; the end is not counted as a byte."""
    with clients_of(unserved, "alice", "bob") as (alice, bob):
        alice.send(b"hello")
        bob.send(b"hello you")
        bob.half_close()
        queued = "bob's connection in the accept queue"
        view = look_until(
            lambda: snapshot(unserved, source_of(unserved), [alice, bob]),
            lambda view: view.is_settled and view.find(queued).state == "CLOSE_WAIT",
        )

    assert list(view)[1:] == [
        SocketView(of="alice", lane="alice", state="ESTABLISHED", unread=0, unsent=0),
        SocketView(of="alice's connection in the accept queue", state="ESTABLISHED", unread=5, unsent=0),
        SocketView(of="bob", lane="bob", state="FIN_WAIT2", unread=0, unsent=0),
        SocketView(of=queued, state="CLOSE_WAIT", unread=9, unsent=0),
    ]
    assert view.sentences()[1:] == (
        "the kernel holds 5 bytes for alice's connection in the accept queue that nobody has read yet.",
        "bob will send no more; the kernel waits until the other end is closed, too.",
        "bob has said that it will send no more, before its connection was accepted.",
        "the kernel holds 9 bytes for bob's connection in the accept queue that nobody has read yet.",
    )


@linux_only
def test_a_handler_that_does_not_read_leaves_the_bytes_to_the_kernel() -> None:
    """What a client sent and its handler has not read is unread at the server's end of that connection."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert served.server.parked.wait(TIMEOUT)
        end = "server's end of connection 1"
        view = look_until(lambda: look(served), lambda view: end in states(view) and view.find(end).unread == 5)

    assert view.find(end) == SocketView(of=end, connection=1, state="ESTABLISHED", unread=5, unsent=0)
    assert (view.find("alice").connection, view.find("alice").lane) == (1, "alice")
    expected = "the kernel holds 5 bytes for the server's end of connection 1 that nobody has read yet."
    assert expected in view.sentences()


@linux_only
def test_a_client_that_does_not_read_leaves_the_bytes_to_the_kernel() -> None:
    """Of what a handler sent, each byte is either unread at the client's end or unsent at the server's."""
    with parking(socketserver.ThreadingTCPServer, Flooding) as served, served.client("alice") as alice:
        assert served.server.parked.wait(TIMEOUT)
        end, sent = "server's end of connection 1", sum(served.server.sent)
        view = look_until(
            lambda: look(served), lambda view: (view.find(end).unsent or 0) + (view.find("alice").unread or 0) == sent
        )
        alice.reset()

    unsent = view.find(end).unsent
    assert unsent
    expected = f"{unsent:,} bytes from the server's end of connection 1 that the other end has not taken yet."
    assert f"the kernel holds {expected}" in view.sentences()


@linux_only
def test_a_stream_that_is_closed_in_one_direction_has_two_states() -> None:
    """After a half close the client's end is FIN_WAIT2 and the server's is CLOSE_WAIT, with its bytes still unread."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        assert served.server.parked.wait(TIMEOUT)
        alice.send(b"hello")
        alice.half_close()
        end = "server's end of connection 1"
        view = look_until(lambda: look(served), lambda view: states(view).get(end) == "CLOSE_WAIT" and view.is_settled)

    assert states(view) == {"server": "LISTEN", "alice": "FIN_WAIT2", end: "CLOSE_WAIT"}
    assert view.find(end).unread == 5
    assert "alice has said that it will send no more; the server's end of connection 1 has not been closed yet." in (
        view.sentences()
    )


@linux_only
def test_a_client_that_closed_is_still_known_by_its_address() -> None:
    """The end of a closed client belongs to no process, and has the client's name while the kernel remembers it."""
    with parking(socketserver.ThreadingTCPServer) as served:
        with served.client("alice"):
            assert served.server.parked.wait(TIMEOUT)
        view = look_until(lambda: look(served), lambda view: view.is_settled and len(view) == 3)

    alice = SocketView(of="alice", lane="alice", connection=1, state="FIN_WAIT2", unread=0, unsent=0)
    assert view.find("alice") == alice
    assert states(view)["server's end of connection 1"] == "CLOSE_WAIT"


@linux_only
def test_the_end_that_closed_first_is_remembered_for_a_while() -> None:
    """A server that closes first leaves its end in TIME_WAIT, also after the server itself is gone."""
    with serve(socketserver.TCPServer, Shout) as served:
        with served.client("alice") as alice:
            alice.send(b"hello\n")
            alice.receive_all()
        remembered = "server's end of connection 1"
        view = look_until(
            lambda: look(served), lambda view: states(view) == {"server": "LISTEN", remembered: "TIME_WAIT"}
        )

    assert states(look(served)) == {remembered: "TIME_WAIT"}
    assert "the server's end of connection 1 was closed first" in view.sentences()[1]


@linux_only
def test_an_open_socket_whose_connection_is_over_has_the_state_that_the_table_has() -> None:
    """A client that half closed first and has not closed its socket is in TIME_WAIT once the server has closed."""
    with serve(socketserver.TCPServer, Shout) as served, served.client("alice") as alice:
        alice.half_close()
        served.wait_for("close_request", connection=1)
        view = look_until(lambda: look(served), lambda view: states(view).get("alice") == "TIME_WAIT")

    assert states(view) == {"server": "LISTEN", "alice": "TIME_WAIT"}


@linux_only
def test_a_connection_that_was_reset_is_connected_no_more() -> None:
    """After a reset the kernel forgets the client's end at once, and the server's open socket is closed."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        assert served.server.parked.wait(TIMEOUT)
        alice.reset()
        view = look_until(lambda: look(served), lambda view: len(view) == 2 and view[1].state == "CLOSE")

    assert view.sentences()[-1] == "the server's end of connection 1 is not connected any more."


@linux_only
def test_what_an_earlier_server_left_behind_is_not_in_the_view() -> None:
    """The kernel remembers connections of an earlier server on the same port; they are not this server's."""

    class Reusing(socketserver.TCPServer):
        allow_reuse_address = True

    with serve(Reusing, Shout) as first:
        with first.client("alice") as alice:
            alice.send(b"hello\n")
            alice.receive_all()
        first.settle()
    look_until(lambda: look(first), lambda view: list(states(view).values()) == ["TIME_WAIT"])
    with serve(Reusing, Shout, address=first.server.server_address) as second:
        assert states(look(second)) == {"server": "LISTEN"}


@linux_only
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # that such a process forks is the test
def test_an_end_that_only_a_child_holds_is_found_by_its_address() -> None:
    """The parent of a forking server has closed its copy of the connection, and the tables still know it."""
    reading, writing = os.pipe()

    class InChild(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(b"here")
            os.read(reading, 1)

    try:
        with serve(socketserver.ForkingTCPServer, InChild) as served, served.client("alice") as alice:
            alice.receive_exactly(4)
            served.wait_for("process_request", connection=1)
            alice.send(b"hello")
            held = [attachment.connection for attachment in whose.attachments.copy().values()]
            end = "server's end of connection 1"
            view = look_until(lambda: look(served), lambda view: view.find(end).unread == 5)
            os.write(writing, b"\n")
            alice.receive_all()
    finally:
        os.close(reading)
        os.close(writing)

    assert held == []
    assert view.find(end) == SocketView(of=end, connection=1, state="ESTABLISHED", unread=5, unsent=0)


@linux_only
@pytest.mark.parametrize(
    ("family", "bound", "reached"),
    [
        pytest.param(socket.AF_INET, "0.0.0.0", "127.0.0.1", id="every IPv4"),
        pytest.param(socket.AF_INET6, "::1", "::1", id="IPv6"),
        pytest.param(socket.AF_INET6, "::", "127.0.0.1", id="IPv4 inside IPv6"),
    ],
)
def test_a_client_is_found_whatever_addresses_a_server_has(family: int, bound: str, reached: str) -> None:
    """The two ends of a plain client's connection are found on a server of all addresses, and on one of IPv6."""

    class Somewhere(socketserver.TCPServer):
        address_family = family

    try:
        server = traced(Somewhere)((bound, 0), Shout)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server, socket.create_connection((reached, server.server_address[1]), TIMEOUT) as plain:
        plain.sendall(b"hello\n")
        take = lambda: snapshot(server, source_of(server))  # noqa: E731 - it is taken twice
        queued = look_until(take, lambda view: len(view) == 3 and view[2].unread == 6)
        with serving(server):
            plain.recv(100)
            plain.recv(100)
            served = look_until(take, lambda view: "client 1" in states(view) and view.is_settled)

    assert states(queued) == {
        "server": "LISTEN",
        "a client": "ESTABLISHED",
        "a client's connection in the accept queue": "ESTABLISHED",
    }
    assert states(served) == {
        "server": "LISTEN",
        "client 1": "CLOSE_WAIT",
        "server's end of connection 1": "FIN_WAIT2",
    }


@linux_only
def test_datagrams_without_room_are_counted() -> None:
    """Each datagram is either kept or counted as dropped; of those that are kept the next one's size is known."""
    with traced(socketserver.UDPServer)(("127.0.0.1", 0), Shout) as server:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # the kernel takes its smallest
        server.socket.setblocking(False)
        with clients_of(server, "alice") as clients:
            for _number in range(50):
                clients[0].send(b"hello")
            take = lambda: snapshot(server, source_of(server), clients)  # noqa: E731 - it is taken twice
            view = look_until(take, lambda view: bool(view[0].dropped and view[0].unread))
            kept = 0

            def all_told(view: KernelView) -> bool:
                nonlocal kept
                while socket_has_more(server.socket):
                    kept += 1
                return kept + (view[0].dropped or 0) == 50

            look_until(take, all_told)

    assert view[0] == SocketView(of="server", datagram=True, unread=5, dropped=view[0].dropped)
    assert view[1] == SocketView(of="alice", lane="alice", datagram=True, unread=0, dropped=0)
    assert view.sentences() == (
        "the next datagram for the server has come, 5 bytes, and nobody has read it yet.",
        f"the kernel has dropped {view[0].dropped} datagrams for the server: there was no room.",
    )


def socket_has_more(sock: socket.socket) -> bool:
    """Whether a datagram could be taken from the socket."""
    try:
        sock.recv(100)
    except BlockingIOError:
        return False
    return True


@linux_only
@unix_only
def test_the_accept_queue_of_a_unix_socket(tmp_path: Path) -> None:
    """The kernel tells of the accept queue of a Unix stream socket, too, to whoever asks for it by its inode."""

    class SmallUnix(socketserver.UnixStreamServer):
        request_queue_size = 2

    with traced(SmallUnix)(os.path.relpath(tmp_path / "server"), Shout) as server:
        with clients_of(server, "alice", "bob") as clients:
            view = snapshot(server, source_of(server), clients)

    if view[0].waiting is None:
        pytest.skip("this kernel has no NETLINK_SOCK_DIAG for Unix sockets")
    assert view[0] == SocketView(of="server", state="LISTEN", waiting=2, backlog=2)
    assert [(one.of, one.state) for one in view[1:]] == [("alice", "ESTABLISHED"), ("bob", "ESTABLISHED")]


@unix_only
def test_the_unread_bytes_of_a_unix_socket() -> None:
    """A Unix stream has no addresses; its ends are known by their connection, and have their unread bytes."""
    with parking(socketserver.ThreadingUnixStreamServer) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert served.server.parked.wait(TIMEOUT)
        view = look_until(lambda: look(served), lambda view: len(view) == 3)

    ends = [(one.of, one.connection, one.unread, one.unsent) for one in view[1:]]
    assert ends == [("alice", 1, 0, None), ("server's end of connection 1", 1, 5, None)]


def refuse(*_arguments: object, **_options: object) -> Any:
    """What a system says that does not know the question."""
    raise OSError("no such question")


def _without_ioctl(patch: pytest.MonkeyPatch) -> None:
    with suppress(ImportError):  # where there is no such module there is nothing to refuse
        import fcntl

        patch.setattr(fcntl, "ioctl", refuse)


def _refused(patch: pytest.MonkeyPatch) -> None:
    _without_ioctl(patch)
    patch.setattr(socket.socket, "getsockopt", refuse, raising=False)
    patch.setattr(sockdiag.os, "fstat", refuse)


def _without_constants(patch: pytest.MonkeyPatch) -> None:
    for name in ("TCP_INFO", "SO_ACCEPTCONN", "AF_NETLINK"):
        patch.delattr(socket, name, raising=False)
    with suppress(ImportError):  # as above
        import termios

        for name in ("FIONREAD", "TIOCOUTQ"):
            patch.delattr(termios, name)


def _of_another_layout(patch: pytest.MonkeyPatch) -> None:
    _without_ioctl(patch)
    patch.setattr(socket.socket, "getsockopt", lambda *_arguments: b"", raising=False)


def _of_another_system(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sockdiag.sys, "platform", "win32")


@pytest.mark.parametrize("absent", [_refused, _without_constants, _of_another_layout, _of_another_system])
def test_what_the_system_does_not_tell_is_absent(absent: Callable[[pytest.MonkeyPatch], None], tmp_path: Path) -> None:
    """Where the kernel is silent the sockets are still there by their names, everything is None, nothing fails."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert served.server.parked.wait(TIMEOUT)
        with pytest.MonkeyPatch.context() as patch:
            absent(patch)
            patch.setattr(procnet, "TABLES", (str(tmp_path / "there is no such table"),))
            view = look(served)

    assert list(view) == [
        SocketView(of="server"),
        SocketView(of="alice", connection=1, lane="alice"),
        SocketView(of="server's end of connection 1", connection=1),
    ]
    assert view.sentences() == (
        "this system does not say how many connections wait in the accept queue.",
        "this system does not say which bytes have come and are not read.",
    )
    assert str(view).splitlines()[1:5] == ["socket", *(one.of for one in view)]
    assert faults(served.server) == []


def test_a_table_that_is_not_understood_has_no_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Lines of another form are left out, whatever is in them."""
    table = tmp_path / "tcp"
    lines = ["heads", "0: nonsense:1F90 x", "1: 0100007F:1F90 00000000:0000 0A", "2: \x1b:1F90 0:0 ZZ 0:0 0 0 0 0 0"]
    table.write_text("\n".join(lines), encoding="ascii")
    monkeypatch.setattr(procnet, "TABLES", (str(table),))

    assert procnet.rows(8080) == []


@linux_only
def test_a_server_that_is_bound_and_not_activated_does_not_listen() -> None:
    """Between server_bind and server_activate the socket has an address, and no accept queue."""
    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout, bind_and_activate=False) as server:
        server.server_bind()
        view = snapshot(server, source_of(server))

    assert [(one.of, one.state, one.waiting) for one in view] == [("server", "CLOSE", None)]
    assert view.sentences() == ("the server does not listen.",)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            sockdiag.MESSAGE.pack(20, 2, 0, 1, 0) + (-2).to_bytes(4, sys.byteorder, signed=True), None, id="an error"
        ),
        pytest.param(
            sockdiag.MESSAGE.pack(36, 20, 0, 1, 0) + sockdiag.ANSWER.pack(1, 1, 10, 0, 5, 1, 0) + bytes(4),
            "LISTEN",
            id="an attribute without a length",
        ),
    ],
)
def test_an_answer_about_a_unix_socket_is_read_as_far_as_it_goes(message: bytes, said: str | None) -> None:
    """A kernel that answers by an error says nothing, and one with broken attributes says what stands before them."""
    assert sockdiag._diagnosis(message) == (said, {})


def test_a_queue_whose_limit_was_not_told_has_a_sentence_without_it() -> None:
    """The limit is not guessed."""
    view = KernelView([from_details({"of": "server", "state": "LISTEN", "waiting": 1})])

    assert view.sentences() == ("1 connection waits in the accept queue.",)


def test_looking_changes_nothing() -> None:
    """A look adds nothing to the trace, reads nothing and leaves every socket's time-out and descriptor as they are."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert served.server.parked.wait(TIMEOUT)
        accepted = next(one() for one in whose.attachments.copy().values() if one.source is served._source)
        sockets = [served.server.socket, accepted, alice.socket]
        before = [(sock.gettimeout(), sock.fileno(), sock.get_inheritable()) for sock in sockets]
        recorded = served.recorder.records.count(local.here)
        descriptors = _descriptors()
        look(served)

        assert served.recorder.records.count(local.here) == recorded
        assert _descriptors() == descriptors
        assert [(sock.gettimeout(), sock.fileno(), sock.get_inheritable()) for sock in sockets] == before
        assert accepted.recv(100) == b"hello"


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_server_of_an_unknown_kind_has_an_empty_view() -> None:
    """A server without a socket has none to show, and one whose socket cannot be had is a fault, not an error."""

    class Strange(traced(socketserver.TCPServer)):  # type: ignore[misc] # the class is made when it runs
        @property
        def socket(self) -> Any:
            raise RuntimeError("not now")

        @socket.setter
        def socket(self, sock: Any) -> None:
            self.hidden = sock

    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout) as server:
        source = source_of(server)
        empty = snapshot(object(), source)
        assert (len(empty), str(empty)) == (0, "The kernel's view of the sockets: it knows none.\nsocket")
        assert faults(server) == []

        strange = Strange.__new__(Strange)
        assert list(snapshot(strange, source)) == []
        assert faults(server) == ["asking the kernel about the sockets"]


def test_a_view_survives_the_trace_and_the_file(tmp_path: Path) -> None:
    """What was recorded is the same view when it is read from the trace, and from the file of the trace."""
    with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
        empty_handed = look(served)
        kernel.record(served._source, empty_handed)
        alice.send(b"hello")
        assert served.server.parked.wait(TIMEOUT)
        view = look_until(lambda: look(served), lambda view: len(view) == 3)
        kernel.record(served._source, view)
        trace = trace_of(served.server)
    trace.save(tmp_path / "kernel.jsonl")

    assert view_of(trace) == view_of(load(tmp_path / "kernel.jsonl")) == view
    assert views_of(trace.arrival()) == [empty_handed, view]
    recorded = trace.select(kind="kernel")
    ends = [(event.connection, event.detail["of"]) for event in recorded if event.time_ns == recorded[-1].time_ns]
    assert (1, "server's end of connection 1") in ends
    assert hash(view_of(trace)) == hash(view)


@linux_only
def test_a_patient_look_waits_for_what_is_on_its_way() -> None:
    """With patience a look right after a close shows how it ends; without, it may show what is being confirmed."""
    with parking(socketserver.ThreadingTCPServer) as served:
        with served.client("alice") as alice:
            assert served.server.parked.wait(TIMEOUT)
            alice.send(b"hello")
        view = snapshot(served.server, served._source, served._clients, patience=TIMEOUT)

    assert view.is_settled
    assert states(view) == {"server": "LISTEN", "alice": "FIN_WAIT2", "server's end of connection 1": "CLOSE_WAIT"}
    assert not KernelView([SocketView(of="alice", on_its_way=True)]).is_settled
    assert SocketView(of="alice", on_its_way=True) == SocketView(of="alice")
    assert as_details([SocketView(of="alice", on_its_way=True)]) == [{"of": "alice"}]


@linux_only
def test_nothing_that_differs_from_run_to_run_is_recorded() -> None:
    """Two servers on different ports give equal views of the same conversation."""
    views = []
    for _run in range(2):
        with parking(socketserver.ThreadingTCPServer) as served, served.client("alice") as alice:
            alice.send(b"hello")
            assert served.server.parked.wait(TIMEOUT)
            views.append(look_until(lambda: look(served), lambda view: len(view) == 3 and view[2].unread == 5))

    assert views[0] == views[1]
    assert as_details(views[0]) == as_details(views[1])


def test_details_and_views_are_each_others_inverse() -> None:
    """Every field that was said comes back, a zero too; what was not said is in no detail."""
    whole = SocketView(
        of="a",
        connection=1,
        lane="a",
        datagram=True,
        state="CLOSE",
        waiting=0,
        backlog=5,
        unread=0,
        unsent=7,
        dropped=0,
    )
    bare = SocketView(of="server")

    assert [from_details(detail) for detail in as_details([whole, bare])] == [whole, bare]
    assert as_details([bare]) == [{"of": "server"}]


def test_details_that_somebody_edited_are_read_as_far_as_they_make_sense() -> None:
    """A value of the wrong type, or of an unknown name, is left out."""
    edited = {"of": 5, "unread": "many", "waiting": True, "datagram": 1, "state": "LISTEN", "port": 80, "backlog": 5}

    assert from_details(edited) == SocketView(of="a socket", state="LISTEN", backlog=5)


def test_a_trace_without_a_look_has_an_empty_view() -> None:
    """Where nobody looked there is nothing to show."""
    assert view_of(()) == KernelView()
    assert not view_of(()).sentences()


def test_hostile_names_come_out_safe(unserved: Any) -> None:
    """A client's name is never markup and never a terminal's control, in no form of the view."""
    with clients_of(unserved, "<b>\x1b[31m") as clients:
        view = snapshot(unserved, source_of(unserved), clients)
    bundle = view._repr_mimebundle_()

    assert view[1].of == "<b>\x1b[31m"
    assert "<b>" not in bundle["text/html"]
    assert r"&lt;b&gt;\x1b[31m" in bundle["text/html"]
    assert "\x1b" not in "".join((*bundle.values(), *view.sentences()))
    assert r"<b>\x1b[31m" in bundle["text/plain"]


def test_the_two_forms_of_a_view() -> None:
    """As text a view is an aligned table under its caption; as HTML a plain table that a sanitiser lets through."""
    view = KernelView([
        SocketView(of="server", state="LISTEN", waiting=12, backlog=5),
        SocketView(of="alice", lane="alice", state="ESTABLISHED", unread=0),
    ])  # fmt: skip

    assert str(view) == (
        "The kernel's view of the sockets\n"
        "socket  state        waiting  backlog  unread\n"
        "server  LISTEN            12        5       -\n"
        "alice   ESTABLISHED        -        -       0"
    )
    assert view._repr_mimebundle_()["text/html"] == (
        "<table>\n<caption>The kernel&#39;s view of the sockets</caption>\n<thead>\n"
        '<tr><th scope="col">socket</th><th scope="col">state</th><th scope="col">waiting</th>'
        '<th scope="col">backlog</th><th scope="col">unread</th></tr>\n</thead>\n<tbody>\n'
        '<tr><th scope="row">server</th><td>LISTEN</td><td>12</td><td>5</td><td>-</td></tr>\n'
        '<tr><th scope="row">alice</th><td>ESTABLISHED</td><td>-</td><td>-</td><td>0</td></tr>\n'
        "</tbody>\n</table>\n"
    )
    assert repr(view) == "<KernelView of 2 sockets>"
    with pytest.raises(LookupError, match="the kernel knows no 'bob'; it knows server, alice"):
        view.find("bob")
