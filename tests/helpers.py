"""Servers, handlers and plain clients for the tests of the recording side."""

from __future__ import annotations

import io
import os
import socket
import socketserver
import threading
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT = 5.0
"""How many seconds a test waits for anything, before it fails."""

SERVER_NAMES = [name for name in socketserver.__all__ if name.endswith("Server") and not name.startswith("Base")]
"""Every kind of server that the running standard library has."""


class Echo(socketserver.StreamRequestHandler):
    """Sends back one line."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


class Shout(socketserver.StreamRequestHandler):
    """Sends back one line in capitals."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class DatagramShout(socketserver.DatagramRequestHandler):
    """Sends back one datagram in capitals."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class BaseShout(socketserver.BaseRequestHandler):
    """The same on the bare request, whatever kind it is."""

    def handle(self) -> None:
        if isinstance(self.request, tuple):
            data, sock = self.request
            sock.sendto(data.upper(), self.client_address)
        else:
            self.request.sendall(self.request.recv(1024).upper())


def is_datagram(server_class: type) -> bool:
    """Whether a kind of server takes datagrams."""
    return server_class.socket_type == socket.SOCK_DGRAM  # type: ignore[attr-defined, no-any-return] # a server class


def handlers_for(server_class: type) -> list[type[socketserver.BaseRequestHandler]]:
    """The sample handlers that fit a kind of server."""
    return [BaseShout, DatagramShout if is_datagram(server_class) else Shout]


def address_for(server_class: type, folder: Path) -> Any:
    """A free address on this machine for a kind of server."""
    if server_class.address_family == getattr(socket, "AF_UNIX", None):  # type: ignore[attr-defined] # a server class
        return os.path.relpath(folder / "server")  # such paths must be short
    return ("127.0.0.1", 0)


@contextmanager
def serving(server: Any) -> Iterator[Any]:
    """The server, serving in a thread; stopped, closed and joined in the end."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(TIMEOUT)
        server.server_close()


@contextmanager
def plain_client(server: Any) -> Iterator[socket.socket]:
    """An ordinary socket, connected to the server."""
    with socket.socket(server.address_family, server.socket_type) as client:
        client.settimeout(TIMEOUT)
        path = None
        if (server.address_family, server.socket_type) == (getattr(socket, "AF_UNIX", None), socket.SOCK_DGRAM):
            path = f"{server.server_address}.client"
            client.bind(path)
        client.connect(server.server_address)
        try:
            yield client
        finally:
            if path is not None:
                Path(path).unlink()


def ask(server: Any, data: bytes) -> bytes:
    """What the server replies, to its end for a stream and one datagram otherwise."""
    with plain_client(server) as client:
        client.sendall(data)
        if server.socket_type == socket.SOCK_DGRAM:
            return client.recv(65536)
        return b"".join(iter(lambda: client.recv(65536), b""))


def conversation(server_class: Callable[..., Any], handler: Any, *lines: bytes, address: Any = None) -> list[bytes]:
    """The replies to several clients, one after the other."""
    with serving(server_class(("127.0.0.1", 0) if address is None else address, handler)) as server:
        return [ask(server, line) for line in lines]


def one_request(server_class: Callable[..., Any], handler: Any, data: bytes = b"hello\n") -> tuple[bytes, Any, str]:
    """A TCP server handles one request in this thread: the reply, the closed server, what it printed or raised."""
    told = io.StringIO()
    with server_class(("127.0.0.1", 0), handler) as server, plain_client(server) as client:
        client.sendall(data)
        try:
            with redirect_stderr(told):
                server.handle_request()
        except Exception as error:  # noqa: BLE001 - what is raised is part of what is compared
            told.write(f"raised {error!r}")
        try:
            reply = b"".join(iter(lambda: client.recv(65536), b""))
        except ConnectionResetError:  # the server closed before it had read all
            reply = b"reset"
    return reply, server, told.getvalue()


def hooks_of(server: Any, *, connection: int | None = None) -> list[tuple[str, str]]:
    """The hooks of a traced server in the order in which they came, with their phases."""
    from socketserver_trace import trace_of

    events = trace_of(server).select(connection=connection).arrival()
    return [(event.hook or "", event.phase or "") for event in events if event.kind == "hook"]


def entered(server: Any, *, connection: int | None = None) -> list[str]:
    """The hooks of a traced server that were entered, in the order in which they came."""
    return [hook for hook, phase in hooks_of(server, connection=connection) if phase == "enter"]


def faults(server: Any) -> list[str]:
    """What the tracer failed at, of a traced server."""
    from socketserver_trace import trace_of

    return [str(event.detail["doing"]) for event in trace_of(server).arrival() if event.kind == "fault"]
