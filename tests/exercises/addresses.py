"""What learners write in lesson 14."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import tempfile
from pathlib import Path
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import tracing

if TYPE_CHECKING:
    from collections.abc import Callable


class TCP6Server(TCPServer):
    """The class of the lesson."""

    address_family = socket.AF_INET6


def visit(kind: Any, address: Any, handler: Any, name: bytes) -> Any:
    """A client visits a server that serves nobody else."""
    with kind(address, handler) as server, socket.socket(server.address_family) as client:
        client.settimeout(5)
        client.connect(server.server_address)
        client.sendall(name)
        server.timeout = 5
        server.handle_request()
        return client.recv(100)


class Quiet:
    """What goes wrong is in the trace, and printed nowhere."""

    def handle_error(self, *_arguments: Any) -> None:
        pass


def where_from(host: Callable[[Any], Any]) -> Any:
    """The handler is visited by IPv4 and by IPv6."""

    class Whence(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(100)
            self.request.sendall(host(self))

    with tracing() as both:
        visit(type("IPv4", (Quiet, TCPServer), {}), ("127.0.0.1", 0), Whence, b"alice")
        visit(type("IPv6", (Quiet, TCP6Server), {}), ("::1", 0), Whence, b"bob")
    return both.trace


def _two(handler: Any) -> bytes:
    host, _port = handler.client_address
    return bytes(host, "ascii")


def _four(handler: Any) -> bytes:
    host, _port, _flow, _scope = handler.client_address
    return bytes(host, "ascii")


def _rest(handler: Any) -> bytes:
    host, *_rest = handler.client_address
    return bytes(host, "ascii")


class Greet(BaseRequestHandler):
    """The handler of the lesson."""

    def handle(self) -> None:
        self.request.sendall(b"hello, " + self.request.recv(100))


class Doors:
    """It removes the path that it has made."""

    server_address: Any
    mine = False

    def server_bind(self) -> None:
        super().server_bind()  # type: ignore[misc]
        self.mine = True

    def server_close(self) -> None:
        super().server_close()  # type: ignore[misc]
        if self.mine:
            self.mine = False
            os.unlink(self.server_address)  # noqa: PTH108 - as learners write it


class Constructed:
    """It knows from its constructor whether binding worked, which is called in time as well."""

    server_address: Any

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.bound = Path(self.server_address)

    def server_close(self) -> None:
        super().server_close()  # type: ignore[misc]
        if hasattr(self, "bound"):
            self.bound.unlink(missing_ok=True)


class Plain:
    """It removes nothing."""


class Careless(Doors):
    """It removes whatever is there when it is closed, also when it could not be bound."""

    mine = True


class Clearing(Doors):
    """It removes whatever is there before it binds."""

    def server_bind(self) -> None:
        Path(self.server_address).unlink(missing_ok=True)
        super().server_bind()


class ClearingSockets(Doors):
    """It removes a socket that is there before it binds, and no other file."""

    def server_bind(self) -> None:
        path = Path(self.server_address)
        if path.is_socket():
            path.unlink()
        super().server_bind()


class Twice(Doors):
    """It removes its path twice."""

    def server_close(self) -> None:
        mine = self.mine
        super().server_close()
        if mine:
            os.unlink(self.server_address)  # noqa: PTH108 - as learners write it


class Elsewhere(Doors):
    """It is bound to a path of its own choice, which nobody else has."""

    def server_bind(self) -> None:
        self.server_address = f"{self.server_address}-{id(self)}"
        super().server_bind()


class Unbound(Doors):
    """It forgets to bind."""

    def server_bind(self) -> None:
        pass


def doors(change: Any) -> Any:
    """Alice, bob, a rival, carol, and a letter."""
    kind = type("Doors", (change, Quiet, getattr(socketserver, "UnixStreamServer", TCPServer)), {})

    def rivals(path: str) -> None:
        with kind(path, Greet) as first, socket.socket(socket.AF_UNIX) as carol:
            with contextlib.suppress(OSError):
                visit(kind, path, Greet, b"nobody")
            carol.settimeout(5)
            carol.connect(first.server_address)
            carol.sendall(b"carol")
            first.handle_request()

    with tempfile.TemporaryDirectory() as folder, tracing() as seen:
        path, letter = f"{folder}/door", Path(folder, "letter")
        letter.write_bytes(b"dear dave")

        class ReadLetter(BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(100)
                self.request.sendall(letter.read_bytes() if letter.exists() else b"there is no letter")

        for name in (b"alice", b"bob"):
            with contextlib.suppress(OSError):
                visit(kind, path, Greet, name)
        with contextlib.suppress(OSError):
            rivals(path)
        with contextlib.suppress(OSError):
            visit(kind, str(letter), Greet, b"nobody")
        visit(TCPServer, ("127.0.0.1", 0), ReadLetter, b"dave")
    return seen.trace


def the_empty_host() -> str:
    """Where a server is bound that was given no host."""
    server = TCPServer(("", 0), Greet, bind_and_activate=False)
    server.server_bind()
    host = server.server_address[0]
    server.server_close()
    return "from every machine that has a way to this one" if host == "0.0.0.0" else str(host)


def a_second_time() -> str:
    """What comes of it when a Unix server is started again."""
    with tempfile.TemporaryDirectory() as folder:
        socketserver.UnixStreamServer(f"{folder}/door", Greet).server_close()
        try:
            socketserver.UnixStreamServer(f"{folder}/door", Greet).server_close()
        except OSError:
            return "EADDRINUSE"
    return "it works"


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("14-where-from", lambda: where_from(lambda h: h.client_address[0].encode())),
    ("14-where-from", lambda: where_from(_rest)),
    ("14-a-door-of-its-own", lambda: doors(Doors)),
    ("14-a-door-of-its-own", lambda: doors(Constructed)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("14-where-from", "two for all", lambda: where_from(_two), "only two names"),
    ("14-where-from", "four for all", lambda: where_from(_four), "fails for alice"),
    ("14-where-from", "text", lambda: where_from(lambda h: h.client_address[0]), "bytes and not text"),
    ("14-where-from", "it fails", lambda: where_from(lambda h: h.address), "raised an exception"),
    ("14-where-from", "the whole", lambda: where_from(lambda h: repr(h.client_address).encode()), "the whole address"),
    ("14-where-from", "another host", lambda: where_from(lambda _handler: b"127.0.0.1"), "bob must be told ::1"),
    ("14-where-from", "other words", lambda: where_from(lambda _handler: b"::1"), "alice must be told 127.0.0.1"),
    ("14-a-door-of-its-own", "never removed", lambda: doors(Plain), "bob came in vain"),
    ("14-a-door-of-its-own", "the letter is gone", lambda: doors(Careless), "the constructor calls server_close()"),
    ("14-a-door-of-its-own", "the letter is gone", lambda: doors(Clearing), "The letter was removed"),
    ("14-a-door-of-its-own", "a stolen door", lambda: doors(ClearingSockets), "carol came in vain"),
    ("14-a-door-of-its-own", "closing fails", lambda: doors(Twice), "Is there always a file to remove?"),
    ("14-a-door-of-its-own", "another path", lambda: doors(Elsewhere), "No server was refused its address"),
    ("14-a-door-of-its-own", "nobody", lambda: doors(Unbound), "Not even alice was greeted"),
]

ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("14-the-empty-host", the_empty_host),
    ("14-a-second-time", a_second_time),
]
