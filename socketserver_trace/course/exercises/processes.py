"""The exercises and questions of lesson 11, Processes."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, order, other_lane, sends
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

GUESTS: Final = tuple(b"welcome, guest %d" % number for number in (1, 2, 3))
IT_FAILS: Final = Mistake(
    "it fails",
    happens("handle_error"),
    "Something raised an exception. In the parent, served.errors has it; in a child it is in the trace: "
    "served.trace.select(connection=1).",
    "handle_error",
)

IN_CHILDREN: Final = every(count("child", 3), other_lane("get_request", "handle"))

COUNT_AT_THE_DOOR: Final = Exercise(
    "11-count-at-the-door",
    "Count at the door",
    (
        *(
            Point(f"Guest {number} is greeted by number.", in_connection(number, sends(words, whole=True)))
            for number, words in enumerate(GUESTS, start=1)
        ),
        Point("Each of them is served by a child of its own.", IN_CHILDREN),
        Point("Nothing fails.", never("handle_error")),
    ),
    (
        IT_FAILS,
        Mistake(
            "no children",
            never("child"),
            "The numbers may be right, but nobody was forked: the server must stay a ForkingTCPServer, and a "
            "process_request of your own must call super().process_request.",
            "child",
        ),
        Mistake(
            "always the first",
            every(*(in_connection(number, sends(GUESTS[0], whole=True)) for number in (1, 2))),
            "Every guest is number 1: what you count is counted in the child, and lost with it.",
            "handle",
            2,
        ),
        Mistake(
            "from nought",
            in_connection(1, sends(b"welcome, guest 0", whole=True)),
            "The first guest is number 0: when you counted, the child had been forked already, with the old number. "
            "Or nobody counts at all.",
            "process_request",
            1,
        ),
        Mistake(
            "other words",
            in_connection(1, ~sends(GUESTS[0], whole=True)),
            'The words differ: the first guest must receive b"welcome, guest 1", and nothing else.',
        ),
        Mistake(
            "twice",
            in_connection(2, ~sends(GUESTS[1], whole=True)),
            'The second guest must receive b"welcome, guest 2", and nothing else: count each guest once.',
            "handle",
            2,
        ),
    ),
    (
        "Which hooks of a request run in the parent? Draw it: served.trace.select(lane='server').",
        "get_request, verify_request and process_request run in the parent, and the fork is inside of process_request.",
        "In process_request: self.guests += 1, and then super().process_request(request, client_address).",
    ),
    "A copy knows all that was known at the moment of the fork. So down to the child values come for nothing; only the "
    "way back costs a pipe.",
)

THANKS: Final = b"thank you\n"

THE_TILL: Final = Exercise(
    "11-the-till",
    "The till",
    (
        Point(
            "alice and bob are thanked.",
            every(*(in_connection(number, sends(THANKS, whole=True)) for number in (1, 2))),
        ),
        Point("carol is told the total of both: 5.", in_connection(3, sends(b"5\n", whole=True))),
        Point("Each of them is served by a child of its own.", IN_CHILDREN),
        Point("Children are collected while the server runs.", order("collect_children", "shutdown")),
    ),
    (
        IT_FAILS,
        Mistake(
            "no children",
            never("child"),
            "The total may be right, but nobody was forked: the server must stay a ForkingTCPServer.",
            "child",
        ),
        Mistake(
            "stays in the child",
            in_connection(3, sends(b"0\n", whole=True)),
            "carol is told 0: what alice and bob paid never came home. pay() runs in a child: it must send the amount, "
            "and the parent must receive it.",
            "handle",
            1,
        ),
        Mistake(
            "too late",
            in_connection(3, sends(b"2\n", whole=True)),
            "carol is told 2: bob's amount was added when her child had been forked already. Read the pipe before the "
            "fork, and read all that is in it.",
            "process_request",
            3,
        ),
        Mistake(
            "the last one",
            in_connection(3, sends(b"3\n", whole=True)),
            "carol is told 3, which is what bob paid: add each amount to the total, and don't replace it.",
        ),
        Mistake(
            "zombies",
            every(in_connection(3, sends(b"5\n", whole=True)), ~order("collect_children", "shutdown")),
            "The total is right, but no child was collected before the server was closed: all were zombies until then. "
            "A service_actions of your own must call super().service_actions().",
            "collect_children",
        ),
        Mistake(
            "another total",
            in_connection(3, ~sends(b"5\n", whole=True)),
            "carol is told another total: each amount must be added once.",
        ),
    ),
    (
        "Who knows what alice paid? Only her child. Who must know it when carol's child is forked?",
        "pay() sends the amount into a pipe, and process_request, before it forks, takes out what is there.",
        "pay: self.writer.send(amount). process_request: while self.reader.poll(): self.total += self.reader.recv()",
    ),
    "Each message of a few bytes goes into a pipe in one piece, so many children can write into the same one.",
)

EXERCISES: Final = (COUNT_AT_THE_DOOR, THE_TILL)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "11-three-guests",
        "Each of three clients adds 1 to server.guests, in a forked child. What does the server itself have then?",
        ("0", "1", "3"),
    ),
)
