"""A proxy: carries bytes between a client and somebody else, in both directions at once.

Started with --to it connects whoever comes to one address, and understands nothing of what is said. Started without, it
is an HTTP proxy for the method CONNECT (RFC 9110, 9.3.6). Then a client says itself where it wants to be connected to,

    CONNECT 127.0.0.1:8000 HTTP/1.1            HTTP/1.1 200 Connection established

with an empty line after each (and headers before it, which nobody looks at). From there on the proxy carries bytes and
understands nothing of them, so it also carries what is encrypted. Other answers: 400 for what is no request, 403 for a
target that is not allowed, 405 for other methods, 408 for a request that takes too long, 431 for one that is too large,
502 for a target that cannot be reached, 504 for one that does not answer.

The law: each direction has a thread of its own. If one thread carried both, it could wait for room at one end while
that end waits for room at the proxy, for ever. The end of one direction is passed on as what it is (shutdown(2) with
SHUT_WR), and the other direction goes on. Unless somebody says otherwise a target is on this machine, and the address
that was looked at is the one that is connected to: asking for it twice could give two answers.
"""

from __future__ import annotations

import argparse
import ipaddress
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

    Address = tuple[str, int]

CHUNK: Final = 64 * 1024
"""How many bytes are carried at a time, at most."""

LONGEST: Final = 8 * 1024
"""How many bytes a request may have, with its headers."""

CONNECTING: Final = 10.0
"""How many seconds a target has to accept."""


class RefusedError(Exception):
    """A status of HTTP and a sentence for a client that cannot have what it wants."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def reached(target: Address, *, anywhere: bool) -> socket.socket:
    """A connection to a target. RefusedError when it is not allowed, cannot be reached, or does not answer."""
    try:
        found = socket.getaddrinfo(*target, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise RefusedError(HTTPStatus.BAD_GATEWAY, f"nobody knows where {target[0]} is") from None
    allowed = [(str(host), int(port)) for *_, (host, port, *_) in found if anywhere or is_loopback(str(host))]
    refused = RefusedError(HTTPStatus.FORBIDDEN, "only targets on this machine are allowed")
    for address in allowed:
        try:
            return socket.create_connection(address, CONNECTING)
        except TimeoutError:
            refused = RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "the target does not answer")
        except OSError as error:
            refused = RefusedError(HTTPStatus.BAD_GATEWAY, f"the target cannot be reached: {error.strerror}")
    raise refused


def is_loopback(address: str) -> bool:
    """Whether an address of IP is this machine's own: 127.0.0.0/8, ::1, also as ::ffff:127.0.0.1."""
    one = ipaddress.ip_address(address.partition("%")[0])
    return bool((getattr(one, "ipv4_mapped", None) or one).is_loopback)


def carry(read: Callable[[int], bytes], source: socket.socket, sink: socket.socket) -> None:
    """Carry bytes in one direction until they end, and pass their end on. What breaks ends both directions."""
    try:
        while data := read(CHUNK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):
            with suppress(OSError):  # it has ended already
                end.shutdown(socket.SHUT_RDWR)


class ForwardingHandler(StreamRequestHandler):
    """One client, and its connection to the target."""

    server: ForwardingServer

    def handle(self) -> None:
        """Connect, and carry."""
        with suppress(RefusedError):  # there is no way to say why: the client sees the end of the stream
            self.carry_both_ways(self.server.target)

    def carry_both_ways(self, target: Address, greeting: bytes = b"") -> None:
        """Connect to a target, greet the client, and carry bytes until both directions have ended."""
        with reached(target, anywhere=self.server.anywhere) as other, self.server.letting_go_of(other):
            for end in (self.connection, other):
                end.settimeout(None)  # how long somebody is silent is now between those two
            if greeting:
                self.wfile.write(greeting)
            back = threading.Thread(target=carry, args=(other.recv, other, self.connection))
            back.start()
            carry(self.rfile.read1, self.connection, other)  # rfile may have read more than the request already
            back.join()


