"""The exercises and questions of lesson 18, Under attack."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

THE_SILENT_ONE: Final = Exercise(
    "18-the-silent-one",
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
    "18-enough-is-enough",
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

EXERCISES: Final = (THE_SILENT_ONE, ENOUGH_IS_ENOUGH)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "18-behind-the-silent-one",
        "mallory is connected and says nothing. What has bob, who came after him, in his three tenths of a second?",
        ("HELLO", "an empty line", "nothing: he waits in vain"),
    ),
)
