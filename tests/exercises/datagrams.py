"""What learners write in lesson 13."""

from __future__ import annotations

from socketserver import BaseRequestHandler, DatagramRequestHandler, UDPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import WaitedInVain, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.5
"""How many seconds a client waits for a server that does not answer."""


def heard(client: Any) -> bytes | None:
    """The next datagram, or None when there is none."""
    try:
        received: bytes = client.receive()
    except WaitedInVain:
        return None
    return received


# --- Not cut ------------------------------------------------------------------------------------------------------


def letters(
    handle: Callable[[Any], object],
    most: int = 101,
    base: type[Any] = BaseRequestHandler,
    *,
    patience: float = CALM,
) -> Any:
    """Four letters: one that is short, one just long enough, one a byte too long, and one much too long."""
    server = type("Wide", (UDPServer,), {"max_packet_size": most})
    handler = type("Honest", (base,), {"handle": handle})
    sent = {"alice": b"hello", "bob": b"b" * 100, "carol": b"c" * 101, "dave": b"d" * 5000}
    with serve(server, handler, timeout=CALM) as served:
        for name, letter in sent.items():
            with served.client(name, timeout=patience) as client:
                client.send(letter)
                heard(client)
    return served


def _told(handler: Any, *, most: int = 100, words: Any = b"too long") -> None:
    data, sock = handler.request
    answer = data.upper() if len(data) <= most else words
    if answer is not None:
        sock.sendto(answer, handler.client_address)


def _written(handler: Any) -> None:
    data = handler.rfile.read()
    if len(data) > 100:
        handler.wfile.write(b"too long")
        return
    handler.wfile.write(data.upper())


def _written_if_short(handler: Any) -> None:
    data = handler.rfile.read()
    if len(data) <= 100:
        handler.wfile.write(data.upper())


# --- Once ---------------------------------------------------------------------------------------------------------


class BadNetwork(UDPServer):
    """A till behind a network that loses the first two datagrams."""

    total = came = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.answers: dict[Any, bytes] = {}

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Lose the first two."""
        self.came += 1
        return self.came > 2


class Till(BadNetwork):
    """A till behind a good network, which is not what was asked for."""

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Lose nothing."""
        return True


def asked(client: Any, question: bytes, patience: float) -> None:
    """Ask until there is an answer with the number of the question."""
    for client.timeout in (0.1, 0.2, patience):
        client.send(question)
        while (answer := heard(client)) is not None:
            if answer.split(b":")[0] == question.split()[0]:
                return


def paid(
    handle: Callable[[Any], object],
    server: type[Any] = BadNetwork,
    base: type[Any] = BaseRequestHandler,
    *,
    patience: float = CALM,
) -> Any:
    """Alice pays, pays the same again and then something else; bob pays something with a number that she had."""
    with serve(server, type("Once", (base,), {"handle": handle}), timeout=CALM) as served:
        with served.client("alice") as alice, served.client("bob") as bob:
            for client, payment in ((alice, b"1 5"), (alice, b"1 5"), (alice, b"2 2"), (bob, b"1 4")):
                asked(client, payment, patience)
    return served


def _once(handler: Any) -> None:
    data, sock = handler.request
    number, amount = data.split()
    payment = (handler.client_address, number)
    if payment not in handler.server.answers:
        handler.server.total += int(amount)
        handler.server.answers[payment] = b"%s: %d" % (number, handler.server.total)
    sock.sendto(handler.server.answers[payment], handler.client_address)


def _once_written(handler: Any) -> None:
    data = handler.rfile.read()
    known = vars(handler.server).setdefault("known", {}).setdefault(handler.client_address[1], {})
    if data not in known:
        number, amount = data.split()
        handler.server.total += int(amount)
        known[data] = b"%s: %d" % (number, handler.server.total)
    handler.wfile.write(known[data])


