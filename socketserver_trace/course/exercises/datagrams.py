"""The exercises and questions of lesson 13, Datagrams."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

TOO_LONG: Final = b"too long"
JUST_RIGHT: Final = b"B" * 100
BEGINNINGS: Final = (b"C" * 90, b"D" * 90)

NOT_CUT: Final = Exercise(
    "13-not-cut",
    "Not cut",
    (
        Point("alice's short datagram is answered in capitals.", in_connection(1, sends(b"HELLO", whole=True))),
        Point("bob's, which has just 100 bytes, is answered as well.", in_connection(2, sends(JUST_RIGHT, whole=True))),
        Point("carol, who sent one byte more, is told so.", in_connection(3, sends(TOO_LONG, whole=True))),
        Point("And so is dave, who sent 5,000.", in_connection(4, sends(TOO_LONG, whole=True))),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. The request is a pair, data, sock = self.request, "
            "and bytes are joined and compared with bytes.",
            "handle_error",
        ),
        Mistake(
            "everybody",
            in_connection(1, sends(TOO_LONG)),
            "alice sent five bytes, and was told that they are too many: compare len(data) with 100, and mind which "
            "of the two must be the larger one.",
        ),
        Mistake(
            "off by one",
            in_connection(2, sends(TOO_LONG)),
            "bob sent 100 bytes, which is allowed, and was told that they are too many. If the server takes 100 bytes "
            "at most, 100 bytes and 5,000 look the same to the handler: take one byte more than is allowed.",
        ),
        Mistake(
            "the beginning",
            in_connection(3, sends(BEGINNINGS[0])),
            "carol got the beginning of her own datagram back: the handler did not notice that there was more. If the "
            "server takes 100 bytes, it never sees the 101st.",
            "get_request",
            3,
        ),
        Mistake(
            "silence",
            in_connection(3, never(step("send", of="server"))),
            "carol was not answered at all, so she does not know whether her datagram arrived. Tell her.",
            "handle",
            3,
        ),
        Mistake(
            "nothing in it",
            in_connection(3, sends(b"", whole=True)),
            'carol received an empty datagram. The answer must be b"too long", and nothing else.',
            "finish",
            3,
        ),
        Mistake(
            "other words",
            in_connection(3, ~sends(TOO_LONG, whole=True)),
            'carol was answered in other words: b"too long" is what she must receive, in one datagram.',
        ),
    ),
    (
        "How long is what a handler gets of a datagram of 5,000 bytes, when the server takes 100? And of one with 100?",
        "If the server takes 101 bytes, a handler that has got 101 knows that there were too many.",
        'max_packet_size = 101 in the server, and in handle: b"too long" if len(data) > 100 else data.upper().',
    ),
    "Any larger max_packet_size will do as well, the usual 8,192 say, as long as the handler counts.",
)

ONCE: Final = Exercise(
    "13-once",
    "Once",
    (
        Point(
            "Two datagrams are lost, and alice has her answer all the same.",
            every(
                count(step("verify_request", result=False), 2),
                happens(step("receive", of="client", lane="alice", data=b"1: 5")),
            ),
        ),
        Point(
            "When she sends payment 1 again, she gets the same answer again.",
            count(step("receive", of="client", lane="alice", data=b"1: 5"), least=2),
        ),
        Point(
            "And it is counted once: after her second payment the total is 7.",
            happens(step("receive", of="client", lane="alice", data=b"2: 7")),
        ),
        Point(
            "bob's payment 1 is his own, and makes it 11.",
            happens(step("receive", of="client", lane="bob", data=b"1: 11")),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. What is remembered must live longer than the "
            "handler, as self.server.answers does, and its key must be something that a dictionary can have.",
            "handle_error",
        ),
        Mistake(
            "the lost ones are counted",
            ~count(step("verify_request", result=False), 2),
            "The network must stay as bad as it is: leave BadNetwork alone, and start the cell that serves it again.",
            "verify_request",
        ),
        Mistake(
            "twice",
            happens(step("send", data=b"1: 10")),
            "alice has paid twice: her second datagram was the same payment, and was added again. Look into the "
            "memory before you add; and a memory that is made in the handler is gone after one datagram.",
            "handle",
        ),
        Mistake(
            "by the client alone",
            count(step("receive", of="client", lane="alice", data=b"1: 5"), least=3),
            "alice's second payment was answered as if it were the first one again: the number must be a part of what "
            "you look for.",
        ),
        Mistake(
            "one memory for all",
            happens(step("receive", of="client", lane="bob", data=b"1: 5")),
            "bob got alice's answer, and his money was never counted. Both have a payment 1; who has sent it must be "
            "a part of what you look for.",
        ),
        Mistake(
            "silent",
            count(step("send", data=b"1: 5"), 1),
            "Asked again, the server did not send the answer again. alice asks because she does not have it: nothing "
            "must be added, and the same must be sent.",
        ),
        Mistake(
            "other words",
            never(step("send", data=b"1: 5")),
            'The answer to b"1 5" must be b"1: 5": the number, a colon, a space, and the total.',
        ),
    ),
    (
        "When the same payment comes a second time, which line must not run again, and which one must?",
        "Keep each answer in self.server.answers, by who has paid and the number: (self.client_address, number).",
        "if payment not in self.server.answers: add, and keep the answer. In both cases: send what is kept.",
    ),
    "A real server cannot keep all answers for ever. It forgets them when no client would ask again, after some "
    "minutes say.",
)

EXERCISES: Final = (NOT_CUT, ONCE)

QUESTIONS: Final = (
    Choice(
        "13-how-many-handlers",
        "How many handlers does the server make for alice's two datagrams?",
        ("one, for alice", "two, one for each datagram", "none: there is no connection to handle"),
    ),
    Choice(
        "13-after-a-failure",
        "The handler fails before it has written anything. What does alice receive?",
        ("nothing at all", "an empty datagram", "half of the answer", "the text of the error"),
    ),
)
