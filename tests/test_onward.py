"""Handlers that are clients themselves: recorded when they connect to a traced server, and left alone otherwise."""

from __future__ import annotations

import functools
import os
import socket
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import serve, well_formed
from socketserver_trace.live.growing import Growing
from socketserver_trace.live.reading import Reader
from socketserver_trace.sockets import attachments
from tests.crowds import CALM, at_once, form
from tests.helpers import TIMEOUT, Shout
from tests.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from socketserver_trace import Served, Trace

ANY = ("127.0.0.1", 0)
SEEN: list[tuple[str, Any]] = []


class Asking(socketserver.StreamRequestHandler):
    """Asks somebody else, and passes the answer on."""

    server: Front
    patience = TIMEOUT

    def handle(self) -> None:
        line = self.rfile.readline()
        with socket.create_connection(self.server.asked.server_address, self.patience) as other:  # type: ignore[arg-type] # of TCP
            other.sendall(line)
            with other.makefile("rb") as answers:
                self.wfile.write(answers.readline())


class Behind(socketserver.ThreadingTCPServer):
    """Whoever is asked. It has room for all at once."""

    request_queue_size = 64


class Front(socketserver.ThreadingTCPServer):
    """Asks `behind`, which it starts and stops."""

    request_queue_size = 64
    handler: type[socketserver.BaseRequestHandler] = Asking

    def __init__(self) -> None:
        self.behind = self.asked = Behind(ANY, Shout)
        self.behind_it = threading.Thread(target=self.behind.serve_forever, args=(0.02,))
        self.behind_it.start()
        super().__init__(ANY, self.handler)

    def server_close(self) -> None:
        super().server_close()
        self.behind.shutdown()
        self.behind.server_close()
        self.behind_it.join()


def made(kind: type[Front]) -> Callable[[], Front]:
    """A function, because `serve` would ask for a handler beside a class."""
    return functools.partial(kind)


def crowd(clients: int) -> Trace:
    """The trace of so many clients that ask at the same moment."""
    with serve(made(Front), timeout=CALM) as served:
        together = threading.Barrier(clients)

        def talk(number: int) -> None:
            together.wait()
            with served.client(f"client {number}") as client:
                client.send(b"hello from %d\n" % number)
                client.receive_line()

        at_once([lambda number=number: talk(number) for number in range(1, clients + 1)])  # type: ignore[misc] # bound now
    return served.trace


def test_a_crowd_has_the_same_trace_on_every_run() -> None:
    """Each connection behind has the number of the one in front in its name, and stands in the order of the clients."""
    runs = int(os.environ.get("SOAK", "5"))
    first = crowd(6)
    assert well_formed(first)
    onward = [lane for lane in first.lanes if lane.startswith("Front for connection ")]
    assert onward == [f"Front for connection {number}" for number in sorted(int(lane.split()[-1]) for lane in onward)]
    assert len(onward) == 6
    expected = form(first)
    for _ in range(runs):
        assert form(crowd(6)) == expected


class Late(Front):
    """It has a loop of its own first, and starts `behind` when that has come round."""

    def __init__(self) -> None:
        self.behind = self.asked = Behind(ANY, Shout)
        self.behind_it = threading.Thread(target=self.behind.serve_forever, args=(0.02,))
        socketserver.ThreadingTCPServer.__init__(self, ANY, self.handler)

    def service_actions(self) -> None:
        if self.behind_it.ident is None:
            self.behind_it.start()


@pytest.mark.parametrize("kind", [Front, Late])
def test_loops_stand_in_the_order_in_which_their_servers_were_activated(kind: type[Front]) -> None:
    """Whichever of them comes to its first step first."""
    with serve(made(kind)) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        assert alice.receive() == b"HELLO\n"
    begun = [event for event in served.trace if event.hook == "serve_forever" and event.phase == "enter"]

    assert {event.detail["class"]: event.lane for event in begun} == {"Behind": "server", kind.__name__: "server 2"}


def test_the_live_drawing_has_the_same_lanes() -> None:
    """Though it cannot look ahead: the second client is connection 3, because the first one's handler was 2."""
    with serve(made(Front), timeout=CALM) as served:
        for number in (1, 2):
            with served.client(f"client {number}") as client:
                client.send(b"hi\n")
                client.receive_line()
    reader = Reader(served.recorder)
    growing, page = Growing(reader.lanes), Page()
    reader.ends = True
    while events := reader.read(7):
        growing.add(events)
        page.hear({"type": "scene", "reset": False} | growing.increment())
    onward = ["Front for connection 1", "Front for connection 3"]
    assert [lane for lane in reader.lanes if "for" in lane] == onward
    assert [lane for lane in served.trace.lanes if "for" in lane] == onward
    assert not any(lane.inferred for lane in reader.lanes.values())
    assert all(
        any(f"b'HI\\n' → {lane}" in words or words == f"{lane}: receives b'HI\\n'" for words in page.words())
        for lane in onward
    )


