"""Two hundred clients at once, for half a minute: is anything lost? It is `python -m benchmarks.crowd` that asks.

Each example serves a crowd, and each client asks again and again and looks at every answer. At the end every request
has been answered as it must be, what was told to all was heard by all, and when the server is closed no thread and no
socket is left of it. If anything was lost or left, that is an AssertionError. Another example is another line in
`WORKS`, with a function that is one visitor.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import socket
import ssl
import sys
import tempfile
import threading
import time
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import websockets.sync.client as websockets

from socketserver_trace.examples import (
    api_frames,
    api_http,
    api_xmlrpc,
    chat,
    devices,
    file_server,
    game,
    http_by_hand,
    middleware,
    primes,
    proxy,
    server_pool,
    shout,
    vault,
    websocket_by_hand,
)
from tests.examples import Peer

ANY = ("127.0.0.1", 0)
CLIENTS = 200
AT_ONCE = 60.0
"""How many seconds the crowd may take to come together, and at the end to hear what is on its way."""


class Crowd:
    """Those who visit one server at the same time. All come in before the first one asks."""

    def __init__(self, address: tuple[str, int], visitors: int, seconds: float) -> None:
        self.address = address
        self.together = threading.Barrier(visitors, timeout=AT_ONCE)
        self.said_to_all = 0
        self.lock = threading.Lock()
        self._seconds = seconds
        self._end = float("inf")

    def begin(self) -> None:
        """Wait for the others. From now on the time runs."""
        self.together.wait()
        self._end = time.monotonic() + self._seconds

    def goes_on(self) -> bool:
        """Whether there is time left."""
        return time.monotonic() < self._end


@dataclass
class Visitor:
    """One thread of the crowd, with one client or several, and what it has asked and been answered."""

    crowd: Crowd
    number: int
    requests: int = 0
    answers: int = 0
    errors: list[str] = field(default_factory=list)

    def ask(self, peer: Peer, line: str) -> None:
        """Ask something that is to be answered."""
        self.requests += 1
        peer.say(line)

    def expect(self, answer: object, expected: object) -> None:
        """Look at the answer."""
        assert answer == expected, f"visitor {self.number} was told {answer!r:.200}, and not {expected!r:.200}"
        self.answers += 1


def shouting(visitor: Visitor) -> None:
    """Each line comes back in capitals."""
    with Peer(visitor.crowd.address) as peer:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            line = f"visitor {visitor.number} asks {visitor.requests}"
            visitor.ask(peer, line)
            visitor.expect(peer.line(), line.upper())


def chatting(visitor: Visitor) -> None:
    """Each member talks to itself, and now and then to all; in the end it has heard all that was said to all."""
    crowd, name = visitor.crowd, f"m{visitor.number}"
    heard = 0

    def next_line(peer: Peer) -> str:
        nonlocal heard
        while (line := peer.line()).startswith("* ") or (" says " in line and not line.startswith(f"<{name}> ")):
            heard += not line.startswith("* ")
        return line

    with Peer(crowd.address) as peer:
        peer.say(name)
        peer.until_it_begins("* welcome")
        crowd.begin()
        while crowd.goes_on():
            number = visitor.requests
            if number % 20:
                visitor.ask(peer, f"/msg {name} {number}")
                visitor.expect(next_line(peer), f"<{name} to you> {number}")
            else:
                visitor.ask(peer, f"{name} says {number}")
                visitor.expect(next_line(peer), f"<{name}> {name} says {number}")
                heard += 1
                with crowd.lock:
                    crowd.said_to_all += 1
        crowd.together.wait()  # nobody says anything any more
        visitor.ask(peer, f"/msg {name} the end")
        visitor.expect(next_line(peer), f"<{name} to you> the end")
        crowd.together.wait()
        while heard < crowd.said_to_all:
            line = peer.line()
            assert line, f"{name} has heard {heard} of {crowd.said_to_all} lines"
            heard += " says " in line
        crowd.together.wait()  # who goes now would be told of


def keeping(visitor: Visitor) -> None:
    """Each file comes back as it was put."""
    name = f"file-{visitor.number}"
    with Peer(visitor.crowd.address) as peer:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            data = f"{visitor.number} {visitor.requests} ".encode() * 200
            digest = hashlib.sha256(data).hexdigest()
            visitor.ask(peer, f"PUT {name} {len(data)} {digest}")
            assert peer.line() == "GO 0"
            peer.socket.sendall(data)
            visitor.expect(peer.line(), "OK")
            visitor.ask(peer, f"GET {name}")
            assert peer.line() == f"OK {len(data)} {digest}"
            visitor.expect(peer.file.read(len(data)), data)


def playing(visitor: Visitor) -> None:
    """Two who play one game after the other; both see every move."""
    with Peer(visitor.crowd.address) as alice, Peer(visitor.crowd.address) as bob:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            visitor.ask(alice, "NEW alice")
            code = alice.line().split()[1]
            visitor.expect(alice.line(), "BOARD ......... WAITING")
            visitor.ask(bob, f"JOIN {code} bob")
            assert bob.line().startswith(f"ROOM {code} ")
            visitor.expect((alice.line(), bob.line()), ("BOARD ......... TURN alice",) * 2)
            board = ["."] * 9
            for turn, place in enumerate((1, 4, 2, 5, 3)):
                board[place - 1] = "XO"[turn % 2]
                visitor.ask((alice, bob)[turn % 2], f"PLAY {place}")
                next_one = f" TURN {('bob', 'alice')[turn % 2]}" if place != 3 else ""  # noqa: PLR2004 - it wins
                visitor.expect((alice.line(), bob.line()), (f"BOARD {''.join(board)}{next_one}",) * 2)
            assert (alice.line(), bob.line()) == ("WON alice", "WON alice")


def registering(visitor: Visitor) -> None:
    """A device that beats and does what it is told to, and an operator who tells it; all operators hear that it did."""
    name = f"kettle-{visitor.number}"
    with (
        Peer(visitor.crowd.address) as kettle,
        Peer(visitor.crowd.address) as operator,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beats,
    ):
        kettle.say(f"HELLO {name} kettle")
        _, token, port = kettle.line().split()
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            beats.sendto(f"{token} {visitor.requests}".encode(), (visitor.crowd.address[0], int(port)))
            visitor.ask(operator, f"SEND {name} boil {visitor.requests}")
            command = operator.until_it_begins("SENT ").split()[1]
            assert kettle.line() == f"DO {command} boil {visitor.requests - 1}"
            kettle.say(f"DONE {command}")
            visitor.expect(operator.until(f"DONE {command}")[-1], f"DONE {command}")


def asking(visitor: Visitor) -> None:
    """Each question passes the whole chain, and is answered."""
    with Peer(visitor.crowd.address) as peer:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            visitor.ask(peer, json.dumps({"ask": "primes below 20", "key": "a key"}))
            visitor.expect(json.loads(peer.line()), {"answer": "2 3 5 7 11 13 17 19"})


def hiding(visitor: Visitor) -> None:
    """Each finds the secret that it has put."""
    with socket.create_connection(visitor.crowd.address, AT_ONCE) as plain:
        with trusting().wrap_socket(plain, server_hostname="localhost") as secure, secure.makefile("rb") as lines:
            secure.sendall(b"LOGIN alice correct horse\n")
            assert lines.readline() == b"OK welcome, alice\n"
            visitor.crowd.begin()
            name = f"n{visitor.number % 100}"
            while visitor.crowd.goes_on():
                visitor.requests += 2
                secure.sendall(f"PUT {name} {visitor.number}\nGET {name}\n".encode())
                visitor.expect(lines.readline(), b"OK\n")
                visitor.expect(lines.readline().startswith(b"OK "), expected=True)


def browsing(visitor: Visitor) -> None:
    """Each body comes back, over connections that are kept."""
    client = http.client.HTTPConnection(*visitor.crowd.address, timeout=AT_ONCE)
    with contextlib.closing(client):
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            visitor.requests += 1
            body = f"visitor {visitor.number} asks {visitor.requests}".encode()
            client.request("POST", "/echo", body)
            visitor.expect(client.getresponse().read(), body)


def messaging(visitor: Visitor) -> None:
    """What one says all hear, and so it does itself."""
    name = f"visitor {visitor.number} says"
    with websockets.connect("ws://{}:{}/ws".format(*visitor.crowd.address), open_timeout=AT_ONCE) as member:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            visitor.requests += 1
            member.send(f"{name} {visitor.requests}")
            while not str(said := member.recv(AT_ONCE)).startswith(f"{name} "):
                pass
            visitor.expect(said, f"{name} {visitor.requests}")


def lending(visitor: Visitor) -> None:
    """Each book is there when it was added, and gone when it was taken away, over HTTP."""
    client = http.client.HTTPConnection(*visitor.crowd.address, timeout=AT_ONCE)
    book = {"title": f"Book {visitor.number}", "authors": ["Somebody"], "year": 2000}

    def call(method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        visitor.requests += 1
        kind = {"Content-Type": "application/json"} if body is not None else {}
        client.request(method, path, None if body is None else json.dumps(body), {**kind, **headers})
        answer = client.getresponse()
        data = answer.read()
        return answer.status, json.loads(data) if data else None

    with contextlib.closing(client):
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            status, added = call("POST", "/v2/books", book)
            visitor.expect(status, 201)
            visitor.expect(call("GET", f"/v2/books/{added['id']}"), (200, {"id": added["id"], **book}))
            visitor.expect(call("DELETE", f"/v2/books/{added['id']}", **{"If-Match": '"1"'}), (204, None))


def framing(visitor: Visitor) -> None:
    """The same in frames, two of them sent at a time."""
    book = {"title": f"Book {visitor.number}", "authors": ["Somebody"], "year": 2000}

    def ask(method: str, **params: object) -> None:
        visitor.requests += 1
        request = {"version": 1, "id": visitor.requests, "method": method, "params": params}
        data = json.dumps(request).encode()
        peer.socket.sendall(api_frames.LENGTH.pack(len(data)) + data)

    def result(identity: int) -> Any:
        (length,) = api_frames.LENGTH.unpack(peer.file.read(4))
        answer = json.loads(peer.file.read(length))
        visitor.expect(answer["id"], identity)
        return answer["result"]

    with Peer(visitor.crowd.address) as peer:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            ask("add", **book)
            number = result(visitor.requests)["number"]
            ask("get", number=number)
            ask("remove", number=number, version=1)
            assert result(visitor.requests - 1)["title"] == book["title"]
            assert result(visitor.requests) is None


def calling(visitor: Visitor) -> None:
    """The same by calls of XML-RPC, each over a connection of its own."""
    with xmlrpc.client.ServerProxy("http://{}:{}/RPC2".format(*visitor.crowd.address), use_builtin_types=True) as books:
        visitor.crowd.begin()
        while visitor.crowd.goes_on():
            visitor.requests += 2
            added: Any = books.books.add(f"Book {visitor.number}", ["Somebody"], 2000)
            visitor.expect(added["title"], f"Book {visitor.number}")
            visitor.expect(books.books.remove(added["number"], added["version"]), expected=True)


class ProxyAndTarget(proxy.ForwardingServer):
    """A proxy, and behind it the service of `shout`."""

    def __init__(self) -> None:
        self._target = shout.ShoutServer(ANY, shout.ShoutHandler)
        self._serving = threading.Thread(target=self._target.serve_forever, args=(0.05,))
        self._serving.start()
        super().__init__(ANY, self._target.server_address)  # type: ignore[arg-type] # of TCP

    def server_close(self) -> None:
        super().server_close()
        self._target.shutdown()
        self._target.server_close()
        self._serving.join()


def open_vault() -> vault.VaultServer:
    """A vault that lets a crowd in, and in which to log in is cheap."""
    with tempfile.TemporaryDirectory() as folder:
        made = vault.VaultServer(
            ANY, vault.context_in(Path(folder), ["alice"]), {"alice": "correct horse"}, {"n": 2, "p": 1}
        )
        AUTHORITY[:] = [(Path(folder) / "authority.pem").read_text(encoding="ascii")]
    made.most_from_one = made.most
    made.tries = middleware.TokenBuckets(CLIENTS, 1)
    return made


AUTHORITY: list[str] = []
"""The certificate of the vault's authority, when there is a vault."""


