"""Traces for the tests of the viewing side, one for each thing that can be drawn.

Each is a real conversation with a real server, so a sample cannot show what cannot happen. They are made once and kept,
because a trace is a value.
"""

from __future__ import annotations

import functools
import socket
import socketserver
from collections.abc import Callable

from socketserver_trace import Served, Trace, serve

CALM = 30
"""How many seconds a sample may wait for a busy machine."""


class Shout(socketserver.StreamRequestHandler):
    """Answers each connection's first line in capitals."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class Echo(socketserver.BaseRequestHandler):
    """Sends back what comes until the client has no more."""

    def handle(self) -> None:
        while data := self.request.recv(1024):
            self.request.sendall(data)


class ShoutDatagram(socketserver.DatagramRequestHandler):
    """Answers each datagram in capitals."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.read().upper())


class Failing(socketserver.BaseRequestHandler):
    """Reads, and then fails with a message that wants to be markup."""

    def handle(self) -> None:
        self.request.recv(1024)
        raise ValueError('<script>alert("1")</script>')


class FailingSetup(socketserver.BaseRequestHandler):
    """Fails before it handles anything."""

    def setup(self) -> None:
        raise RuntimeError("not today")


class Choosy(socketserver.ThreadingTCPServer):
    """Serves the first connection and no other."""

    served = 0

    def verify_request(self, request: object, client_address: object) -> bool:
        self.served += 1
        return self.served == 1


def one_request(kind: type[socketserver.BaseServer] = socketserver.TCPServer) -> Trace:
    """One client, one line, one answer."""
    with serve(kind, Shout, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive()
    return served.trace


def threads() -> Trace:
    """Two clients of a threading server; the second is turned away."""
    with serve(Choosy, Echo, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        alice.receive()
        with served.client("bob") as bob:
            bob.receive_all()
        alice.half_close()
        alice.receive_all()
    return served.trace


def datagrams() -> Trace:
    """Two datagrams of one client."""
    with serve(socketserver.UDPServer, ShoutDatagram, timeout=CALM) as served, served.client("alice") as alice:
        for word in (b"one", b"two"):
            alice.send(word)
            alice.receive()
    return served.trace


def failures() -> Trace:
    """A handler that fails, and a constructor that does."""
    with serve(socketserver.TCPServer, Failing, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"x" * 5000)
        alice.receive_all()
        served.server.RequestHandlerClass = FailingSetup
        with served.client("bob") as bob:
            bob.receive_all()
    return served.trace


def inferred() -> Trace:
    """A client that does not record itself."""
    with serve(socketserver.TCPServer, Echo, timeout=CALM) as served:
        with socket.create_connection(served.server.server_address) as plain:
            plain.sendall(b"\x1b[31mred\x00\xff")
            plain.recv(100)
        served.wait_for("close_request", connection=1, timeout=CALM)
    return served.trace


def still_open() -> Trace:
    """A trace that is taken while a handler waits for its client."""
    with serve(socketserver.ThreadingTCPServer, Echo, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        alice.receive()
        assert served.settle(CALM)
        return served.trace


SAMPLES: dict[str, Callable[[], Trace]] = {
    "one_request": one_request,
    "threads": threads,
    "datagrams": datagrams,
    "failures": failures,
    "inferred": inferred,
    "still_open": still_open,
}


@functools.cache
def sample(name: str) -> Trace:
    """The sample of that name, made when it is first asked for."""
    return SAMPLES[name]()


__all__ = ["SAMPLES", "Choosy", "Echo", "Failing", "Served", "Shout", "ShoutDatagram", "one_request", "sample"]
