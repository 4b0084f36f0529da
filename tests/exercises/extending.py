"""What learners write in lesson 20."""

from __future__ import annotations

import socket
from contextlib import suppress
from socketserver import StreamRequestHandler, TCPServer, ThreadingMixIn, ThreadingTCPServer
from threading import Semaphore
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 0.5
"""How many seconds a client waits for a server that does not answer."""


class Shout(StreamRequestHandler):
    """Answers each line in capitals."""

    def handle(self) -> None:
        """Line after line."""
        for line in self.rfile:
            self.wfile.write(line.upper())


def hears(client: Any, line: bytes) -> bytes | None:
    """The answer to a line, or None when there is none."""
    try:
        client.send(line)
        answer: bytes = client.receive_line()
    except OSError:
        return None
    return answer


# --- Two languages ------------------------------------------------------------------------------------------------


class Square(StreamRequestHandler):
    """Answers each number by its square."""

    def handle(self) -> None:
        """Line after line."""
        for line in self.rfile:
            number = int(line.strip(b"#\n"))
            self.wfile.write(b"%d\n" % (number * number))


def bilingual(patience: float = CALM, handler: type[Any] = Shout, **members: Any) -> Any:
    """Mallory says nothing, alice something for the one handler, and bob something for the other."""
    made = type("Bilingual", (ThreadingTCPServer,), members)
    with serve(made, handler, timeout=CALM) as served:
        served.client("mallory")
        for name, line in (("alice", b"#7\n"), ("bob", b"hello\n")):
            with served.client(name, timeout=patience) as client:
                hears(client, line)
    return served


def _peeks(server: Any, request: Any, client_address: Any) -> None:
    first = request.recv(1, socket.MSG_PEEK)
    (Square if first == b"#" else server.RequestHandlerClass)(request, client_address, server)


def _peeks_in_a_table(server: Any, request: Any, client_address: Any) -> None:
    languages = {b"#": Square}
    languages.get(request.recv(1, socket.MSG_PEEK), Shout)(request, client_address, server)


def _takes(server: Any, request: Any, client_address: Any) -> None:
    (Square if request.recv(1) == b"#" else Shout)(request, client_address, server)


def _compares_with_text(server: Any, request: Any, client_address: Any) -> None:
    first = request.recv(1, socket.MSG_PEEK)
    (Square if first == "#" else Shout)(request, client_address, server)


def _forgets_an_argument(server: Any, request: Any, client_address: Any) -> None:
    first: Any = request.recv(1, socket.MSG_PEEK)
    handler: Any = Square if first == b"#" else Shout
    handler(request, server)


def _makes_none(_server: Any, request: Any, _client_address: Any) -> None:
    request.recv(1, socket.MSG_PEEK)


def _peeks_in_the_loop(_server: Any, request: Any, _client_address: Any) -> bool:
    return bool(request.recv(1, socket.MSG_PEEK))


class Either(Shout):
    """Knows both languages, which is not what was asked for."""

    def handle(self) -> None:
        """Line after line."""
        for line in self.rfile:
            self.wfile.write(b"%d\n" % int(line[1:]) ** 2 if line.startswith(b"#") else line.upper())


# --- No place -----------------------------------------------------------------------------------------------------


class Careful(StreamRequestHandler):
    """Answers each line in capitals, but for an egg."""

    def handle(self) -> None:
        """Line after line."""
        for line in self.rfile:
            if line == b"egg\n":
                raise ValueError("I dropped it")
            self.wfile.write(line.upper())


def places(mixin: type[Any], patience: float = CALM, *bases: type[Any]) -> Any:
    """Two stay, a third one is refused; both are replaced, one of them after an error, and the third comes again."""
    made = type("TwoPlaces", (mixin, *(bases or (ThreadingTCPServer,))), {})
    with serve(made, Careful, timeout=CALM) as served:

        def arrives(name: str) -> Any:
            client = served.client(name, timeout=patience)
            hears(client, b"hello\n")
            return client

        def is_refused(name: str) -> None:
            with served.client(name, timeout=patience) as client:
                try:
                    client.receive_all()
                except TimeoutError:
                    hears(client, b"hello\n")

        alice, bob = arrives("alice"), arrives("bob")
        is_refused("carol")
        bob.close()
        served.settle(patience)
        arrives("dave")
        hears(alice, b"egg\n")
        served.settle(patience)
        arrives("erin")
        is_refused("carol again")
    return served


class Places:
    """What all of them have: so many places."""

    most = 2

    def __init__(self, *arguments: Any) -> None:
        self.places = Semaphore(self.most)
        super().__init__(*arguments)


class Generous(Places):
    """Gives back for everybody, also for those who never had a place."""

    def verify_request(self, _request: Any, _client_address: Any) -> bool:
        """Take a place, or not."""
        return self.places.acquire(blocking=False)

    def shutdown_request(self, request: Any) -> None:
        """Give one back."""
        made: Any = super()
        made.shutdown_request(request)
        self.places.release()


