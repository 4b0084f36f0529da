"""The exercises and questions of lesson 21, Built on socketserver."""

from __future__ import annotations

from socketserver_trace.checks import either, every, happens, in_connection, never, raised, receives, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

VERSION_TWO: Final = Exercise(
    "21-version-two",
    "Version 2",
    (
        Point(
            "alice, who speaks version 1, is served as before, and COUNT is not understood.",
            in_connection(1, every(sends(b"OK 1 0\nOK 0\nERROR "), ~sends(b"OK 1 0\nOK 0\nOK"))),
        ),
        Point(
            "bob, who speaks version 2, is told how many boxes are full.",
            in_connection(2, sends(b"OK 2 0\nOK 0\nOK 1 0\n")),
        ),
        Point(
            "carol, who wants another version, is answered, and not served.",
            in_connection(3, every(sends(b"ERROR "), ~sends(b"OK"))),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Your handler raised an exception: look at served.errors. An answer is bytes, made by message() or "
            "error(), and it must be returned.",
            "handle_error",
        ),
        Mistake(
            "old clients are lost",
            in_connection(1, ~sends(b"OK 1 0\nOK 0\n")),
            "alice speaks version 1, and she must find everything as it was: HELLO 1 is answered by OK 1 0, and LEAVE "
            "by OK 0. (super().answer(words, body) answers what you do not.)",
        ),
        Mistake(
            "everybody may count",
            in_connection(1, sends(b"OK 1 0\nOK 0\nOK")),
            "alice speaks version 1, and was answered to COUNT, which version 1 does not have. Who speaks which "
            "version must be remembered when HELLO comes.",
        ),
        Mistake(
            "two is still refused",
            in_connection(2, ~sends(b"OK 2 0\n")),
            "bob says HELLO 2, and was not answered by OK 2 0.",
        ),
        Mistake(
            "not greeted",
            in_connection(2, every(sends(b"OK 2 0\n"), ~sends(b"OK 2 0\nOK 0\n"))),
            "bob was greeted, and then he could not leave a letter: self.greeted must be true from HELLO 2 on.",
        ),
        Mistake(
            "everything is a version",
            in_connection(3, sends(b"OK")),
            "carol says HELLO 3, and was served. Nobody knows what she means by that.",
        ),
        Mistake(
            "the number as a letter",
            in_connection(2, every(sends(b"OK 2 0\nOK 0\n"), ~sends(b"OK 2 0\nOK 0\nOK 1 0\n"))),
            "bob asked COUNT when one box was full, and must be answered OK 1 0: the number is a word, "
            'message("OK", "1"), and as text.',
        ),
    ),
    (
        "Which messages are new, or answered otherwise? Leave all others to super().answer(words, body).",
        'HELLO with "1" or "2" is one new case: remember the version in self, set self.greeted, answer with it.',
        'case ["COUNT"] if self.version == "2": return message("OK", str(len(self.server.boxes)))',
    ),
    "A server that speaks two versions is tested with two kinds of clients. The old one is the more important.",
)

ANSWER: Final = b"is anybody there?\n"
ONWARD: Final = "Proxy for connection 1"

PASS_IT_ON: Final = Exercise(
    "21-pass-it-on",
    "Pass it on",
    (
        Point("What alice says comes to the target.", in_connection(2, receives(ANSWER, whole=True))),
        Point("The end of what she says is passed on, as a half-close.", happens(step("half_close", lane=ONWARD))),
        Point("alice has the answer.", happens(step("receive", of="client", lane="alice", data=ANSWER))),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "it fails",
            either(*(raised("handle", error) for error in (TypeError, NameError, AttributeError, ValueError))),
            "carry raised an exception that has nothing to do with the network: look at served.errors.",
            "handle_error",
        ),
        Mistake(
            "both directions",
            every(
                happens(step("half_close", lane=ONWARD)),
                never(step("receive", of="client", lane="alice", data=ANSWER)),
            ),
            "The end was passed on, and then there was no way back for the answer: SHUT_RDWR ends both directions of a "
            "connection, and only one of them is over.",
        ),
        Mistake(
            "kept to itself",
            every(raised("handle", TimeoutError), never(step("half_close", lane=ONWARD))),
            "The target was never told that alice has no more to say. It waited for more, the relay waited for it, and "
            "lost its patience after a second. An end must be passed on like everything else.",
            "handle_error",
        ),
        Mistake(
            "the wrong one",
            never(step("half_close", lane=ONWARD)),
            "The end of alice's words was not passed on as a half-close: either the whole connection was closed, and "
            "then nobody is there to take the answer, or it was the other direction that was ended.",
        ),
    ),
    (
        "The target answers when it has heard the end. Which direction is over then, and which has not even begun?",
        "Each of the three SHUT_... ends something else. What is over is the direction in which carry has sent.",
        "sink.shutdown(socket.SHUT_WR)",
    ),
    "In HTTP this is rare, because there a size is said before. With lines, files and tunnels it is not.",
)

EXERCISES: Final = (VERSION_TWO, PASS_IT_ON)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "21-whose-handle",
        "alice asks the web server for a page. Whose handle() runs?",
        (
            "that of Page",
            "that of BaseHTTPRequestHandler",
            "that of StreamRequestHandler",
            "that of BaseRequestHandler",
        ),
    ),
    Choice(
        "21-one-after-the-other",
        "bob says a line through this proxy, and waits for the answer before he hangs up. What happens?",
        ("he gets b'HELLO\\n'", "he gets b''", "he waits in vain"),
    ),
)
