"""The exercises and questions of lesson 14, Addresses."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, in_connection, never, raised, sends
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

WHERE_FROM: Final = Exercise(
    "14-where-from",
    "Where from?",
    (
        Point("alice, who comes by IPv4, is told 127.0.0.1.", in_connection(1, sends(b"127.0.0.1", whole=True))),
        Point("bob, who comes by IPv6, is told ::1.", in_connection(2, sends(b"::1", whole=True))),
        Point("No handler fails.", never("handle_error")),
    ),
    (
        Mistake(
            "four for all",
            in_connection(1, raised("handle", ValueError)),
            "Now the handler fails for alice: an address of IPv4 has two parts, and not four.",
            "handle_error",
            1,
        ),
        Mistake(
            "two for all",
            in_connection(2, raised("handle", ValueError)),
            "The handler fails for bob: his address has four parts, and there are only two names for them.",
            "handle_error",
            2,
        ),
        Mistake(
            "text",
            raised("handle", TypeError),
            "sendall takes bytes and not text: host.encode() makes bytes of it.",
            "handle_error",
        ),
        Mistake(
            "it fails",
            raised("handle"),
            "The handler raised an exception, which stands above in the output of the cell.",
            "handle_error",
        ),
        Mistake("the whole", sends(b"("), "A client is told the whole address: its host is the first part of it."),
        Mistake(
            "another host",
            in_connection(2, ~sends(b"::1", whole=True)),
            "bob must be told ::1 and nothing else, without brackets and without a port.",
        ),
        Mistake(
            "other words",
            in_connection(1, ~sends(b"127.0.0.1", whole=True)),
            "alice must be told 127.0.0.1 and nothing else.",
        ),
    ),
    (
        "How many parts has client_address for IPv4, and how many for IPv6? Which of them is the host?",
        "The host is the first part of both. You need not unpack the others.",
        "host = self.client_address[0]",
    ),
    "host, port, *rest = self.client_address does it as well, and client_address[:2] gives the two that both have.",
)

REFUSED: Final = raised("server_bind", OSError)

A_DOOR_OF_ITS_OWN: Final = Exercise(
    "14-a-door-of-its-own",
    "A door of its own",
    (
        Point("alice is greeted.", happens("handle") & sends(b"hello, alice")),
        Point("bob is greeted at the same path by the next server.", sends(b"hello, bob")),
        Point("While a server runs, nobody takes its door: carol is greeted.", sends(b"hello, carol")),
        Point("The letter is still there, and says what it said.", sends(b"dear dave")),
        Point("Where something lies already, no server is bound, and nobody is served.", REFUSED & ~sends(b"nobody")),
        Point("Closing works.", ~raised("server_close")),
    ),
    (
        Mistake(
            "the letter is gone",
            sends(b"there is no letter"),
            "The letter was removed. Binding to its path failed or was made possible by removing it; and when binding "
            "fails, the constructor calls server_close(). Remove the path only if this server has made it.",
            "server_close",
        ),
        Mistake(
            "a stolen door",
            every(sends(b"hello, bob"), ~sends(b"hello, carol")),
            "carol came in vain: a second server has removed the door of the one that runs. That a path is there does "
            "not mean that nobody lives behind it.",
            "server_bind",
        ),
        Mistake(
            "closing fails",
            raised("server_close"),
            "server_close() itself raised an error. Is there always a file to remove? When binding fails, or when it "
            "is closed twice, there is none of yours.",
            "server_close",
        ),
        Mistake(
            "never removed",
            every(sends(b"hello, alice"), ~sends(b"hello, bob")),
            "bob came in vain: the path of the first server is still there, so the second one was refused the address.",
            "server_bind",
        ),
        Mistake(
            "another path",
            every(sends(b"hello, bob"), ~REFUSED),
            "No server was refused its address, so not all of them were bound to the path that they were given.",
            "server_bind",
        ),
        Mistake(
            "nobody",
            ~sends(b"hello, alice"),
            "Not even alice was greeted: does your server_bind call super().server_bind()?",
            "server_bind",
        ),
    ),
    (
        "How can server_close() know whether the file at the path is the one that this very server has made?",
        "When super().server_bind() has returned, the file is yours. Keep that in an attribute, which begins as False.",
        "server_bind: super().server_bind(), self.mine = True; server_close: if self.mine, os.unlink(server_address)",
    ),
    "Who makes a thing removes it, and nobody else does: that is a good rule for files, threads and servers alike.",
)

EXERCISES: Final = (WHERE_FROM, A_DOOR_OF_ITS_OWN)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "14-the-empty-host",
        'From where can clients reach TCPServer(("", 50007), ...)?',
        (
            "from this machine only",
            "from every machine that has a way to this one",
            "from nowhere: a host must have a name",
        ),
    ),
    Choice(
        "14-a-second-time",
        "A Unix server was closed in good order. Start it again on its path: does it work, or is the address in use?",
        (
            "it works",
            "EADDRINUSE",
            "ECONNREFUSED",
        ),
    ),
)
