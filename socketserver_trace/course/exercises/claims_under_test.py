"""The exercises and questions of lesson 23, Claims under test."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, provider, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

WITHOUT_HANDLE: Final = Exercise(
    "23-without-handle",
    "Without handle",
    (
        Point("alice gets her words in capitals.", in_connection(1, sends(b"HELLO\n", whole=True))),
        Point(
            "The handle() that ran is the inherited one, which does nothing.",
            in_connection(1, every(happens("handle"), provider("handle", "BaseRequestHandler"))),
        ),
        Point("Nothing failed.", in_connection(1, never("handle_error"))),
    ),
    (
        Mistake(
            "setup fails",
            in_connection(1, raised("setup")),
            "setup() has failed: look at served.errors. rfile and wfile are made by StreamRequestHandler.setup, so "
            "super().setup() comes first.",
            "handle_error",
            1,
        ),
        Mistake(
            "finish fails",
            in_connection(1, raised("finish")),
            "finish() has failed: look at served.errors. StreamRequestHandler.finish closes rfile and wfile, so "
            "super().finish() comes last.",
            "handle_error",
            1,
        ),
        Mistake(
            "a handle of one's own",
            in_connection(1, every(happens("handle"), ~provider("handle", "BaseRequestHandler"))),
            "Your class has a handle() of its own, and so it says nothing about the sentence. What else does the "
            "constructor of a handler call?",
            "handle",
            1,
        ),
        Mistake(
            "no handler at all",
            in_connection(1, every(sends(b"HELLO\n"), never("handle"))),
            "alice has her answer, and no handle() ran, not even the inherited one: the server has done the work. The "
            "sentence speaks of handlers; let one do it.",
            "handle",
            1,
        ),
        Mistake(
            "no answer",
            in_connection(1, every(happens("handle"), never(step("send", of="server")))),
            "The inherited handle() ran, and nothing was sent. Which two other methods of a handler run for each "
            "client?",
            "setup",
            1,
        ),
    ),
    (
        "A handler's constructor calls three methods. handle() is one of them.",
        "Take away handle(), and let setup() or finish() do its work, by means of rfile and wfile.",
        "In setup: super().setup(), and then self.wfile.write(self.rfile.readline().upper()).",
    ),
    "So the sentence is false; and a good custom all the same. Who reads a handler looks for handle().",
)

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

EXERCISES: Final = (WITHOUT_HANDLE, A_COUNTEREXAMPLE)

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
