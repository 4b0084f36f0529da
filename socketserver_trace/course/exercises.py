"""The exercises and the questions of the course, by their names, in the order of the lessons.

The law: tables. What is right, what is wrong and what to say of it stands here and nowhere else.
"""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, raised, result, sends, step
from socketserver_trace.course.exercise import Exercise, Mistake, Point, Question

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final, TypeVar

    Named = TypeVar("Named", Exercise, Question)


def _by_name(ones: Iterable[Named]) -> Mapping[str, Named]:
    return {one.name: one for one in ones}


GUESTS = tuple(b"welcome, guest %d" % number for number in (1, 2, 3))

CLOSING_TIME: Final = Exercise(
    "01-closing-time",
    "Closing time",
    (
        Point(
            "The first and the second client are welcomed.",
            every(*(in_connection(number, sends(b"welcome", whole=True)) for number in (1, 2))),
        ),
        Point(
            "For the third and the fourth client no handler is made.",
            every(*(in_connection(number, never("handler")) for number in (3, 4))),
        ),
        Point(
            "They are turned away by verify_request, and their connections are closed.",
            every(
                *(in_connection(number, result("verify_request", value=False)) for number in (3, 4)),
                *(in_connection(number, happens("close_request")) for number in (3, 4)),
            ),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("verify_request"),
            "Your verify_request raised an exception, so nobody got any further: look at served.errors.",
            "handler",
            1,
        ),
        Mistake(
            "no answer",
            in_connection(1, result("verify_request", value=None)),
            "Your verify_request returned nothing, which is None, and None counts as false: it must return True for "
            "those who may come in.",
            "handler",
            1,
        ),
        Mistake(
            "nobody",
            in_connection(1, result("verify_request", value=False)),
            "The first client was turned away already: compare with the number of guests so far, and mind which of "
            "the two is the smaller one.",
            "handler",
            1,
        ),
        Mistake(
            "too late",
            in_connection(3, every(happens("handler"), never(step("send", of="server")))),
            "The third client was not welcomed, but a handler was made for it. Who is to be turned away must be "
            "turned away before, by verify_request.",
            "handler",
            3,
        ),
        Mistake(
            "one too many",
            every(in_connection(3, happens("handler")), in_connection(4, never("handler"))),
            "The third client was let in, and the fourth was not: your count is off by one.",
            "verify_request",
            3,
        ),
        Mistake("everybody", in_connection(4, happens("handler")), "Everybody was let in.", "verify_request", 4),
        Mistake(
            "too few",
            every(in_connection(1, happens("handler")), in_connection(2, never("handler"))),
            "The second client was turned away: two may come in.",
            "handler",
            2,
        ),
    ),
    (
        "The doorkeeper above counts its guests. What must it return for guest number 3?",
        "A class that counts has an attribute, guests = 0, and adds one to self.guests for each client.",
        "The last line of verify_request is: return self.guests <= 2",
    ),
    "Draw it with served.trace.select(connection=3): after verify_request comes shutdown_request, and that is all.",
)

GUEST_BOOK: Final = Exercise(
    "01-guest-book",
    "The guest book",
    tuple(
        Point(f"Guest {number} is greeted by number.", in_connection(number, sends(words, whole=True)))
        for number, words in enumerate(GUESTS, start=1)
    ),
    (
        Mistake(
            "text",
            raised("handle", TypeError),
            'handle raised a TypeError. sendall takes bytes and not text: b"welcome, guest %d" % number, with a b in '
            "front.",
            "handle_error",
            1,
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. A count that was never set, say, must begin "
            "somewhere: guests = 0 in the class of the server.",
            "handle_error",
            1,
        ),
        Mistake(
            "always the first",
            every(*(in_connection(number, sends(GUESTS[0], whole=True)) for number in (1, 2))),
            "Every guest is number 1. A handler is made for one request and then gone, and so is what it remembers: "
            "keep the count in the server, which the handler finds as self.server.",
            "handler",
        ),
        Mistake(
            "from nought",
            in_connection(1, sends(b"welcome, guest 0", whole=True)),
            "The first guest is number 0: count first, and greet then.",
        ),
        Mistake(
            "other words",
            in_connection(1, every(never("handle_error"), happens("handle"))),
            'The words differ: each guest must receive b"welcome, guest 1" and so on, and nothing else.',
        ),
    ),
    (
        "A handler lives for one request only. Who lives longer?",
        "Your own class of servers can have guests = 0, which the handler changes: self.server.guests += 1",
        "class Inn(TCPServer): guests = 0. Serve with that class: serve(Inn, Book).",
    ),
    "A TCPServer serves one client after the other, so two guests can never count at the same moment. With threads "
    "they can; that is a lesson of its own.",
)

AT_THE_OTHER_DOOR: Final = Exercise(
    "02-at-the-other-door",
    "At the other door",
    (
        Point("alice, who came first, has her answer.", in_connection(1, sends(b"hello"))),
        Point("bob's connection was taken.", in_connection(2, happens("get_request"))),
        Point("And nothing more was done for bob.", in_connection(2, never("verify_request"))),
    ),
    (
        Mistake(
            "paused for everybody",
            every(never("handler"), ~in_connection(2, happens("get_request"))),
            "The server was paused for alice already, so she has no answer: a breakpoint can be for one connection "
            "alone, connection=2.",
            "handler",
            1,
        ),
        Mistake(
            "too late",
            in_connection(2, every(happens("verify_request"), never("handler"))),
            "bob has come one step too far: verify_request comes after get_request.",
            "verify_request",
            2,
        ),
        Mistake(
            "not paused",
            in_connection(2, happens("handler")),
            "bob was served as well, so nobody was paused: is it the right connection, and the right phase? Before "
            "get_request has returned, a connection has no number.",
            "get_request",
            2,
        ),
        Mistake(
            "too early",
            every(in_connection(1, sends(b"hello")), ~in_connection(2, happens("get_request"))),
            "bob's connection was not taken yet: the pause must come when get_request has returned.",
        ),
    ),
    (
        'add() takes a phase: "enter" (before the step), "return" (after it) or "raise" (when it failed).',
        "It takes a connection as well, a number counted from 1. Which one is bob's?",
        'served.breakpoints.add("get_request", phase="return", connection=2)',
    ),
    "Before get_request has returned, a connection has no number yet: it gets one there. "
    'That is why "enter" won\'t do.',
)

