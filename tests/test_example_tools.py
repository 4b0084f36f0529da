"""What all examples whose protocol is lines have in common: nc talks to them, and whoever never ends is told so."""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from socketserver_trace.examples import chat, devices, file_server, game, middleware, primes, proxy
from tests.examples import PATIENCE, Peer, served, shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from socketserver import BaseServer

ANY = ("127.0.0.1", 0)

CONVERSATIONS: list[tuple[str, Callable[[], BaseServer], str, str]] = [
    (
        "chat", lambda: chat.ChatServer(ANY),
        "alice\n/who\nhello\n/quit\n",
        "* what is your name?\n* welcome, alice; /who tells who is here\n* alice\n<alice> hello\n",
    ),
    ("game", lambda: game.GameServer(ANY), "JOIN 1234 bob\nQUIT\n", "ERROR there is no such room\n"),
    (
        "devices", lambda: devices.DeviceServer(ANY),
        "LIST\nSEND kettle-1 boil\nQUIT\n", "OK 0\nERROR kettle-1 is not connected\nOK\n",
    ),
    ("file_server", lambda: file_server.FileServer(ANY), "LIST\nQUIT\n", "OK 0\nOK\n"),
    (
        "primes", lambda: primes.PrimeServer(ANY, {middleware.digest_of("a key"): "alice"}),
        '{"ask": "whoami", "key": "a key"}\n' + "x" * 1001,
        '{"answer": "alice"}\n{"error": "a question has at most 1000 bytes; good-bye"}\n',
    ),
]  # fmt: skip


NC = shutil.which("nc")


@pytest.mark.skipif(NC is None, reason="needs nc")
@pytest.mark.parametrize(
    ("make", "said", "heard"),
    [conversation[1:] for conversation in CONVERSATIONS],
    ids=[conversation[0] for conversation in CONVERSATIONS],
)
def test_nc_talks_to_it(make: Callable[[], BaseServer], said: str, heard: str) -> None:
    """It hears the answers, and ends when the server does."""
    with served(make()) as address:  # type: ignore[arg-type] # of TCP
        talk = subprocess.run(
            [NC or "", address[0], str(address[1])],
            input=said, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert talk.stdout == heard


@pytest.mark.parametrize(
    "name",
    [
        "chat", "chat_naive", "game", "devices", "file_server", "proxy", "primes", "shout", "server_pool",
        "server_processes", "server_selector", "server_privileges", "server_activation", "http_by_hand",
        "websocket_by_hand", "api_http", "api_frames", "api_xmlrpc",
    ],
)  # fmt: skip
def test_a_port_that_is_taken_is_one_sentence(name: str) -> None:
    """With what to do."""
    with socket.create_server(ANY) as taken:
        port = taken.getsockname()[1]
        tried = shell(name, "--port", str(port))
    assert (tried.returncode, tried.stdout) == (2, "")
    assert tried.stderr == (
        f"{name}.py: it cannot listen at 127.0.0.1:{port} (Address already in use); say another --host or --port\n"
    )


TALKERS: list[tuple[str, Callable[[], BaseServer], bytes]] = [
    ("chat", lambda: chat.ChatServer(ANY), b"! a line has at most 1,000 bytes; good-bye\n"),
    ("game", lambda: game.GameServer(ANY), b"ERROR a line has at most 100 bytes; good-bye\n"),
    ("devices", lambda: devices.DeviceServer(ANY), b"ERROR a line has at most 500 bytes; good-bye\n"),
    ("file_server", lambda: file_server.FileServer(ANY), b"ERROR a line has at most 300 bytes; good-bye\n"),
    ("primes", lambda: primes.PrimeServer(ANY, {}), b'{"error": "a question has at most 1000 bytes; good-bye"}\n'),
    ("proxy", lambda: proxy.ConnectServer(ANY), b"a request has at most 8,192 bytes\n"),
]


@pytest.mark.parametrize(("make", "heard"), [talker[1:] for talker in TALKERS], ids=[talker[0] for talker in TALKERS])
def test_who_never_comes_to_an_end_is_told_so_while_he_talks(make: Callable[[], BaseServer], heard: bytes) -> None:
    """A socket that is closed while bytes lie unread in it is reset, and the sentence would be lost."""
    with served(make()) as address, Peer(address) as peer:
        peer.socket.sendall(b"x" * 2_000_000)
        peer.socket.shutdown(socket.SHUT_WR)
        assert peer.file.read().endswith(heard)
