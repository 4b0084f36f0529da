"""A vault: keeps short secrets for people who can say who they are, and has every protection of `security`.

The protocol is lines of UTF-8, of at most 1,000 bytes, over TLS. A line has thirty seconds to come.

    LOGIN alice PASSWORD...        OK welcome, alice
    PUT door 4711 or 4712          OK
    GET door                       OK 4711 or 4712
    LIST                           OK 1, and a line for each name: door
    DELETE door                    OK
    PASSWORD NEW...                OK
    QUIT                           OK

Before a login only LOGIN and QUIT are understood. Whatever cannot be done is answered with ERROR and a sentence. A
client whose certificate is signed by the vault's own authority needs no password: the common name in it is the user.

    python -m socketserver_trace.examples.vault --port 8443 --folder vault alice bob
    openssl s_client -connect 127.0.0.1:8443 -CAfile vault/authority.pem -quiet
    openssl s_client -connect 127.0.0.1:8443 -CAfile vault/authority.pem -cert vault/alice.pem -quiet

The first command makes the certificates, if the folder has none yet, and prints a password for each user. Whoever can
read the folder can be the vault, and its users.

The law: a stranger learns nothing, not even whether a user exists: a wrong name takes as long as a wrong password, and
is answered with the same sentence. Passwords are tried a few times a minute from one address, and no secret of one user
is ever looked up under another name. Secrets are kept in memory, and are gone with the server.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import threading
from pathlib import Path
from socketserver import ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import RefusedError
from socketserver_trace.examples.middleware import TokenBuckets
from socketserver_trace.examples.security import (
    CarefulHandler,
    ConnectionCapMixIn,
    Password,
    TLSMixIn,
    context_of,
    name_in,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping
    from typing import Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

SECRETS: Final = 100
"""How many secrets a user may have."""

SHORTEST: Final = 12
"""How many characters a password has, at least. Length is what makes guessing slow; what is in it matters less."""

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}")


class Vault:
    """The users and what they keep. May be used from any thread."""

    def __init__(self, passwords: Mapping[str, str], cost: Mapping[str, int]) -> None:
        self._cost = dict(cost)
        self._lock = threading.Lock()
        self._passwords = {name: Password.of(text, **self._cost) for name, text in passwords.items()}
        self._nobody = Password.of(secrets.token_hex(16), **self._cost)
        self._secrets: dict[str, dict[str, str]] = {name: {} for name in passwords}

    def knows(self, user: str) -> bool:
        """Whether there is such a user."""
        return user in self._secrets

    def check(self, user: str, password: str) -> bool:
        """Whether this is the user's password. As slow for a user whom nobody knows."""
        with self._lock:
            kept = self._passwords.get(user, self._nobody)
        return kept.matches(password) and self.knows(user)

    def change_password(self, user: str, text: str) -> None:
        """From now on this is the user's password. RefusedError when it is too short."""
        if len(text) < SHORTEST:
            raise RefusedError(f"a password has at least {SHORTEST} characters")
        password = Password.of(text, **self._cost)
        with self._lock:
            self._passwords[user] = password

    def put(self, user: str, name: str, text: str) -> None:
        """Keep a secret under a name. RefusedError when it is no name, or there are too many."""
        if not NAME.fullmatch(name):
            raise RefusedError("a name has 1 to 40 letters, digits, _, - and dots")
        with self._lock:
            kept = self._secrets[user]
            if name not in kept and len(kept) >= SECRETS:
                raise RefusedError(f"you have {SECRETS} secrets already")
            kept[name] = text

    def get(self, user: str, name: str) -> str:
        """The secret of that name; RefusedError when there is none."""
        with self._lock:
            if name not in self._secrets[user]:
                raise RefusedError("you have no secret of that name")
            return self._secrets[user][name]

    def delete(self, user: str, name: str) -> None:
        """Forget a secret; RefusedError when there is none."""
        with self._lock:
            if self._secrets[user].pop(name, None) is None:
                raise RefusedError("you have no secret of that name")

    def names(self, user: str) -> list[str]:
        """Under which names the user keeps secrets."""
        with self._lock:
            return sorted(self._secrets[user])


