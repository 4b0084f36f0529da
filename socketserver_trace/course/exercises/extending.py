"""The exercises and questions of lesson 20, Extending socketserver."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, never, provider, raised, sends, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point
from socketserver_trace.sentences import WaitedInVain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.checks import Claim

HELLO: Final = b"HELLO\n"


def _hears(name: str, line: bytes) -> Claim:
    return happens(step("receive", of="client", lane=name, data=line))


def _answered(name: str, number: int, line: bytes) -> Claim:
    """That and nothing else, and in time: an answer that comes when its client has gone is none."""
    return every(in_connection(number, sends(line, whole=True)), _hears(name, line))


def _is_let_go(number: int) -> Claim:
    waits = step("receive", of="client", error=WaitedInVain)
    return in_connection(number, every(never("handler"), happens("close_request"), never(waits)))


TWO_LANGUAGES: Final = Exercise(
    "20-two-languages",
    "Two languages",
    (
        Point("alice, who sent #7, hears its square.", _answered("alice", 2, b"49\n")),
        Point("bob is answered in capitals.", _answered("bob", 3, HELLO)),
        Point(
            "Each has a handler of its own kind.",
            every(in_connection(2, provider("handle", "Square")), in_connection(3, provider("handle", "Shout"))),
        ),
    ),
    (
        Mistake(
            "in the loop",
            happens(step("receive", lane="server")),
            "The server's loop waited for mallory's first byte, and nobody else could come in: get_request, "
            "verify_request and process_request run in the loop. Peek in finish_request, which runs in his own thread.",
            "finish_request",
            1,
        ),
        Mistake(
            "taken",
            in_connection(3, sends(b"ELLO\n", whole=True)),
            "bob's first letter is gone: your server has taken it, and the handler did not find it any more. "
            "recv(1, socket.MSG_PEEK) looks without taking.",
            "finish_request",
            3,
        ),
        Mistake(
            "it fails",
            raised("finish_request"),
            "finish_request raised an exception: look at served.errors. A handler is made with three arguments, "
            "handler(request, client_address, self); and what recv returns is bytes, so compare it with bytes.",
            "handle_error",
        ),
        Mistake(
            "everybody shouts",
            in_connection(2, sends(b"#7\n")),
            'alice has her own line back, in capitals: "#" was not noticed. Is what you compare with of the same '
            "length as what you peeked?",
            "finish_request",
            2,
        ),
        Mistake(
            "no handler",
            in_connection(2, every(happens("finish_request"), never("handler"))),
            "alice has no handler: finish_request has to make it, and making it does all of the work.",
            "handler",
            2,
        ),
        Mistake(
            "one for both",
            every(in_connection(2, sends(b"49\n")), in_connection(3, sends(HELLO))),
            "Both answers are right, but one handler gave them. It will have to know every language that comes; two "
            "handlers know one each.",
            "finish_request",
        ),
    ),
    (
        "finish_request has the socket, request. What can be read from it without taking it away from the handler?",
        'request.recv(1, socket.MSG_PEEK) is b"#" for alice. Then make a handler, as BaseServer does.',
        'made = Square if request.recv(1, socket.MSG_PEEK) == b"#" else Shout; made(request, client_address, self)',
    ),
    "mallory has a thread that waits for his first byte. A timeout before peeking would let go of him: lesson 18.",
)

NO_PLACE: Final = Exercise(
    "20-no-place",
    "No place",
    (
        Point("alice and bob are served at the same time.", every(_hears("alice", HELLO), _hears("bob", HELLO))),
        Point("carol is let go at once, and no handler is made for her.", _is_let_go(3)),
        Point("When bob has gone, his place is dave's.", _hears("dave", HELLO)),
        Point("When alice's handler has failed, her place is free, too: it is erin's.", _hears("erin", HELLO)),
        Point("Then there is no place for carol once more.", _is_let_go(6)),
        Point("That failure is reported, once.", in_connection(1, count("handle_error", 1))),
    ),
    (
        Mistake(
            "it fails",
            raised("process_request"),
            "process_request raised an exception: look at served.errors. Whatever you override has the same arguments "
            "as before.",
            "handle_error",
        ),
        Mistake(
            "everybody",
            _hears("carol", HELLO),
            "carol was served as well, as a third one: nobody has looked whether there is a place for her.",
            "verify_request",
            3,
        ),
        Mistake(
            "left hanging",
            in_connection(3, every(never("handler"), never("close_request"))),
            "carol was neither served nor let go: the server has forgotten her. Who is not handed on must be closed by "
            "shutdown_request, and not whenever Python gets round to it. Where verify_request returns False, the loop "
            "does it.",
            "close_request",
            3,
        ),
        Mistake(
            "just one",
            never(step("receive", of="client", lane="bob", data=HELLO)),
            "bob had no place, while alice was the only one there: there are two.",
            "handler",
            2,
        ),
        Mistake(
            "queued",
            happens(step("receive", of="client", lane="carol", error=WaitedInVain)),
            "carol waited until somebody left, and with her the server's loop: acquire() without blocking=False waits "
            "for a key. Nobody who came after her could even be refused.",
            "process_request",
            3,
        ),
        Mistake(
            "never given back",
            never(step("receive", of="client", lane="dave", data=HELLO)),
            "bob has gone, and dave had no place: it was never given back. It must be, where the work has been done: "
            "after finish_request, in the thread of the request.",
            "handler",
            4,
        ),
        Mistake(
            "lost by an error",
            never(step("receive", of="client", lane="erin", data=HELLO)),
            "bob's place was given back, and alice's was not: her handler failed, and the line that gives back was "
            "skipped. It belongs into a finally.",
            "handler",
            5,
        ),
        Mistake(
            "given back twice",
            _hears("carol again", HELLO),
            "dave and erin have both places, and carol was served as a third one: somebody has given back a place that "
            "he never had. shutdown_request and close_request also run for those who were let go.",
            "verify_request",
            6,
        ),
        Mistake(
            "not reported",
            in_connection(1, never("handle_error")),
            "alice's handler failed, and nobody was told: an exception that is caught on the way never reaches "
            "handle_error. Use finally, which lets it pass.",
            "handle_error",
            1,
        ),
    ),
    (
        "Where is it decided whether somebody is served, before anything is spent on him? And where is the work over?",
        "verify_request can return self.places.acquire(blocking=False). Give back around super().finish_request(...).",
        "finish_request: try: super().finish_request(request, client_address), finally: self.places.release().",
    ),
    "Without a word is the cheapest refusal. Whoever wants to be polite sends a line, and must be sure that it never "
    "waits: look at verify_request in server_pool.",
)

EXERCISES: Final = (TWO_LANGUAGES, NO_PLACE)

QUESTIONS: Final = (
    Choice(
        "20-in-which-thread",
        "AroundMixIn stands before ThreadingMixIn. In which thread does its finish_request run?",
        ("in the server's loop", "in the thread of the request", "in the main thread"),
    ),
)
