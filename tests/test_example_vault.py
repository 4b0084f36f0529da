"""The vault: what it keeps for whom, and what those can do who attack it, which is little."""

from __future__ import annotations

import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import security, vault
from socketserver_trace.examples.middleware import TokenBuckets
from tests.examples import PATIENCE, Clock, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = ("127.0.0.1", 0)
CHEAP = {"n": 2, "p": 1}
PASSWORDS = {"alice": "correct horse", "bob": "battery staple"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates for the vault, its users, and one whom it does not know."""
    folder: Path = tmp_path_factory.mktemp("vault")
    vault.make_certificates(folder, ["alice", "bob", "mallory"])
    return folder


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate in alice's name that somebody else has signed."""
    folder: Path = tmp_path_factory.mktemp("stranger")
    vault.make_certificates(folder, ["alice"])
    return folder / "alice.pem"


@pytest.fixture
def server(folder: Path) -> vault.VaultServer:
    """A vault whose passwords are cheap to look at, so that a test is quick."""
    made = vault.VaultServer(ANY, vault.context_in(folder, []), PASSWORDS, CHEAP)
    made.tries = TokenBuckets(10_000, 1)
    made.most_from_one = 500
    return made


@pytest.fixture
def address(server: vault.VaultServer) -> Iterator[tuple[str, int]]:
    """Where it listens."""
    with served(server) as address:
        yield address


def trusting(folder: Path, certificate: Path | None = None) -> ssl.SSLContext:
    """The client's side of TLS, which trusts the vault's authority."""
    context = ssl.create_default_context(cafile=folder / "authority.pem")
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


class Client(Peer):
    """A client that talks TLS."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext) -> None:
        plain = socket.create_connection(address, PATIENCE)
        try:
            self.socket = context.wrap_socket(plain, server_hostname="localhost")
        except OSError:
            plain.close()
            raise
        self.file = self.socket.makefile("rb")

    def asked(self, line: str) -> str:
        """What is answered to a line."""
        self.say(line)
        return self.line()


@contextmanager
def logged_in(address: tuple[str, int], folder: Path, user: str = "alice") -> Iterator[Client]:
    """A client that has said who it is."""
    with Client(address, trusting(folder)) as client:
        assert client.asked(f"LOGIN {user} {PASSWORDS[user]}") == f"OK welcome, {user}"
        yield client


def test_it_keeps_secrets_apart(address: tuple[str, int], folder: Path) -> None:
    """What alice keeps, bob cannot get, by whatever name."""
    with logged_in(address, folder) as alice, logged_in(address, folder, "bob") as bob:
        assert alice.asked("PUT door 4711 or 4712") == "OK"
        assert alice.asked("GET door") == "OK 4711 or 4712"
        assert bob.asked("GET door") == "ERROR you have no secret of that name"
        assert bob.asked("PUT door 1") == "OK"
        assert alice.asked("LIST") == "OK 1"
        assert alice.line() == "door"
        assert alice.asked("DELETE door") == "OK"
        assert alice.asked("DELETE door") == "ERROR you have no secret of that name"
        assert bob.asked("GET door") == "OK 1"
        assert bob.asked("QUIT") == "OK"
        assert bob.rest() == b""


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("GET door", "ERROR LOGIN NAME PASSWORD..., QUIT are understood"),
        ("LOGIN alice wrong", "ERROR that is not right"),
        ("LOGIN alice correct  horse!", "ERROR that is not right"),
        ("LOGIN nobody correct horse", "ERROR that is not right"),
        ("LOGIN alice", "ERROR LOGIN NAME PASSWORD..., QUIT are understood"),
        ("", "ERROR LOGIN NAME PASSWORD..., QUIT are understood"),
    ],
)
def test_a_stranger_learns_nothing(address: tuple[str, int], folder: Path, line: str, answer: str) -> None:
    """A wrong name and a wrong password are the same sentence."""
    with Client(address, trusting(folder)) as client:
        assert client.asked(line) == answer


def test_a_password_is_changed(address: tuple[str, int], folder: Path) -> None:
    """To one that is long enough; the old one is worth nothing any more."""
    with logged_in(address, folder) as alice:
        assert alice.asked("PASSWORD short") == "ERROR a password has at least 12 characters"
        assert alice.asked("PASSWORD a much longer one") == "OK"
    with Client(address, trusting(folder)) as client:
        assert client.asked("LOGIN alice correct horse") == "ERROR that is not right"
        assert client.asked("LOGIN alice a much longer one") == "OK welcome, alice"


def test_there_is_an_end_to_how_much_is_kept(address: tuple[str, int], folder: Path) -> None:
    """A name must be one, and there are so many secrets and no more."""
    with logged_in(address, folder) as alice:
        assert alice.asked("PUT ../x 1") == "ERROR a name has 1 to 40 letters, digits, _, - and dots"
        for number in range(vault.SECRETS):
            assert alice.asked(f"PUT name-{number} x") == "OK"
        assert alice.asked("PUT one-more x") == "ERROR you have 100 secrets already"
        assert alice.asked("PUT name-0 y") == "OK"


def test_guessing_is_slow(server: vault.VaultServer, address: tuple[str, int], folder: Path) -> None:
    """From one address, whatever name is tried, and over however many connections."""
    server.tries = TokenBuckets(3, 0.1)
    clock = Clock()
    server.RequestHandlerClass = type("Handler", (vault.VaultHandler,), {"clock": clock})
    for guess in ("alice a", "bob b", "nobody c"):
        with Client(address, trusting(folder)) as client:
            assert client.asked(f"LOGIN {guess}") == "ERROR that is not right"
    with Client(address, trusting(folder)) as client:
        assert client.asked("LOGIN alice correct horse") == "ERROR you ask too much; try again in 10 s"
        clock.now += 10
        assert client.asked("LOGIN alice correct horse") == "OK welcome, alice"


def test_a_certificate_of_the_vaults_authority_is_as_good_as_a_password(address: tuple[str, int], folder: Path) -> None:
    """For the user whose name is in it; one that nobody knows still has to log in."""
    with Client(address, trusting(folder, folder / "alice.pem")) as alice:
        assert alice.asked("LIST") == "OK 0"
    with Client(address, trusting(folder, folder / "mallory.pem")) as mallory:
        assert mallory.asked("LIST") == "ERROR LOGIN NAME PASSWORD..., QUIT are understood"


def hopeless(address: tuple[str, int], context: ssl.SSLContext) -> None:
    """Talk to a vault that will not. The client notices in its handshake, when it sends, or when it reads."""
    with Client(address, context) as client:
        client.say("LIST")
        assert client.file.read() == b"nothing is answered"


def test_a_certificate_that_somebody_else_has_signed_ends_the_connection(
    address: tuple[str, int], folder: Path, stranger: Path
) -> None:
    """Though alice's name is in it. With TLS 1.3 the client notices when it reads."""
    with pytest.raises(OSError, match=r"alert unknown ca|reset|EOF"):
        hopeless(address, trusting(folder, stranger))


def test_a_certificate_can_be_demanded(folder: Path) -> None:
    """Who has none is not served."""
    context = vault.context_in(folder, [])
    context.verify_mode = ssl.CERT_REQUIRED
    with served(vault.VaultServer(ANY, context, PASSWORDS, CHEAP)) as address:
        with Client(address, trusting(folder, folder / "alice.pem")) as alice:
            assert alice.asked("LIST") == "OK 0"
        with pytest.raises(OSError, match=r"certificate required|reset|EOF"):
            hopeless(address, trusting(folder))


def test_a_client_that_says_nothing_stalls_nobody(address: tuple[str, int], folder: Path) -> None:
    """The handshake is in the worker. Nor does one that speaks no TLS."""
    with Peer(address), Peer(address) as plain:
        plain.say("GET / HTTP/1.1", "")
        with logged_in(address, folder) as alice:
            assert alice.asked("LIST") == "OK 0"
        assert plain.rest() != b"OK 0\n"


def test_a_client_that_never_shakes_hands_is_let_go(server: vault.VaultServer, address: tuple[str, int]) -> None:
    """After a while."""
    server.handshaking = 0.01
    with Peer(address) as silent:
        assert silent.rest() == b""


def test_the_end_of_the_conversation_is_said(address: tuple[str, int], folder: Path) -> None:
    """So a client knows that nobody has cut it off: it sees an end of the stream, and no error."""
    context = trusting(folder)
    with Client(address, context) as client:
        client.say("QUIT")
        assert client.file.read() == b"OK\n"


def test_a_line_has_a_deadline_whatever_drips_in(
    server: vault.VaultServer, address: tuple[str, int], folder: Path
) -> None:
    """A byte now and then does not make it any longer: here 16 seconds pass between any two looks at the clock."""

    class Running(Clock):
        def __call__(self) -> float:
            self.now += 16
            return self.now

    server.RequestHandlerClass = type("Handler", (vault.VaultHandler,), {"clock": Running()})
    with Client(address, trusting(folder)) as client:
        client.socket.sendall(b"L")
        assert client.file.read() == b"ERROR you take too long; good-bye\n"


def test_a_line_without_an_end_is_not_kept(address: tuple[str, int], folder: Path) -> None:
    """It has at most 1,000 bytes."""
    with Client(address, trusting(folder)) as client:
        client.socket.sendall(b"x" * 2_000_000)
        assert client.file.read() == b"ERROR a line has at most 1,000 bytes; good-bye\n"


def test_many_lines_in_one_piece_are_many_lines(address: tuple[str, int], folder: Path) -> None:
    """Also when the last one has no end."""
    with Client(address, trusting(folder)) as client:
        client.socket.sendall(b"LOGIN alice correct horse\nPUT a 1\nGET a\nGET")
        assert [client.line() for _ in range(3)] == ["OK welcome, alice", "OK", "OK 1"]


def test_nobody_takes_all_connections(folder: Path) -> None:
    """From one address there are so many, and when one goes there is room again."""
    has_room = threading.Event()

    class Small(vault.VaultServer):
        most_from_one = 3

        def close_request(self, request: Any) -> None:
            super().close_request(request)
            if request in ended:
                has_room.set()

        def finish_request(self, request: Any, client_address: Any) -> None:
            super().finish_request(request, client_address)
            ended.append(request)

    ended: list[Any] = []
    with served(Small(ANY, vault.context_in(folder, []), PASSWORDS, CHEAP)) as address, ExitStack() as clients:
        first, *_others = [clients.enter_context(Client(address, trusting(folder))) for _ in range(3)]
        with Peer(address) as one_more:
            assert one_more.rest() == b""
        assert first.asked("QUIT") == "OK"
        assert has_room.wait(PATIENCE)
        with Client(address, trusting(folder)) as late:
            assert late.asked("QUIT") == "OK"


def test_closing_the_vault_ends_all_conversations(folder: Path) -> None:
    """Also the ones whose handshake has not been."""
    with served(vault.VaultServer(ANY, vault.context_in(folder, []), PASSWORDS, CHEAP)) as address:
        silent = Peer(address)
        client = Client(address, trusting(folder))
        assert client.asked("hello").startswith("ERROR")
    with silent, client:
        assert silent.rest() == client.rest() == b""


def test_equal_passwords_do_not_look_equal() -> None:
    """Each has salt of its own; and the digest is that of scrypt."""
    one, other = security.Password.of("secret", **CHEAP), security.Password.of("secret", **CHEAP)
    assert one.digest != other.digest
    assert one.matches("secret")
    assert not one.matches("Secret")
    assert one.digest == hashlib.scrypt(b"secret", salt=one.salt, n=2, r=8, p=1)
    assert "digest" not in repr(one)
    assert dict(security.Password.of("secret").cost) == {"n": 16384, "r": 8, "p": 5}


def test_certificates_are_for_their_owners_eyes(folder: Path) -> None:
    """Whoever can read a key can be who it belongs to."""
    keys = [path for path in folder.iterdir() if b"PRIVATE KEY" in path.read_bytes()]
    assert {path.stem for path in keys} == {"vault", "alice", "bob", "mallory"}
    assert {path.stat().st_mode & 0o777 for path in keys} <= {0o600}


def test_two_hundred_at_once(address: tuple[str, int], folder: Path) -> None:
    """Each finds what it has put."""
    context = trusting(folder)

    def act(number: int) -> None:
        user = "bob" if number % 2 else "alice"
        with Client(address, context) as client:
            assert client.asked(f"LOGIN {user} {PASSWORDS[user]}") == f"OK welcome, {user}"
            name = f"n{number // 4}"
            assert client.asked(f"PUT {name} of {user}") == "OK"
            assert client.asked(f"GET {name}") == f"OK of {user}"

    at_once(200, act)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_talks_to_it(address: tuple[str, int], folder: Path) -> None:
    """As in its description, with a password and with a certificate."""
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"{address[0]}:{address[1]}",
        "-CAfile",
        str(folder / "authority.pem"),
    ]
    said = {(): "LOGIN alice correct horse\nLIST\nQUIT\n", ("-cert", str(folder / "alice.pem")): "LIST\nQUIT\n"}
    for more, lines in said.items():
        talk = subprocess.run(
            [*command, *more, "-quiet", "-verify_return_error"],
            input=lines,
            text=True,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert talk.stdout.endswith("OK 0\nOK\n")


@settings(max_examples=40, deadline=None)
@given(
    some.lists(some.binary(max_size=1200) | some.text(max_size=30).map(lambda text: f"LOGIN {text}\n".encode())),
    some.booleans(),
)
def test_whatever_is_sent_the_next_client_is_served(folder: Path, pieces: list[bytes], speaks_tls: bool) -> None:
    """No crash, no leak, inside of TLS and without it."""

    def made() -> vault.VaultServer:
        server = vault.VaultServer(ANY, vault.context_in(folder, []), PASSWORDS, CHEAP)
        server.tries = TokenBuckets(1000, 1)
        return server

    with serve(made) as traced:
        address: Any = traced.server.server_address
        with Client(address, trusting(folder)) if speaks_tls else Peer(address) as rude:
            try:
                rude.socket.sendall(b"".join(pieces))
                rude.socket.shutdown(socket.SHUT_WR)
                rude.file.read()
            except OSError:
                pass  # it was let go before it had said everything
        with logged_in(address, folder) as client:
            assert client.asked("LIST") == "OK 0"
    assert traced.errors == []


def test_it_runs_from_a_terminal(tmp_path: Path) -> None:
    """It says what it is for, shows the trace of a conversation, and says in a sentence what it cannot do."""
    assert "LOGIN alice PASSWORD..." in shell("vault", "--help").stdout
    shown = shell("vault", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "b'OK 4711" in shown.stdout
    (tmp_path / "vault.pem").write_text("no certificate", encoding="ascii")
    for arguments, sentence in (
        ([], "--folder FOLDER is where the certificates are, or where they shall be made\n"),
        (["--folder", str(tmp_path)], "is no PEM file with a private key and its certificate\n"),
        (["../x"], "is no name: a name has 1 to 40 letters, digits, _, - and dots\n"),
    ):
        wrong = shell("vault", *arguments)
        assert wrong.returncode == 2
        assert wrong.stderr.endswith(sentence)