PUT_IT_RIGHT: Final = Exercise(
    "10-put-it-right",
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
    "10-three-each",
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

THE_SILENT_ONE: Final = Exercise(
    "11-the-silent-one",
    "The silent one",
    (
        Point(
            "mallory had time to say something, and was given up when it was over.",
            in_connection(1, happens(step("receive", of="server", error=TimeoutError))),
        ),
        Point("bob has his answer.", happens(step("receive", of="client", data=b"HELLO\n"))),
        Point("Both were served in the server's own thread.", never("thread")),
    ),
    (
        Mistake(
            "a thread each",
            happens("thread"),
            "bob has his answer because he has a thread of his own. Here the server must stay a plain TCPServer: "
            "give the handler a timeout.",
            "process_request",
        ),
        Mistake(
            "refused",
            in_connection(1, never("handler")),
            "mallory was not served at all. He may be slow, and he may even say something in time: let him in, and "
            "give up after a while.",
            "handler",
            1,
        ),
        Mistake(
            "no time at all",
            in_connection(1, happens(step("receive", of="server", error=BlockingIOError))),
            "A timeout of 0 means not to wait at all: whoever has not said anything yet when handle begins is let go, "
            "and bob was lucky. Give people a moment.",
            "handle",
            1,
        ),
        Mistake(
            "nobody is answered",
            in_connection(1, every(happens("finish"), never(step("receive", of="server")))),
            "mallory was let go before anybody had waited for him: does handle still read?",
            "handle",
            1,
        ),
        Mistake(
            "waits",
            never(step("receive", of="client", data=b"HELLO\n")),
            "bob had no answer in time: the server's only thread was in mallory's handle, waiting for a line.",
            "handle",
            1,
        ),
    ),
    (
        "How long does self.rfile wait for a line? As long as the socket does.",
        "A StreamRequestHandler sets the timeout of its socket in setup(), if its class has one.",
        "class Guarded(Shout): timeout = 0.2",
    ),
    "The timeout is for each single wait. Who sends a byte now and then is never let go by it.",
)

ENOUGH_IS_ENOUGH: Final = Exercise(
    "11-enough-is-enough",
    "Enough is enough",
    (
        Point("bob's short line is answered in capitals.", in_connection(1, sends(b"HELLO\n", whole=True))),
        Point(
            "carol's line, which has just 100 bytes, is answered as well.",
            in_connection(2, sends(b"Y" * 99 + b"\n", whole=True)),
        ),
        Point(
            "mallory's line, which has more, is answered once, and that is the end.",
            in_connection(3, happens(step("receive", of="client", data=b"too long\n"))),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. wfile takes bytes, and the client must get a "
            "sentence, which an exception is not.",
            "handle_error",
        ),
        Mistake(
            "goes on",
            in_connection(3, every(sends(b"too long\n"), ~sends(b"too long\n", whole=True))),
            "mallory was told, and then the rest of his line was answered as if it were a line of its own: return, "
            "and it is over.",
        ),
        Mistake(
            "stays",
            in_connection(
                3,
                every(sends(b"too long\n", whole=True), never(step("receive", of="client", data=b"too long\n"))),
            ),
            "mallory was told, and then the handler went on to listen to him: return, and it is over.",
        ),
        Mistake(
            "off by one",
            in_connection(2, ~sends(b"Y" * 99 + b"\n", whole=True)),
            "carol's line has 100 bytes with its newline, which is allowed, and must come back in capitals.",
        ),
        Mistake(
            "everybody",
            in_connection(1, ~sends(b"HELLO\n", whole=True)),
            "bob's line is short, and he must get it back in capitals and nothing else.",
        ),
        Mistake(
            "waits for the end",
            in_connection(3, ~sends(b"too long\n")),
            'mallory was never told b"too long\\n". His line has no end, so whoever waits for it waits for ever: '
            "readline() without a number does.",
            "handle",
            3,
        ),
    ),
    (
        "How do you know that a line is too long, when you never read more than 101 bytes of it?",
        "If readline(101) returns 101 bytes, the line has more than 100.",
        'if len(line) > 100: self.wfile.write(b"too long\\n"), and then return.',
    ),
    "However much mallory sends, the line never grows beyond 101 bytes, beside one buffer of a fixed size.",
)

EXERCISES: Final = _by_name(
    [
        CLOSING_TIME, GUEST_BOOK, AT_THE_OTHER_DOOR, PUT_IT_RIGHT, THREE_EACH, THE_SILENT_ONE, ENOUGH_IS_ENOUGH,
    ]
)  # fmt: skip

QUESTIONS: Final = _by_name(
    [
        Question(
            "01-before-the-answer",
            "Which of these run between the moment when alice connects and the moment when she has her answer?",
            ("get_request", "verify_request", "setup", "handle"),
            ("close_request",),
            1,
        )
    ]
)
