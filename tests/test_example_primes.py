"""The server with middleware: what each mix-in does, why their order matters, and what a stranger cannot do."""

from __future__ import annotations

import base64
import json
import logging
import socket
import socketserver
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import middleware, primes
from tests.examples import PATIENCE, Clock, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = ("127.0.0.1", 0)
USERS = {middleware.digest_of("a-key"): "alice", middleware.digest_of("b-key"): "bob"}
BELOW_20 = "2 3 5 7 11 13 17 19"


@pytest.fixture
def server() -> primes.PrimeServer:
    """The whole chain, with a clock that stands still."""
    made = primes.PrimeServer(ANY, USERS)
    made.clock = Clock()  # type: ignore[method-assign] # a clock is there to be set
    return made


@pytest.fixture
def address(server: primes.PrimeServer) -> Iterator[tuple[str, int]]:
    """Where it listens."""
    with served(server) as address:
        yield address


def asked(peer: Peer, ask: object, key: object = "a-key", **more: object) -> dict[str, str]:
    """What is answered to a question."""
    peer.say(json.dumps({"ask": ask, "key": key, **more}))
    answer: dict[str, str] = json.loads(peer.line())
    return answer


def test_it_knows_the_primes_and_who_asks(address: tuple[str, int]) -> None:
    """The same question, asked by two, has the answers of two."""
    with Peer(address) as peer:
        assert asked(peer, "primes below 20") == {"answer": BELOW_20}
        assert asked(peer, "whoami") == {"answer": "alice"}
        assert asked(peer, "whoami", "b-key") == {"answer": "bob"}


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 9, 10, 25, 26, 1000])
def test_its_primes_are_those_that_nothing_divides(number: int) -> None:
    """Compared with looking for divisors, one after the other."""
    expected = [one for one in range(2, number) if all(one % other for other in range(2, one))]
    assert primes.primes_below(number) == expected


