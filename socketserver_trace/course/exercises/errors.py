"""The exercises and questions of lesson 15, When things go wrong."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim
    from socketserver_trace.course.exercise import Question

SORRY = b"sorry\n"


def _in_both(claim: Claim) -> Claim:
    """It is so in the two conversations that fail."""
    return every(in_connection(1, claim), in_connection(2, claim))


TELL_BOTH: Final = Exercise(
    "15-tell-both",
    "Tell both",
    (
        Point(
            "alice has her first answer, and is then told that something failed.",
            in_connection(1, sends(b"3\nsorry\n")),
        ),
        Point("bob is told, and nothing but that.", in_connection(2, sends(SORRY, whole=True))),
        Point("handle_error is told of both errors.", _in_both(happens("handle_error"))),
        Point("carol, who asks rightly, has her answer and nothing else.", in_connection(3, sends(b"5\n", whole=True))),
    ),
    (
        Mistake(
            "as text",
            raised("handle", TypeError),
            'handle raised a TypeError while it told the client: wfile takes bytes, b"sorry\\n", with a b in front.',
            "handle_error",
            1,
        ),
        Mistake(
            "says too much",
            in_connection(1, sends(b"division")),
            "alice was told what Python says of the error. That is for you, in the report; a client gets the line "
            "sorry, and learns nothing about the inside of the server.",
        ),
        Mistake(
            "nobody is told",
            every(_in_both(happens("handle_error")), _in_both(~sends(SORRY))),
            "handle_error knows, and the clients do not: they see the end of file and may guess. Where the error is "
            "caught, the line must be written.",
            "handle_error",
            1,
        ),
        Mistake(
            "hidden",
            every(_in_both(sends(SORRY)), _in_both(never("handle_error"))),
            "The clients are told, and handle_error is not: the error ended in your except. The word raise alone, at "
            "the end of it, raises it again.",
            "handle_error",
            1,
        ),
        Mistake(
            "one of two",
            every(
                happens("handle_error"),
                in_connection(1, sends(SORRY)) | in_connection(2, sends(SORRY)),
                ~_in_both(sends(SORRY)),
            ),
            "One kind of error is caught, and the other is not. alice divides by nought, which is a ZeroDivisionError, "
            "and bob sends no numbers, which is a ValueError.",
            "handle_error",
        ),
        Mistake(
            "everybody is sorry",
            in_connection(3, sends(SORRY)),
            "carol asked rightly, and was told sorry: only an error is to be answered so.",
        ),
    ),
    (
        "An except can do two things: tell the client, and let the error go on.",
        "except Exception: catches both errors. self.wfile.write(...) tells the client, raise lets it go on.",
        'try: (the whole loop)  except Exception: self.wfile.write(b"sorry\\n"), and in the next line: raise',
    ),
    "If the client has vanished, the write in the except fails as well. handle_error is told all the same: of the new "
    "error, with the old one as its context.",
)

REPORT = b"ZeroDivisionError LookupError ConnectionResetError\n"

A_CAREFUL_REPORT: Final = Exercise(
    "15-a-careful-report",
    "A careful report",
    (
        Point(
            "handle_error is told of three errors, and does not fail.",
            every(*(in_connection(number, happens("handle_error")) for number in (1, 2, 3)), ~raised("handle_error")),
        ),
        Point(
            "Each of these connections is closed.",
            every(*(in_connection(number, happens("close_request")) for number in (1, 2, 3))),
        ),
        Point("The server lives on: dave is answered.", in_connection(4, happens(step("send", of="server")))),
        Point(
            "In the report are the names of the three types, in their order.",
            in_connection(4, sends(REPORT, whole=True)),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("handle_error"),
            "Your handle_error raised an exception, and that was the end of the server: nobody catches what it raises. "
            "The last line of served.errors says what it was.",
            "close_request",
            1,
        ),
        Mistake(
            "the report cannot be joined",
            in_connection(4, raised("handle", TypeError)),
            "dave's report could not be written: in the list is something that is no text. A type has a __name__.",
            "handle_error",
            4,
        ),
        Mistake(
            "errors are hidden",
            every(*(in_connection(number, never("handle_error")) for number in (1, 2)), happens("handle")),
            "handle_error was not told of anything: the handler is to stay as it is, with all its errors.",
            "handle_error",
            1,
        ),
        Mistake(
            "nothing is kept",
            in_connection(4, sends(b"\n", whole=True)),
            "dave's report is empty: handle_error ran, and put nothing into self.report.",
        ),
        Mistake(
            "only one",
            in_connection(4, sends(b"ConnectionResetError\n", whole=True)),
            "Only the last error is in the report: append to the list, and don't make a new one.",
        ),
        Mistake(
            "what it says",
            in_connection(4, sends(b"division by zero")),
            "In the report is what the errors say, and not what they are: the name of the type was wanted, "
            "sys.exc_info()[0].__name__.",
        ),
        Mistake(
            "other names",
            in_connection(4, sends(b"class '")),
            "In the report are the types themselves, with their brackets. A type has a __name__.",
        ),
    ),
    (
        "handle_error takes no error as an argument: the error is the one that is being handled just now.",
        "sys.exc_info() gives three things about it; the first is its type, and a type has a __name__.",
        "self.report.append(sys.exc_info()[0].__name__)",
    ),
    "From Python 3.11 on sys.exception() gives the error itself. In a server with threads, handle_error runs in "
    "several of them at once; one append to a list is safe.",
)

EXERCISES: Final = (TELL_BOTH, A_CAREFUL_REPORT)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "15-three-sends",
        "alice has hung up. The server sends three times. Which of the sends fails?",
        (
            "none of them",
            "all of them",
            "not the first one, but the two others",
            "the first one alone",
        ),
    ),
)
