"""The exercises and questions of lesson 06, The serving loop."""

from __future__ import annotations

from socketserver_trace.checks import count, every, happens, in_connection, inside, never, provider, raised, step
from socketserver_trace.course.exercise import Choice, Exercise, Mistake, Point
from socketserver_trace.sentences import WaitedInVain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.course.exercise import Question

CAROL_IS_ANSWERED: Final = happens(step("receive", of="client", lane="carol", data=b"HELLO\n"))
IS_LET_GO: Final = every(
    happens("handle"),
    happens(step("receive", of="client")),
    never(step("receive", of="client", error=WaitedInVain)),
)
OF_YOUR_OWN: Final = every(happens("service_actions"), ~provider("service_actions", "BaseServer"))
BY_THE_LOOP: Final = happens(step("half_close", lane="server"))

THE_WATCHMAN: Final = Exercise(
    "06-the-watchman",
    "The watchman",
    (
        Point(
            "mallory, who was let in and has said nothing for 40 seconds, is let go.",
            in_connection(1, IS_LET_GO),
        ),
        Point("carol, who came 20 seconds ago, is answered.", CAROL_IS_ANSWERED),
        Point(
            "It is a service_actions of yours, in the loop, that lets mallory go.",
            every(
                happens("service_actions"), ~provider("service_actions", "BaseServer"), in_connection(1, BY_THE_LOOP)
            ),
        ),
        Point("The loop goes on until it is stopped.", ~raised("serve_forever")),
    ),
    (
        Mistake(
            "it fails",
            raised("serve_forever"),
            "Your service_actions raised an exception, and that ended the loop: look at served.errors. (A dictionary "
            "must not lose anything while a for loop goes through it: go through list(self.since.items()).)",
        ),
        Mistake(
            "the handler's clock",
            in_connection(1, happens(step("receive", of="server", error=TimeoutError))),
            "mallory's own handler gave him up, by a timeout of its socket. That is a good way, and not the one "
            "that is asked for: let the loop do it, in service_actions.",
        ),
        Mistake(
            "not let in",
            in_connection(1, never("handler")),
            "mallory was turned away at the door. He may come in; he may not stay for ever without a word.",
            "handler",
            1,
        ),
        Mistake(
            "no chore",
            every(happens("service_actions"), provider("service_actions", "BaseServer")),
            "The service_actions that ran is that of BaseServer, which does nothing. Yours must have just that name, "
            "and stand in the class that is served.",
            "service_actions",
        ),
        Mistake(
            "everybody",
            in_connection(2, BY_THE_LOOP),
            "carol was let go, and she had come only 20 seconds before: the loop shall let go whoever has been silent "
            "for longer than self.patience, and nobody else. Which of the two numbers must be the larger one?",
        ),
        Mistake(
            "nobody",
            in_connection(1, ~BY_THE_LOOP),
            "Your service_actions ran, and let nobody go. How long has somebody been silent who spoke last at `since`, "
            "when it is self.now?",
        ),
    ),
    (
        "The loop comes by on every turn, also when nobody has come. What must it look at, and what does it compare?",
        "for request, since in list(self.since.items()): is self.now - since, the silence, longer than it may be?",
        "if self.now - since > self.patience: self.let_go(request)",
    ),
    "The chore takes no time and waits for nobody, so nobody waits for it. It has to look at everybody on every turn, "
    "though: with ten thousand guests one would keep them in the order in which they spoke.",
)

BY_TCP: Final = every(
    happens(step("receive", of="client", lane="alice", data=b"HELLO")),
    happens(step("receive", of="client", lane="carol", data=b"HELLO")),
)
BY_UDP: Final = happens(step("receive", of="client", lane="bob", data=b"HELLO"))
IN_MAIN: Final = step("get_request", lane="main")

TWO_SERVERS: Final = Exercise(
    "06-two-servers-one-thread",
    "Two servers, one thread",
    (
        Point("alice and carol, who came by TCP, have their answers.", BY_TCP),
        Point("bob, who sent a datagram, has his.", BY_UDP),
        Point(
            "Each request was taken by handle_request, in the main thread.",
            every(count(IN_MAIN, least=3), inside("get_request", "handle_request"), never("serve_forever")),
        ),
        Point("handle_request was called only when somebody was there.", never("handle_timeout")),
    ),
    (
        Mistake(
            "serve_forever",
            happens("serve_forever"),
            "serve_forever() takes care of one server, and does not return: the other one would never have its turn. "
            "Call handle_request() of the server that has something to do.",
            "serve_forever",
        ),
        Mistake(
            "threads",
            every(happens("get_request"), never(IN_MAIN)),
            "The requests were taken in other threads. That works, and here all of it shall be done by one: the thread "
            "that calls serve_all.",
        ),
        Mistake(
            "asks again and again",
            count("handle_timeout", least=3),
            "handle_request() found nobody, again and again. A loop that asks everybody all the time keeps the machine "
            "busy for nothing: let select() say who has something to do.",
            "handle_timeout",
        ),
        Mistake(
            "waits for one",
            happens("handle_timeout"),
            "handle_request() of one server waited for somebody who did not come, and meanwhile nobody looked at the "
            "other one. Ask select() first, which waits for both, and call it only where somebody is.",
            "handle_timeout",
        ),
        Mistake(
            "once each",
            every(BY_UDP, count("get_request", 2)),
            "Each server has taken one request, and carol was the second one of hers. One handle_request() is one "
            "request: go on until the time is over.",
            "get_request",
        ),
        Mistake(
            "nobody",
            never("get_request"),
            "No request was taken at all. What select() gives is a list of pairs: the server is the key's fileobj.",
            "get_request",
        ),
        Mistake(
            "only one server",
            ~(BY_TCP & BY_UDP),
            "Only one of the two servers was looked after: register each of them with the selector.",
        ),
    ),
    (
        "handle_request() waits for one server. Who can wait for several at once, and say which of them has a visitor?",
        "Register each server with a selectors.DefaultSelector(), and call its select() as long as there is time.",
        "for key, _ in selector.select(left): key.fileobj.handle_request()",
    ),
    "A server fits into a selector because it has a fileno(). So it fits into any event loop, beside whatever else "
    "that one waits for.",
)

EXERCISES: Final = (THE_WATCHMAN, TWO_SERVERS)

QUESTIONS: Final[tuple[Choice | Question, ...]] = (
    Choice(
        "06-an-impatient-server",
        "The server has timeout = 0.1 and is run by serve_forever. Nobody comes. How often is handle_timeout called?",
        ("Never", "Once, and then the loop ends", "Again and again"),
    ),
)
