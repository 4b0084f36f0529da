"""The exercises and questions of lesson 12, Choosing."""

from __future__ import annotations

from socketserver_trace.checks import (
    count,
    every,
    happens,
    in_connection,
    never,
    other_lane,
    provider,
    same_lane,
    sends,
    step,
)
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

TOGETHER = b"we are three\n"
ALONE = b"nobody came\n"
PLAYERS = (1, 2, 3)

A_TABLE_FOR_THREE: Final = Exercise(
    "12-a-table-for-three",
    "A table for three",
    (
        Point(
            "Each of the three is told that all are there.",
            every(*(in_connection(number, sends(TOGETHER, whole=True)) for number in PLAYERS)),
        ),
        Point(
            "Each is served in a thread of its own, beside the server's.",
            every(*(in_connection(number, other_lane("get_request", "handle")) for number in PLAYERS), never("child")),
        ),
    ),
    (
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. This one is for streams, so it needs a server for "
            "streams, and it finds the barrier as self.server.table.",
            "handle_error",
        ),
        Mistake(
            "processes",
            happens("child"),
            "Each child has a copy of the barrier, and waits at it alone: three tables with one player each. Who is to "
            "meet must share one memory.",
            "child",
        ),
        Mistake(
            "one by one",
            every(same_lane("get_request", "handle"), provider("process_request", "BaseServer")),
            "All handlers ran in the server's own thread, one after the other: the first waited for two who were still "
            "standing in line behind it.",
            "thread",
        ),
        Mistake(
            "not three at once",
            happens(step("send", data=ALONE)),
            "There were threads, and still somebody waited in vain: there must be three at the barrier at the same "
            "moment. Is it a barrier for three, and can the server serve three at once?",
        ),
        Mistake(
            "nobody",
            never("handler"),
            "No handler was made, so nobody was served.",
            "handler",
        ),
    ),
    (
        "Three must wait at the same time, and at the same barrier. Which of the two does each class of servers give?",
        "At the same time: threads or processes. At the same barrier: only those who share memory.",
        "class Game(ThreadingTCPServer), and the barrier stays as it is.",
    ),
    "A meeting needs no clock to show who serves at once: whoever serves one by one never gets three together.",
)

ONE_ROLL_FOR_ALL: Final = Exercise(
    "12-one-roll-for-all",
    "One roll for all",
    (
        Point("alice has the tickets 1 and 3.", in_connection(1, sends(b"1\n3\n", whole=True))),
        Point("bob, who came while she was there, has ticket 2.", in_connection(2, sends(b"2\n", whole=True))),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors. A number that the server keeps must begin "
            "somewhere, number = 0 in its class, and what is sent are bytes.",
            "handle_error",
        ),
        Mistake(
            "processes",
            happens("child"),
            "Each child counts in a copy of its own, which nobody else sees: alice and bob both begin with 1.",
            "child",
        ),
        Mistake(
            "one by one",
            every(same_lane("get_request", "handle"), provider("process_request", "BaseServer")),
            "bob waited until alice had gone: there is one thread, and it was in her handle.",
            "thread",
        ),
        Mistake(
            "a roll each",
            count(step("receive", of="client", data=b"1\n"), least=2),
            "alice and bob both have ticket 1: the number is kept where each of them has one of his own. There is a "
            "handler for each, and only one server.",
        ),
        Mistake(
            "one ticket each",
            in_connection(1, sends(b"1\n", whole=True)),
            "alice asked twice and has one ticket: her handler must go on until she has no more to say.",
            "handle",
            1,
        ),
        Mistake(
            "from nought",
            in_connection(1, sends(b"0\n")),
            "The first ticket is number 0: count first, and send then.",
        ),
    ),
    (
        "Who is there as long as all of them, and where do two clients meet in one memory?",
        "Served at once: threads. One number: in the server, self.server.number, and not in the handler.",
        "class Roll(ThreadingTCPServer): number = 0, and in the handler self.server.number += 1, in a lock.",
    ),
    "The lock belongs around reading, adding and writing the number. The sending stays outside: who is slow to take "
    "his ticket shall not keep the roll.",
)

EXERCISES: Final = (A_TABLE_FOR_THREE, ONE_ROLL_FOR_ALL)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "12-six-who-wait",
        "Six clients come at once, and for each the server waits. How do threads compare with one by one?",
        ("slower", "about as fast", "more than twice as fast"),
    ),
    Choice(
        "12-behind-the-server",
        "class Backwards(TCPServer, ThreadingMixIn): where does alice's handler run?",
        ("in a thread of its own", "in the server's own thread", "nowhere: Python refuses the class"),
    ),
)
