"""What learners write in lesson 17."""

from __future__ import annotations

import contextlib
import json
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from socketserver_trace.examples.lines import RefusedError
from socketserver_trace.examples.middleware import (
    AuthenticationMixIn,
    CachingMixIn,
    Chain,
    CompressionMixIn,
    digest_of,
)
from socketserver_trace.examples.primes import PrimesMixIn, QuestionHandler
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


USERS = {digest_of("a-key"): "alice", digest_of("b-key"): "bob"}


def asked(kind: type[Any], *clients: tuple[str, ...], **members: Any) -> Any:
    """A server that knows the primes, and clients of which each asks questions, one after the other."""
    made = type("Made", (kind, PrimesMixIn, ThreadingTCPServer), {"users": USERS, **members})
    with serve(made, QuestionHandler, timeout=CALM) as served:
        for questions in clients:
            with served.client() as client, contextlib.suppress(ConnectionError):
                for question in questions:
                    client.send(question.encode() + b"\n")
                    client.receive_line()
    return served


PACKED = '{"ask": "primes below 2000", "key": "a-key", "accept": "deflate"}'
PLAIN = '{"ask": "primes below 2000", "key": "b-key"}'
GUESS = '{"ask": "primes below 2000", "key": "a guess"}'


def in_order(*bases: type[Any]) -> Any:
    """The three clients of the exercise at a server with these duties."""
    return asked(type("Duties", bases, {}), (PACKED,), (PLAIN,), (GUESS,))


class Counting(Chain):
    """What most people write: answers that are counted, for each user."""

    most = 3
    sentence = "that was your third"

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.count: dict[str, int] = {}
        super().__init__(*arguments, **options)

    def answer(self, question: Any) -> Any:
        self.count[question.user] = self.count.get(question.user, 0) + 1
        if self.count[question.user] > self.most:
            raise RefusedError(self.sentence)
        return super().answer(question)


def three_each(*bases: type[Any], **members: Any) -> Any:
    """Alice and bob ask four times each."""
    questions = [(f'{{"ask": "whoami", "key": "{key}"}}',) * 4 for key in ("a-key", "b-key")]
    return asked(type("Duties", bases, members), *questions)


class Generous(Chain):
    """Forgets to return."""

    def answer(self, question: Any) -> Any:
        super().answer(question)


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("17-put-it-right", lambda: in_order(AuthenticationMixIn, CompressionMixIn, CachingMixIn)),
    ("17-three-each", lambda: three_each(AuthenticationMixIn, Counting)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "17-put-it-right",
        "strangers are answered",
        lambda: in_order(CachingMixIn, AuthenticationMixIn, CompressionMixIn),
        "stands before the authentication",
    ),
    (
        "17-put-it-right",
        "bob cannot read it",
        lambda: in_order(AuthenticationMixIn, CachingMixIn, CompressionMixIn),
        "what was made for alice",
    ),
    (
        "17-put-it-right",
        "nothing is compressed",
        lambda: in_order(AuthenticationMixIn, CachingMixIn),
        "is CompressionMixIn still among the bases",
    ),
    ("17-three-each", "all together", lambda: three_each(Counting, AuthenticationMixIn), "behind the authentication"),
    (
        "17-three-each",
        "other words",
        lambda: three_each(AuthenticationMixIn, Counting, sentence="no more"),
        "in other words",
    ),
    ("17-three-each", "no limit", lambda: three_each(AuthenticationMixIn), "got a fourth answer"),
    ("17-three-each", "off by one", lambda: three_each(AuthenticationMixIn, Counting, most=2), "third one is still"),
    ("17-three-each", "it fails", lambda: three_each(AuthenticationMixIn, Generous), "must be returned"),
]


def the_second_time() -> str:
    """What mallory gets from a server that remembers before it asks who somebody is."""
    made = type("Made", (CachingMixIn, AuthenticationMixIn, PrimesMixIn, ThreadingTCPServer), {"users": USERS})
    with serve(made, QuestionHandler, timeout=CALM) as served, served.client() as client:
        for question in (GUESS, PLAIN, GUESS):
            client.send(question.encode() + b"\n")
            answer = json.loads(client.receive_line())
    return "the answer" if "answer" in answer else "a refusal"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("17-the-second-time", the_second_time)]
