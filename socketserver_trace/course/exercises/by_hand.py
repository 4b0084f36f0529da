"""The exercises and questions of lesson 03, The same by hand."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

ASKED = b"a word, please\n"

LETTERS: Final = Exercise(
    "03-letters",
    "Letters",
    (
        Point(
            "alice is asked for a word, and has an answer to each of her two.",
            in_connection(1, sends(ASKED + b"5 letters\n3 letters\n", whole=True)),
        ),
        Point(
            "bob, who comes when she has gone, is asked and answered as well.",
            in_connection(2, sends(ASKED + b"8 letters\n", whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "asks again",
            in_connection(1, sends(ASKED + b"5 letters\n" + ASKED)),
            "alice was asked again after her first word. By hand, the greeting stands before the loop and not in it.",
            "handle",
            1,
        ),
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception. What was `connection` by hand is `self.request` here, and nothing else has "
            "to be said: there is nobody to accept, because the server has done that.",
            "handle_error",
        ),
        Mistake(
            "nothing at all",
            in_connection(1, every(never(step("send", of="server")), never(step("receive", of="server")))),
            "alice was let go at once: nothing was said to her, and nothing was read. What stands inside `with "
            "connection:` belongs into handle.",
            "handle",
            1,
        ),
        Mistake(
            "nobody asks",
            in_connection(1, never(step("send", of="server"))),
            "alice waited to be asked, and your handler waited for her word: the greeting comes first, before the "
            "first recv.",
            "handle",
            1,
        ),
        Mistake(
            "one word",
            in_connection(1, sends(ASKED + b"5 letters\n", whole=True)),
            "alice has an answer to her first word, and then it was over: handle must go on until recv returns no "
            "bytes. The `while` belongs into it.",
            "handle",
            1,
        ),
        Mistake(
            "other words",
            in_connection(1, happens(step("send", of="server"))),
            'The words differ: b"a word, please\\n" first, and then b"%d letters\\n" % len(word) for each word.',
        ),
    ),
    (
        "Which lines of letters_by_hand are about the one client, and which are about the server?",
        "Only what is inside `with connection:` is left. The socket of the client is self.request.",
        'First self.request.sendall(b"a word, please\\n"), and then the loop, with self.request for connection.',
    ),
    "The handler is shorter by two lines, and it serves bob as well: letters_by_hand would have left him waiting.",
)

THE_TILL: Final = Exercise(
    "03-the-till",
    "The till",
    (
        Point(
            "alice's four digits are one amount, however they were cut.",
            in_connection(1, sends(b"010003500357", whole=True)),
        ),
        Point(
            "Each of her answers comes as soon as its amount is there.",
            in_connection(1, happens(step("receive", of="client", data=b"0350"))),
        ),
        Point(
            "bob begins at nought, and the half amount at his end does not count.",
            in_connection(2, sends(b"1234", whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "the end fails",
            raised("handle", EOFError),
            "handle raised an EOFError: a client that hangs up is nothing unusual. Catch it, and return.",
            "handle_error",
        ),
        Mistake(
            "text",
            raised("handle", TypeError),
            'handle raised a TypeError. sendall takes bytes and not text: b"%04d" % total, with a b in front.',
            "handle_error",
        ),
        Mistake(
            "a piece is a message",
            in_connection(1, sends(b"0001")),
            'Two bytes of alice had come, b"01", and were taken for an amount. recv(4) returns up to four bytes: go on '
            "until there are four. recv_exactly does.",
            "handle",
            1,
        ),
        Mistake(
            "the rest counts",
            in_connection(2, sends(b"1239")),
            'bob left after one digit of his second amount, b"5", and it was counted as 5: less than four digits are '
            "no amount.",
            "handle",
            2,
        ),
        Mistake(
            "one sum for all",
            in_connection(2, sends(b"1591")),
            "bob's sum begins where alice's ended. It is the sum of one client: keep it in a variable of handle, which "
            "runs once for each client.",
            "handle",
            2,
        ),
        Mistake(
            "only the first",
            in_connection(1, sends(b"0100", whole=True)),
            "alice has an answer to her first amount, and no other: go on until the end of the stream.",
            "handle",
            1,
        ),
        Mistake(
            "at the end",
            in_connection(
                1,
                every(
                    never(step("receive", of="client", data=b"0100")),
                    happens(step("receive", of="server", data=b"000250")),
                ),
            ),
            "alice waited in vain for her first answer, though her first amount was there. Whoever waits for the end "
            "of the stream, or for more bytes than an amount has, answers too late.",
            "handle",
            1,
        ),
        Mistake(
            "no sum",
            in_connection(1, sends(b"0250")),
            "alice's second answer is her second amount. It must be the sum of both.",
        ),
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. The socket is self.request, and int() takes digits "
            "and nothing else.",
            "handle_error",
        ),
    ),
    (
        "How many bytes is one amount? And which function of this lesson waits until they have all come?",
        "recv_exactly(self.request, 4) is one amount, or raises EOFError when the client leaves before that.",
        "while True: try: total += int(recv_exactly(self.request, 4)), except EOFError: return; then send the total.",
    ),
    "Four digits are a protocol: both ends know how long a message is, and TCP need not know.",
)

EXERCISES: Final = (LETTERS, THE_TILL)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "03-which-call-fails",
        "The server listens, and has not called accept(). alice connects and sends. Which of her calls fails?",
        ("connect, because nobody accepts", "sendall, because nobody receives", "none of them"),
    ),
    Choice(
        "03-two-sends",
        "alice sends b'hello' and then b'world'. When both have come, what does one recv(1024) return?",
        ("b'hello'", "b'world'", "b'helloworld'"),
    ),
)
