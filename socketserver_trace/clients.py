"""Clients that record their end of the arrow.

A client is a small object around one socket, for lessons and tests: it connects, sends, receives and closes, and
records each of these in a lane of its own, beside the server's. What waits has a deadline, after which it says in a
sentence what it waited for; a pause of the server is not counted (`deadlines`). A client may be used from any thread,
by one at a time.

Its receives are recorded whole: `receive_line` may need the kernel three times or once, and is one event, because how
the network cuts a stream into pieces is nobody's doing.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from time import perf_counter_ns

from socketserver_trace.assembly import assemble
from socketserver_trace.deadlines import Deadline, connect_in_line, finish_connecting
from socketserver_trace.events import CLOSE, CONNECT, ENTER, HALF_CLOSE, RAISE, RECEIVE, RETURN, SEND
from socketserver_trace.marks import is_unmarked, mark_of_client, marked
from socketserver_trace.onward import unfollowed
from socketserver_trace.recorder import Flow, Meaning, failure, local
from socketserver_trace.sentences import (
    ClientClosed,
    GivenUp,
    NobodyListens,
    NotBytes,
    StreamEnded,
    WaitedInVain,
)
from socketserver_trace.transfers import payload_of
from socketserver_trace.waits import sentence_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Any, Final

    from socketserver_trace.deadlines import Attendant
    from socketserver_trace.recorder import Source

TIMEOUT: Final = 5.0
"""How many seconds a client waits, unless told otherwise."""

CONNECTION: Final = "the server to take the connection"
"""What a client waits for that connects."""

PIECE: Final = 65536
"""How many bytes one receive asks the kernel for: more than any datagram has."""


class Client:
    """What the clients of streams and of datagrams have in common: a name, a socket, a deadline, a lane."""

    def __init__(
        self, source: Source, sock: socket.socket, *, name: str, timeout: float, attendant: Attendant | None = None
    ) -> None:
        self.name = name
        self.timeout = timeout
        self.socket = sock
        self._source = source
        self._flow = Flow(name)
        self._attendant = attendant
        self._closed = False
        self._gone = threading.Event()
        self._waits_in: int | None = None
        self._waits_since = 0
        if source.clients is not None:
            source.clients.add(self)

    def __repr__(self) -> str:
        return f"<client {self.name}, {'closed' if self._closed else 'open'}>"

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or is being closed."""
        return self._closed

    def close(self) -> None:
        """Close the socket. Closing twice is harmless. A wait in another thread ends at once, with a sentence."""
        self._close(wakes=True)

    def _close(self, *, wakes: bool) -> None:
        if self._closed:
            return
        self._closed = True
        with self._recorded(CLOSE, "close"):
            if wakes and self._waits_in not in {None, threading.get_ident()}:
                # Closing alone wakes nobody, and the connection lasts as long as somebody waits for it.
                with suppress(OSError):
                    self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
        self._end()

    def leave(self) -> None:
        """Close this process's copy of the socket, unrecorded: in a forked child, which is somebody else."""
        self.socket.close()

    def _end(self) -> None:
        self._gone.set()
        if self._attendant is not None:
            self._attendant.closed()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _recorded(self, kind: str, hook: str, payload: object = None) -> Iterator[list[object]]:
        """Record the enter with a payload, and the end with what the block puts into the list."""
        if self._closed and kind != CLOSE:
            raise ClientClosed(f"{self.name} is closed: make a new client to talk to the server again.")
        told: list[object] = [None]
        try:
            self._record(kind, ENTER, hook, payload)
            yield told
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and self._source.parking is not None:
                self._source.parking.release()  # whoever interrupts a wait wants everything to go on
            self._record(kind, RAISE, hook, failure(error))
            raise
        self._record(kind, RETURN, hook, told[0])

    def _record(self, kind: str, phase: str, hook: str, payload: object) -> None:
        meaning, now = Meaning(kind, phase, hook, owner="client"), perf_counter_ns()
        if phase == ENTER:
            self._waits_since = now
        self._source.record((now, self._flow, self._source, meaning, None, (local.here, payload)))

    def _moved(self, data: bytes, *more: object) -> tuple[object, ...]:
        if isinstance(data, str):
            raise NotBytes(f"a socket sends bytes, not text: write b{data!r}, or encode the text with .encode().")
        return (*payload_of(data, None, self._source.recorder.data_limit), *more)

    @contextmanager
    def _deadline(self, waiting_for: str) -> Iterator[Deadline]:
        """Turn the end of the time into a sentence, and that of the socket, when another thread has closed it."""
        deadline = Deadline(self.timeout, self._source.parking, self.name, waiting_for, self._attendant)
        before, self._waits_in = self._waits_in, threading.get_ident()
        try:
            yield deadline
        except TimeoutError as error:
            if error is deadline.called_off:
                raise
            raise WaitedInVain(
                f"{self.name} waited {self.timeout:g} s for {waiting_for}, in vain{self._why()}"
            ) from None
        except (OSError, ValueError) as error:
            if not self._closed or error is deadline.called_off:
                raise
            self._gone.wait(self.timeout)  # so that in the trace one call is inside the other
            raise GivenUp(f"{self.name} was closed while it waited for {waiting_for}.") from None
        finally:
            self._waits_in = before
            if self.socket.fileno() != -1:
                self.socket.settimeout(self.timeout)  # for whoever uses the socket itself

    def _why(self) -> str:
        """Who waits for whom, while this client still waits."""
        if self._source.ended:
            return f": {self._source.ended}."
        recording = assemble(self._source.recorder)
        mine = (event.lane for event in reversed(recording.events) if event.time_ns == self._waits_since)
        told = sentence_of(next(mine, ""), recording)
        return f": {told}" if told else "."

    def _receive_once(self, deadline: Deadline) -> bytes:
        received: bytes = deadline.wait(self.socket, lambda: self.socket.recv(PIECE))
        if not received and self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))  # it is our own end
        return received


