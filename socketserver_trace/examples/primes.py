"""A server with middleware: it knows the primes, and every answer passes a chain of mix-ins (`middleware`).

A question is a line of JSON of at most 1,000 bytes, and so is its answer. By UDP each is a datagram.

    {"ask": "primes below 20", "key": "..."}            {"answer": "2 3 5 7 11 13 17 19"}
    {"ask": "whoami", "key": "..."}                     {"answer": "alice"}
    {"ask": "the time", "key": "..."}                   {"error": "primes below N and whoami are understood"}
    {"ask": "whoami"}                                   {"error": "say who you are: a key that is known"}
    {"ask": "primes below 2000", "key": "...", "accept": "deflate"}
                                                        {"deflate": "..."}

Each user has a key; it is printed when the server starts, and not kept. What happens is written to the error stream.

The law: the chain is the same for both servers, and the handlers only carry bytes. By UDP nobody proves where he is:
whoever has a key can have a long answer sent to somebody else, so strangers get short answers only.
"""

from __future__ import annotations

import json
import logging
import math
import secrets
import threading
from socketserver import DatagramRequestHandler, StreamRequestHandler, ThreadingTCPServer, UDPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import RefusedError
from socketserver_trace.examples.middleware import (
    Answer,
    AuthenticationMixIn,
    CachingMixIn,
    Chain,
    CompressionMixIn,
    LoggingMixIn,
    MetricsMixIn,
    RateLimitMixIn,
    digest_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.examples.middleware import Question
    from socketserver_trace.serving import Served

LONGEST: Final = 1_000
"""How many bytes a question may have."""

DATAGRAM: Final = 65_507
"""How many bytes fit into a datagram of UDP over IPv4: what is left of 65,535 after both headers."""

HIGHEST: Final = 200_000
"""Up to where primes are looked for."""


class PrimesMixIn(Chain):
    """What the server is for: primes, and who you are. `worked` counts how often primes were looked for."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.worked = 0
        self._working = threading.Lock()
        super().__init__(*arguments, **options)

    def answer(self, question: Question) -> Answer:
        """The primes below a number, or the name of whoever asks."""
        if question.ask == "whoami":
            return Answer(question.user or "nobody knows", private=True)
        words = question.ask.split()
        number = words[2] if len(words) == 3 and words[:2] == ["primes", "below"] else ""  # noqa: PLR2004 - primes below N
        if not number.isascii() or not number.isdigit():
            raise RefusedError("primes below N and whoami are understood")
        if len(number) > len(str(HIGHEST)) or int(number) > HIGHEST:
            raise RefusedError(f"primes are looked for below {HIGHEST:,} and no further")
        with self._working:
            self.worked += 1
        return Answer(" ".join(map(str, primes_below(int(number)))))


def primes_below(number: int) -> list[int]:
    """The primes below a number, by the sieve of Eratosthenes."""
    sieve = bytearray(b"\1") * number
    for factor in range(2, math.isqrt(max(number - 1, 0)) + 1):
        if sieve[factor]:
            sieve[factor * factor :: factor] = bytes(len(range(factor * factor, number, factor)))
    return [candidate for candidate in range(2, number) if sieve[candidate]]


class QuestionHandler(StreamRequestHandler):
    """One client that asks, line after line."""

    server: Chain
    timeout = 60
    parting = 2.0
    """How many seconds a client has that is sent away while it still talks, to read why."""

    def handle(self) -> None:
        """Answer each line; end with the one that is too long, since nobody knows where the next one begins."""
        try:
            while (line := self.rfile.readline(LONGEST + 1)).endswith(b"\n"):
                self.wfile.write(self.server.reply(line, peer_of(self.client_address)))
            if len(line) > LONGEST:
                self.wfile.write(b'{"error": "a question has at most %d bytes; good-bye"}\n' % LONGEST)
                hear_out(self.connection, self.parting)
        except (ConnectionError, TimeoutError):
            pass  # it has gone without a word, or says none


class QuestionDatagramHandler(DatagramRequestHandler):
    """One question in a datagram."""

    server: Chain

    def handle(self) -> None:
        """Answer it, in one datagram."""
        line = self.rfile.read(LONGEST + 1)
        reply = self.server.reply(line if len(line) <= LONGEST else b"", peer_of(self.client_address))
        if len(reply) > DATAGRAM:
            reply = b'{"error": "the answer is too long for a datagram; accept deflate, or ask by TCP"}\n'
        self.wfile.write(reply)


def peer_of(address: object) -> str:
    """Who asks: the address without the port; all clients of a Unix socket are one."""
    return str(address[0]) if isinstance(address, tuple) else "here"


class PrimeServer(
    LoggingMixIn, MetricsMixIn, RateLimitMixIn, AuthenticationMixIn, CompressionMixIn, CachingMixIn, PrimesMixIn,
    LettingGoMixIn, ThreadingTCPServer,
):  # fmt: skip
    """The whole chain, by TCP."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], users: Mapping[bytes, str]) -> None:
        self.users = users
        super().__init__(address, QuestionHandler)


class PrimeDatagramServer(
    LoggingMixIn, MetricsMixIn, RateLimitMixIn, AuthenticationMixIn, CompressionMixIn, CachingMixIn, PrimesMixIn,
    UDPServer,
):  # fmt: skip
    """The same chain, by UDP."""

    max_packet_size = LONGEST + 1

    def __init__(self, address: tuple[str, int], users: Mapping[bytes, str]) -> None:
        self.users = users
        super().__init__(address, QuestionDatagramHandler)


DEMONSTRATION: Final = "a key for the trace, and for nothing else"


def converse(served: Served) -> None:
    """Alice asks twice, the second time from memory; somebody without a key is refused."""
    with served.client("alice") as alice, served.client("mallory") as mallory:
        for client, key in ((alice, DEMONSTRATION), (alice, DEMONSTRATION), (mallory, "a guess")):
            client.send(json.dumps({"ask": "primes below 20", "key": key}).encode() + b"\n")
            client.receive_line()


def _made(options: Options) -> PrimeServer | PrimeDatagramServer:
    address = (options.host, options.port)
    if options.trace:
        return PrimeServer(address, {digest_of(DEMONSTRATION): "alice"})
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    keys = {name: secrets.token_urlsafe(24) for name in options.user}
    made = (PrimeDatagramServer if options.udp else PrimeServer)(
        address, {digest_of(key): name for name, key in keys.items()}
    )
    for name, key in keys.items():
        print(f"The key of {name} is {key}")
    return made


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--udp", action="store_true", help="a datagram for each question, instead of TCP")
COMMAND.parser.add_argument("user", nargs="*", default=["alice"], help="who may ask (default: alice)")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
