"""The exercises and questions of lesson 04, Anatomy of a handler."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Exercise, Mistake, Point, Question

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Choice

MINE_AND_OURS: Final = Exercise(
    "04-mine-and-ours",
    "Mine and ours",
    (
        Point(
            "alice's three words are counted from 1 to 3, hers and all.",
            in_connection(1, sends(b"1 of 1\n2 of 2\n3 of 3\n", whole=True)),
        ),
        Point(
            "bob's two begin at 1 again, and all of them go on at 4.",
            in_connection(2, sends(b"1 of 4\n2 of 5\n", whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "text",
            raised("handle", TypeError),
            'handle raised a TypeError. sendall takes bytes and not text: b"%d of %d\\n" % (mine, ours).',
            "handle_error",
        ),
        Mistake(
            "it fails",
            raised("handle", AttributeError),
            "handle asked for something that is not there. A count must begin somewhere: self.words = 0 in setup. (A "
            "constructor that sets it behind super().__init__() is too late.)",
            "handle_error",
        ),
        Mistake(
            "always the same",
            in_connection(1, sends(b"1 of 1\n1 of 1\n")),
            "alice's second word has the number of her first: nothing is counted, or it begins anew with each word.",
        ),
        Mistake(
            "one word",
            in_connection(1, sends(b"1 of 1\n", whole=True)),
            "alice has an answer to her first word, and no other. handle must loop until recv returns no bytes.",
            "handle",
            1,
        ),
        Mistake(
            "starts anew",
            in_connection(2, sends(b"1 of 1\n")),
            "With bob, all words begin at 1 again. What all clients share must live longer than a handler: keep it in "
            "self.server.",
            "handler",
            2,
        ),
        Mistake(
            "nobody's own",
            in_connection(2, sends(b"4 of 4\n")),
            "bob's first word is number 4 of his own. That count is shared by all: it is kept in the server, or in the "
            "class of the handler. Set self.words = 0 in setup.",
            "handler",
            2,
        ),
        Mistake(
            "other words",
            in_connection(1, happens(step("send", of="server"))),
            'The words or the numbers differ: alice must receive b"1 of 1\\n", b"2 of 2\\n", b"3 of 3\\n", and bob '
            'b"1 of 4\\n", b"2 of 5\\n".',
        ),
    ),
    (
        "Which of the two numbers belongs to the handler, and which must outlive it?",
        "All words are self.server.words. Your own begin in setup: self.words = 0.",
        'In the loop: self.words += 1; self.server.words += 1; send b"%d of %d\\n" % (self.words, self.server.words).',
    ),
    "One client comes after the other here. With a thread for each, two could count at the same moment, and the "
    "server's count would need a lock: see lesson 10.",
)

SAY_GOODBYE: Final = Exercise(
    "04-say-goodbye",
    "Say goodbye",
    (
        Point(
            "alice hears the price of an apple, and goodbye.",
            in_connection(1, sends(b"3 coins\nbye\n", whole=True)),
        ),
        Point("bob, whose request fails, hears goodbye.", in_connection(2, sends(b"bye\n", whole=True))),
        Point(
            "bob's failure reaches handle_error.",
            in_connection(2, every(raised("handle", KeyError), happens("handle_error"))),
        ),
    ),
    (
        Mistake(
            "finish fails",
            raised("finish"),
            "Your finish raised an exception: look at served.errors. It finds the client as self.request, and sendall "
            "takes bytes.",
            "finish",
        ),
        Mistake(
            "no price",
            in_connection(1, every(sends(b"bye\n"), ~sends(b"3 coins\n"))),
            "alice hears goodbye and no price: a handle of your own replaces the one of Shop, unless it calls "
            "super().handle().",
            "handle",
            1,
        ),
        Mistake(
            "swallowed",
            in_connection(2, every(sends(b"bye\n"), never("handle_error"))),
            "bob hears goodbye, and nobody learns that his request has failed: the exception was caught. Leave it "
            "alone; finish runs all the same.",
            "handle_error",
            2,
        ),
        Mistake(
            "too early",
            in_connection(1, sends(b"bye\n3 coins\n")),
            "alice hears goodbye before she hears the price. setup runs before handle.",
            "setup",
            1,
        ),
        Mistake(
            "twice",
            in_connection(1, sends(b"bye\nbye\n")),
            "alice hears goodbye twice. Once is enough, in the one place that is always reached.",
        ),
        Mistake(
            "only when all is well",
            every(in_connection(1, sends(b"bye\n")), in_connection(2, ~sends(b"bye\n"))),
            "alice hears goodbye and bob does not: what stands behind the line that fails, in handle, is never "
            "reached. Which method runs all the same?",
            "finish",
            2,
        ),
        Mistake(
            "nobody",
            in_connection(1, ~sends(b"bye\n")),
            "Nobody hears goodbye.",
            "finish",
            1,
        ),
    ),
    (
        "Which of the three methods runs whether handle has failed or not?",
        "Leave handle as it is, and write a finish.",
        'def finish(self): self.request.sendall(b"bye\\n")',
    ),
    "A try and a finally in handle do the same; that is how the library's constructor does it for you.",
)

EXERCISES: Final = (MINE_AND_OURS, SAY_GOODBYE)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Question(
        "04-setup-fails",
        "alice connects, and setup() raises an exception. Which of these run for her connection?",
        ("setup", "handle_error", "close_request"),
        ("handle", "finish"),
        1,
    ),
)