class StreamClient(Client):
    """A client of a TCP or Unix stream server. It is connected when it is made."""

    def __init__(self, source: Source, sock: socket.socket, address: Any, **options: Any) -> None:
        super().__init__(source, sock, **options)
        self._buffer = bytearray()
        self._refused: OSError | None = None
        try:
            if is_unmarked(sock):
                self._connect_in_line(address)
            else:
                self._connect(address)
        except BaseException as error:
            self._give_up()
            if error is self._refused:
                number = self._refused.errno
                raise NobodyListens(number, f"{self.name} could not connect: nobody listens there.") from None
            raise

    @contextmanager
    def _listened_to(self) -> Iterator[None]:
        """Know the system's refusal from what others raise; a Unix socket without its file refuses as well."""
        try:
            yield
        except (ConnectionRefusedError, FileNotFoundError) as error:
            self._refused = error
            raise

    def _connect(self, address: Any) -> None:
        sock = self.socket

        def begin() -> None:
            with self._listened_to():
                sock.connect(address)

        def go_on() -> None:
            with self._listened_to():
                finish_connecting(sock)

        with self._recorded(CONNECT, "connect") as told:
            with self._deadline(CONNECTION) as deadline:
                deadline.wait(sock, begin, go_on)
            told[0] = sock.getsockname()

    def _connect_in_line(self, address: Any) -> None:
        """A client without an address may be known by its place in the queue: the order of the records is that order.

        The turn is held from the connect to its record, and not while there is no room in the queue.
        """
        sock, turn = self.socket, self._source.connecting
        mine = False

        def connect() -> None:
            with self._listened_to():
                connect_in_line(sock, address, turn)

        try:
            with self._recorded(CONNECT, "connect") as told:
                with self._deadline(CONNECTION) as deadline:
                    deadline.wait(sock, connect)
                    mine = True
                told[0] = marked(sock.getsockname(), mark_of_client(sock))
        finally:
            if mine:
                turn.release()

    def _give_up(self) -> None:
        self._closed = True
        self.socket.close()

    def __enter__(self) -> StreamClient:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def send(self, data: bytes) -> None:
        """Send all of the bytes. That they are sent does not mean that the server has read them."""
        with self._recorded(SEND, "sendall", self._moved(data)), self._deadline("room to send") as deadline:
            rest = memoryview(data).cast("B")
            while rest:
                rest = rest[deadline.wait(self.socket, functools.partial(self.socket.send, rest)) :]

    def receive(self) -> bytes:
        """The bytes that have come, or the next ones to come; no bytes at the end of the stream.

        A stream has no messages: these may be a part of what the server sent in one go, or several of its sends.
        """
        return self._received("bytes from the server", lambda deadline: self._buffer or self._receive_once(deadline))

    def receive_exactly(self, size: int) -> bytes:
        """The next `size` bytes; EOFError when the stream ends before. Nothing is asked of the stream for no bytes."""
        if size <= 0:
            return b""

        def enough(deadline: Deadline) -> bytes | bytearray:
            while len(self._buffer) < size:
                if not self._more(deadline):
                    raise StreamEnded(f"the stream ended after {len(self._buffer)} of {size} bytes")
            return self._buffer[:size]

        return self._received(f"{size} bytes from the server", enough)

    def receive_line(self) -> bytes:
        """The next line with its newline; what there is without one at the end of the stream."""

        def line(deadline: Deadline) -> bytes | bytearray:
            searched = 0
            while (end := self._buffer.find(b"\n", searched)) < 0:
                searched = len(self._buffer)
                if not self._more(deadline):
                    return self._buffer
            return self._buffer[: end + 1]

        return self._received("a line from the server", line)

    def receive_all(self) -> bytes:
        """Everything up to the end of the stream."""

        def everything(deadline: Deadline) -> bytes | bytearray:
            while self._more(deadline):
                pass
            return self._buffer

        return self._received("the end of the stream", everything)

    def half_close(self) -> None:
        """Say that no more bytes will come (shutdown with SHUT_WR). Bytes can still be received."""
        with self._recorded(HALF_CLOSE, "shutdown"), self._deadline("the connection to be half closed"):
            self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Break the connection off: the server sees a reset instead of the end of the stream (SO_LINGER of 0 s)."""
        if not self._closed:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close(wakes=False)

    def _received(self, waiting_for: str, take: Callable[[Deadline], bytes | bytearray]) -> bytes:
        with self._recorded(RECEIVE, "recv") as told:
            with self._deadline(waiting_for) as deadline:
                data = bytes(take(deadline))
            del self._buffer[: len(data)]
            told[0] = self._moved(data)
        return data

    def _more(self, deadline: Deadline) -> bool:
        data = self._receive_once(deadline)
        self._buffer += data
        return bool(data)


class DatagramClient(Client):
    """A client of a UDP or Unix datagram server. Each send is one datagram, each receive too."""

    def __init__(self, source: Source, sock: socket.socket, address: Any, **options: Any) -> None:
        super().__init__(source, sock, **options)
        self._folder: str | None = None
        try:
            if sock.family == getattr(socket, "AF_UNIX", None):
                # Without an address of its own a Unix datagram client could never be answered.
                self._folder = new_folder("client")
                sock.bind(os.path.join(self._folder, "socket"))  # noqa: PTH118 - pathlib would double the import time
            sock.connect(address)
        except OSError:
            self._remove()
            raise

    def __enter__(self) -> DatagramClient:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def send(self, data: bytes) -> None:
        """Send one datagram. It may be lost, and nobody says so."""
        payload = self._moved(data, None if self._closed else self.socket.getsockname())
        with self._recorded(SEND, "sendto", payload), self._deadline("room to send") as deadline:
            deadline.wait(self.socket, lambda: self.socket.send(data))

    def receive(self) -> bytes:
        """The next datagram, which may be empty."""
        with self._recorded(RECEIVE, "recvfrom") as told:
            with self._deadline("a datagram from the server") as deadline:
                data = self._receive_once(deadline)
            told[0] = self._moved(data)
        return data

    def _close(self, *, wakes: bool) -> None:
        super()._close(wakes=wakes)
        self._remove()

    def _remove(self) -> None:
        self.socket.close()
        if self._folder is not None:
            remove_folder(self._folder)
            self._folder = None


def client_of(
    server: Any, source: Source, *, name: str, timeout: float = TIMEOUT, attendant: Attendant | None = None
) -> Any:
    """A client of a running server, of the server's own family and type, connected."""
    with unfollowed():  # it records itself, also when a handler makes it
        sock = socket.socket(server.address_family, server.socket_type)
    kind = StreamClient if server.socket_type == socket.SOCK_STREAM else DatagramClient
    address = reachable(server.server_address)
    return kind(source, sock, address, name=name, timeout=timeout, attendant=attendant)


def reachable(address: Any) -> Any:
    """The address under which this machine reaches a server that listens on all its addresses."""
    if isinstance(address, tuple) and address[0] in {"0.0.0.0", "", "::"}:  # noqa: S104 - asked, not bound
        return ("::1" if ":" in address[0] else "127.0.0.1", *address[1:])
    return address


def new_folder(prefix: str) -> str:
    """A new folder for the path of a Unix socket. Such paths must be short."""
    import tempfile  # costs more than the rest of the package, and only Unix sockets need it

    return tempfile.mkdtemp(prefix=prefix)


def remove_folder(folder: str) -> None:
    """Remove the folder, and the socket in it."""
    import shutil  # as above

    shutil.rmtree(folder, ignore_errors=True)