def trusting() -> ssl.SSLContext:
    """The client's side of TLS."""
    return ssl.create_default_context(cadata=AUTHORITY[0])


def patient_primes() -> primes.PrimeServer:
    """A server of primes whose buckets never run dry."""
    made = primes.PrimeServer(ANY, {middleware.digest_of("a key"): "alice"})
    made.buckets = middleware.TokenBuckets(10**9, 1)
    return made


@dataclass(frozen=True)
class Work:
    """An example, one visitor of it, and how many clients that one is."""

    name: str
    make: Callable[[], Any]
    visit: Callable[[Visitor], None]
    clients: int = 1


WORKS = [
    Work("shout", lambda: shout.ShoutServer(ANY, shout.ShoutHandler), shouting),
    Work("chat", lambda: chat.ChatServer(ANY), chatting),
    Work("file_server", lambda: file_server.FileServer(ANY), keeping),
    Work("game", lambda: game.GameServer(ANY), playing, clients=2),
    Work("devices", lambda: devices.DeviceServer(ANY), registering, clients=2),
    Work("proxy", ProxyAndTarget, shouting),
    Work("primes", patient_primes, asking),
    Work("vault", open_vault, hiding),
    Work("http_by_hand", lambda: http_by_hand.WebServer(ANY), browsing),
    Work("websocket_by_hand", lambda: websocket_by_hand.WebSocketServer(ANY), messaging),
    Work("api_http", lambda: api_http.BookServer(ANY), lending),
    Work("api_frames", lambda: api_frames.FrameServer(ANY), framing),
    Work("api_xmlrpc", lambda: api_xmlrpc.BookServer(ANY), calling),
    Work("server_pool", lambda: server_pool.PooledShoutServer(ANY, CLIENTS), shouting),
]