class ConnectHandler(ForwardingHandler):
    """One client that says itself where it wants to be connected to."""

    timeout = 30
    parting = 2.0
    """How many seconds a client has to read why it cannot have what it wants."""

    def handle(self) -> None:
        """Understand one request, and carry; or answer with an error."""
        try:
            target = self.target()
            if target is not None:
                self.carry_both_ways(target, b"HTTP/1.1 200 Connection established\r\n\r\n")
        except RefusedError as refused:
            self.answer(refused.status, f"{refused}\n".encode())
        except TimeoutError:
            self.answer(HTTPStatus.REQUEST_TIMEOUT, b"the request took too long\n")
        except ConnectionError:
            pass  # the client has gone without a word

    def target(self) -> Address | None:
        """Where the client wants to be connected to; None when it has gone before it had said so."""
        lines: list[bytes] = []
        left = LONGEST
        while not lines or lines[-1] not in {b"\r\n", b"\n"}:
            lines.append(self.rfile.readline(left + 1))
            left -= len(lines[-1])
            if left < 0:
                raise RefusedError(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"a request has at most {LONGEST:,} bytes"
                )
            if not lines[-1].endswith(b"\n"):
                return None
        return target_of(lines[0].decode("ascii", "replace").split())

    def answer(self, status: HTTPStatus, body: bytes) -> None:
        """Say why not."""
        allow = "Allow: CONNECT\r\n" if status is HTTPStatus.METHOD_NOT_ALLOWED else ""
        head = f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        with suppress(OSError):  # it does not want to know
            self.wfile.write(f"{head}{allow}Connection: close\r\n\r\n".encode() + body)
        hear_out(self.connection, self.parting)  # it may still talk, and shall read the answer


def target_of(words: list[str]) -> Address:
    """The host and port in the words of a request's first line; RefusedError when they are no request for CONNECT."""
    if len(words) != len(("CONNECT", "host:port", "HTTP/1.1")) or not words[2].startswith("HTTP/1."):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "CONNECT host:port HTTP/1.1 is understood")
    if words[0] != "CONNECT":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "this proxy knows the method CONNECT alone")
    try:
        return address_of(words[1])
    except ValueError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the target is {error}") from None


def address_of(text: str) -> Address:
    """HOST:PORT, or [HOST]:PORT for an address of IPv6. ValueError for everything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 1 << 16:
        raise ValueError("a host and a port: example.org:443")
    return host.removeprefix("[").removesuffix("]"), int(port)


class ForwardingServer(LettingGoMixIn, ThreadingTCPServer):
    """Connects whoever comes to one target."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: Address,
        target: Address,
        handler: type[ForwardingHandler] = ForwardingHandler,
        *,
        anywhere: bool = False,
    ) -> None:
        self.target = target
        self.anywhere = anywhere
        super().__init__(address, handler)


class ConnectServer(ForwardingServer):
    """Connects each client to where it wants to be connected to."""

    def __init__(self, address: Address, *, anywhere: bool = False) -> None:
        super().__init__(address, ("", 0), ConnectHandler, anywhere=anywhere)


class EchoHandler(StreamRequestHandler):
    """Sends back what it receives, when all of it has come: so it is seen that the end of the stream is passed on."""

    def handle(self) -> None:
        """Wait for the end, and answer."""
        self.wfile.write(self.rfile.read())


class Proxy(ForwardingServer):
    """A proxy together with its target, an echo, so that one trace has both of its connections."""

    def __init__(self, address: Address) -> None:
        self._echo = TCPServer((address[0], 0), EchoHandler)
        self._echoing = threading.Thread(target=self._echo.serve_forever, args=(0.05,), name="echo")
        self._echoing.start()
        super().__init__(address, (address[0], self._echo.server_address[1]))

    def server_close(self) -> None:
        """The target ends when nobody is connected to it any more."""
        super().server_close()
        self._echo.shutdown()
        self._echo.server_close()
        self._echoing.join()


def converse(served: Served) -> None:
    """Alice speaks to somebody whom she does not see."""
    with served.client("alice") as alice:
        alice.send(b"is anybody there?\n")
        alice.half_close()
        alice.receive_all()


def _target(text: str) -> Address:
    try:
        return address_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not {error}") from None


def _made(options: Options) -> ForwardingServer:
    address = (options.host, options.port)
    if options.trace:
        return Proxy(address)
    if options.to is None:
        return ConnectServer(address, anywhere=options.anywhere)
    return ForwardingServer(address, options.to, anywhere=options.anywhere)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--to", type=_target, metavar="HOST:PORT", help="connect everybody to this address")
COMMAND.parser.add_argument("--anywhere", action="store_true", help="also to other machines: know what you allow")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
