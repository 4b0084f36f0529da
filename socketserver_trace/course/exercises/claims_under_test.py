"""The exercises and questions of lesson 23, Claims under test."""

from __future__ import annotations

from socketserver_trace.checks import (
    either,
    every,
    happens,
    in_connection,
    never,
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

A_COUNTEREXAMPLE: Final = Exercise(
    "23-a-counterexample",
    "A counter-example",
    (
        Point("A handler was made for alice.", in_connection(1, happens("handler"))),
        Point("Its finish() never ran.", in_connection(1, never("finish"))),
        Point(
            "bob was served by the same server, to the end.",
            in_connection(2, every(happens("finish"), sends(b"welcome\n", whole=True))),
        ),
    ),
    (
        Mistake(
            "refused at the door",
            in_connection(1, never("handler")),
            "No handler was made for alice, so there was no finish() that could have been left out. Let her in, and "
            "make something happen to her handler.",
            "handler",
            1,
        ),
        Mistake(
            "finish ran all the same",
            in_connection(1, every(happens("finish"), raised("handle"))),
            "handle() raised an exception, and finish() ran all the same: so far the claim holds. What else does the "
            "constructor of a handler call, before handle()?",
            "finish",
            1,
        ),
        Mistake(
            "all is well",
            in_connection(1, every(happens("finish"), never("handle_error"))),
            "Nothing happened to alice's handler, and finish() ran. What could happen to it before handle() is called?",
            "finish",
            1,
        ),
        Mistake(
            "finish itself",
            in_connection(1, raised("finish")),
            "finish() has run, and failed: that is not the same as not to run.",
            "finish",
            1,
        ),
        Mistake(
            "the server has ended",
            raised("serve_forever"),
            "The exception ended the server's loop, so bob was never served. Raise one that is an Exception, as "
            "ValueError is; SystemExit and KeyboardInterrupt are none.",
        ),
        Mistake(
            "bob as well",
            in_connection(2, every(happens("handler"), ~sends(b"welcome\n"))),
            "It happened to bob as well. Only the first handler may fail: something must remember that there was one.",
            "finish",
            2,
        ),
    ),
    (
        "The handler's __init__ calls three methods, one after the other. The last one is in a finally; of what?",
        "Read BaseRequestHandler.__init__: setup() stands before the try. What it raises passes by finish().",
        'In setup: count the visitors, in the class or in the server, and raise ValueError("not today") for the first.',
    ),
    "So what setup() has opened before it failed is closed by nobody. Open it last, or close it in setup itself.",
)

LINES: Final = b"one\n  two\n"

MEND_IT: Final = Exercise(
    "23-mend-it",
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

EXERCISES: Final = (A_COUNTEREXAMPLE, MEND_IT)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "23-how-often",
        "serve_forever() serves two clients. How often does it call handle_request()?",
        ("0 times", "2 times", "more than 2 times"),
    ),
    Choice(
        "23-the-wrong-one",
        "Which of these does not hold, of a ThreadingTCPServer?",
        (
            "verify_request() runs before there is a handler",
            "finish() runs in the thread of the server's loop",
            "the connection is closed in the handler's thread",
        ),
    ),
)
