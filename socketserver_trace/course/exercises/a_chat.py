"""The exercises and questions of lesson 16, A chat."""

from __future__ import annotations

from socketserver_trace.checks import either, every, happens, in_connection, never, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

CAFE: Final = "<bob> café\n".encode()

A_LINE_IS_A_LINE: Final = Exercise(
    "16-a-line-is-a-line",
    "A line is a line",
    (
        Point(
            "alice, whose name and words came at once, is welcomed, and hears her words.",
            in_connection(1, sends(b"welcome, alice\n<alice> hello\n", whole=True)),
        ),
        Point("bob, whose name came in two pieces, is welcomed.", in_connection(2, sends(b"welcome, bob\n"))),
        Point("A letter that came in two pieces is a letter.", in_connection(2, sends(CAFE))),
        Point("An empty line is a line, and not the end.", in_connection(2, sends(b"<bob> \n<bob> bye\n"))),
    ),
    (
        Mistake(
            "half a letter",
            raised("handle", UnicodeDecodeError),
            "Half a letter was decoded, and that cannot be done: decode a line when all of it is there.",
            "handle_error",
            2,
        ),
        Mistake(
            "one recv",
            in_connection(1, sends(b"welcome, alice\nhello")),
            "alice's name is now her name and her first words: what one recv returns is no line, it is what has come "
            "so far.",
            "handle",
            1,
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "Your handle raised an exception: look at served.errors. wfile and sendall take bytes and no text.",
            "handle_error",
        ),
        Mistake(
            "the end of the line",
            in_connection(1, every(sends(b"welcome, alice"), ~sends(b"welcome, alice\n<alice> hello\n"))),
            "alice is welcomed, but the ends of the lines are not where they belong: a name is what stands before the "
            'end of its line, and each answer ends with one b"\\n".',
        ),
        Mistake(
            "half a name",
            in_connection(2, sends(b"welcome, bo\n")),
            'bob was welcomed as bo: the rest of his name came a moment later. A line is over when its b"\\n" has '
            "come, and not before.",
            "handle",
            2,
        ),
        Mistake(
            "empty is the end",
            in_connection(2, every(sends(CAFE), never(step("send", of="server", data=b"bye")))),
            "bob has pressed Enter on an empty line, and was hung up on. The end is when nothing comes any more, not "
            'even a newline: readline() returns b"\\n" for an empty line, and b"" at the end.',
            "finish",
            2,
        ),
    ),
    (
        "Which kind of handler gives you lines, however they come?",
        "A StreamRequestHandler has self.rfile: readline() waits for a whole line, and a loop takes the others.",
        'name = self.rfile.readline().decode().rstrip("\\r\\n"), then for line in self.rfile: each has its end.',
    ),
    "A careful server also has a greatest length for a line, or one without an end fills its memory: lesson 18.",
)

HELLO: Final = b"<alice> hello\n"

THE_LEAVER: Final = Exercise(
    "16-the-leaver",
    "The leaver",
    (
        Point("alice hears her own words.", happens(step("receive", of="client", lane="alice", data=HELLO))),
        Point("She stays: nothing is raised in her handler.", in_connection(2, ~raised("handle"))),
        Point(
            "carol, who came after bob, hears them, too.",
            happens(step("receive", of="client", lane="carol", data=HELLO)),
        ),
        Point("bob's handler comes to a good end.", in_connection(1, every(happens("finish"), ~raised("finish")))),
    ),
    (
        Mistake(
            "it changed",
            in_connection(2, raised("handle", RuntimeError)),
            "alice's thread walked through the dictionary and changed it on the way, which Python does not allow: "
            "walk through a copy, or change nothing.",
            "handle_error",
            2,
        ),
        Mistake(
            "bob's error is hers",
            in_connection(2, either(raised("handle", BrokenPipeError), raised("handle", ConnectionResetError))),
            "alice was thrown out because bob is lost: what goes wrong when she sends to him was raised in her handle. "
            "Catch it there, for each member by itself.",
            "handle_error",
            2,
        ),
        Mistake(
            "it fails",
            in_connection(2, raised("handle")),
            "alice's handle raised an exception: look at served.errors.",
            "handle_error",
            2,
        ),
        Mistake(
            "twice",
            raised("finish", KeyError),
            "bob was taken out twice, by alice's broadcast and by his own finish(), which raised KeyError. One place "
            "is enough; or pop(name, None), which does not mind.",
            "finish",
            1,
        ),
        Mistake(
            "it stops at bob",
            never(step("receive", of="client", data=HELLO)),
            "Nobody heard anything: the first member to be told is bob, and there your broadcast ended. Go on to the "
            "next one.",
        ),
        Mistake(
            "not to herself",
            never(step("receive", of="client", lane="alice", data=HELLO)),
            "alice has not heard her own words. Everybody hears everything here: so all see the same order.",
        ),
    ),
    (
        "What goes wrong with one member must not keep the next one from being told: what has to be inside the loop?",
        "try around each single write, and except OSError: pass. Whoever is lost is taken out by his own finish().",
        "Walk through list(self.server.members.values()); in finish(): self.server.members.pop(self.name, None).",
    ),
    "What is not mended here is a member who does not read: the write waits for him. The outbox of the whole chat does "
    "not.",
)

EXERCISES: Final = (A_LINE_IS_A_LINE, THE_LEAVER)

QUESTIONS: Final = (
    Choice(
        "16-who-is-thrown-out",
        "carol comes in while alice's words are on their way to all. Who loses the connection?",
        ("nobody", "bob, who is told something", "alice, who speaks", "carol, who comes in"),
    ),
)