def test_who_waits_behind_is_at_rest() -> None:
    """A handler that waits for somebody else has nothing to do, and the trace says for whom it waits."""
    held: list[socket.socket] = []

    class Silent(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            held.append(self.connection)
            self.rfile.readline()  # the line it was sent
            self.rfile.readline()  # and one that nobody sends

    class Waiting(Front):
        def __init__(self) -> None:
            super().__init__()
            self.behind.RequestHandlerClass = Silent

    with serve(made(Waiting)) as served:
        with served.client("alice") as alice:
            alice.send(b"hi\n")
            served.wait_for("setup", connection=2)
            assert served.settle(TIMEOUT)
            assert str(served.trace.waits()[0]) == (
                "Waiting for connection 1 waits for bytes from Thread 2; Thread 2, in handle() of connection 2, waits "
                "for bytes from Waiting for connection 1: each waits for the next, in a circle, for ever."
            )
            held[0].shutdown(socket.SHUT_RDWR)
            assert alice.receive_all() == b""


@contextmanager
def handling(handle: Any) -> Iterator[Served]:
    """A server whose handler does this, for one client that has been served when the block begins."""
    SEEN.clear()
    kind = type("Handler", (socketserver.BaseRequestHandler,), {"handle": handle})
    with serve(socketserver.ThreadingTCPServer, kind) as served:
        with served.client("alice") as alice:
            assert alice.receive_all() == b""
        yield served
    assert served.errors == []


def test_a_connection_to_somebody_who_is_not_traced_is_not_in_the_trace() -> None:
    """It works as it always does, and its class is one of sockets."""
    with socket.create_server(ANY) as listening:

        def handle(self: Any) -> None:
            with socket.create_connection(listening.getsockname(), TIMEOUT) as other:
                SEEN.append((type(other).__name__, other.getpeername()))
                assert isinstance(other, socket.socket)
                other.sendall(b"unseen")

        with handling(handle) as served, listening.accept()[0] as accepted:
            assert accepted.recv(6) == b"unseen"
            assert [("socket", listening.getsockname())] == SEEN
    assert not any(event.data == b"unseen" for event in served.trace)
    assert attachments == {}


def test_a_server_at_the_same_port_of_another_address_is_another_server() -> None:
    """And so is one that listens where a traced one was, which has been closed."""

    class Wandering(Asking):
        def handle(self) -> None:
            for address in self.server.elsewhere:  # type: ignore[attr-defined] # of the server below
                with socket.create_connection(address, TIMEOUT) as other:
                    other.sendall(b"unseen")

    class Both(Front):
        handler = Wandering

        def __init__(self) -> None:
            super().__init__()
            gone = Behind(ANY, Shout)
            gone.server_close()
            self.elsewhere = [("127.0.0.2", self.behind.server_address[1]), gone.server_address]
            self.others = [socket.create_server(address) for address in self.elsewhere]

        def server_close(self) -> None:
            super().server_close()
            for other in self.others:
                other.close()

    with serve(made(Both)) as served:
        with served.client("alice") as alice:
            assert alice.receive_all() == b""
    assert served.errors == []
    assert set(served.trace.lanes) == {"main", "alice", "server", "server 2", "Thread 1"}


def test_an_onward_socket_does_what_a_socket_does() -> None:
    """Looking at bytes takes none, an iterator is read once, an end of reading is no end, and nonsense is refused."""

    class Poking(Asking):
        def handle(self) -> None:
            with socket.socket() as other:
                for nonsense in (("127.0.0.1",), None, ("127.0.0.1", "x")):
                    with pytest.raises(TypeError):
                        other.connect(nonsense)  # type: ignore[arg-type] # on purpose
                other.connect(self.server.asked.server_address)
                assert isinstance(other, socket.socket)
                other.sendmsg(iter([b"he", b"llo\n"]))
                SEEN.append(("peeked", other.recv(3, socket.MSG_PEEK)))
                with other.makefile("rb") as answers:
                    SEEN.append(("received", answers.readline()))
                other.shutdown(socket.SHUT_RD)

    SEEN.clear()
    front = type("Poked", (Front,), {"handler": Poking})
    with serve(made(front), timeout=CALM) as served:
        with served.client("alice") as alice:
            assert alice.receive_all() == b""
    assert served.errors == []
    assert SEEN == [("peeked", b"HEL"), ("received", b"HELLO\n")]
    onward = [event for event in served.trace if event.lane == "Poked for connection 1"]
    assert [(event.kind, event.phase) for event in onward if event.kind != "receive"] == [
        ("connect", "enter"), ("connect", "return"), ("send", "enter"), ("send", "return"),
        ("close", "enter"), ("close", "return"),
    ]  # fmt: skip
    assert sum(event.size or 0 for event in onward if event.kind == "receive" and "peek" not in event.detail) == 6
    assert well_formed(served.trace)


def test_sockets_of_other_kinds_are_left_alone() -> None:
    """Datagrams, those of a class of the program's own, and whatever is made where no request is handled."""

    class Own(socket.socket):
        """A program's own."""

    def handle(self: Any) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, Own() as own:
            SEEN.extend([("datagrams", type(datagrams)), ("own", type(own))])

    with handling(handle), socket.socket() as mine:
        SEEN.append(("mine", type(mine)))
    assert [("datagrams", socket.socket), ("own", Own), ("mine", socket.socket)] == SEEN


def test_a_client_of_ours_that_a_handler_makes_is_recorded_once() -> None:
    """As the client that it is."""
    front: list[Served] = []

    def handle(self: Any) -> None:
        with front[0].client("from inside") as client:
            client.send(b"hi\n")
            client.receive_line()

    with serve(socketserver.ThreadingTCPServer, Shout) as behind:
        front.append(behind)
        with handling(handle):
            pass
    assert behind.trace.lanes.count("from inside") == 1
    assert not any("for connection" in lane for lane in behind.trace.lanes)


def fill(address: Any) -> list[socket.socket]:
    """Connections that nobody accepts, as many as a server's queue has room for."""
    waiting: list[socket.socket] = []
    while True:
        one = socket.socket()
        one.settimeout(0.1)
        waiting.append(one)
        try:
            one.connect(address)
        except TimeoutError:
            return waiting


def test_a_connection_that_fails_is_in_the_trace_as_a_failure() -> None:
    """The program gets the error that it would get."""

    class Daring(Asking):
        patience = 0.05

        def handle(self) -> None:
            try:
                super().handle()
            except OSError as error:
                SEEN.append(("raised", type(error)))

    class Deserted(Front):
        """Those whom it asks listen, but their queue is full, and nobody takes anybody out of it."""

        handler = Daring

        def __init__(self) -> None:
            super().__init__()
            self.asked = type("Narrow", (Behind,), {"request_queue_size": 0})(ANY, Shout)
            self.waiting = fill(self.asked.server_address)

        def server_close(self) -> None:
            super().server_close()
            self.asked.server_close()
            for one in self.waiting:
                one.close()

    SEEN.clear()
    with serve(made(Deserted)) as served:
        with served.client("alice") as alice:
            alice.send(b"hi\n")
            assert alice.receive_all() == b""
    assert [("raised", TimeoutError)] == SEEN
    assert well_formed(served.trace)
    assert any(event.detail.get("error") == "TimeoutError" for event in served.trace if event.kind == "connect")


@pytest.mark.skipif(not hasattr(socketserver, "ForkingTCPServer"), reason="needs fork")
def test_in_a_forked_child_nothing_is_followed() -> None:
    """What it connects to sees a client that did not record itself."""

    class Forking(socketserver.ForkingMixIn, Front):  # type: ignore[misc] # the stubs know no fork on Windows
        def process_request(self, request: Any, client_address: Any) -> None:
            socketserver.ForkingMixIn.process_request(self, request, client_address)  # type: ignore[arg-type] # itself

    with serve(made(Forking), timeout=CALM) as served:
        with served.client("alice") as alice:
            alice.send(b"hi\n")
            assert alice.receive_line() == b"HI\n"
    assert any("inferred" in event.detail for event in served.trace)
    assert well_formed(served.trace)


def test_there_is_an_audit_hook_only_where_one_server_can_be_a_client_of_another() -> None:
    """It can never be removed and costs each request something, so it must not come too early, nor become many."""
    program = """
import socketserver, sys, socketserver_trace
count, add = 0, sys.addaudithook
def counting(hook):
    global count
    count += 1
    add(hook)
sys.addaudithook = counting
def make():
    socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler).server_close()
for _ in range(3):
    with socketserver_trace.tracing():
        make()
assert count == 0
for _ in range(2):
    with socketserver_trace.tracing():
        make()
        make()
assert count == 1
"""
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 0
