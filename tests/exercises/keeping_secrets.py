"""What learners write in lesson 19."""

from __future__ import annotations

import socket
import ssl
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import serve
from socketserver_trace.examples.lines import RefusedError
from socketserver_trace.examples.security import CarefulHandler, Password, TLSMixIn
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


CHEAP = {"n": 2, "p": 1}
USERS = {
    "alice": Password.of("correct-horse", **CHEAP),
    "bob": Password.of("battery-staple", **CHEAP),
}
NOBODY = Password.of("", **CHEAP)


def _say(served: Any, name: str, lines: tuple[str, ...]) -> None:
    """All lines at once: so nobody waits for anybody, whatever the server does."""
    with served.client(name, timeout=CALM) as client:
        client.send("".join(f"{line}\n" for line in lines).encode())
        client.half_close()
        client.receive_all()


# --- The same no --------------------------------------------------------------------------------------------------


def door(handle: Callable[[Any], object], **members: Any) -> Any:
    """Alice, bob who mistypes once, and mallory, whose fourth guess is right."""
    made = type("Door", (StreamRequestHandler,), {"handle": handle, **members})
    with serve(TCPServer, made, timeout=CALM) as served:
        _say(served, "alice", ("alice correct-horse",))
        _say(served, "bob", ("bob battery", "bob battery-staple"))
        _say(served, "mallory", ("zoe", "alice 1234", "alice horse", "alice correct-horse"))
    return served


def _is_right(name: str, password: str) -> bool:
    return USERS.get(name, NOBODY).matches(password) and name in USERS


def once(handler: Any, *, right: Any = _is_right, most: int = 3, no: Any = b"no\n", no_one: Any = b"no\n") -> None:
    """As it is meant."""
    for wrong, line in enumerate(handler.rfile, start=1):
        name, _, password = line.decode().strip().partition(" ")
        if right(name, password):
            handler.wfile.write(b"welcome\n")
            return
        handler.wfile.write(no if name in USERS else no_one)
        if wrong == most:
            return


def by_number(handler: Any) -> None:
    """Another way: at most three lines are read."""
    for _ in range(3):
        name, _, password = handler.rfile.readline().decode().strip().partition(" ")
        if name in USERS and USERS[name].matches(password):
            handler.wfile.write(b"welcome\n")
            break
        handler.wfile.write(b"no\n")


def _goes_on(handler: Any) -> None:
    """Welcomes, and listens on."""
    for line in handler.rfile:
        name, _, password = line.decode().strip().partition(" ")
        handler.wfile.write(b"welcome\n" if USERS.get(name, NOBODY).matches(password) else b"no\n")


def _together() -> Callable[[Any], None]:
    """All wrong guesses are counted in one number."""
    wrong = []

    def handle(handler: Any) -> None:
        for line in handler.rfile:
            name, _, password = line.decode().strip().partition(" ")
            if _is_right(name, password):
                handler.wfile.write(b"welcome\n")
                return
            handler.wfile.write(b"no\n")
            wrong.append(name)
            if len(wrong) >= 3:
                return

    return handle


# --- Whose secret? ------------------------------------------------------------------------------------------------


class Shelves(TCPServer):
    """The server of the lesson."""

    def __init__(self, *arguments: Any) -> None:
        self.kept: dict[Any, Any] = {}
        super().__init__(*arguments)


class Shelf(CarefulHandler):
    """The handler of the lesson."""

    server: Shelves
    user = ""

    def commands(self) -> Any:
        return {"LOGIN NAME PASSWORD": self.log_in, "PUT NAME TEXT": self.put, "GET NAME": self.get}

    def log_in(self, name: str, password: str) -> None:
        if not _is_right(name, password):
            raise RefusedError("no")
        self.user = name
        self.tell("OK")

    def put(self, name: str, text: str) -> None:
        """Written by the learner."""

    def get(self, name: str) -> None:
        """Written by the learner."""


def shelf(put: Callable[..., object], get: Callable[..., object]) -> Any:
    """Alice, a stranger, bob, and alice again."""
    made = type("Private", (Shelf,), {"put": put, "get": get})
    with serve(Shelves, made, timeout=CALM) as served:
        _say(served, "alice", ("LOGIN alice correct-horse", "PUT door 4711", "GET door"))
        _say(served, "mallory", ("GET door", "PUT door 1234"))
        _say(served, "bob", ("LOGIN bob battery-staple", "GET door", "GET cellar", "PUT door 0815", "GET door"))
        _say(served, "alice again", ("LOGIN alice correct-horse", "GET door"))
    return served


def _known(handler: Any) -> str:
    if not handler.user:
        raise RefusedError("no")
    return str(handler.user)


def put(handler: Any, name: str, text: str) -> None:
    """Under the name and its owner."""
    handler.server.kept[_known(handler), name] = text
    handler.tell("OK")


def get(handler: Any, name: str) -> None:
    """Nobody can ask for another's."""
    key = _known(handler), name
    if key not in handler.server.kept:
        raise RefusedError("no")
    handler.tell(f"OK {handler.server.kept[key]}")


def put_in_a_shelf(handler: Any, name: str, text: str) -> None:
    """Another way: a dictionary for each user."""
    handler.server.kept.setdefault(_known(handler), {})[name] = text
    handler.tell("OK")


def get_from_a_shelf(handler: Any, name: str) -> None:
    """From one's own dictionary."""
    text = handler.server.kept.get(_known(handler), {}).get(name)
    if text is None:
        raise RefusedError("no")
    handler.tell(f"OK {text}")


