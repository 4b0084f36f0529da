"""The traced socket: every way in which bytes move is recorded, and the socket stays what it was."""

from __future__ import annotations

import array
import socket
import socketserver
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketserver_trace import Recorder, sockets, traced
from socketserver_trace.assembly import assemble
from socketserver_trace.recorder import DATA_LIMIT, Source, local
from tests.helpers import TIMEOUT, one_request, plain_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAIRS = [
    pytest.param(socket.SOCK_STREAM, id="stream"),
    pytest.param(socket.SOCK_DGRAM, id="datagram"),
]


class Pair:
    """A traced socket and its plain partner."""

    def __init__(self, kind: int = socket.SOCK_STREAM, connection: int | None = 1) -> None:
        self.traced, self.plain = socket.socketpair(getattr(socket, "AF_UNIX", socket.AF_INET), kind)
        self.source: Source = Recorder(cap=None).source("Server")
        for end in (self.traced, self.plain):
            end.settimeout(TIMEOUT)
        assert sockets.attach(self.traced, self.source, connection)

    def events(self) -> list[tuple[str, str | None, str | None, bytes | None, int | None]]:
        """What was recorded: kind, hook, phase, bytes, size."""
        return [
            (event.kind, event.hook, event.phase, event.data, event.size) for event in assemble(self.source.recorder)
        ]

    def close(self) -> None:
        self.traced.close()
        self.plain.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connected pair of stream sockets, one of them traced as connection 1."""
    made = Pair()
    yield made
    made.close()


def _recv(sock: socket.socket) -> bytes:
    return sock.recv(100)


def _recv_into(sock: socket.socket) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: sock.recv_into(buffer)])


def _recv_into_by_keyword(sock: socket.socket) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: sock.recv_into(buffer=buffer, nbytes=50)])  # type: ignore[call-arg] # typeshed knows it not


def _recv_into_integers(sock: socket.socket) -> bytes:
    buffer = array.array("i", [0] * 25)
    return bytes(memoryview(buffer).cast("B")[: sock.recv_into(buffer)])


def _recvfrom(sock: socket.socket) -> bytes:
    return sock.recvfrom(100)[0]


def _recvfrom_into(sock: socket.socket) -> bytes:
    buffer = bytearray(100)
    return bytes(buffer[: sock.recvfrom_into(buffer)[0]])


def _recvmsg(sock: socket.socket) -> bytes:
    return sock.recvmsg(100)[0]


def _read_file(sock: socket.socket) -> bytes:
    with sock.makefile("rb") as file:
        return file.readline()


def _read_text(sock: socket.socket) -> bytes:
    with sock.makefile("r", encoding="ascii", newline="") as file:
        return file.readline().encode()


RECEIVES = [_recv, _recv_into, _recv_into_by_keyword, _recv_into_integers, _recvfrom, _recvfrom_into, _recvmsg]


@pytest.mark.parametrize("receive", [*RECEIVES, _read_file, _read_text], ids=lambda receive: receive.__name__[1:])
def test_what_is_received_is_recorded(receive: Callable[[socket.socket], bytes], pair: Pair) -> None:
    """Every way to receive gives the program its bytes and records them once, and the end of the stream as none."""
    pair.plain.sendall(b"hello\n")
    received = receive(pair.traced)
    pair.plain.close()
    end = receive(pair.traced)
    ends = [event for event in pair.events() if event[2] == "return"]

    assert (received, end) == (b"hello\n", b"")
    assert [(kind, data, size) for kind, _hook, _phase, data, size in ends] == [
        ("receive", b"hello\n", 6),
        ("receive", b"", 0),
    ]


NUMBERS = array.array("H", [1, 2, 3])


def _send(sock: socket.socket) -> bytes:
    assert sock.send(b"hello") == 5
    return b"hello"


def _send_nothing(sock: socket.socket) -> bytes:
    sock.sendall(bytearray())
    sock.sendall(memoryview(array.array("i")))
    sock.sendall(b"!")
    return b"!"


def _sendall(sock: socket.socket) -> bytes:
    sock.sendall(b"hello")
    return b"hello"


def _sendall_bytearray(sock: socket.socket) -> bytes:
    sock.sendall(bytearray(b"hello"))
    return b"hello"


def _sendall_integers(sock: socket.socket) -> bytes:
    sock.sendall(memoryview(NUMBERS))
    return NUMBERS.tobytes()


def _sendmsg(sock: socket.socket) -> bytes:
    assert sock.sendmsg([b"hel", bytearray(b"lo"), memoryview(NUMBERS)]) == 11
    return b"hello" + NUMBERS.tobytes()


def _sendmsg_iterator(sock: socket.socket) -> bytes:
    assert sock.sendmsg(part for part in (b"hel", b"lo")) == 5
    return b"hello"


def _write_file(sock: socket.socket) -> bytes:
    with sock.makefile("wb") as file:
        file.write(b"hel")
        file.write(b"lo")
    return b"hello"


def _write_text(sock: socket.socket) -> bytes:
    with sock.makefile("w", encoding="utf-8", newline="\n") as file:
        print("héllo", file=file)
    return "héllo\n".encode()


SENDS = [
    _send,
    _send_nothing,
    _sendall,
    _sendall_bytearray,
    _sendall_integers,
    _sendmsg,
    _sendmsg_iterator,
    _write_file,
    _write_text,
]


@pytest.mark.parametrize("send", SENDS, ids=lambda send: send.__name__[1:])
def test_what_is_sent_is_recorded(send: Callable[[socket.socket], bytes], pair: Pair) -> None:
    """Every way to send gives the peer its bytes and records them, with their true number."""
    sent = send(pair.traced)
    received = pair.plain.recv(100)
    begun = [event for event in pair.events() if event[2] == "enter"]

    assert received == sent
    assert b"".join(data or b"" for *_, data, _size in begun) == sent
    assert sum(size or 0 for *_, size in begun) == len(sent)
    assert [kind for kind, *_ in pair.events()] == ["send"] * len(pair.events())
    assert {phase for _, _, phase, _, _ in pair.events()} == {"enter", "return"}


@pytest.mark.parametrize("offset", [0, 3])
def test_sendfile_records_how_many_bytes_went(offset: int, pair: Pair, tmp_path: Path) -> None:
    """The bytes of a file go past Python, so their number is recorded, once."""
    path = tmp_path / "page"
    path.write_bytes(b"hello, file")
    with path.open("rb") as file:
        count = pair.traced.sendfile(file, offset=offset)
    received = pair.plain.recv(100)

    assert received == b"hello, file"[offset:]
    assert pair.events()[-1] == ("send", "sendfile", "return", None, count)
    assert len(pair.events()) == 2


def test_sendto_and_recvfrom_of_a_datagram_server_are_recorded() -> None:
    """The server's own socket is traced for datagrams, in both directions."""
    server_class = traced(socketserver.UDPServer)

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            sock.sendto(data[::-1], self.client_address)

    with server_class(("127.0.0.1", 0), Answer) as server, plain_client(server) as client:
        client.send(b"abc")
        server.handle_request()
        reply = client.recv(10)
    recorded = assemble(vars(server)["_socketserver_trace_source"].recorder)
    moved = [(event.hook, event.data, event.connection) for event in recorded if event.data is not None]

    assert reply == b"cba"
    assert moved == [("recvfrom", b"abc", 1), ("sendto", b"cba", 1)]


