"""The exercises and questions of lesson 09, The doorkeeper."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, result, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim
    from socketserver_trace.course.exercise import Question

WELCOME = sends(b"welcome\n")


def _come_in(*connections: int) -> Claim:
    """All of these are let in."""
    return every(*(in_connection(number, happens("handler")) for number in connections))


def _turned_away(*connections: int) -> Claim:
    """All of these are turned away at the door."""
    return every(
        *(
            in_connection(number, every(result("verify_request", value=False), never("handler")))
            for number in connections
        )
    )


NO_ANSWER = Mistake(
    "no answer",
    in_connection(1, result("verify_request", value=None)),
    "Your verify_request returned nothing, which is None, and None counts as false: it must return True for those who "
    "may come in.",
    "handler",
    1,
)

THREE_IN_A_SECOND: Final = Exercise(
    "09-three-in-a-second",
    "Three in a second",
    (
        Point("The first three visits come in.", _come_in(1, 2, 3)),
        Point("The fourth one is turned away at the door.", _turned_away(4)),
        Point(
            "At 1.2 only the first visit is a second ago, so there is room for one and no more.",
            every(_come_in(5), _turned_away(6)),
        ),
        Point("Later on there may be three visits again.", _come_in(7, 8, 9)),
        Point(
            "Another address has three visits of its own.",
            happens(step("verify_request", lane="main", result=True)),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("verify_request"),
            "Your verify_request raised an exception, and that is the end of the whole server: look at served.errors. "
            "Does an address that has never been here have an entry in self.visits?",
            "handle_error",
        ),
        NO_ANSWER,
        Mistake(
            "too late",
            in_connection(4, every(happens("handler"), ~WELCOME)),
            "The fourth visit was not welcomed, but a handler was made for it. Turn it away before, in verify_request.",
            "handler",
            4,
        ),
        Mistake(
            "one too few",
            every(_come_in(1, 2), in_connection(3, never("handler"))),
            "The third visit was turned away: three may come in. Compare before you write the new visit down.",
            "handler",
            3,
        ),
        Mistake("nobody", in_connection(1, never("handler")), "The first visit was turned away already.", "handler", 1),
        Mistake(
            "everybody",
            _come_in(4, 6),
            "The fourth visit came in, and so did everybody else.",
            "verify_request",
            4,
        ),
        Mistake(
            "one too many",
            _come_in(4),
            "The fourth visit came in at 0.9, when three were less than a second ago.",
            "verify_request",
            4,
        ),
        Mistake(
            "never forgets",
            in_connection(7, never("handler")),
            "Nobody came in any more after the third visit, not even at 5.0: what is a second ago or more must no "
            "longer count. Ask self.clock() what time it is; the machine's own clock knows nothing of these times.",
            "handler",
            7,
        ),
        Mistake(
            "fixed seconds",
            _come_in(6),
            "At 1.2 there were two visits too many: you begin to count anew with each new second. The two visits at "
            "0.8 are less than a second ago, so keep the time of each visit.",
            "verify_request",
            6,
        ),
        Mistake(
            "counts the refused",
            in_connection(5, never("handler")),
            "At 1.2 nobody came in, although only two visits had been let in within the last second: a visit that was "
            "turned away does not count, so don't write it down.",
            "handler",
            5,
        ),
        Mistake(
            "all addresses together",
            happens(step("verify_request", lane="main", result=False)),
            "Somebody from another address was turned away because of somebody else's visits: keep a list for each "
            "address, client_address[0].",
        ),
    ),
    (
        "What must the server remember of a visit? When it was, and from which address it came.",
        "Of the times that are kept for this address, take those for which now - at < 1. How many are there?",
        "recent = [at for at in self.visits.get(host, []) if now - at < 1]; with three, False; else keep now as well.",
    ),
    "This is a sliding window. It needs a time for each visit; a bucket of tokens, as in lesson 17, needs two numbers "
    "for each address.",
)

FULL_HOUSE: Final = Exercise(
    "09-full-house",
    "A full house",
    (
        Point("alice and bob are welcomed.", every(*(in_connection(number, WELCOME) for number in (1, 2)))),
        Point("carol is turned away at the door.", _turned_away(3)),
        Point("So is dave: that carol was turned away makes no room.", _turned_away(4)),
        Point("When alice has left, carol comes again and is welcomed.", in_connection(5, WELCOME)),
    ),
    (
        Mistake(
            "it fails",
            raised("verify_request"),
            "Your verify_request raised an exception, and that is the end of the whole server: look at served.errors. "
            "What you count with must be there before the first client comes.",
            "handle_error",
        ),
        Mistake(
            "it fails at the end",
            raised("close_request"),
            "Your close_request raised an exception, and that ends the server: look at served.errors. It runs for "
            "those who were turned away, too; discard() takes out of a set what may not be in it.",
            "close_request",
        ),
        NO_ANSWER,
        Mistake(
            "too late",
            in_connection(3, every(happens("handler"), ~WELCOME)),
            "carol was not welcomed, but a thread and a handler were made for her. Turn her away before, in "
            "verify_request.",
            "handler",
            3,
        ),
        Mistake(
            "one too few",
            every(in_connection(1, happens("handler")), in_connection(2, never("handler"))),
            "bob was turned away: two may be inside.",
            "handler",
            2,
        ),
        Mistake(
            "everybody",
            _come_in(3),
            "carol was let in while alice and bob were inside.",
            "verify_request",
            3,
        ),
        Mistake(
            "the refused leave",
            _come_in(4),
            "carol was turned away, and then dave was let in: when carol's connection was closed, one guest too many "
            "was taken off.",
            "close_request",
            3,
        ),
        Mistake(
            "nobody leaves",
            in_connection(5, never("handler")),
            "alice had left, and carol was turned away once more: who leaves must be taken off. Is your close_request "
            "called, and does it know the guest?",
            "handler",
            5,
        ),
    ),
    (
        "A number does not know who is inside. What would?",
        "request is the same object in verify_request and in close_request: keep a set of those that are inside.",
        "self.guests.add(request) if len(self.guests) < 2, and in close_request self.guests.discard(request).",
    ),
    "Each guest leaves in his own thread. Adding to a set and taking out of it are safe all the same; a number that "
    "several threads change is not, and lesson 10 shows why.",
)

EXERCISES: Final = (THREE_IN_A_SECOND, FULL_HOUSE)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "09-visitors-book",
        "The doorkeeper writes every visitor down, and that is all. What does alice receive?",
        (
            "the line: welcome",
            "nothing, only the end of file",
            "nothing at all: she waits",
            "an error: she cannot connect",
        ),
    ),
)
