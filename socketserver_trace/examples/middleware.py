"""Middleware: what is done around every answer, by mix-ins that are stacked in front of a server of any kind.

A question is a line of JSON, and so is its answer; what is asked for is the server's own affair (`primes` has one).

    {"ask": "primes below 20", "key": "..."}            {"answer": "2 3 5 7 11 13 17 19"}
    {"ask": "primes below 2000", "key": "...",          {"deflate": "eJwtmMmNxUAIRO9EMQFkYHB2fRmN..."}
     "accept": "deflate"}                               (the answer in zlib's format, RFC 1950, in base64)
    {"ask": "primes below 20"}                          {"error": "say who you are: a key that is known"}

Each mix-in has a method `answer`, which does its part before or after `super().answer(question)`, or answers itself and
goes no further. So the order of the bases is the order of the chain, from the outside in:

    class PrimeServer(LoggingMixIn, MetricsMixIn, RateLimitMixIn, AuthenticationMixIn, CompressionMixIn, CachingMixIn,
                      PrimesMixIn, ThreadingTCPServer)

and it matters. Who stands before the rate limit sees those whom it refuses. A cache before the authentication answers
strangers. A cache before the compression keeps what one client can read and the next one cannot.

The law: a mix-in knows questions and answers, and neither sockets nor its neighbours. What several threads use is
guarded by a lock, which is never held while the rest of the chain is asked. In a server that forks the mix-ins count
and remember in the child, and all of it is forgotten with the child.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import math
import threading
import time
import zlib
from collections import Counter, OrderedDict
from dataclasses import dataclass, replace
from socketserver import BaseServer

from socketserver_trace.examples.lines import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

WORTH_IT: Final = 200
"""From how many characters on an answer is compressed."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What somebody asks. `user` is empty until somebody has found out who it is."""

    ask: str
    peer: str
    key: str = ""
    accept: str = ""
    user: str = ""


@dataclass(frozen=True)
class Answer:
    """What is answered. `form` says how to read the text; a `private` answer is for this user alone."""

    text: str
    form: str = "answer"
    private: bool = False


class Chain(BaseServer):
    """The end of every chain, and its beginning: from bytes to a question, and from an answer to bytes."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    """What time it is, in seconds from some moment on."""

    def answer(self, question: Question) -> Answer:
        """The answer to a question; RefusedError, with a sentence for whoever asked, when there is none."""
        raise RefusedError(f"nobody here knows what to answer to {question.ask[:40]!r}")

    def reply(self, line: bytes, peer: str) -> bytes:
        """The whole way of a question. Any thread may ask; whatever the line is, there is an answer."""
        try:
            answer = self.answer(question_of(line, peer))
            said = {answer.form: answer.text}
        except RefusedError as refused:
            said = {"error": str(refused)}
        return json.dumps(said).encode() + b"\n"


def question_of(line: bytes, peer: str) -> Question:
    """What a line asks. RefusedError when it is no question."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):  # also for bytes that are no UTF-8, and for brackets without an end
        raise RefusedError("a question is an object of JSON in one line") from None
    parts = {name: said.get(name, "") for name in ("ask", "key", "accept")} if isinstance(said, dict) else {}
    if not parts or not all(isinstance(part, str) for part in parts.values()):
        raise RefusedError('a question looks like {"ask": "primes below 20", "key": "..."}')
    return Question(peer=peer, **parts)


class LoggingMixIn(Chain):
    """Writes down each question that comes so far, and what has become of it. Keys are not written down."""

    def answer(self, question: Question) -> Answer:
        """Ask the rest of the chain, and write it down."""
        try:
            answer = super().answer(question)
        except RefusedError as refused:
            log.info("%s asked %.40r: refused, %s", question.peer, question.ask, refused)
            raise
        log.info("%s asked %.40r: %s, %d characters", question.peer, question.ask, answer.form, len(answer.text))
        return answer