def crowd(seconds: float = 30, only: str | None = None) -> None:
    """Let a crowd visit each example for so long, and print what came of it. AssertionError if anything was lost."""
    print(f"{CLIENTS} clients at once, for {seconds:g} seconds each:")
    print(f"  {'':18}{'clients':>9}{'requests':>12}{'answers':>12}{'errors':>9}{'left behind':>14}")
    lost = []
    for work in WORKS:
        if only in {None, work.name}:
            visitors, left = visited(work, seconds)
            requests, answers = sum(one.requests for one in visitors), sum(one.answers for one in visitors)
            errors = [error for one in visitors for error in one.errors]
            numbers = f"{len(visitors) * work.clients:>9,}{requests:>12,}{answers:>12,}{len(errors):>9,}"
            print(f"  {work.name:18}{numbers}{len(left):>14,}", flush=True)
            if errors or left or answers != requests or not answers:
                lost.append(f"{work.name}: {requests - answers} answers are missing; {[*errors, *left][:3]}")
    assert not lost, "\n".join(lost)


def visited(work: Work, seconds: float) -> tuple[list[Visitor], set[str]]:
    """The visitors of one server, when all of them have gone, and what is left of it when it is closed."""
    before = _there()
    with work.make() as server:
        loop = threading.Thread(target=server.serve_forever, args=(0.05,))
        loop.start()
        crowd = Crowd(server.server_address, CLIENTS // work.clients, seconds)
        visitors = [Visitor(crowd, number) for number in range(CLIENTS // work.clients)]
        threads = [threading.Thread(target=_visit, args=(work, visitor)) for visitor in visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.shutdown()
        loop.join()
    return visitors, _there() - before


def _visit(work: Work, visitor: Visitor) -> None:
    try:
        work.visit(visitor)
    except Exception as error:  # noqa: BLE001 - counted, and told at the end
        visitor.errors.append(f"{type(error).__name__}: {error}")
        visitor.crowd.together.abort()  # nobody shall wait for who does not come


def _there() -> set[str]:
    """The threads and the sockets of this process; sockets only where the system tells."""
    there = {f"thread {thread.name}" for thread in threading.enumerate()}
    descriptors = Path("/proc/self/fd")
    for one in descriptors.iterdir() if descriptors.is_dir() else ():
        with contextlib.suppress(OSError):  # the descriptor of the listing itself, which is closed by now
            if (target := os.readlink(one)).startswith("socket:"):  # noqa: PTH115 - it is no path
                there.add(target)
    return there


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.crowd", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="how long for each (default: %(default)s)")
    parser.add_argument("--only", choices=[work.name for work in WORKS], help="one example")
    options = parser.parse_args()
    sys.exit(crowd(options.seconds, options.only))
