"""The exercises and questions of lesson 22, Your own protocol."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, order, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

VERSION_TWO: Final = Exercise(
    "22-version-two",
    "Version 2",
    (
        Point(
            "alice, who speaks version 1, is served as before, and COUNT is not understood.",
            in_connection(1, every(sends(b"OK 1 0\nOK 0\nERROR "), ~sends(b"OK 1 0\nOK 0\nOK"))),
        ),
        Point(
            "bob, who speaks version 2, is told how many boxes are full.",
            in_connection(2, sends(b"OK 2 0\nOK 0\nOK 1 0\n")),
        ),
        Point(
            "carol, who wants another version, is answered, and not served.",
            in_connection(3, every(sends(b"ERROR "), ~sends(b"OK"))),
        ),
    ),
    (
        Mistake(
            "it fails",
            raised("handle"),
            "Your handler raised an exception: look at served.errors. An answer is bytes, made by message() or "
            "refusal(), and it must be returned.",
            "handle_error",
        ),
        Mistake(
            "old clients are lost",
            in_connection(1, ~sends(b"OK 1 0\nOK 0\n")),
            "alice speaks version 1, and she must find everything as it was: HELLO 1 is answered by OK 1 0, and LEAVE "
            "by OK 0. (super().answer(words, body) answers what you do not.)",
        ),
        Mistake(
            "everybody may count",
            in_connection(1, sends(b"OK 1 0\nOK 0\nOK")),
            "alice speaks version 1, and was answered to COUNT, which version 1 does not have. Who speaks which "
            "version must be remembered when HELLO comes.",
        ),
        Mistake(
            "two is still refused",
            in_connection(2, ~sends(b"OK 2 0\n")),
            "bob says HELLO 2, and was not answered by OK 2 0.",
        ),
        Mistake(
            "not greeted",
            in_connection(2, every(sends(b"OK 2 0\n"), ~sends(b"OK 2 0\nOK 0\n"))),
            "bob was greeted, and then he could not leave a letter: self.greeted must be true from HELLO 2 on.",
        ),
        Mistake(
            "everything is a version",
            in_connection(3, sends(b"OK")),
            "carol says HELLO 3, and was served. Nobody knows what she means by that.",
        ),
        Mistake(
            "the number as a letter",
            in_connection(2, every(sends(b"OK 2 0\nOK 0\n"), ~sends(b"OK 2 0\nOK 0\nOK 1 0\n"))),
            "bob asked COUNT when one box was full, and must be answered OK 1 0: the number is a word, "
            'message("OK", "1"), and as text.',
        ),
    ),
    (
        "Which messages are new, or answered otherwise? Leave all others to super().answer(words, body).",
        'HELLO with "1" or "2" is one new case: remember the version in self, set self.greeted, answer with it.',
        'case ["COUNT"] if self.version == "2": return message("OK", str(len(self.server.boxes)))',
    ),
    "A server that speaks two versions is tested with two kinds of clients. The old one is the more important.",
)

HELLO: Final = b"\0\0\0\5HELLO"
LINES: Final = b"\0\0\0\3A\nB"
EMPTY: Final = b"\0\0\0\0"
LAST: Final = b"\0\0\0\1Z"
HUNDRED: Final = b"\0\0\0\x64" + b"C" * 100
REFUSED: Final = b"\0\0\0\x09too large"

WHATEVER_THE_PIECES: Final = Exercise(
    "22-whatever-the-pieces",
    "Whatever the pieces",
    (
        Point(
            "alice's four frames are answered, wherever they were cut.",
            in_connection(1, sends(HELLO + LINES + EMPTY + LAST, whole=True)),
        ),
        Point(
            "Each is answered as soon as it is whole.",
            in_connection(1, happens(*(step("receive", of="client", data=one) for one in (HELLO, LINES, EMPTY, LAST)))),
        ),
        Point(
            "bob's frame of 101 bytes is refused when only its head is there.",
            in_connection(2, every(sends(REFUSED, whole=True), happens(step("receive", of="client", data=REFUSED)))),
        ),
        Point(
            "carol's frame of 100 bytes is served, and the half one after it is not.",
            in_connection(3, sends(HUNDRED, whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "again and again",
            in_connection(1, sends(HELLO + HELLO)),
            "alice's first frame was answered again and again: what take() returns must be taken off self.rest.",
        ),
        Mistake(
            "the head comes along",
            in_connection(1, sends(b"\0\0\0\x09" + HELLO)),
            "alice's answer has a head twice: what take() returns is the frame's bytes without its head.",
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "The handler raised an exception: look at served.errors. take() returns bytes, or None when there is no "
            "whole frame yet, and the only thing that it raises is a ValueError.",
            "handle_error",
        ),
        Mistake(
            "half a head",
            in_connection(1, order(step("send", of="server", data=EMPTY), step("receive", of="server", data=b"hel"))),
            'alice\'s first piece is b"\\0\\0", half a head, and it was read as the number 0. A head has four bytes: '
            "before they are there, nothing is known.",
        ),
        Mistake(
            "not yet whole",
            in_connection(1, order(step("send", of="server"), step("receive", of="server", data=b"lo\0"))),
            "alice's first frame was answered before its last bytes had come. A slice that is too short is no error in "
            "Python: compare the length of self.rest with what the head says, and return None when it is too short.",
        ),
        Mistake(
            "nothing comes out",
            in_connection(1, ~sends(EMPTY[:3])),
            "alice sent four whole frames, and none was answered: take() has returned None each time.",
        ),
        Mistake(
            "the rest is lost",
            in_connection(1, sends(HELLO, whole=True)),
            "alice's third piece has the end of her first frame and two more frames. Of self.rest only what was "
            "returned may be taken away.",
        ),
        Mistake(
            "empty is none",
            in_connection(1, sends(HELLO + LINES, whole=True)),
            'alice\'s third frame is empty, and was not answered. b"" is a frame without bytes, and None is no frame.',
        ),
        Mistake(
            "waits for it",
            in_connection(2, never(step("receive", of="client", data=b"too large"))),
            "bob's head says 101 bytes, and he waited in vain to hear that these are too many. The head is enough to "
            "refuse it; who waits for the bytes first must keep them.",
        ),
        Mistake(
            "one too few",
            in_connection(3, sends(b"too large")),
            "carol's frame has just 100 bytes, and those are allowed.",
        ),
    ),
    (
        "What must be there before you know anything? And what must be there before you return something?",
        "Fewer than 4 bytes: None. int.from_bytes(self.rest[:4], 'big') is the size. Then: too large? All there?",
        "At the end: frame, self.rest = self.rest[4 : 4 + size], self.rest[4 + size :], and return frame.",
    ),
    "No socket was needed for it: a framing like this one can be tried byte by byte, and carried by anything.",
)

EXERCISES: Final = (VERSION_TWO, WHATEVER_THE_PIECES)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "22-a-dot-alone",
        "One line of alice's letter is only a dot, and a later one says EMPTY carol. What happens?",
        (
            "bob gets the letter as she wrote it",
            "bob gets its beginning, and the rest is ignored",
            "bob gets its beginning, and the rest is obeyed",
        ),
    ),
)