@pytest.mark.parametrize("size", [0, -1, 8192])
@pytest.mark.parametrize("buffering", [0, 2, 4096])
def test_the_files_of_a_stream_handler_are_seen(size: int, buffering: int) -> None:
    """What goes through rfile and wfile is recorded, however they are buffered."""
    sent = b"x" * 5000 + b"\n"

    class Handler(socketserver.StreamRequestHandler):
        rbufsize = size
        wbufsize = buffering

        def handle(self) -> None:
            line = self.rfile.readline()
            self.wfile.write(line[:10])
            self.wfile.write(line[10:])

    reply, server, told = one_request(traced(socketserver.TCPServer), Handler, sent)
    events = assemble(vars(server)["_socketserver_trace_source"].recorder)

    assert (reply, told) == (sent, "")
    for kind, phase in (("receive", "return"), ("send", "enter")):
        assert sum(event.size or 0 for event in events if (event.kind, event.phase) == (kind, phase)) == len(sent)


def test_a_partial_send_tells_how_much_went(pair: Pair) -> None:
    """A send that the kernel takes a part of returns that part, and the record of its end has it."""
    pair.traced.setblocking(False)
    count = pair.traced.send(bytes(8_000_000))

    assert 0 < count < 8_000_000
    assert pair.events()[0][1:] == ("send", "enter", bytes(DATA_LIMIT), 8_000_000)
    assert pair.events()[1][1:] == ("send", "return", None, count)


