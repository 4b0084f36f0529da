"""A service of one sentence, for comparing servers: each line comes back in capitals.

The protocol is lines of bytes, of at most 1,000 with their end. The letters a to z of a line come back as A to Z, and
every other byte as it was:

    hello, world            HELLO, WORLD

A line that is longer is answered with "ERROR a line has at most 1,000 bytes" and left out; the next one is served. Who
says nothing for 30 seconds is told so, and let go.

Here it is served by the standard library's own classes: by ThreadingTCPServer, or with --server plain by TCPServer, one
client after the other. The same handler is served by `server_pool`, `server_processes`, `server_privileges` and
`server_activation`, and what they show with --trace is the same conversation (`converse`): what differs is the class of
the server alone, and with --compare each stands beside the one here. `server_selector` speaks the same protocol, with a
handler that does not wait.

The law: a line is answered when its end has come, and what is cut off was not said. Of a line that is too long no more
is kept than it may have.
"""

from __future__ import annotations

from contextlib import suppress
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

LONGEST: Final = 1_000
"""How many bytes a line may have, with its end."""

IDLE: Final = 30.0
"""How many seconds may pass in which nothing comes."""

TOO_LONG: Final = b"ERROR a line has at most 1,000 bytes\n"
TOO_LATE: Final = b"ERROR nothing has come for too long; good-bye\n"


def shouted(line: bytes) -> bytes:
    """The answer to a line."""
    return line.upper()


class ShoutHandler(StreamRequestHandler):
    """One client, line after line."""

    timeout = IDLE  # for each read and each send

    def handle(self) -> None:
        """Answer until the client has gone, or reads or says nothing any more."""
        with suppress(ConnectionError, TimeoutError):
            while line := self.next_line():
                self.wfile.write(shouted(line))

    def next_line(self) -> bytes:
        """The next line that is not too long, and nothing when there will be none."""
        try:
            while len(line := self.rfile.readline(LONGEST + 1)) > LONGEST:
                self.wfile.write(TOO_LONG)
                while line and not line.endswith(b"\n"):
                    line = self.rfile.readline(LONGEST)
        except TimeoutError:
            self.wfile.write(TOO_LATE)
            return b""
        return line if line.endswith(b"\n") else b""


class ShoutServer(LettingGoMixIn, ThreadingTCPServer):
    """A thread for each client."""

    allow_reuse_address = True
    request_queue_size = 128


class PlainShoutServer(TCPServer):
    """One client after the other: the next one waits until this one has gone."""

    allow_reuse_address = True
    request_queue_size = 128


def stock(options: Options) -> ShoutServer:
    """The standard library's own way to serve many at once, for comparing."""
    return ShoutServer((options.host, options.port), ShoutHandler)


SERVERS: Final[dict[str, type[TCPServer]]] = {"threading": ShoutServer, "plain": PlainShoutServer}


def converse(served: Served) -> None:
    """Alice is answered; bob says something while she is still there, and reads the answer when she has gone."""
    with served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_line()
        bob = served.client("bob")
        bob.send(b"is it my turn?\n")
    with bob:
        bob.receive_line()


def _made(options: Options) -> TCPServer:
    return SERVERS[options.server]((options.host, options.port), ShoutHandler)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--server", choices=SERVERS, default="threading", help="which class (default: %(default)s)")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