class AtTheDoor(Places):
    """Asks at the door, and gives back when the handler is done."""

    def verify_request(self, _request: Any, _client_address: Any) -> bool:
        """Take a place, or not."""
        return self.places.acquire(blocking=False)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Give it back."""
        made: Any = super()
        try:
            made.finish_request(request, client_address)
        finally:
            self.places.release()


class AtTheThread(Places):
    """Asks before a thread is started, and gives back at its end."""

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a place, or let go."""
        made: Any = super()
        if self.places.acquire(blocking=False):
            made.process_request(request, client_address)
        else:
            made.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Give it back."""
        made: Any = super()
        try:
            made.process_request_thread(request, client_address)
        finally:
            self.places.release()


class OnePlace(AtTheDoor):
    """One too few."""

    most = 1


class Everybody(Places):
    """Has places, and does not look at them."""


class Forgetting(AtTheThread):
    """Does nothing for whom there is no place."""

    def __init__(self, *arguments: Any) -> None:
        self.forgotten: list[Any] = []
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a place, or forget about it."""
        made: Any = super(AtTheThread, self)
        if self.places.acquire(blocking=False):
            made.process_request(request, client_address)
        else:
            self.forgotten.append(request)  # or Python would close it at once, when nobody has it any more

    def server_close(self) -> None:
        """Do what the others do, and clean up for the test."""
        made: Any = super()
        made.server_close()
        for request in self.forgotten:
            request.close()


class Waiting(AtTheDoor):
    """Waits in the loop for a place."""

    def verify_request(self, _request: Any, _client_address: Any) -> bool:
        """Take a place, whenever there is one."""
        return self.places.acquire(timeout=CALM)


class Keeping(AtTheDoor):
    """Gives nothing back."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do what the others do, without giving back."""
        made: Any = super(AtTheDoor, self)
        made.finish_request(request, client_address)


class Unlucky(AtTheDoor):
    """Gives back when all has gone well."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do what the others do, and give back."""
        made: Any = super(AtTheDoor, self)
        made.finish_request(request, client_address)
        self.places.release()


class Silent(AtTheDoor):
    """Catches whatever goes wrong."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Tell nobody."""
        with suppress(ValueError):
            super().finish_request(request, client_address)


class Failing(Places):
    """Names an attribute that is not there."""

    def process_request(self, _request: Any, _client_address: Any) -> None:
        """Fail."""
        made: Any = self
        made.seats.acquire()


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("20-two-languages", lambda: bilingual(finish_request=_peeks)),
    ("20-two-languages", lambda: bilingual(finish_request=_peeks_in_a_table)),
    ("20-no-place", lambda: places(AtTheDoor)),
    ("20-no-place", lambda: places(AtTheThread)),
    ("20-no-place", lambda: places(AtTheDoor, CALM, ThreadingMixIn, TCPServer)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "20-two-languages",
        "in the loop",
        lambda: bilingual(PATIENCE, verify_request=_peeks_in_the_loop, finish_request=_peeks),
        "nobody else could come in",
    ),
    ("20-two-languages", "taken", lambda: bilingual(finish_request=_takes), "looks without taking"),
    ("20-two-languages", "it fails", lambda: bilingual(finish_request=_forgets_an_argument), "three arguments"),
    ("20-two-languages", "everybody shouts", bilingual, "was not noticed"),
    ("20-two-languages", "everybody shouts", lambda: bilingual(finish_request=_compares_with_text), "own line back"),
    ("20-two-languages", "no handler", lambda: bilingual(finish_request=_makes_none), "alice has no handler"),
    ("20-two-languages", "one for both", lambda: bilingual(handler=Either), "one handler gave them"),
    ("20-no-place", "it fails", lambda: places(Failing, PATIENCE), "look at served.errors"),
    ("20-no-place", "everybody", lambda: places(Everybody, PATIENCE), "as a third one"),
    ("20-no-place", "left hanging", lambda: places(Forgetting, PATIENCE), "neither served nor let go"),
    ("20-no-place", "just one", lambda: places(OnePlace, PATIENCE), "there are two"),
    ("20-no-place", "queued", lambda: places(Waiting, PATIENCE), "waits for a key"),
    ("20-no-place", "never given back", lambda: places(Keeping, PATIENCE), "it was never given back"),
    ("20-no-place", "lost by an error", lambda: places(Unlucky, PATIENCE), "It belongs into a finally"),
    ("20-no-place", "given back twice", lambda: places(Generous, PATIENCE), "a place that he never had"),
    ("20-no-place", "not reported", lambda: places(Silent), "never reaches handle_error"),
]


class AroundMixIn:
    """Hands one step on."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do what comes next."""
        made: Any = super()
        made.finish_request(request, client_address)


def in_which_thread() -> str:
    """Where a step of a mix-in runs that stands before the one with the threads."""
    made = type("Around", (AroundMixIn, ThreadingMixIn, TCPServer), {})
    with serve(made, Shout, timeout=CALM) as served, served.client("alice") as alice:
        hears(alice, b"hello\n")
    lane = served.trace.select(hook="finish_request")[0].lane
    return {"server": "in the server's loop", "Thread 1": "in the thread of the request"}.get(lane, lane)


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("20-in-which-thread", in_which_thread)]
