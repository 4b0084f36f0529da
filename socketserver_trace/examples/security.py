"""Protections for a server that strangers can reach: TLS, passwords, deadlines, and caps.

    TLSMixIn              nobody on the way can read along, or pretend to be the server
    ConnectionCapMixIn    nobody takes all connections for himself
    CarefulHandler        nobody keeps a thread for ever by being slow, or fills the memory with a line without an end
    Password              who steals the table of passwords has no passwords yet, and is not told how warm a guess is

Each of them is against an attack that is easy to make, and that a plain `socketserver` program does not survive.

The law: nothing that a stranger can delay is waited for in the server's loop. That is why the handshake of TLS, in
which the client has to answer, is in `finish_request`, which runs in the worker, and not in `get_request`, which runs
in the loop: one client that connects and says nothing would keep everybody else from being accepted.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import ssl
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from socketserver import BaseServer

from socketserver_trace.examples.lines import LineHandler

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, Final


class TLSMixIn(BaseServer):
    """Talks TLS on every connection. It stands before `ThreadingMixIn` and `TCPServer`, and needs a `context`."""

    context: ssl.SSLContext

    handshaking: float = 10.0
    """How many seconds a client has for its handshake."""

    def get_request(self) -> tuple[ssl.SSLSocket, Any]:
        """Accept, and put TLS around the connection, without a word to the client yet."""
        connection, address = super().get_request()
        try:
            return self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address
        except OSError:  # the client was gone already: the loop goes on with the next one
            connection.close()
            raise

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands, in the worker; who can't is let go without a handler."""
        request.settimeout(self.handshaking)
        try:
            request.do_handshake()
        except OSError:  # no TLS, no certificate that is good enough, too slow, or gone
            return
        request.settimeout(None)
        super().finish_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Say that this is the end, so that the client knows that nobody cut the stream off; wait for no answer."""
        say_the_end(request)
        super().shutdown_request(request)


def say_the_end(connection: socket.socket) -> None:
    """Say that nothing more will come, in words of TLS (close_notify; RFC 8446, 6.1). Waits for nothing."""
    if isinstance(connection, ssl.SSLSocket):
        with suppress(OSError, ValueError):  # it is gone, there was no handshake, or the end was said before
            connection.settimeout(0)
            connection.unwrap()


def context_of(certificate: str, clients: str | None = None) -> ssl.SSLContext:
    """What a server needs for TLS: a PEM file with its key and certificate chain; of its clients' authority, another.

    A client may have a certificate of that authority, and need not (`verify_mode` can be set to CERT_REQUIRED). With
    TLS 1.3 a client that is refused for its certificate notices it when it reads, after its handshake (RFC 8446, 4.4).
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except ssl.SSLError:
        raise ValueError(f"{certificate} is no PEM file with a private key and its certificate") from None
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def name_in(connection: object) -> str:
    """The common name in the certificate that the client has shown, which was verified; empty without one."""
    shown = connection.getpeercert() if isinstance(connection, ssl.SSLSocket) else None
    subject: Any = (shown or {}).get("subject", ())
    names: dict[str, str] = dict(part for group in subject for part in group)
    return names.get("commonName", "")


class ConnectionCapMixIn(BaseServer):
    """Serves so many at once and no more, and of these so many from one address. For servers with threads.

    Who comes when there is no room is accepted and closed at once (`verify_request`): without a thread, and without a
    word, because a word is something to wait for.
    """

    most = 500
    most_from_one = 50

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._served: dict[Any, str] = {}
        self._of: Counter[str] = Counter()
        self._counting = threading.Lock()
        super().__init__(*arguments, **options)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for it."""
        if not super().verify_request(request, client_address):
            return False
        host = str(client_address[0]) if client_address else ""
        with self._counting:
            if len(self._served) >= self.most or self._of[host] >= self.most_from_one:
                return False
            self._served[request] = host
            self._of[host] += 1
            return True

    def close_request(self, request: Any) -> None:
        """There is room again."""
        with self._counting:
            host = self._served.pop(request, None)
            if host is not None:
                self._of[host] -= 1
                self._of += Counter()  # keeps those above zero
        super().close_request(request)


COST: Final = {"n": 1 << 14, "r": 8, "p": 5}
"""What one try costs with scrypt (RFC 7914): 16 MB of memory, and about a fifth of a second."""

AT_ONCE: Final = threading.BoundedSemaphore(4)
"""How many passwords are looked at in the same moment: many logins must not take all of the memory."""


@dataclass(frozen=True)
class Password:
    """What a server keeps of a password: salt, so that equal ones look different, and a digest that is slow to make."""

    salt: bytes
    digest: bytes = field(repr=False)
    cost: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, text: str, **cost: int) -> Password:
        """Keep a password. `cost` is that of scrypt, if it shall be another one than COST."""
        salt, cost = secrets.token_bytes(16), {**COST, **cost}
        return cls(salt, _digest(text, salt, cost), tuple(cost.items()))

    def matches(self, text: str) -> bool:
        """Whether this is the password. It takes as long for a guess that is nearly right as for any other."""
        return hmac.compare_digest(self.digest, _digest(text, self.salt, dict(self.cost)))


def _digest(text: str, salt: bytes, cost: dict[str, int]) -> bytes:
    with AT_ONCE:
        return hashlib.scrypt(text.encode("utf-8", "surrogatepass"), salt=salt, **cost)


class CarefulHandler(LineHandler):
    """A conversation in lines with a deadline for each line, and not for each byte.

    With a timeout of the socket alone, one who sends a byte now and then keeps his thread as long as he likes.
    """

    patience = 30.0
    """How many seconds a line may take, and an answer until the client has room for it."""

    clock: Callable[[], float] = staticmethod(time.monotonic)
    connection: socket.socket

    def setup(self) -> None:
        """Nothing has come yet."""
        super().setup()
        self._come = b""

    def handle(self) -> None:
        """As any conversation in lines; one that takes too long ends with a sentence."""
        try:
            super().handle()
        except TimeoutError:
            with suppress(OSError):
                self.connection.settimeout(0)
                super().tell(f"{self.refusal} you take too long; good-bye")
        except ssl.SSLError:
            pass  # a stream that was cut off, or is no TLS any more

    def readline(self) -> bytes:
        """The next line, in time; TimeoutError otherwise."""
        until = self.clock() + self.patience
        while b"\n" not in self._come[: self.longest + 1] and len(self._come) <= self.longest:
            self.connection.settimeout(max(until - self.clock(), 0.001))
            data = self.connection.recv(self.longest + 1)
            if not data:
                break
            if self.clock() >= until:
                raise TimeoutError
            self._come += data
        end = self._come.find(b"\n", 0, self.longest + 1) + 1 or self.longest + 1
        line, self._come = self._come[:end], self._come[end:]
        return line

    def part(self) -> None:
        """As without TLS, but its own end is said first: otherwise the stream would look as if it had been cut off."""
        say_the_end(self.connection)
        super().part()

    def tell(self, line: str) -> None:
        """Say a line, as long as there is room for it in time."""
        self.connection.settimeout(self.patience)
        super().tell(line)
