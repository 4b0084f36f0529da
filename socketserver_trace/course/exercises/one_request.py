"""The exercises and questions of lesson 01, One request."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, result, sends, step
from socketserver_trace.course.exercise import Exercise, Mistake, Point, Question

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

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

EXERCISES: Final = (CLOSING_TIME, GUEST_BOOK)

QUESTIONS: Final = (
    Question(
        "01-before-the-answer",
        "Which of these run between the moment when alice connects and the moment when she has her answer?",
        ("get_request", "verify_request", "setup", "handle"),
        ("close_request",),
        1,
    ),
)
