"""The exercises and questions of lesson 21, Built on socketserver."""

from __future__ import annotations

from socketserver_trace.checks import either, every, happens, in_connection, never, raised, receives, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

CAPITALS: Final = "CAFÉ".encode()
ASCII_ONLY: Final = "CAFé".encode()
HELD: Final = step("receive", of="client", data=b"HELLO")
UNANSWERED: Final = step("receive", of="client", error="WaitedInVain")
GLUED: Final = step("receive", of="client", data=b"HELLOHTTP")

NEXT_REQUEST: Final = Exercise(
    "21-the-next-request",
    "The next request",
    (
        Point(
            "alice's text comes back in capitals, and the answer says how long it is.",
            in_connection(1, every(happens(HELD), never(GLUED))),
        ),
        Point(
            "So does the next one on the same connection, é and all.",
            in_connection(1, happens(step("receive", of="client", data=CAPITALS))),
        ),
        Point("bob's text is one text, although it came in two pieces.", in_connection(2, happens(HELD))),
        Point("carol, who does not say how long hers is, is told 411.", in_connection(3, sends(b" 411 "))),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "no answer",
            in_connection(1, every(happens(UNANSWERED), never(step("receive", of="client", data=b"HTTP")))),
            "alice was not answered. Either do_POST writes nothing, or it waits for what does not come: read() waits "
            "for the end of the stream, readline() for a newline, and recv() for what rfile has taken already. "
            "Content-Length says how many bytes there are.",
            "handle",
            1,
        ),
        Mistake(
            "it fails",
            in_connection(1, raised("handle")),
            "do_POST raised an exception at alice's request: look at served.errors. What is read and what is written "
            "are bytes, and a header's value is a text.",
            "handle_error",
        ),
        Mistake(
            "no length in the answer",
            in_connection(1, every(sends(b"HELLO"), either(never(HELD), happens(GLUED)))),
            "alice's text came back, and she could not know where it ends: the answer must have a Content-Length, too.",
        ),
        Mistake(
            "a portion is a text",
            in_connection(2, every(happens(step("receive", of="client", data=b"HE")), never(HELD))),
            "bob's text came in two pieces, and the first one was answered. self.rfile.read(5) waits for five bytes; "
            "recv() and read1() take what is there.",
            "handle",
            2,
        ),
        Mistake(
            "only a to z",
            in_connection(1, sends(ASCII_ONLY)),
            "The é stayed small: upper() of bytes knows no other letters than a to z. Make a text of the bytes, "
            "capitals of the text, and bytes of these.",
        ),
        Mistake(
            "letters are no bytes",
            in_connection(1, every(sends(CAPITALS), never(step("receive", of="client", data=CAPITALS)))),
            "alice's second answer was cut: her text has four letters and five bytes, and a length counts bytes.",
        ),
        Mistake(
            "hangs up",
            in_connection(1, every(sends(b"HELLO"), ~sends(CAPITALS))),
            "alice's first request was answered, and the next one on the same connection was not. With "
            'protocol_version = "HTTP/1.1" the connection is kept, if nobody sets close_connection.',
            "handle",
            1,
        ),
        Mistake(
            "no length is a length",
            in_connection(3, raised("handle")),
            'carol\'s request has no Content-Length, and do_POST failed: self.headers["Content-Length"] is None then.',
            "handle_error",
        ),
        Mistake(
            "carol is served",
            in_connection(3, ~sends(b" 411 ")),
            "carol has not said how long her text is, so nobody can know where it ends. HTTP has a number for that "
            "answer: 411, length required.",
        ),
    ),
    (
        "How many bytes must be read, and from where does do_POST know it? How many will be written?",
        'self.rfile.read(int(self.headers["Content-Length"])) reads the text. What if there is no such header?',
        "body = text.decode().upper().encode(); Content-Length is str(len(body)). Without one: self.send_error(411).",
    ),
    "A web server that keeps its connections lives from one rule: every byte belongs to just one request.",
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

EXERCISES: Final = (NEXT_REQUEST, PASS_IT_ON)

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
        ("he gets b'HELLO'", "he gets b''", "he waits in vain"),
    ),
)
