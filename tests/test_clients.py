"""The clients of `serve()`: what they send, receive and say when they wait in vain."""

from __future__ import annotations

import socketserver
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from socketserver_trace import serve
from socketserver_trace.sentences import GivenUp, NobodyListens
from tests.helpers import TIMEOUT, BaseShout, DatagramShout, Shout

STREAMS = [name for name in ("TCPServer", "UnixStreamServer") if hasattr(socketserver, name)]
DATAGRAMS = [name for name in ("UDPServer", "UnixDatagramServer") if hasattr(socketserver, name)]


class Recite(socketserver.StreamRequestHandler):
    """Sends a poem in three pieces, and then what the client sent until its end."""

    def handle(self) -> None:
        for piece in (b"first li", b"ne\nsecond line\nthe", b" rest\n"):
            self.request.sendall(piece)
        self.wfile.write(self.rfile.read())


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_can_be_received_in_every_way(name: str) -> None:
    """By lines, by number, up to the end, whatever pieces the network makes; and the rest is never lost."""
    with serve(getattr(socketserver, name), Recite) as served, served.client("alice") as alice:
        line = alice.receive_line()
        exactly = alice.receive_exactly(6)
        rest_of_line = alice.receive_line()
        alice.send(b"one")
        alice.send(b"two")
        alice.half_close()
        everything = alice.receive_all()
        end = [alice.receive(), alice.receive_line(), alice.receive_all()]

    assert (line, exactly, rest_of_line) == (b"first line\n", b"second", b" line\n")
    assert everything == b"the rest\nonetwo"
    assert end == [b"", b"", b""]


@pytest.mark.parametrize("name", DATAGRAMS)
@pytest.mark.parametrize("handler", [DatagramShout, BaseShout])
def test_each_datagram_is_answered(name: str, handler: type[socketserver.BaseRequestHandler]) -> None:
    """A datagram client sends and receives whole datagrams, also an empty one, and leaves no file behind."""
    temporary = Path(tempfile.gettempdir())
    before = set(temporary.iterdir())
    with serve(getattr(socketserver, name), handler) as served, served.client("alice") as alice:
        replies = []
        for data in (b"one", b"two", b""):
            alice.send(data)
            replies.append(alice.receive())

    assert replies == [b"ONE", b"TWO", b""]
    assert [path for path in set(temporary.iterdir()) - before if path.name.startswith(("client", "served"))] == []


def test_the_stream_that_ends_too_early_says_so() -> None:
    """Asking for more bytes than there are is an EOFError, and the bytes that came can still be received."""
    with serve(socketserver.TCPServer, Shout) as served, served.client("alice") as alice:
        alice.send(b"abc\n")
        with pytest.raises(EOFError, match=r"^the stream ended after 4 of 10 bytes$"):
            alice.receive_exactly(10)
        rest = alice.receive()

    assert rest == b"ABC\n"


@pytest.mark.parametrize(
    ("method", "arguments", "waited_for"),
    [
        ("receive", (), "bytes from the server"),
        ("receive_line", (), "a line from the server"),
        ("receive_exactly", (3,), "3 bytes from the server"),
        ("receive_all", (), "the end of the stream"),
    ],
)
def test_a_stream_client_that_waits_in_vain_says_for_what(
    method: str, arguments: tuple[Any, ...], waited_for: str
) -> None:
    """Every receive has a deadline, after which a sentence names the client, the time and what it waited for."""
    with serve(socketserver.ThreadingTCPServer, Shout) as served, served.client("alice", timeout=0.01) as alice:
        with pytest.raises(TimeoutError, match=rf"^alice waited 0\.01 s for {waited_for}, in vain[.:]"):
            getattr(alice, method)(*arguments)


def test_a_datagram_client_that_waits_in_vain_says_for_what() -> None:
    """A datagram that does not come is waited for until the deadline."""
    with serve(socketserver.UDPServer, DatagramShout) as served, served.client("alice", timeout=0.01) as alice:
        with pytest.raises(TimeoutError, match=r"^alice waited 0\.01 s for a datagram from the server, in vain\.$"):
            alice.receive()