class VaultHandler(CarefulHandler):
    """One client, who is nobody until its login."""

    server: VaultServer
    user = ""

    def handle(self) -> None:
        """Who has shown a certificate need not log in."""
        named = name_in(self.connection)
        if self.server.vault.knows(named):
            self.user = named
        super().handle()

    def commands(self) -> Mapping[str, Callable[..., object]]:
        """What may be asked for, which depends on who asks."""
        if not self.user:
            return {"LOGIN NAME PASSWORD...": self.log_in, "QUIT": self.quit}
        return {
            "PUT NAME TEXT...": self.put,
            "GET NAME": self.get,
            "LIST": self.list_names,
            "DELETE NAME": self.delete,
            "PASSWORD NEW...": self.change_password,
            "QUIT": self.quit,
        }

    def log_in(self, name: str, *words: str) -> None:
        """Become a user. What it costs to try is paid before anything is looked up."""
        self.server.tries.spend(str(self.client_address[0]), self.clock())
        if not self.server.vault.check(name, " ".join(words)):
            raise RefusedError("that is not right")
        self.user = name
        self.tell(f"OK welcome, {name}")

    def put(self, name: str, *words: str) -> None:
        """Keep a secret."""
        self.server.vault.put(self.user, name, " ".join(words))
        self.tell("OK")

    def get(self, name: str) -> None:
        """Tell a secret to whom it belongs."""
        self.tell(f"OK {self.server.vault.get(self.user, name)}")

    def list_names(self) -> None:
        """Tell what there is, by its names."""
        names = self.server.vault.names(self.user)
        self.tell("\n".join([f"OK {len(names)}", *names]))

    def delete(self, name: str) -> None:
        """Forget a secret."""
        self.server.vault.delete(self.user, name)
        self.tell("OK")

    def change_password(self, *words: str) -> None:
        """Have another password."""
        self.server.vault.change_password(self.user, " ".join(words))
        self.tell("OK")

    def quit(self) -> None:
        """Good-bye, with an answer."""
        super().quit()
        self.tell("OK")


class VaultServer(TLSMixIn, ConnectionCapMixIn, LettingGoMixIn, ThreadingTCPServer):
    """The vault, with a thread for each client. `tries` are the buckets from which a login is paid."""

    allow_reuse_address = True
    request_queue_size = 128
    authority = ""
    """The certificate of who has signed the vault's own, for a client in the same program."""

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext,
        passwords: Mapping[str, str],
        cost: Mapping[str, int] = {},
    ) -> None:
        self.context = context
        self.vault = Vault(passwords, cost)
        self.tries = TokenBuckets(5, 0.1)
        super().__init__(address, VaultHandler)


def make_certificates(folder: Path, users: Iterable[str]) -> None:
    """An authority, and what it has signed: the vault's certificate, and one for each user. OSError, ImportError."""
    import trustme

    authority = trustme.CA(organization_name="A vault on this machine")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    issued = {"vault": authority.issue_cert("localhost", "127.0.0.1", "::1")}
    issued |= {user: authority.issue_cert(f"{user}@localhost", common_name=user) for user in users}
    for name, certificate in issued.items():
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        certificate.private_key_and_cert_chain_pem.write_to_path(path)


def context_in(folder: Path, users: Iterable[str]) -> ssl.SSLContext:
    """The vault's side of TLS, with the certificates of a folder, which are made where there are none."""
    try:
        if not (folder / "vault.pem").exists():
            make_certificates(folder, users)
    except ImportError:
        raise ValueError("making certificates needs trustme: pip install 'socketserver_trace[examples]'") from None
    return context_of(str(folder / "vault.pem"), str(folder / "authority.pem"))


def converse(served: Served) -> None:
    """Alice keeps a secret. Her own program talks TLS, so the trace shows what the vault reads and writes."""
    import socket
    import ssl

    trusting = ssl.create_default_context(cadata=served.server.authority)
    with socket.create_connection(served.server.server_address) as plain:
        with trusting.wrap_socket(plain, server_hostname="localhost") as alice:
            for line in ("LOGIN alice correct horse", "PUT door 4711", "GET door", "QUIT"):
                alice.sendall(f"{line}\n".encode())
                alice.recv(1000)


def _made(options: Options) -> VaultServer:
    users = options.user or ["alice"]
    for user in users:
        if not NAME.fullmatch(user):
            raise ValueError(f"{user} is no name: a name has 1 to 40 letters, digits, _, - and dots")
    address = (options.host, options.port)
    if options.trace:
        with tempfile.TemporaryDirectory() as folder:
            made = VaultServer(address, context_in(Path(folder), users), {"alice": "correct horse"}, {"n": 1 << 10})
            made.authority = (Path(folder) / "authority.pem").read_text(encoding="ascii")
            return made
    if options.folder is None:
        raise ValueError("--folder FOLDER is where the certificates are, or where they shall be made")
    passwords = {user: secrets.token_urlsafe(SHORTEST) for user in users}
    made = VaultServer(address, context_in(Path(options.folder), users), passwords)
    for user, password in passwords.items():
        print(f"The password of {user} is {password}")
    return made


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("--folder", help="where the certificates are; they are made if there are none")
COMMAND.parser.add_argument("user", nargs="*", help="who may keep secrets (default: alice)")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
