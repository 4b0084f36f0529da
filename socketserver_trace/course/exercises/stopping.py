"""The exercises and questions of lesson 07, Stopping, closing, starting again."""

from __future__ import annotations

from socketserver_trace.checks import every, happens, inside, never, order, provider, raised, result, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point
from socketserver_trace.sentences import WouldWaitForever

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim
    from socketserver_trace.course.exercise import Question


def _hears(name: str, words: bytes) -> Claim:
    return happens(step("receive", of="client", lane=name, data=words))


ENDED: Final = result("serve_forever", value=None)
BY_ITSELF: Final = happens(step("shutdown", lane="server"))

THE_LAST_WORD: Final = Exercise(
    "07-the-last-word",
    "The last word",
    (
        Point("alice is answered, and the server goes on.", every(_hears("alice", b"HELLO"), happens("handle"))),
        Point("bob hears good-bye.", _hears("bob", b"good-bye")),
        Point("shutdown is called, and not by the thread that serves.", every(happens("shutdown"), ~BY_ITSELF)),
        Point("The loop has ended, without an error.", ENDED),
        Point("The server is a plain TCPServer.", provider("process_request", "BaseServer")),
    ),
    (
        Mistake(
            "itself",
            raised("shutdown", WouldWaitForever),
            "shutdown() was called by the thread that runs the loop, and would have waited for itself. Let another "
            "thread call it.",
            "shutdown",
        ),
        Mistake(
            "waits for its helper",
            every(happens("shutdown"), ~ENDED, ~BY_ITSELF),
            "Another thread has called shutdown(), and the loop has not ended: the handler waits for that thread, "
            "which waits for the loop, which waits for the handler. Start it, and do not join it.",
            "shutdown",
        ),
        Mistake(
            "a thread each",
            ~provider("process_request", "BaseServer"),
            "With a thread for each client the handler may call shutdown() itself. Here the server must stay a plain "
            "TCPServer.",
            "process_request",
        ),
        Mistake(
            "by an error",
            raised("serve_forever"),
            "The loop has ended, by an exception that went all the way through it. Whoever runs the server gets that "
            "exception. Let shutdown() end the loop.",
            "serve_forever",
        ),
        Mistake(
            "nobody",
            never("shutdown"),
            "Nobody has called shutdown(). Call it on self.server, in a thread of its own.",
            "shutdown",
        ),
        Mistake(
            "everybody",
            ~_hears("alice", b"HELLO") | ~_hears("bob", b"good-bye"),
            "The server ends, and somebody was not answered as he should be: alice's word comes back in capitals, and "
            'only the word b"quit" ends the server, after a b"good-bye".',
        ),
    ),
    (
        "For whom does the loop not wait? Let that one call shutdown().",
        "threading.Thread(target=...) makes a thread that calls something; start() lets it go.",
        "threading.Thread(target=self.server.shutdown).start(), and no join().",
    ),
    "The thread sets the flag and waits, the handler returns, the loop comes round, sees the flag and ends, and then "
    "the thread has done its work.",
)

BOTH: Final = every(_hears("alice", b"HELLO"), _hears("bob", b"HELLO"))

STOP_AND_START_AGAIN: Final = Exercise(
    "07-stop-and-start-again",
    "Stop, and start again",
    (
        Point("alice is served by the first run, and bob by the second, at the same address.", BOTH),
        Point(
            "Each time shutdown comes first, and then server_close.",
            every(
                order("shutdown", "server_close", "shutdown", "server_close"),
                ~order("server_close", "shutdown", "server_close", "shutdown"),
            ),
        ),
        Point("Each loop has ended.", ENDED),
    ),
    (
        Mistake(
            "the loop alone",
            every(happens("shutdown"), happens("server_close"), inside("server_close", "__init__")),
            "The second run could not have its address, because the first one still listens there: shutdown() ends the "
            "loop, and only server_close() closes the door.",
            "server_close",
        ),
        Mistake(
            "nothing",
            every(never("shutdown"), inside("server_close", "__init__")),
            "The second run could not have its address, and the loop of the first one still runs: stop(server) has to "
            "stop the loop, and then to close the door.",
            "shutdown",
        ),
        Mistake(
            "the door alone",
            never("shutdown"),
            "server_close() closes the door, and nobody has stopped the loop, which now spins. First shutdown(), and "
            "then server_close().",
            "shutdown",
        ),
        Mistake(
            "by hand",
            never("server_close"),
            "The socket was closed, and not by server_close(), which would also have waited for what the server has "
            "started. Nobody but the server should touch it.",
            "server_close",
        ),
        Mistake(
            "the wrong order",
            order("server_close", "shutdown", "server_close", "shutdown"),
            "server_close() came first: until shutdown() is called, the loop spins around a closed socket. First stop "
            "the loop, and then close the door.",
            "server_close",
        ),
        Mistake(
            "still in use",
            raised("server_bind"),
            "The second run could not have its address: the first one hung up first, so its side of alice's connection "
            "is in TIME_WAIT. The constructor looks at allow_reuse_address, so it must stand in the class.",
            "server_bind",
        ),
    ),
    (
        "Two ends: that of the loop, and that of the door. And one attribute, which the constructor looks at.",
        "stop: first server.shutdown(), and then the other one. Again: allow_reuse_address, in the body of the class.",
        "server.shutdown(); server.server_close(). class Again(TCPServer): allow_reuse_address = True",
    ),
    "allow_reuse_port would have let bob's server begin as well, and would also let it begin while alice's still runs: "
    "then each of them would get some of the clients.",
)

EXERCISES: Final = (THE_LAST_WORD, STOP_AND_START_AGAIN)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "07-a-handler-stops-its-server",
        "A handler of a TCPServer calls self.server.shutdown(). What becomes of the server?",
        (
            "It ends after this request",
            "It waits for itself, for ever",
            "It ends at once, in the middle of the request",
        ),
    ),
)
