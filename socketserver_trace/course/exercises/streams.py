"""The exercises and questions of lesson 05, Streams."""

from __future__ import annotations

from socketserver_trace.checks import either, every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

BY_LENGTH: Final = Exercise(
    "05-by-length",
    "By length",
    (
        Point(
            "alice's four messages are answered, the one with a newline and the empty one as well.",
            in_connection(1, sends(b"\x05HELLO\x03A\nB\x00\x01Z", whole=True)),
        ),
        Point(
            "Her first answer comes when her first message is complete, and not later.",
            in_connection(1, happens(step("receive", of="client", data=b"\x05HELLO"))),
        ),
        Point(
            "bob's whole message is answered, and the half one is not.",
            in_connection(2, sends(b"\x04WOOD", whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "the end fails",
            raised("handle", IndexError),
            'handle raised an IndexError: at the end of the stream read(1) returns b"", in which there is no first '
            "byte. Look whether there is one before you use it.",
            "handle_error",
        ),
        Mistake(
            "text",
            raised("handle", TypeError),
            "handle raised a TypeError: wfile takes bytes, and a number is no bytes. bytes([5]) is one byte; the head "
            "that you have read can be sent back as it is.",
            "handle_error",
        ),
        Mistake(
            "a portion is a message",
            in_connection(1, every(sends(b"HE"), never(step("send", of="server", data=b"HELLO")))),
            'alice\'s first portion was b"\\x05he", and it was answered. Its head says that five bytes follow: '
            "self.rfile.read(5) waits for them, recv does not.",
            "handle",
            1,
        ),
        Mistake(
            "without a head",
            in_connection(1, every(sends(b"HELLO"), ~sends(b"\x05HELLO"))),
            "alice's answer has no length in front, so she cannot know where it ends. Frame it as her message was.",
        ),
        Mistake(
            "by line",
            in_connection(1, never(step("receive", of="client", data=b"\x05HELLO"))),
            "alice's first message was complete, and she waited in vain for its answer. Whoever reads a line waits for "
            "a newline, and whoever reads all waits for the end of the stream.",
            "handle",
            1,
        ),
        Mistake(
            "half is answered",
            in_connection(2, sends(b"HALF")),
            "bob left in the middle of his second message, and it was answered. At the end of the stream read(9) "
            "returns what there is: compare its length with the head.",
            "handle",
            2,
        ),
        Mistake(
            "only the first",
            in_connection(1, sends(b"\x05HELLO", whole=True)),
            "alice's first message was answered, and no other: read heads until there is none.",
            "handle",
            1,
        ),
        Mistake(
            "empty is the end",
            in_connection(1, sends(b"\x05HELLO\x03A\nB", whole=True)),
            "alice's third message is empty, and it was taken for the end. The end is when there is no head; a head of "
            "0 is a message.",
            "handle",
            1,
        ),
        Mistake(
            "it fails",
            happens("handle_error"),
            "A handler raised an exception: look at served.errors.",
            "handle_error",
        ),
    ),
    (
        "How many bytes must you read to know how many more you must read?",
        "head = self.rfile.read(1) is the head, or b'' at the end; self.rfile.read(head[0]) is the message.",
        "while head := self.rfile.read(1): read head[0] bytes, return when they are fewer, write head + them.upper().",
    ),
    "With one byte for the length a message has 255 bytes at most, and nobody can announce a gigabyte.",
)

TOO_LONG: Final = Exercise(
    "05-too-long",
    "Too long, and go on",
    (
        Point(
            "alice hears once that her second line is too long, and the next one is served.",
            in_connection(1, sends(b"HELLO\ntoo long\nAGAIN\n", whole=True)),
        ),
        Point(
            "She hears it while that line is still coming.",
            in_connection(1, happens(step("receive", of="client", data=b"too long\n"))),
        ),
        Point(
            "bob's line of 20 bytes is served, and the one of 21 is too long.",
            in_connection(2, sends(b"Y" * 19 + b"\ntoo long\nOK\n", whole=True)),
        ),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "it fails",
            raised("handle", TypeError),
            "handle raised a TypeError: wfile takes bytes and not text.",
            "handle_error",
        ),
        Mistake(
            "no limit",
            in_connection(1, sends(b"X" * 50)),
            "alice had sent 50 bytes of a line, and was not told that these are too many; in the end they came back. "
            "Without a number, readline() and `for line in self.rfile` read on until the newline, however far that is.",
            "handle",
            1,
        ),
        Mistake(
            "waits for the end",
            in_connection(1, never(step("receive", of="client", data=b"too long\n"))),
            "alice had sent 50 bytes and waited in vain to hear that these are too many. readline(21) returns when 21 "
            "bytes are there, newline or not.",
            "handle",
            1,
        ),
        Mistake(
            "the rest is a line",
            in_connection(1, either(sends(b"too long\ntoo long\n"), sends(b"too long\nX"))),
            "The rest of alice's long line was taken for another line. After the answer, read on until its newline, "
            "and throw away what you read.",
            "handle",
            1,
        ),
        Mistake(
            "hangs up",
            in_connection(1, sends(b"HELLO\ntoo long\n", whole=True)),
            "alice was told, and her next line was not served: the connection must be kept, and no more be passed over "
            "than the rest of that line.",
            "handle",
            1,
        ),
        Mistake(
            "one too few",
            in_connection(2, ~sends(b"Y" * 19 + b"\n")),
            "bob's first line has just 20 bytes with its newline, which is allowed.",
        ),
        Mistake(
            "one too many",
            in_connection(2, sends(b"W" * 20)),
            "bob's second line has 21 bytes with its newline, which is one too many.",
        ),
        Mistake(
            "swallows the next",
            in_connection(2, every(sends(b"too long\n"), ~sends(b"OK\n"))),
            "bob's line of 21 bytes ends with its newline, so there was no rest of it to pass over; what was passed "
            "over was his next line.",
            "handle",
            2,
        ),
    ),
    (
        "readline(21) returns 21 bytes at most. What do you know of a line of which it returned 21?",
        "Too long: say so at once. Is its newline among the 21 bytes? If not, read on until it comes.",
        'After the answer: while line and not line.endswith(b"\\n"): line = self.rfile.readline(21).',
    ),
    "However long the line is, no more than 21 bytes of it are kept, beside one buffer of a fixed size.",
)

EXERCISES: Final = (BY_LENGTH, TOO_LONG)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "05-first-bytes",
        "wbufsize is -1, and handle writes three words. When do the first bytes leave for alice?",
        ("with the first write", "with the last write", "when finish runs"),
    ),
)