def test_a_large_transfer_is_capped_with_its_true_length(pair: Pair) -> None:
    """Of 8 MB the first bytes are kept, and the number of all."""
    data = bytes(range(256)) * 32768
    received: list[bytes] = []

    def read() -> None:
        while sum(map(len, received)) < len(data):
            received.append(pair.plain.recv(1 << 20))

    reader = threading.Thread(target=read)
    reader.start()
    pair.traced.sendall(data)
    reader.join(TIMEOUT)

    assert b"".join(received) == data
    assert pair.events() == [
        ("send", "sendall", "enter", data[:DATA_LIMIT], len(data)),
        ("send", "sendall", "return", None, None),
    ]


@pytest.mark.parametrize(
    ("receive", "by"),
    [
        (lambda sock: sock.recv(100, socket.MSG_PEEK), "recv"),
        (lambda sock: sock.recvfrom(100, socket.MSG_PEEK)[0], "recvfrom"),
        (lambda sock: sock.recvmsg(100, 0, socket.MSG_PEEK)[0], "recvmsg"),
        (lambda sock: sock.recv_into(bytearray(100), 0, socket.MSG_PEEK), "recv_into"),
        (lambda sock: sock.recv_into(bytearray(100), flags=socket.MSG_PEEK), "recv_into"),
    ],
)
def test_looking_is_not_taking(receive: Callable[[socket.socket], Any], by: str, pair: Pair) -> None:
    """A receive that only looks is marked so, because the same bytes are received again."""
    pair.plain.sendall(b"hello")
    receive(pair.traced)
    pair.traced.recv(100)
    looked, took = (event for event in assemble(pair.source.recorder) if event.phase == "return")

    assert (looked.hook, looked.data, looked.detail["peek"]) == (by, b"hello", True)
    assert (took.hook, took.data, "peek" in took.detail) == ("recv", b"hello", False)


def test_what_the_kernel_refuses_is_raised_and_recorded(pair: Pair) -> None:
    """A time-out, nothing there for a socket that must not wait, a closed peer: the same exceptions as ever."""
    pair.traced.settimeout(0.001)
    with pytest.raises(TimeoutError):
        pair.traced.recv(1)
    pair.traced.setblocking(False)
    with pytest.raises(BlockingIOError):
        pair.traced.recv(1)
    pair.plain.close()
    with pytest.raises(BrokenPipeError):
        pair.traced.sendall(b"x")
    with pytest.raises(TypeError):
        pair.traced.send("text")  # type: ignore[arg-type] # what a learner does
    with pytest.raises(TypeError):
        pair.traced.recv()  # type: ignore[call-arg] # as above
    errors = [event.detail["error"] for event in assemble(pair.source.recorder) if event.phase == "raise"]

    assert errors == ["TimeoutError", "BlockingIOError", "BrokenPipeError", "TypeError", "TypeError"]


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR])
def test_shutdown_is_recorded_when_it_tells_the_peer(how: int, pair: Pair) -> None:
    """The end of sending is an event, once; the end of receiving is nobody's news."""
    pair.traced.shutdown(how)
    told = [event[0] for event in pair.events()]

    assert told == ([] if how == socket.SHUT_RD else ["half_close"])


def test_close_is_recorded_once(pair: Pair) -> None:
    """Closing twice closes once, and the socket leaves the table."""
    pair.traced.close()
    pair.traced.close()

    assert [event[:3] for event in pair.events()] == [("close", "close", None)]
    assert sockets.attachments == {}


def test_close_is_recorded_when_it_happens(pair: Pair) -> None:
    """A socket with open files is closed by the last of them, and that is when the peer learns it."""
    file = pair.traced.makefile("rb")
    pair.traced.close()
    still_open = (pair.traced.fileno() != -1, pair.events())
    file.close()

    assert still_open == (True, [])
    assert [event[:3] for event in pair.events()] == [("close", "close", None)]
    assert sockets.attachments == {}


def test_a_detached_socket_is_traced_no_more(pair: Pair) -> None:
    """Who detaches gets the descriptor, and what happens on it then is not the server's."""
    descriptor = pair.traced.detach()
    with socket.socket(fileno=descriptor) as other:
        other.sendall(b"x")

    assert pair.plain.recv(10) == b"x"
    assert pair.events() == []
    assert sockets.attachments == {}


