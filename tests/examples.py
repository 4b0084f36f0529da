"""What the tests of the course's servers share: a server that is served, clients without a tracer, and a shell."""

from __future__ import annotations

import itertools
import select
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from socketserver import BaseServer

PATIENCE = 30.0
"""How many seconds anything may take on a busy machine."""


@contextmanager
def served(server: BaseServer) -> Iterator[tuple[str, int]]:
    """A server that serves in a thread until the block ends. Gives its address."""
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address  # type: ignore[misc] # of TCP
        finally:
            server.shutdown()
            thread.join()


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Peer:
    """A client that speaks in lines, and fails instead of waiting for ever."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, PATIENCE)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Peer:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self

    def __exit__(self, *_error: object) -> None:
        self.file.close()
        self.socket.close()

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.socket.sendall("".join(f"{line}\n" for line in lines).encode())

    def line(self) -> str:
        """The next line, without its end."""
        return self.file.readline().decode().rstrip("\n")

    def until(self, end: str) -> list[str]:
        """The next lines, up to the one that is `end`."""
        lines = [self.line()]
        while lines[-1] != end:
            assert lines[-1], f"the stream ended before {end!r}: {lines}"
            lines.append(self.line())
        return lines

    def until_it_begins(self, beginning: str) -> str:
        """The next line that begins so."""
        while not (line := self.line()).startswith(beginning):
            assert line, f"the stream ended before a line that begins with {beginning!r}"
        return line

    def rest(self) -> bytes:
        """Everything up to the end, be it a reset."""
        try:
            return self.file.read()
        except ConnectionError:
            return b""


def at_once(count: int, act: Callable[[int], object]) -> None:
    """Do something in so many threads; fail when one of them fails."""
    failures: list[BaseException] = []

    def one(number: int) -> None:
        try:
            act(number)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, repr(failures[0])


def shell(name: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run an example as a person would."""
    command = [sys.executable, "-m", f"socketserver_trace.examples.{name}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **options)


def told(address: tuple[str, int], *pieces: bytes, ends: bool = True) -> bytes:
    """Everything that comes back for these bytes, up to the end of the connection."""
    with Peer(address) as peer:
        for piece in pieces:
            peer.socket.sendall(piece)
        if ends:
            peer.socket.shutdown(socket.SHUT_WR)
        return peer.rest()


def answer_to_a_drip(make: Callable[[Callable[[], float]], BaseServer], beginning: bytes) -> str:
    """The first line for whoever sends a byte each time the server looks at its clock; each look is a second."""
    looks = threading.Semaphore(0)
    seconds = itertools.count()

    def clock() -> float:
        looks.release()
        return float(next(seconds))

    with served(make(clock)) as address, Peer(address) as peer:
        peer.socket.sendall(beginning)
        while not select.select([peer.socket], [], [], 0)[0]:
            if looks.acquire(blocking=False):
                peer.socket.sendall(b"x")
        return peer.line()


def curl(*arguments: str, data: bytes = b"") -> str:
    """What curl prints."""
    command = ["curl", "--silent", "--show-error", "--max-time", str(PATIENCE), *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout.decode()