@pytest.mark.parametrize(
    ("ask", "key", "error"),
    [
        ("primes below 20", "a guess", "say who you are: a key that is known"),
        ("primes below 20", "", "say who you are: a key that is known"),
        ("primes below 20", "\ud800", "say who you are: a key that is known"),
        ("the time", "a-key", "primes below N and whoami are understood"),
        ("primes below -1", "a-key", "primes below N and whoami are understood"),
        ("primes below ²", "a-key", "primes below N and whoami are understood"),
        ("primes below 200001", "a-key", "primes are looked for below 200,000 and no further"),
        ("primes below " + "9" * 500, "a-key", "primes are looked for below 200,000 and no further"),
        (7, "a-key", 'a question looks like {"ask": "primes below 20", "key": "..."}'),
        ("whoami", ["a-key"], 'a question looks like {"ask": "primes below 20", "key": "..."}'),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    address: tuple[str, int], ask: object, key: object, error: str
) -> None:
    """And the next question is answered."""
    with Peer(address) as peer:
        assert asked(peer, ask, key) == {"error": error}
        assert asked(peer, "primes below 20") == {"answer": BELOW_20}


@pytest.mark.parametrize("line", ["", "hello", "[" * 900, "[]", "7", "{}{}", '{"ask": ' + "9" * 900 + "}"])
def test_what_is_no_question_is_refused(address: tuple[str, int], line: str) -> None:
    """Also brackets without an end, and numbers without one."""
    with Peer(address) as peer:
        peer.say(line)
        assert json.loads(peer.line())["error"].startswith("a question")
        assert asked(peer, "primes below 20") == {"answer": BELOW_20}


def test_a_question_that_is_too_long_ends_the_connection(address: tuple[str, int]) -> None:
    """It is not kept in memory until its end."""
    with Peer(address) as peer:
        peer.socket.sendall(b"x" * (primes.LONGEST + 1))
        assert json.loads(peer.rest()) == {"error": "a question has at most 1000 bytes; good-bye"}


def test_the_same_work_is_done_once_for_a_while(server: primes.PrimeServer, address: tuple[str, int]) -> None:
    """For whoever asks; and never for what is somebody's own."""
    with Peer(address) as peer:
        for key in ("a-key", "b-key", "a-key"):
            assert asked(peer, "primes below 20", key) == {"answer": BELOW_20}
        assert server.worked == 1
        server.clock.now += 61  # type: ignore[attr-defined] # a Clock
        assert asked(peer, "primes below 20") == {"answer": BELOW_20}
        assert server.worked == 2


def test_what_was_asked_longest_ago_is_forgotten_first(server: primes.PrimeServer, address: tuple[str, int]) -> None:
    """The cache has an end."""
    server.remembered = 2
    with Peer(address) as peer:
        for number in (10, 11, 10, 12):
            asked(peer, f"primes below {number}")
        assert server.worked == 3
        asked(peer, "primes below 10")
        assert server.worked == 3
        asked(peer, "primes below 11")
        assert server.worked == 4


def test_long_answers_are_compressed_for_those_who_can_read_it(address: tuple[str, int]) -> None:
    """The one who cannot gets the same answer as it is, though it was remembered."""
    with Peer(address) as peer:
        packed = asked(peer, "primes below 2000", accept="deflate")["deflate"]
        plain = asked(peer, "primes below 2000")["answer"]
        assert zlib.decompress(base64.b64decode(packed)).decode() == plain
        assert len(packed) < len(plain)
        assert asked(peer, "primes below 20", accept="deflate") == {"answer": BELOW_20}


def test_who_asks_too_much_waits(server: primes.PrimeServer, address: tuple[str, int]) -> None:
    """It is told how long; guesses of a key count as well."""
    with Peer(address) as peer:
        for _ in range(int(server.capacity) - 1):
            assert "answer" in asked(peer, "whoami")
        assert asked(peer, "whoami", "a guess") == {"error": "say who you are: a key that is known"}
        assert asked(peer, "whoami") == {"error": "you ask too much; try again in 0.1 s"}
        server.clock.now += 0.11  # type: ignore[attr-defined] # a Clock
        assert asked(peer, "whoami") == {"answer": "alice"}
        assert "error" in asked(peer, "whoami")


@given(
    some.floats(1, 50), some.floats(0.1, 50), some.lists(some.floats(0, 10, allow_subnormal=False), max_size=60)
)  # fmt: skip
def test_a_bucket_never_gives_more_than_it_has(capacity: float, rate: float, pauses: list[float]) -> None:
    """In any stretch of time at most the capacity, and what has dropped in meanwhile."""
    bucket, now, taken = middleware.TokenBucket(capacity, rate, 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        waits = bucket.take(now)
        taken += not waits
        assert waits <= 1 / rate + 1e-9
        assert taken <= capacity + rate * now + 1e-6
    if pauses:
        assert not bucket.take(now + 1 / rate + 1e-9) or capacity < 1


def test_the_table_of_buckets_has_an_end(server: primes.PrimeServer) -> None:
    """However many addresses somebody has."""
    server.buckets = middleware.TokenBuckets(2, 1, most=3)
    with server:
        for number in range(10):
            server.reply(b'{"ask": "whoami"}', f"192.0.2.{number}")
            assert len(server.buckets) <= 3
        assert len(server.buckets) == 3


def test_everything_is_written_down_but_the_keys(address: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    """What was asked stands in quotes, so that nobody can write a line of his own."""
    caplog.set_level(logging.INFO, "socketserver_trace.examples.middleware")
    with Peer(address) as peer:
        asked(peer, "primes below 20")
        asked(peer, "primes\nroot asked for everything", "my secret")
    assert caplog.messages == [
        "127.0.0.1 asked 'primes below 20': answer, 19 characters",
        "127.0.0.1 asked 'primes\\nroot asked for everything': refused, say who you are: a key that is known",
    ]


def test_what_happens_is_counted(server: primes.PrimeServer, address: tuple[str, int]) -> None:
    """By its outcome."""
    with Peer(address) as peer:
        asked(peer, "primes below 2000", accept="deflate")
        asked(peer, "whoami")
        asked(peer, "whoami", "a guess")
    assert server.metrics() == {"deflate": 1, "answer": 1, "refused": 1, "seconds": 0.0, "slowest": 0.0}


class Careless(
    middleware.CachingMixIn, middleware.AuthenticationMixIn, primes.PrimesMixIn, socketserver.ThreadingTCPServer
):
    """The cache stands before the authentication."""

    users = USERS


class Hasty(middleware.CachingMixIn, middleware.CompressionMixIn, primes.PrimesMixIn, socketserver.ThreadingTCPServer):
    """The cache stands before the compression."""


class Blind(middleware.RateLimitMixIn, middleware.MetricsMixIn, primes.PrimesMixIn, socketserver.ThreadingTCPServer):
    """The metrics stand behind the rate limit."""

    capacity = 2.0
    rate = 0.001


def test_a_cache_before_the_authentication_answers_strangers() -> None:
    """As soon as somebody who may has asked."""
    with served(Careless(ANY, primes.QuestionHandler)) as address, Peer(address) as peer:
        assert "error" in asked(peer, "primes below 20", "a guess")
        assert asked(peer, "primes below 20", "a-key") == {"answer": BELOW_20}
        assert asked(peer, "primes below 20", "a guess") == {"answer": BELOW_20}


def test_a_cache_before_the_compression_gives_one_what_another_can_read() -> None:
    """Who did not ask for it gets a compressed answer."""
    with served(Hasty(ANY, primes.QuestionHandler)) as address, Peer(address) as peer:
        assert "deflate" in asked(peer, "primes below 2000", accept="deflate")
        assert "deflate" in asked(peer, "primes below 2000")


def test_who_stands_behind_the_rate_limit_does_not_see_whom_it_refuses() -> None:
    """So the metrics say that all is well."""
    server = Blind(ANY, primes.QuestionHandler)
    with served(server) as address, Peer(address) as peer:
        outcomes = Counter(next(iter(asked(peer, "whoami"))) for _ in range(5))
    assert outcomes == {"answer": 2, "error": 3}
    assert server.metrics()["answer"] == 2
    assert "refused" not in server.metrics()


def datagram(address: tuple[str, int], data: bytes) -> dict[str, str]:
    """What is answered to a datagram."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(PATIENCE)
        sock.sendto(data, address)
        answer: dict[str, str] = json.loads(sock.recv(1 << 16))
        return answer


def test_the_same_chain_answers_datagrams() -> None:
    """One for each; what does not fit into one is said."""
    most = {"ask": "primes below 200000", "key": "a-key"}
    with served(primes.PrimeDatagramServer(ANY, USERS)) as address:
        assert datagram(address, b'{"ask": "whoami", "key": "b-key"}') == {"answer": "bob"}
        assert datagram(address, b"x" * 2000) == {"error": "a question is an object of JSON in one line"}
        assert datagram(address, json.dumps(most).encode()) == {
            "error": "the answer is too long for a datagram; accept deflate, or ask by TCP"
        }
        assert "deflate" in datagram(address, json.dumps({**most, "accept": "deflate"}).encode())


@pytest.mark.skipif(not hasattr(socketserver, "ForkingMixIn"), reason="needs fork")
def test_in_a_server_that_forks_each_child_forgets() -> None:
    """The chain works; what it has counted and remembered is gone with the child."""

    class Forking(middleware.CachingMixIn, primes.PrimesMixIn, socketserver.ForkingTCPServer):
        """A child for each client."""

    server = Forking(ANY, primes.QuestionHandler)
    with served(server) as address:
        for _ in range(2):
            with Peer(address) as peer:
                assert asked(peer, "primes below 20") == {"answer": BELOW_20}
                assert asked(peer, "primes below 20") == {"answer": BELOW_20}
                peer.socket.shutdown(socket.SHUT_WR)  # closing is not enough: the child has a copy of this very socket
                assert peer.rest() == b""
    assert server.worked == 0


def test_two_hundred_at_once() -> None:
    """Nobody is refused who does not ask too much, and all is counted."""

    class Generous(primes.PrimeServer):
        capacity = 10_000.0

    server = Generous(ANY, USERS)
    with served(server) as address:

        def act(number: int) -> None:
            with Peer(address) as peer:
                for turn in range(5):
                    assert asked(peer, "whoami", "b-key" if number % 2 else "a-key") == {
                        "answer": "bob" if number % 2 else "alice"
                    }
                    assert asked(peer, f"primes below {20 + turn}")["answer"].startswith(BELOW_20)

        at_once(200, act)
    assert server.metrics()["answer"] == 2000
    assert 5 <= server.worked <= 1000


@settings(max_examples=40, deadline=None)
@given(
    some.lists(some.binary(max_size=1200) | some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(),
        lambda inner: some.lists(inner) | some.dictionaries(some.sampled_from(["ask", "key", "accept", "x"]), inner),
    ).map(lambda value: json.dumps(value).encode() + b"\n"))
)  # fmt: skip
def test_whatever_is_sent_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak, by TCP and by UDP."""
    for kind in (primes.PrimeServer, primes.PrimeDatagramServer):
        with serve(lambda kind=kind: kind(ANY, USERS)) as traced:  # type: ignore[misc] # bound now
            address: Any = traced.server.server_address
            if kind is primes.PrimeServer:
                with Peer(address) as rude:
                    try:
                        rude.socket.sendall(b"".join(pieces))
                        rude.socket.shutdown(socket.SHUT_WR)
                    except ConnectionError:
                        pass  # it was sent away before it had said everything
                    rude.rest()
                traced.server.buckets = middleware.TokenBuckets(1, 1)
                with Peer(address) as peer:
                    assert asked(peer, "whoami") == {"answer": "alice"}
            else:
                for piece in pieces[:5]:
                    assert datagram(address, piece)
                assert datagram(address, b'{"ask": "whoami", "key": "a-key"}') == {"answer": "alice"}
        assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation."""
    assert "primes below 20" in shell("primes", "--help").stdout
    shown = shell("primes", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "(34 bytes) → alice" in shown.stdout
