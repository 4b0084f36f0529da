"""The exercises and questions of lesson 10, Threads."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, other_lane, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

BOB_HAS_IT = happens(step("receive", of="client", data=b"HELLO\n"))
CLOSED_IN_TIME = every(count("server_close", least=2), ~raised("server_close"))
"""The cell closes the server, and the end of its block does so once more; a wait for alice is an error here."""

THE_HALL: Final = Exercise(
    "10-the-hall",
    "The hall",
    (
        Point("bob is answered while alice says nothing.", BOB_HAS_IT),
        Point(
            "Each of them has a thread of his or her own.",
            every(count("thread", 2), *(in_connection(one, other_lane("get_request", "handle")) for one in (1, 2))),
        ),
        Point("alice was let in, and not thrown out before the end.", every(happens("handle"), never("handle_error"))),
        Point("server_close() does not wait for alice.", CLOSED_IN_TIME),
    ),
    (
        Mistake(
            "thrown out",
            happens(step("receive", of="server", error=TimeoutError)),
            "alice had not said anything for some time, and was thrown out by a timeout. She may stay as long as the "
            "server is open, and closing it must not depend on her.",
            "handle_error",
        ),
        Mistake(
            "one thread for all",
            every(never("thread"), ~BOB_HAS_IT),
            "bob had no answer: the only thread was with alice. No thread was started for anybody.",
            "thread",
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. Here only the class of the server is to change.",
            "handle_error",
        ),
        Mistake(
            "turned away",
            in_connection(1, never("handler")),
            "alice was turned away, so that she is in nobody's way. She is to be let in.",
            "handler",
            1,
        ),
        Mistake(
            "waits for her",
            raised("server_close"),
            "bob has his answer, and then server_close() waited for alice's thread. A thread that is a daemon is not "
            "waited for.",
            "server_close",
        ),
        Mistake(
            "no answer",
            ~BOB_HAS_IT,
            "There are threads, and bob had no answer all the same: does the handler still answer each line?",
        ),
    ),
    (
        "Two bases, and their order matters. And there is an attribute about the end.",
        "ThreadingMixIn stands before TCPServer. daemon_threads and block_on_close say what server_close() waits for.",
        "class BigHall(ThreadingMixIn, TCPServer): daemon_threads = True",
    ),
    "block_on_close = False would do as well; then the program itself would wait for alice at its very end.",
)

NUMBERS = (b"1\n", b"2\n", b"3\n")

EVERY_GUEST_COUNTS: Final = Exercise(
    "10-every-guest-counts",
    "Every guest counts",
    (
        *(
            Point(f"One guest, and only one, is number {number}.", count(step("send", of="server", data=words), 1))
            for number, words in enumerate(NUMBERS, start=1)
        ),
        Point("Each guest has a thread.", count("thread", 3)),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. A lock must be there before the guests come.",
            "handle_error",
        ),
        Mistake(
            "no threads",
            never("thread"),
            "All guests were served in one thread, one after the other, so there was no race. Here the server must "
            "have threads: look at its bases.",
            "thread",
        ),
        Mistake(
            "from nought",
            happens(step("send", of="server", data=b"0\n")),
            "One guest is number 0. The first one is number 1.",
        ),
        Mistake(
            "the same number",
            count(step("send", of="server", data=b"1\n"), least=2),
            "Two guests are number 1: both had read before either of them wrote. One lock for all must be held from "
            "the reading to the writing. A lock that is made anew in each handle, or held for one half of it only, "
            "keeps nobody out.",
        ),
        Mistake(
            "all wait",
            never(step("send", of="server")),
            "Nobody was told a number: all of them wait. Whoever holds a lock and asks for it again waits for himself.",
            "handle",
        ),
        Mistake(
            "never let go",
            every(sends(b"1\n"), never(step("send", of="server", data=b"2\n"))),
            "The first guest has a number, and the others wait for ever: the lock was never let go. With `with lock:` "
            "it is let go at the end of the block, whatever happens in it.",
            "handle",
        ),
    ),
    (
        "Between which two lines must nobody else come?",
        "with lock: lets one in, and the next one when he has left. It must enclose the reading and the writing.",
        "The three lines before wfile.write belong into one `with lock:`; sending stands outside of it.",
    ),
    "With the lock, others_go_on() waits in vain: nobody can come. That is what a lock costs, and what it is for.",
)

EXERCISES: Final = (THE_HALL, EVERY_GUEST_COUNTS)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "10-swapped",
        "class Swapped(TCPServer, ThreadingMixIn). alice says nothing, bob says hello. Who answers bob?",
        (
            "a thread of his own",
            "the same thread that serves alice",
            "nobody, as long as alice says nothing",
            "nobody: there can be no such class",
        ),
    ),
)