def _counted(handler: Any, key: Callable[[Any, bytes], Any], answer: str = "%s: %d", *, again: bool = True) -> None:
    """Keep the answers by a key of one's own; send those that are kept `again`, or not."""
    data, sock = handler.request
    number, amount = data.split()
    payment = key(handler, number)
    if payment in handler.server.answers:
        if again:
            sock.sendto(handler.server.answers[payment], handler.client_address)
        return
    handler.server.total += int(amount)
    handler.server.answers[payment] = (answer % (number.decode(), handler.server.total)).encode()
    sock.sendto(handler.server.answers[payment], handler.client_address)


def _right(handler: Any, number: bytes) -> Any:
    return handler.client_address, number


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("13-not-cut", lambda: letters(_told)),
    ("13-not-cut", lambda: letters(_written, 8192, DatagramRequestHandler)),
    ("13-once", lambda: paid(_once)),
    ("13-once", lambda: paid(_once_written, base=DatagramRequestHandler)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("13-not-cut", "the beginning", lambda: letters(_told, 100), "it never sees the 101st"),
    ("13-not-cut", "off by one", lambda: letters(lambda h: _told(h, most=99), 100), "take one byte more"),
    ("13-not-cut", "everybody", lambda: letters(lambda h: _told(h, most=-1)), "alice sent five bytes"),
    (
        "13-not-cut",
        "it fails",
        lambda: letters(lambda h: _told(h, words="too long"), patience=PATIENCE),
        "look at served.errors",
    ),
    ("13-not-cut", "silence", lambda: letters(lambda h: _told(h, words=None), patience=PATIENCE), "Tell her"),
    (
        "13-not-cut",
        "nothing in it",
        lambda: letters(_written_if_short, base=DatagramRequestHandler),
        "carol received an empty datagram",
    ),
    ("13-not-cut", "other words", lambda: letters(lambda h: _told(h, words=b"no")), "in other words"),
    ("13-once", "it fails", lambda: paid(lambda h: h.request.split(), patience=PATIENCE), "longer than the handler"),
    ("13-once", "the lost ones are counted", lambda: paid(_once, Till), "leave BadNetwork alone"),
    ("13-once", "twice", lambda: paid(lambda h: _counted(h, lambda *_: object())), "alice has paid twice"),
    (
        "13-once",
        "by the client alone",
        lambda: paid(lambda h: _counted(h, lambda handler, _: handler.client_address), patience=PATIENCE),
        "the number must be a part",
    ),
    ("13-once", "one memory for all", lambda: paid(lambda h: _counted(h, lambda _, number: number)), "alice's answer"),
    (
        "13-once",
        "silent",
        lambda: paid(lambda h: _counted(h, _right, again=False), patience=PATIENCE),
        "did not send the answer again",
    ),
    (
        "13-once",
        "other words",
        lambda: paid(lambda h: _counted(h, _right, "%s is %d"), patience=PATIENCE),
        "a colon, a space",
    ),
]


def handlers() -> str:
    """How many handlers two datagrams of one client make."""
    with serve(UDPServer, type("Made", (BaseRequestHandler,), {"handle": _told}), timeout=CALM) as served:
        with served.client("alice") as alice:
            for word in (b"good ", b"morning"):
                alice.send(word)
                alice.receive()
    made = len(served.trace.select(hook="handle", phase="enter"))
    return {1: "one, for alice", 2: "two, one for each datagram"}.get(made, str(made))


def after_a_failure() -> str:
    """What comes when the handler fails before it has written anything."""

    class Clerk(DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"%d" % int(self.rfile.read()))

    with serve(UDPServer, Clerk, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"forty")
        answer = heard(alice)
    return {None: "nothing at all", b"": "an empty datagram"}.get(answer, str(answer))


ANSWERS: list[tuple[str, Callable[[], Any]]] = [
    ("13-how-many-handlers", handlers),
    ("13-after-a-failure", after_a_failure),
]