def test_sending_to_nobody_who_reads_ends_at_the_deadline() -> None:
    """A client that sends more than there is room for says what it waited for."""
    go_on = threading.Event()

    class Deaf(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            go_on.wait(TIMEOUT)

    with serve(socketserver.ThreadingTCPServer, Deaf) as served, served.client("alice", timeout=0.05) as alice:
        with pytest.raises(TimeoutError, match=r"^alice waited 0\.05 s for room to send, in vain[.:]"):
            alice.send(bytes(50_000_000))
        go_on.set()


@pytest.mark.parametrize("name", [*STREAMS, *DATAGRAMS])
def test_text_is_refused_with_a_sentence(name: str) -> None:
    """A str where bytes are needed says what to write, and nothing is sent."""
    handler = Shout if name in STREAMS else DatagramShout
    with serve(getattr(socketserver, name), handler) as served, served.client("alice") as alice:
        with pytest.raises(TypeError, match=r"^a socket sends bytes, not text: write b'hello', or encode the text"):
            alice.send("hello")

    assert len(served.trace.select(lane="alice", kind="send")) == 0


def test_a_connection_that_nobody_takes_is_refused_with_a_sentence() -> None:
    """A server that has stopped listening is named as the reason."""
    served = serve(socketserver.TCPServer, Shout)
    served.server.server_close()
    with pytest.raises(ConnectionRefusedError, match=r"^\[Errno \d+\] alice could not connect: nobody listens there"):
        served.client("alice")
    served.stop()


@pytest.mark.parametrize("name", [*STREAMS, *DATAGRAMS])
def test_a_closed_client_says_that_it_is_closed(name: str) -> None:
    """Closing twice is harmless; using a closed client is a sentence, and no event."""
    handler = Shout if name in STREAMS else DatagramShout
    with serve(getattr(socketserver, name), handler) as served:
        alice = served.client("alice")
        was = repr(alice)
        alice.close()
        alice.close()
        for use in (lambda: alice.send(b"x"), alice.receive):
            with pytest.raises(ValueError, match=r"^alice is closed: make a new client to talk to the server again\.$"):
                use()

    assert (was, repr(alice)) == ("<client alice, open>", "<client alice, closed>")
    assert len(served.trace.select(lane="alice", kind="close")) == 2  # the enter and the return of one close
    assert {event.kind for event in served.trace.select(lane="alice")} <= {"connect", "close"}


def test_a_reset_is_seen_by_the_server() -> None:
    """Breaking the connection off is a ConnectionResetError in the handler that waits."""
    raised: list[str] = []

    class Listen(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                self.request.recv(10)
            except OSError as error:
                raised.append(type(error).__name__)

    with serve(socketserver.TCPServer, Listen) as served:
        alice = served.client("alice")
        served.wait_for("handle", phase="enter")
        alice.reset()
        alice.reset()
        served.wait_for("handle")

    assert raised == ["ConnectionResetError"]


def test_what_a_client_does_is_recorded_whole_and_in_its_lane() -> None:
    """A receive that needs the kernel many times is one event with all of its bytes."""
    with serve(socketserver.TCPServer, Recite) as served, served.client("alice") as alice:
        alice.half_close()
        alice.receive_all()
    mine = served.trace.select(lane="alice")
    whole = b"first line\nsecond line\nthe rest\n"

    assert [(event.kind, event.phase) for event in mine.arrival()] == [
        ("connect", "enter"), ("connect", "return"),
        ("half_close", "enter"), ("half_close", "return"),
        ("receive", "enter"), ("receive", "return"),
        ("close", "enter"), ("close", "return"),
    ]  # fmt: skip
    assert [event.data for event in mine.select(kind="receive", phase="return")] == [whole]


def test_a_client_may_be_moved_by_another_thread() -> None:
    """The events of a client stand in its lane, whichever thread calls it."""
    replies: list[bytes] = []
    with serve(socketserver.TCPServer, Shout) as served, served.client("alice") as alice:
        thread = threading.Thread(target=lambda: replies.append(alice.receive()))
        thread.start()
        alice.send(b"abc\n")
        thread.join(TIMEOUT)

    assert replies == [b"ABC\n"]
    assert "alice" in served.trace.lanes
    assert len(served.trace.select(lane="alice", kind="receive")) == 2


@pytest.mark.parametrize("address", ["0.0.0.0", ""])
def test_a_server_on_all_addresses_is_reached_on_this_machine(address: str) -> None:
    """A client of a server that listens everywhere connects over loopback."""
    with serve(socketserver.TCPServer, Shout, address=(address, 0)) as served, served.client() as client:
        client.send(b"abc\n")
        reply = client.receive()

    assert reply == b"ABC\n"
    assert client.name == "client 1"


@pytest.mark.parametrize("name", [*STREAMS, *DATAGRAMS])
def test_a_close_ends_the_wait_of_another_thread(name: str) -> None:
    """Whoever waits in another thread is told at once, the server sees the end, and one call is inside the other."""
    told: list[str] = []
    handler = BaseShout if name in STREAMS else DatagramShout
    with serve(getattr(socketserver, name), handler, timeout=TIMEOUT) as served:
        alice = served.client("alice")

        def receive() -> None:
            with pytest.raises(GivenUp) as caught:
                alice.receive()
            told.append(str(caught.value))

        waiting = threading.Thread(target=receive)
        waiting.start()
        served._wait_until(
            lambda: any((event.lane, event.kind) == ("alice", "receive") for event in served.recorded()), TIMEOUT
        )
        began = time.monotonic()
        alice.close()
        waiting.join()
        took = time.monotonic() - began
        mine = [(event.kind, event.phase) for event in served.recorded() if event.lane == "alice"][-3:]

    assert told[0].startswith("alice was closed while it waited for ")
    assert took < TIMEOUT / 2
    assert mine == [("close", "enter"), ("close", "return"), ("receive", "raise")]


class Raising:
    """An attendant who raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def attend(self, _waiting_for: str) -> None:
        raise self.error

    def closed(self) -> None:
        pass


@pytest.mark.parametrize("error", [TimeoutError("mine"), ConnectionRefusedError("mine"), ValueError("mine")])
def test_what_an_attendant_raises_ends_the_wait_as_it_is(error: Exception) -> None:
    """It is not taken for what the system or the client itself would have said."""
    with serve(socketserver.TCPServer, BaseShout) as served, served.client("alice", attendant=Raising(error)) as alice:
        with pytest.raises(type(error)) as caught:
            alice.receive()
        alice.send(b"hi")

    assert caught.value is error


@pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="this system has no Unix sockets")
def test_a_unix_server_that_is_gone_refuses_with_a_sentence() -> None:
    """A socket without its file is nobody who listens."""
    with serve(socketserver.UnixStreamServer, BaseShout) as served:
        pass
    with pytest.raises(NobodyListens, match="alice could not connect: nobody listens there"):
        served.client("alice")
