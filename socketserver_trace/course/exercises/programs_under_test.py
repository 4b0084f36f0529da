"""The exercises and questions of lesson 24, Programs under test."""

from __future__ import annotations

from socketserver_trace.checks import (
    either,
    every,
    happens,
    in_connection,
    never,
    order,
    other_lane,
    raised,
    result,
    sends,
    step,
)
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

SESSION: Final = b"HELLO\nWORLD\nbye\n"

AS_PRINTED: Final = Exercise(
    "24-as-printed",
    "As it was printed",
    (
        Point("Each line comes back in capitals.", in_connection(1, sends(b"HELLO\nWORLD\n"))),
        Point("On quit alice gets bye, and nothing else.", in_connection(1, sends(SESSION, whole=True))),
        Point(
            "Then the server hangs up, before she does.",
            in_connection(1, order("shutdown_request", step("close", of="client"))),
        ),
    ),
    (
        Mistake(
            "it fails",
            in_connection(1, raised("handle")),
            "handle() raised an exception: look at served.errors. rfile gives bytes, and wfile takes them.",
            "handle_error",
            1,
        ),
        Mistake(
            "nothing comes back",
            in_connection(1, every(happens("handle"), never(step("send", of="server")))),
            "alice's first line had no answer. If handle() had ended by then, its return stands too far to the left: "
            "it ends the conversation at the first line, whatever that is.",
            "handle",
            1,
        ),
        Mistake(
            "one line only",
            in_connection(1, sends(b"HELLO\n", whole=True)),
            "The first line was answered, and then the conversation was over. Only quit may end it: to which line of "
            "the program does the return belong?",
            "handle",
            1,
        ),
        Mistake(
            "quit is a word like others",
            in_connection(1, every(sends(b"QUIT\n"), ~sends(b"bye"))),
            "quit was shouted like every other word, so it was not recognised. alice's line ends with a newline; what "
            "has become of it in the program?",
        ),
        Mistake(
            "bye without its end",
            in_connection(1, sends(b"byen")),
            "alice has received b'byen': a backslash is still missing.",
        ),
        Mistake(
            "quit is answered twice",
            in_connection(1, every(sends(b"bye"), sends(b"QUIT\n"))),
            "alice has got bye, and QUIT as well: after the bye, handle() went on with the next line of the program.",
        ),
        Mistake(
            "it does not hang up",
            in_connection(1, every(sends(SESSION, whole=True), order(step("close", of="client"), "shutdown_request"))),
            "The words are right, but after the bye the server waited for more until alice hung up. In the session "
            "the server hangs up first.",
            "shutdown_request",
            1,
        ),
    ),
    (
        "Two backslashes have been lost, and the blanks before one line.",
        'Both words end with "\\n". And return belongs to the bye: it stands right under it, as far to the right.',
        'if line == b"quit\\n": self.wfile.write(b"bye\\n"), then return; the shouting comes after the if.',
    ),
    "The session on the page is a claim as well, and the best one: it says what the author's program did.",
)

LINES: Final = b"one\n  two\n"

MEND_IT: Final = Exercise(
    "24-mend-it",
    "Mend it",
    (
        Point(
            "Everybody is let in.",
            every(*(in_connection(number, happens("handler")) for number in (1, 2))),
        ),
        Point("carol gets every line back as it came.", in_connection(2, sends(LINES, whole=True))),
        Point(
            "She is served while bob is connected and says nothing, in a thread of her own.",
            in_connection(2, every(other_lane("get_request", "handle"), happens(step("send", of="server")))),
        ),
    ),
    (
        Mistake(
            "it fails",
            either(raised("handle"), raised("verify_request")),
            "Something raised an exception: look at served.errors. rfile gives bytes and wfile takes them; "
            "a BaseRequestHandler has neither of them.",
            "handle_error",
        ),
        Mistake(
            "everybody is dropped",
            in_connection(1, every(result("verify_request", value=None), never("handler"))),
            "verify_request returns nothing, which is None, and None counts as false: everybody is dropped without a "
            "word. The end of that method was in the second box.",
            "handler",
            1,
        ),
        Mistake(
            "the mix-in comes too late",
            in_connection(1, every(happens("handler"), ~other_lane("get_request", "handle"))),
            "bob was served in the thread of the loop, so nobody else can be: process_request is TCPServer's. Python "
            "looks from left to right, so the mix-in must stand first.",
            "thread",
            1,
        ),
        Mistake(
            "nothing comes back",
            in_connection(2, every(happens("handler"), never(step("receive", of="client", data=b"one")))),
            "carol was let in, and nothing came back: does handle send each line as soon as it has come? rfile.read() "
            "waits for the end, which is not near.",
            "handle",
            2,
        ),
        Mistake(
            "one recv only",
            in_connection(2, every(sends(b"one"), ~sends(LINES))),
            "carol got her first words back, and not all of them as they came: one recv or one readline is not all "
            "that a client says, and strip() takes blanks and newlines away.",
        ),
    ),
    (
        "Three things are wrong: what verify_request returns, a single recv, and the order of the bases.",
        "return True; a StreamRequestHandler with a loop over self.rfile; ThreadingMixIn before TCPServer.",
        "class Mended(ThreadingMixIn, TCPServer), and in handle: for line in self.rfile: self.wfile.write(line)",
    ),
    "Each of the three mistakes runs without an error. That is why they are on so many pages.",
)

EXERCISES: Final = (AS_PRINTED, MEND_IT)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "24-how-many-complain",
        "Each of four programs was damaged by the page that it stands on. How many of them end with an error when "
        "they are run?",
        ("0 of 4", "1 of 4", "2 of 4", "4 of 4"),
    ),
)
