"""The file server: what it keeps, what it gives back, and what nobody gets out of it or into it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import file_server
from tests.examples import Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = ("127.0.0.1", 0)
DATA = bytes(range(256)) * 40
QUOTA = 20_000

needs_links = pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that is served."""
    return tmp_path / "served"


@pytest.fixture
def address(folder: Path) -> Iterator[tuple[str, int]]:
    """A file server."""
    with served(file_server.FileServer(ANY, folder, QUOTA)) as address:
        yield address


def checksum(data: bytes) -> str:
    """What the protocol calls a checksum."""
    return hashlib.sha256(data).hexdigest()


def put(peer: Peer, name: str, data: bytes) -> str:
    """Put a file, or the rest of it. Returns the last answer."""
    peer.say(f"PUT {name} {len(data)} {checksum(data)}")
    answer = peer.line()
    if not answer.startswith("GO "):
        return answer
    peer.socket.sendall(data[int(answer[3:]) :])
    return peer.line()


def get(peer: Peer, name: str, begin: int = 0) -> bytes:
    """Get a file from a byte on; what was promised is what comes."""
    peer.say(f"GET {name} {begin}")
    word, size, promised = peer.line().split(" ")
    data = peer.file.read(int(size) - begin)
    assert word == "OK"
    assert begin or checksum(data) == promised
    return data


def test_a_file_comes_back_as_it_was_put(address: tuple[str, int], folder: Path) -> None:
    """Byte for byte, also one without any; and it is a file of the folder."""
    with Peer(address) as peer:
        for name, data in (("all.bin", DATA), ("empty", b"")):
            assert put(peer, name, data) == "OK"
            assert get(peer, name) == data
            assert (folder / name).read_bytes() == data
        peer.say("LIST", "QUIT")
        told = [f"{len(data)} {checksum(data)} {name}" for name, data in (("all.bin", DATA), ("empty", b""))]
        assert [peer.line() for _ in range(4)] == ["OK 2", *told, "OK"]
        assert peer.rest() == b""


def test_a_download_goes_on_from_any_byte(address: tuple[str, int]) -> None:
    """From the end on there is nothing, and beyond it there is a sentence."""
    with Peer(address) as peer:
        put(peer, "all.bin", DATA)
        for begin in (1, 5_000, len(DATA)):
            assert get(peer, "all.bin", begin) == DATA[begin:]
        peer.say(f"GET all.bin {len(DATA) + 1}", "GET all.bin first")
        assert peer.line() == f"ERROR the file has {len(DATA)} bytes"
        assert peer.line() == "ERROR GET NAME [FROM]: from which byte on is a number"


def test_an_upload_that_was_cut_off_goes_on_where_it_ended(address: tuple[str, int], folder: Path) -> None:
    """Until all of it is there no file is; what had been under that name stays."""
    with Peer(address) as peer:
        put(peer, "all.bin", b"before")
    with Peer(address) as peer:
        peer.say(f"PUT all.bin {len(DATA)} {checksum(DATA)}")
        assert peer.line() == "GO 0"
        peer.socket.sendall(DATA[:7_000])
        peer.socket.shutdown(1)
        assert peer.rest() == b""
    assert (folder / "all.bin").read_bytes() == b"before"
    with Peer(address) as peer:
        peer.say(f"PUT all.bin {len(DATA)} {checksum(DATA)}")
        assert peer.line() == "GO 7000"
        peer.socket.sendall(DATA[7_000:])
        assert peer.line() == "OK"
        assert get(peer, "all.bin") == DATA


def test_bytes_that_are_not_what_was_promised_are_thrown_away(address: tuple[str, int], folder: Path) -> None:
    """And the next upload begins from the first byte."""
    with Peer(address) as peer:
        peer.say(f"PUT a.txt 4 {checksum(b'good')}")
        peer.line()
        peer.socket.sendall(b"evil")
        assert peer.line().startswith("ERROR the bytes do not have the checksum")
        assert not (folder / "a.txt").exists()
        assert put(peer, "a.txt", b"good") == "OK"


@pytest.mark.parametrize(
    "name",
    ["../secret", "..", ".", ".uploads", "/etc/passwd", "a/b", "a\\b", "%2e%2e%2fsecret", "..%2fsecret", "\u2024\u2024",
     "a\x00b", "C:secret", "-rf", "x" * 101, ""],
)  # fmt: skip
def test_a_name_is_never_a_path(address: tuple[str, int], folder: Path, name: str) -> None:
    """Neither to read nor to write, in no encoding; and the next command is served."""
    (folder.parent / "secret").write_bytes(b"secret")
    with Peer(address) as peer:
        peer.say(f"GET {name}")
        assert peer.line().startswith("ERROR ")
        assert put(peer, name, b"mine").startswith("ERROR ")
        assert put(peer, "ok", b"ok") == "OK"
    assert (folder.parent / "secret").read_bytes() == b"secret"
    assert sorted(one.name for one in folder.iterdir()) == [".uploads", "ok"]


@needs_links
def test_links_are_not_followed(address: tuple[str, int], folder: Path) -> None:
    """To read is refused, and to write replaces the link and not what it shows at. Pipes and folders are no files."""
    secret = folder.parent / "secret"
    secret.write_bytes(b"secret")
    (folder / "link").symlink_to(secret)
    (folder / "up").symlink_to(folder.parent)
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    with Peer(address) as peer:
        peer.say("GET link", "GET up", "GET folder", "GET pipe", "LIST")
        for name in ("link", "up", "folder", "pipe"):
            assert peer.line() == f"ERROR there is no file called {name}"
        assert peer.line() == "OK 0"
        assert put(peer, "link", b"mine") == "OK"
        assert get(peer, "link") == b"mine"
    assert secret.read_bytes() == b"secret"