class MetricsMixIn(Chain):
    """Counts what comes so far, and how long it takes."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._counts: Counter[str] = Counter()
        self._seconds = self._slowest = 0.0
        self._counting = threading.Lock()
        super().__init__(*arguments, **options)

    def answer(self, question: Question) -> Answer:
        """Ask the rest of the chain, and count."""
        begun, outcome = self.clock(), "refused"
        try:
            answer = super().answer(question)
            outcome = answer.form
            return answer
        finally:
            seconds = self.clock() - begun
            with self._counting:
                self._counts[outcome] += 1
                self._seconds += seconds
                self._slowest = max(self._slowest, seconds)

    def metrics(self) -> Mapping[str, float]:
        """How many there were of each outcome, the seconds of all of them together, and those of the slowest one."""
        with self._counting:
            return {**self._counts, "seconds": self._seconds, "slowest": self._slowest}


class TokenBucket:
    """So many at once, and then so many in a second: a bucket of tokens, into which new ones drop all the time."""

    def __init__(self, capacity: float, rate: float, now: float) -> None:
        self._capacity = capacity
        self._rate = rate
        self._tokens = capacity
        self._seen = now

    def take(self, now: float) -> float:
        """Take a token. Returns how many seconds there is none, 0 when one was taken."""
        self._tokens = min(self._capacity, self._tokens + (now - self._seen) * self._rate)
        self._seen = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0


class TokenBuckets:
    """A bucket for each peer, at most so many: who has not come for the longest time gets a new one, which is full."""

    def __init__(self, capacity: float, rate: float, most: int = 10_000) -> None:
        self._capacity = capacity
        self._rate = rate
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._buckets)

    def spend(self, peer: str, now: float) -> None:
        """Take a token of a peer's bucket. RefusedError, which says how long to wait, when there is none."""
        with self._lock:
            bucket = self._buckets.setdefault(peer, TokenBucket(self._capacity, self._rate, now))
            self._buckets.move_to_end(peer)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
            seconds = bucket.take(now)
        if seconds:
            raise RefusedError(f"you ask too much; try again in {math.ceil(seconds * 1000) / 1000:g} s")


class RateLimitMixIn(Chain):
    """Refuses who asks too much: `capacity` questions at once, and then `rate` in a second, from each address."""

    capacity = 20.0
    rate = 10.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.buckets = TokenBuckets(self.capacity, self.rate)
        super().__init__(*arguments, **options)

    def answer(self, question: Question) -> Answer:
        """Ask the rest of the chain, if there is a token left."""
        self.buckets.spend(question.peer, self.clock())
        return super().answer(question)


class AuthenticationMixIn(Chain):
    """Finds out who asks, by a key that only that one has; refuses who has none.

    `users` has a name for the digest of each key (`digest_of`): who reads the table has no key. A plain digest is
    enough because a key is long and random; a password is neither, and needs more (`security`).
    """

    users: Mapping[bytes, str] = {}

    def answer(self, question: Question) -> Answer:
        """Ask the rest of the chain, for somebody who is known."""
        digest = digest_of(question.key)
        # All are compared, and each in a time that does not depend on how much is right.
        names = [name for known, name in self.users.items() if hmac.compare_digest(known, digest)]
        if not names:
            raise RefusedError("say who you are: a key that is known")
        return super().answer(replace(question, user=names[0]))


def digest_of(key: str) -> bytes:
    """What the server keeps of a key: 32 bytes from which nobody gets it back."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()


class CompressionMixIn(Chain):
    """Makes long answers shorter, for those who can read it."""

    def answer(self, question: Question) -> Answer:
        """Ask the rest of the chain, and compress what it says."""
        answer = super().answer(question)
        if question.accept != "deflate" or answer.form != "answer" or len(answer.text) < WORTH_IT:
            return answer
        packed = base64.b64encode(zlib.compress(answer.text.encode())).decode()
        return replace(answer, text=packed, form="deflate")


class CachingMixIn(Chain):
    """Remembers answers that are nobody's own, for a while, the latest ones."""

    remembered = 100
    keeping = 60.0
    """How many seconds an answer is kept."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._remembering = threading.Lock()
        super().__init__(*arguments, **options)

    def answer(self, question: Question) -> Answer:
        """Answer from memory, or ask the rest of the chain and remember."""
        with self._remembering:
            kept_at, answer = self._answers.get(question.ask, (-math.inf, None))
            if answer is not None and self.clock() - kept_at < self.keeping:
                self._answers.move_to_end(question.ask)
                return answer
        answer = super().answer(question)  # two who ask the same at the same time both come here, and that is all right
        if not answer.private:
            with self._remembering:
                self._answers[question.ask] = self.clock(), answer
                self._answers.move_to_end(question.ask)
                if len(self._answers) > self.remembered:
                    self._answers.popitem(last=False)
        return answer