def test_a_duplicate_is_another_socket(pair: Pair) -> None:
    """What goes through a dup() arrives, and is not recorded."""
    with pair.traced.dup() as other:
        other.sendall(b"x")

    assert pair.plain.recv(10) == b"x"
    assert pair.events() == []


def test_a_forgotten_socket_leaves_the_table() -> None:
    """A socket that is dropped without being closed is not held by the tracer."""
    pair = Pair()
    pair.traced.close()
    pair.traced = socket.socket()
    sockets.attach(pair.traced, pair.source, 1)
    waiting = len(sockets.attachments)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del pair.traced
    left = dict(sockets.attachments)
    pair.plain.close()

    assert waiting == 1
    assert left == {}


def test_the_socket_stays_what_it_was() -> None:
    """Identity, descriptor, options, repr, instance checks and the name of the class are the same after attaching."""
    with socket.socket() as sock:
        sock.settimeout(3)
        before = (
            id(sock),
            sock.fileno(),
            repr(sock),
            sock.gettimeout(),
            type(sock).__qualname__,
            type(sock).__module__,
        )
        sockets.attach(sock, Recorder().source("Server"), 1)
        after = (id(sock), sock.fileno(), repr(sock), sock.gettimeout(), type(sock).__qualname__, type(sock).__module__)
        again = sockets.attached(sock)

        assert after == before
        assert isinstance(sock, socket.socket)
        assert again


def test_a_class_of_the_programs_own_is_traced_too() -> None:
    """A subclass with state and methods of its own keeps them, and its bytes are recorded once."""

    class Counting(socket.socket):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.count = 0

        def sendall(self, data: Any, *flags: int) -> None:
            self.count += len(data)
            super().sendall(data, *flags)

    pair = Pair()
    pair.traced = Counting(fileno=pair.traced.detach())
    sockets.attach(pair.traced, pair.source, 1)
    pair.traced.sendall(b"hello")
    received = pair.plain.recv(10)
    pair.close()

    assert received == b"hello"
    assert pair.traced.count == 5  # type: ignore[attr-defined] # of Counting
    assert [event[:3] for event in pair.events()][:2] == [("send", "sendall", "enter"), ("send", "sendall", "return")]


@pytest.mark.parametrize("candidate", [None, (b"data", object()), object(), 7])
def test_what_is_no_socket_is_left_alone(candidate: object) -> None:
    """Anything but a socket cannot be traced, and that is no error."""
    assert sockets.attach(candidate, Recorder().source("Server"), 1) is False
    assert not sockets.attached(candidate)


def test_an_operation_inside_an_operation_is_one() -> None:
    """What sendfile sends piece by piece, where the system cannot, is recorded as one transfer."""
    pair = Pair()

    class File:
        def __init__(self) -> None:
            self.pieces = [b"hel", b"lo", b""]

        def read(self, _size: int) -> bytes:
            return self.pieces.pop(0)

    count = pair.traced.sendfile(File())  # type: ignore[arg-type] # enough of a file for it
    received = pair.plain.recv(10)
    busy = local.here.busy
    pair.close()

    assert (count, received, busy) == (5, b"hello", False)
    assert [event[:3] for event in pair.events()][:2] == [("send", "sendfile", "enter"), ("send", "sendfile", "return")]


@pytest.mark.skipif(sys.platform == "win32", reason="needs Unix datagram pairs")
@pytest.mark.parametrize("kind", PAIRS)
@settings(deadline=None, max_examples=60)
@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=12),
    limit=st.integers(0, 4000),
    size=st.integers(1, 5000),
)
def test_the_bytes_recorded_are_the_bytes_moved(kind: int, pieces: list[bytes], limit: int, size: int) -> None:
    """However a conversation is cut, the sizes add up on both sides, and the beginning of each piece is kept."""
    pair = Pair(kind)
    pair.source.recorder.data_limit = limit
    received: list[bytes] = []
    try:
        for piece in pieces:
            pair.plain.send(piece)
            received.append(pair.traced.recv(size))
            pair.traced.send(piece)
            assert pair.plain.recv(10000) == piece
    finally:
        pair.close()
    events = pair.events()
    taken = [event for event in events if event[0] == "receive" and event[2] == "return"]
    given_ = [event for event in events if event[0] == "send" and event[2] == "enter"]

    assert [size for *_, size in taken] == [len(piece) for piece in received]
    assert [data for *_, data, _size in taken] == [piece[:limit] for piece in received]
    assert [(data, size) for *_, data, size in given_] == [(piece[:limit], len(piece)) for piece in pieces]
