"""The exercises and questions of lesson 08, Waiting in line."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, raised, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim
    from socketserver_trace.course.exercise import Question

GUESTS: Final = 12
"""How many come in the rush, while one more is being served."""


def _hears(name: str, words: bytes) -> Claim:
    return happens(step("receive", of="client", lane=name, data=words))


NO_TIME: Final = happens(step("receive", of="server", error=BlockingIOError))
ONE_THREAD: Final = never("thread")

THE_CLERK: Final = Exercise(
    "08-the-clerk",
    "The clerk",
    (
        Point(
            "mallory, who says nothing, has a moment, and is then told that it is too late.",
            every(_hears("mallory", b"too late"), ~NO_TIME),
        ),
        Point("bob has his word back in capitals.", _hears("bob", b"HELLO")),
        Point("No handler fails.", never("handle_error")),
        Point("Both were served in the server's own thread.", ONE_THREAD),
    ),
    (
        Mistake(
            "a thread each",
            ~ONE_THREAD,
            "bob does not wait for mallory, because each of them has a thread of his own. Here the server must stay a "
            "plain TCPServer.",
            "process_request",
        ),
        Mistake(
            "no time at all",
            NO_TIME,
            "A timeout of 0 means not to wait at all: whoever has not said anything yet when handle begins is too "
            "late, and bob was lucky. Give people a moment.",
            "handle",
            1,
        ),
        Mistake(
            "the error gets out",
            raised("handle", TimeoutError),
            "recv() raised TimeoutError, and nobody caught it: it left handle, and mallory was not told. Catch it "
            "there, and answer.",
            "handle_error",
            1,
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "handle raised an exception: look at served.errors. What is sent must be bytes, with a b in front.",
            "handle_error",
        ),
        Mistake(
            "waits",
            every(~_hears("bob", b"HELLO"), ~_hears("bob", b"too late"), in_connection(1, happens("handle"))),
            "bob had no answer in time: the server's only thread was in mallory's handle, waiting for a word.",
            "handle",
            1,
        ),
        Mistake(
            "everybody is late",
            _hears("bob", b"too late"),
            "bob was told that it is too late, and he had said his word in time.",
        ),
        Mistake(
            "without a word",
            ~_hears("mallory", b"too late"),
            'mallory was let go, and was not told why: send b"too late" before handle ends.',
        ),
    ),
    (
        "How long does recv() wait? As long as the socket does, and a socket can be told how long.",
        "After self.request.settimeout(0.2), recv() raises TimeoutError when nothing has come: put it into a try.",
        'except TimeoutError: self.request.sendall(b"too late"), and then nothing more.',
    ),
    "The timeout stays with the socket, so it counts for sendall as well: whoever does not read what you send to him "
    "is given up, too.",
)

THE_RUSH: Final = Exercise(
    "08-the-rush",
    "The rush",
    (
        Point(
            "alice and all twelve guests are served.",
            count(step("receive", of="client", data=b"HELLO\n"), GUESTS + 1),
        ),
        Point("Nobody was left standing outside.", count(step("handle"), GUESTS + 1)),
        Point("One thread has served them all, one after the other.", ONE_THREAD),
    ),
    (
        Mistake(
            "a thread each",
            ~ONE_THREAD,
            "With a thread for each client nobody stands in the line for long, and that works. Here one thread shall "
            "serve them all, so the line itself must be long enough.",
            "process_request",
        ),
        Mistake(
            "turned away",
            happens(step("verify_request", result=False)),
            "Somebody was turned away at the door. Everybody may come in; they only have to wait.",
            "verify_request",
        ),
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler failed: look at served.errors. The class of the server is all that has to change.",
            "handle_error",
        ),
        Mistake(
            "full",
            happens("connect"),
            "The line was full before all twelve stood in it. Its length is request_queue_size, which stands in the "
            "class, because the constructor looks at it.",
            "get_request",
        ),
    ),
    (
        "How many can stand in the line? Somebody has to say so before the server listens.",
        "The attribute is called request_queue_size, and the constructor hands it to listen().",
        "class Roomy(TCPServer): request_queue_size = 12",
    ),
    "On Linux 11 would do, because it lets in one more; a number that says what is meant is worth more. And look at "
    "the trace: guest 12 was connected before anybody but alice was served.",
)

EXERCISES: Final = (THE_CLERK, THE_RUSH)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "08-how-many-get-in",
        "request_queue_size is 1, and nobody accepts. Four clients come, one after the other. How many can connect?",
        ("None", "One", "Two", "Three", "All four"),
    ),
)