def _put_for_all(handler: Any, name: str, text: str) -> None:
    _known(handler)
    handler.server.kept[name] = text
    handler.tell("OK")


def _get_for_all(handler: Any, name: str) -> None:
    _known(handler)
    if name not in handler.server.kept:
        raise RefusedError("no")
    handler.tell(f"OK {handler.server.kept[name]}")


def _get_as_it_was(handler: Any, name: str) -> None:
    handler.tell(f"OK {handler.server.kept[name]}")


def _put_as_it_was(handler: Any, name: str, text: str) -> None:
    handler.server.kept[name] = text
    handler.tell("OK")


def _put_with_owner(handler: Any, name: str, text: str) -> None:
    """One secret of a name, with its owner beside it."""
    handler.server.kept[name] = _known(handler), text
    handler.tell("OK")


def _put_if_free(handler: Any, name: str, text: str) -> None:
    if handler.server.kept.setdefault(name, (_known(handler), text))[0] != handler.user:
        raise RefusedError("no")
    handler.tell("OK")


def _get_with_owner(handler: Any, name: str, no: str = "no") -> None:
    _known(handler)
    if name not in handler.server.kept:
        raise RefusedError("no")
    owner, text = handler.server.kept[name]
    if owner != handler.user:
        raise RefusedError(no)
    handler.tell(f"OK {text}")


def _get_by_key(handler: Any, name: str) -> None:
    handler.tell(f"OK {handler.server.kept[_known(handler), name]}")


def _get_nothing(handler: Any, _name: str) -> None:
    _known(handler)
    handler.tell("OK")


def _anybody_puts(handler: Any, name: str, text: str) -> None:
    handler.server.kept[handler.user, name] = text
    handler.tell("OK")


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("19-the-same-no", lambda: door(once)),
    ("19-the-same-no", lambda: door(by_number)),
    ("19-whose-secret", lambda: shelf(put, get)),
    ("19-whose-secret", lambda: shelf(put_in_a_shelf, get_from_a_shelf)),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    (
        "19-the-same-no",
        "it fails",
        lambda: door(lambda h: once(h, right=lambda name, word: USERS[name].matches(word))),
        "an entry in USERS",
    ),
    ("19-the-same-no", "it fails", lambda: door(lambda h: once(h, no="no\n", no_one="no\n")), "wfile takes bytes"),
    (
        "19-the-same-no",
        "nobody is somebody",
        lambda: door(_goes_on),
        "whom there is not",
    ),
    (
        "19-the-same-no",
        "nobody is somebody",
        lambda: door(lambda h: once(h, right=lambda name, word: USERS.get(name, NOBODY).matches(word))),
        "whom there is not",
    ),
    ("19-the-same-no", "tells who is there", lambda: door(lambda h: once(h, no_one=b"no such user\n")), "worth"),
    ("19-the-same-no", "one can guess for ever", lambda: door(lambda h: once(h, most=99)), "all the time in the world"),
    ("19-the-same-no", "too strict", lambda: door(lambda h: once(h, most=1)), "Three are allowed"),
    ("19-the-same-no", "one too few", lambda: door(lambda h: once(h, most=2)), "let go after two"),
    ("19-the-same-no", "one too few", lambda: door(_together()), "let go after two"),
    ("19-whose-secret", "it fails", lambda: shelf(put, _get_by_key), "need not be there"),
    ("19-whose-secret", "strangers", lambda: shelf(_put_as_it_was, _get_for_all), "as long as self.user"),
    ("19-whose-secret", "strangers", lambda: shelf(_anybody_puts, get), "as long as self.user"),
    ("19-whose-secret", "everybody", lambda: shelf(_put_for_all, _get_for_all), "what he may do was not"),
    (
        "19-whose-secret",
        "tells what there is",
        lambda: shelf(_put_with_owner, lambda h, name: _get_with_owner(h, name, "this is alice's")),
        "somebody has a door",
    ),
    ("19-whose-secret", "changed by another", lambda: shelf(_put_with_owner, _get_with_owner), "not hers any more"),
    ("19-whose-secret", "taken", lambda: shelf(_put_if_free, _get_with_owner), "a door of his own"),
    ("19-whose-secret", "not even one's own", lambda: shelf(put, _get_nothing), "under the name of door"),
]


# --- Whose password? ----------------------------------------------------------------------------------------------


def whose_password() -> str:
    """What an impostor reads of one who checks its certificate, and of one who does not."""
    import trustme

    class Impostor(TLSMixIn, ThreadingTCPServer):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    trustme.CA().issue_cert("localhost").configure_cert(Impostor.context)
    trusting, blind = ssl.create_default_context(), ssl.create_default_context()
    trustme.CA().configure_trust(trusting)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    with serve(Impostor, CarefulHandler, timeout=CALM) as served:
        for name, checks in (("alice", trusting), ("bob", blind)):
            plain = socket.create_connection(served.server.server_address, CALM)
            try:
                with checks.wrap_socket(plain, server_hostname="localhost") as client:
                    client.sendall(f"LOGIN {name} battery-staple\n".encode())
                    client.recv(100)
            except ssl.SSLCertVerificationError:
                continue
    said = b"".join(event.data for event in served.trace.select(kind="receive") if event.data)
    return " and ".join(f"{name}'s" for name in ("alice", "bob") if name.encode() in said) or "nobody's"


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("19-whose-password", whose_password)]