def test_the_quota_counts_what_is_promised(address: tuple[str, int]) -> None:
    """Two uploads that would not fit together do not both begin; what was cut off makes room."""
    big = b"x" * 15_000
    with Peer(address) as one, Peer(address) as other:
        one.say(f"PUT one {len(big)} {checksum(big)}")
        assert one.line() == "GO 0"
        assert put(other, "other", b"y" * 6_000) == "ERROR there is no room for 6000 bytes more"
        one.socket.sendall(big[:14_000])
        one.socket.shutdown(1)
        assert one.rest() == b""
        assert put(other, "other", b"y" * 6_000) == "OK"
        assert put(other, "third", big) == "ERROR there is no room for 15000 bytes more"


def test_the_same_bytes_are_not_sent_by_two_at_once(address: tuple[str, int]) -> None:
    """The second is told so, and may try again."""
    with Peer(address) as one, Peer(address) as other:
        one.say(f"PUT same 4 {checksum(b'same')}")
        assert one.line() == "GO 0"
        assert put(other, "same", b"same").startswith("ERROR these very bytes are being sent")
        one.socket.sendall(b"same")
        assert one.line() == "OK"
        assert put(other, "same", b"same") == "OK"


@pytest.mark.parametrize("line", ["DANCE", "PUT a", "PUT a 1", "PUT a x y", "PUT a 1 z", "get a", "GET"])
def test_what_cannot_be_done_is_one_sentence(address: tuple[str, int], line: str) -> None:
    """And the next command is served."""
    with Peer(address) as peer:
        peer.say(line, "QUIT")
        assert peer.line().startswith("ERROR ")
        assert peer.line() == "OK"


def test_a_line_that_is_too_long_ends_the_connection(address: tuple[str, int]) -> None:
    """It is not kept in memory until its end."""
    with Peer(address) as peer:
        peer.socket.sendall(b"x" * (file_server.LONGEST + 1))
        assert peer.line() == f"ERROR a line has at most {file_server.LONGEST} bytes; good-bye"


def test_who_is_too_slow_is_told_and_let_go(folder: Path) -> None:
    """So that nobody can hold a thread for ever by saying nothing."""

    class Impatient(file_server.FileHandler):
        timeout = 0.05

    with served(file_server.FileServer(ANY, folder, QUOTA, Impatient)) as address, Peer(address) as peer:
        assert peer.rest() == b"ERROR nothing has come for too long; good-bye\n"


def test_a_temporary_folder_goes_with_the_server() -> None:
    """It is there as long as the server is."""
    server = file_server.FileServer(ANY)
    with served(server) as address, Peer(address) as peer:
        assert put(peer, "a.txt", b"a") == "OK"
        folder = server.folder
        assert (folder / "a.txt").exists()
    assert not folder.exists()


def test_two_hundred_clients_at_once(folder: Path) -> None:
    """Each puts a file of its own, and gets it back."""
    with served(file_server.FileServer(ANY, folder)) as address:

        def talk(number: int) -> None:
            data = DATA + str(number).encode()
            with Peer(address) as peer:
                assert put(peer, f"file-{number}", data) == "OK"
                assert get(peer, f"file-{number}") == data

        at_once(200, talk)
        assert len(list(folder.glob("file-*"))) == 200


@settings(max_examples=60, deadline=None)
@given(
    some.lists(
        some.binary(max_size=400)
        | some.tuples(
            some.sampled_from(["GET", "PUT", "LIST", "put"]),
            some.text(max_size=12) | some.sampled_from(["..", "a", "../a", ".uploads"]),
            some.integers(-5, 10**20),
            some.text(max_size=5) | some.just(checksum(b"")),
        ).map(lambda parts: " ".join(map(str, parts)).encode("utf-8", "replace") + b"\n"),
        max_size=5,
    )
)
def test_whatever_is_sent_nothing_is_left_and_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no file outside, and the answers are sentences."""
    with tempfile.TemporaryDirectory() as outside:
        folder = Path(outside) / "served"
        with serve(lambda: file_server.FileServer(ANY, folder, QUOTA)) as traced:
            with Peer(traced.server.server_address) as rude:
                rude.socket.sendall(b"".join(pieces))
                rude.socket.shutdown(1)
                assert all(line.split(b" ")[0].strip() in {b"OK", b"GO", b"ERROR"} for line in rude.rest().splitlines())
            with Peer(traced.server.server_address) as peer:
                assert put(peer, "next", b"next") == "OK"
        assert traced.errors == []
        assert [one.name for one in Path(outside).iterdir()] == ["served"]


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation."""
    assert "--quota" in shell("file_server", "--help").stdout
    shown = shell("file_server", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "GO 5" in shown.stdout
    assert "ERROR a name has" in shown.stdout


def test_a_demonstration_leaves_the_folder_alone(folder: Path) -> None:
    """Whoever names a folder and wants to see the trace finds nothing new in it."""
    folder.mkdir()
    assert shell("file_server", "--trace", str(folder)).returncode == 0
    assert list(folder.iterdir()) == []


def test_what_is_no_folder_is_one_sentence(tmp_path: Path) -> None:
    """And no socket is left open."""
    (tmp_path / "file").write_bytes(b"")
    told = shell("file_server", str(tmp_path / "file"))
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1
