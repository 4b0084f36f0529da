"""The exercises and questions of lesson 17, The order of middleware."""

from __future__ import annotations

from socketserver_trace.checks import count, in_connection, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

PUT_IT_RIGHT: Final = Exercise(
    "17-put-it-right",
    "Put it right",
    (
        Point("alice, who can read it, gets a compressed answer.", in_connection(1, sends(b'{"deflate": "'))),
        Point("bob, who cannot, gets it as it is.", in_connection(2, sends(b'{"answer": "2 3 5 7'))),
        Point("mallory, who has no key, is refused.", in_connection(3, sends(b'{"error": "say who you are'))),
    ),
    (
        Mistake(
            "strangers are answered",
            in_connection(3, ~sends(b'{"error": "say who you are')),
            "mallory has no key, and got an answer: something that knows the answer stands before the authentication.",
        ),
        Mistake(
            "bob cannot read it",
            in_connection(2, sends(b'{"deflate": "')),
            "bob got a compressed answer, and never said that he can read it: the cache remembers what was made for "
            "alice.",
        ),
        Mistake(
            "nothing is compressed",
            in_connection(1, sends(b'{"answer": "')),
            "alice can read compressed answers, and got none: is CompressionMixIn still among the bases, and before "
            "PrimesMixIn?",
        ),
    ),
    (
        "Who decides who may know stands before all that knows; what is made for one client stands before the cache.",
        "AuthenticationMixIn has to be the first one. Which of the other two keeps what suits everybody?",
        "class Right(AuthenticationMixIn, CompressionMixIn, CachingMixIn, PrimesMixIn, ThreadingTCPServer):",
    ),
    "A server that answers everybody rightly may still do its work twice: with the cache in its right place, "
    "served.server.worked is 1.",
)

THREE_EACH: Final = Exercise(
    "17-three-each",
    "Three each",
    (
        Point(
            "alice may ask three times and no more.",
            in_connection(1, count(step("send", of="server", data=b'{"answer": "alice"}\n'), 3)),
        ),
        Point("She is told why.", in_connection(1, sends(b'{"error": "that was your third"}'))),
        Point(
            "bob may, too.",
            in_connection(2, count(step("send", of="server", data=b'{"answer": "bob"}\n'), 3)),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Something raised an error in your mix-in: look at served.errors. An answer must be returned, and the "
            "refusal is a RefusedError.",
            "handle_error",
        ),
        Mistake(
            "all together",
            in_connection(2, ~sends(b'{"answer": "bob"}')),
            "alice has used up bob's answers, too. Count for each user; and who it is has to be known before: your "
            "mix-in must stand behind the authentication.",
        ),
        Mistake(
            "no limit",
            in_connection(1, count(step("send", of="server", data=b'{"answer": "alice"}\n'), 4)),
            "alice got a fourth answer. Is your mix-in among the bases of Fair, and does it refuse the fourth "
            "question?",
        ),
        Mistake(
            "off by one",
            in_connection(1, count(step("send", of="server", data=b'{"answer": "alice"}\n'), 2)),
            "alice got two answers: the third one is still allowed.",
        ),
        Mistake(
            "other words",
            in_connection(1, ~sends(b'{"error": "that was your third"}')),
            'alice was refused in other words: raise RefusedError("that was your third").',
        ),
    ),
    (
        "Count first, then compare, and go on along the chain when all is well.",
        "self.asked[question.user] += 1 counts. question.user is empty until AuthenticationMixIn has been passed.",
        "After the third: raise RefusedError. Your mix-in stands between AuthenticationMixIn and PrimesMixIn.",
    ),
    "A limit for a user cannot be got round by connecting again. One for an address can, by whoever has two.",
)

EXERCISES: Final = (PUT_IT_RIGHT, THREE_EACH)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "17-the-second-time",
        "The cache stands before the authentication, and alice has asked meanwhile. What does mallory get now?",
        ("a refusal", "the answer"),
    ),
)
