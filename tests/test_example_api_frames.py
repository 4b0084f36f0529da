"""The API of JSON in frames: many requests on one connection, and lengths that nobody keeps."""

from __future__ import annotations

import json
import shutil
import socket
import struct
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import api_frames, api_store
from socketserver_trace.examples.api_frames import LONGEST, FrameServer
from tests.examples import Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANY = ("127.0.0.1", 0)
EMMA: dict[str, Any] = {"title": "Emma", "authors": ["Jane Austen"], "year": 1815}


def frame(data: bytes) -> bytes:
    """A frame with these bytes."""
    return struct.pack("!I", len(data)) + data


def call(identity: object, method: object, params: object = None, version: object = 1) -> bytes:
    """A request."""
    request = {"version": version, "id": identity, "method": method, "params": {} if params is None else params}
    return frame(json.dumps(request).encode())


class Client(Peer):
    """A client that speaks in frames."""

    def answer(self) -> Any:
        """The next answer; None at the end."""
        head = self.file.read(4)
        return json.loads(self.file.read(*struct.unpack("!I", head))) if head else None

    def ask(self, method: str, **params: object) -> Any:
        """What a method says, or the code of its error."""
        self.socket.sendall(call(method, method, params))
        answer = self.answer()
        assert (answer.pop("version"), answer.pop("id")) == (1, method)
        return answer["result"] if "result" in answer else answer["error"]["code"]


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """An empty library."""
    with served(FrameServer(ANY)) as address:
        yield address


def test_a_book_is_added_changed_and_taken_away(address: tuple[str, int]) -> None:
    """By who has seen its newest version."""
    with Client(address) as alice, Client(address) as bob:
        assert alice.ask("add", **EMMA) == {"number": 1, "version": 1, **EMMA}
        assert bob.ask("replace", number=1, version=1, **{**EMMA, "year": 1816})["version"] == 2
        assert alice.ask("replace", number=1, version=1, **EMMA) == "conflict"
        assert alice.ask("remove", number=1, version=1) == "conflict"
        assert alice.ask("get", number=1) == {"number": 1, "version": 2, **EMMA, "year": 1816}
        assert alice.ask("remove", number=1, version=2) is None
        assert bob.ask("get", number=1) == "missing"


def test_pages_are_told_by_a_cursor(address: tuple[str, int]) -> None:
    """The last one says null."""
    with Client(address) as alice:
        for _ in range(3):
            alice.ask("add", **EMMA)
        page = alice.ask("list", limit=2)
        assert ([book["number"] for book in page["books"]], page["after"]) == ([1, 2], 2)
        assert alice.ask("list", after=2)["after"] is None
        assert len(alice.ask("list")["books"]) == 3
        assert alice.ask("list", limit=101) == "invalid"


def test_requests_may_be_sent_before_the_answers_have_come(address: tuple[str, int]) -> None:
    """However the bytes are cut; the answers come in the order of the requests, with their ids."""
    identities = [1, "two", None, 0, -(2**53), ""]
    whole = b"".join(call(identity, "list") for identity in identities)
    for pieces in ([whole], [whole[:6], whole[6:]], [bytes([byte]) for byte in whole]):
        with Client(address) as alice:
            for piece in pieces:
                alice.socket.sendall(piece)
            assert [alice.answer()["id"] for _ in identities] == identities


def test_the_example_of_the_documentation_is_one(address: tuple[str, int]) -> None:
    """Its length is right."""
    line = next(line for line in (api_frames.__doc__ or "").splitlines() if line.startswith("    00 00"))
    head, _, data = line.strip().partition("  ")
    with Client(address) as alice:
        alice.socket.sendall(bytes.fromhex(head) + data.encode())
        assert alice.answer() == {
            "version": 1, "id": 7, "error": {"code": "missing", "message": "There is no such book."},
        }  # fmt: skip


WRONG = [
    (frame(b""), "no_json"),
    (frame(b"{"), "no_json"),
    (frame(b"\xff"), "no_json"),
    (frame(b"[" * LONGEST), "no_json"),
    (frame(b'{"a":' * (LONGEST // 5)), "no_json"),
    (frame(b"9" * LONGEST), "no_json"),
    (frame(b'{"version": NaN}'), "no_json"),
    (frame(b'{"version": 1, "version": 1}'), "no_json"),
    (frame(b"[]"), "no_request"),
    (call(True, "list"), "no_request"),
    (call(1.5, "list"), "no_request"),
    (call([], "list"), "no_request"),
    (call(2**53 + 1, "list"), "no_request"),
    (call("x" * 101, "list"), "no_request"),
    (call("\ud800", "list"), "no_request"),
    (call(None, "list", version=2), "unknown_version"),
    (frame(b"{}"), "unknown_version"),
    (call(None, "dance"), "unknown_method"),
    (call(None, "close"), "unknown_method"),
    (call(None, "__init__"), "unknown_method"),
    (call(None, ["list"]), "unknown_method"),
    (call(None, "list", []), "invalid"),
    (call(None, "get"), "invalid"),
    (call(None, "get", {"number": 1, "self": 1}), "invalid"),
    (call(None, "get", {"\ud800": 1}), "invalid"),
    (call(None, "get", {"number": "1"}), "invalid"),
    (call(None, "get", {"number": [[[[]]]]}), "invalid"),
    (call(None, "add", {**EMMA, "title": "\ud800"}), "invalid"),
]
"""Frames, and the code of the answer."""


def test_what_cannot_be_done_is_told_and_the_conversation_goes_on(address: tuple[str, int]) -> None:
    """With a code for a program and a sentence for a person."""
    with Client(address) as alice:
        for said, code in WRONG:
            alice.socket.sendall(said)
            answer = alice.answer()
            assert (answer["id"], answer["error"]["code"]) == (None, code), said
            assert answer["error"]["message"].endswith(".")
        assert alice.ask("list") == {"books": [], "after": None}


@pytest.mark.parametrize("length", [LONGEST + 1, 2**31, 2**32 - 1])
def test_a_frame_that_is_too_long_ends_the_connection(address: tuple[str, int], length: int) -> None:
    """It is not waited for; the answers to what came before it come, and are read by who still sends."""
    with Client(address) as alice:
        alice.socket.sendall(call(1, "list") + struct.pack("!I", length) + bytes(900_000))
        assert alice.answer()["id"] == 1
        assert alice.answer()["error"]["code"] == "too_long"
        assert alice.answer() is None
        for _ in range(10):
            alice.socket.sendall(bytes(10_000))  # it is heard out, and not reset


def test_the_longest_frame_is_served(address: tuple[str, int]) -> None:
    """One byte more is not."""
    text = call(1, "list")[4:]
    with Client(address) as alice:
        alice.socket.sendall(frame(text + b" " * (LONGEST - len(text))))
        assert alice.answer()["result"] == {"books": [], "after": None}


def test_what_is_cut_off_was_not_said(address: tuple[str, int]) -> None:
    """Neither within a length nor within a frame."""
    said = call(1, "add", EMMA)
    for size in (2, 4, len(said) - 1):
        with Client(address) as alice:
            alice.socket.sendall(said[:size])
            alice.socket.shutdown(socket.SHUT_WR)
            assert alice.answer() is None
    with Client(address) as alice:
        assert alice.ask("list")["books"] == []


def test_who_says_nothing_is_told_and_let_go() -> None:
    """Between two frames, and within one."""

    class Impatient(api_frames.FrameHandler):
        timeout = lingering = 0.05

    with served(FrameServer(ANY, handler=Impatient)) as address:
        for said in (b"", b"\x00", b"\x00\x00\x00\x02{"):
            with Client(address) as alice:
                alice.socket.sendall(said)
                assert alice.answer()["error"]["code"] == "too_slow"
                assert alice.answer() is None


def test_the_library_can_be_full_or_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its code."""
    monkeypatch.setattr(api_store, "BOOKS", 0)
    server = FrameServer(ANY)
    with served(server) as address, Client(address) as alice:
        assert alice.ask("add", **EMMA) == "full"
        server.store.close()
        assert alice.ask("list") == "unavailable"


def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    """Books, versions and the numbers that were given."""
    for turn in (1, 2, 3):
        with served(FrameServer(ANY, tmp_path / "books.sqlite")) as address, Client(address) as alice:
            assert alice.ask("add", **EMMA)["number"] == turn
            assert alice.ask("replace", number=1, version=turn, **EMMA)["version"] == turn + 1


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs sqlite3")
def test_another_program_reads_the_file_while_it_runs(tmp_path: Path) -> None:
    """What was answered is there."""
    file = tmp_path / "books.sqlite"
    with served(FrameServer(ANY, file)) as address, Client(address) as alice:
        alice.ask("add", **EMMA)
        command = ["sqlite3", "-readonly", str(file), "SELECT title, version FROM books"]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Emma|1\n"


def test_closing_the_server_ends_conversations() -> None:
    """One that is idle, one that is in the middle of a frame."""
    with served(FrameServer(ANY)) as address:
        idle, busy = Client(address), Client(address)
        for one in (idle, busy):
            one.ask("list")
        busy.socket.sendall(b"\x00\x00\x00\x09{")
    with idle, busy:
        assert [idle.answer(), busy.answer()] == [None, None]


def test_two_hundred_clients_at_once(tmp_path: Path) -> None:
    """Each adds a book and changes it; nothing is lost."""
    with served(FrameServer(ANY, tmp_path / "books.sqlite")) as address:

        def act(year: int) -> None:
            with Client(address) as one:
                number = one.ask("add", **EMMA)["number"]
                assert one.ask("replace", number=number, version=1, **{**EMMA, "year": year})["year"] == year

        at_once(200, act)
        with Client(address) as one:
            books = [book for after in (0, 100) for book in one.ask("list", after=after, limit=100)["books"]]
        assert sorted(book["year"] for book in books) == list(range(200))


@settings(max_examples=40, deadline=None)
@given(
    some.lists(
        some.sampled_from([said for said, _code in WRONG])
        | some.binary(max_size=100)
        | some.binary(max_size=100).map(frame)
        | some.builds(call, some.text(max_size=3), some.sampled_from(["list", "get", "add", "remove", "replace"])),
        max_size=8,
    )
)
def test_whatever_is_sent_the_answers_are_frames_and_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak."""
    with serve(lambda: FrameServer(ANY)) as traced:
        with Client(traced.server.server_address) as rude:
            rude.socket.sendall(b"".join(pieces))
            rude.socket.shutdown(socket.SHUT_WR)
            while (answer := rude.answer()) is not None:
                assert answer.keys() == {"version", "id", "result"} or answer["error"].keys() == {"code", "message"}
        with Client(traced.server.server_address) as one:
            assert one.ask("list", limit=1)["books"] == []
    assert traced.errors == []


def test_it_runs_from_a_terminal(tmp_path: Path) -> None:
    """It says what it is for, and shows the trace of a conversation, the same every time, without touching a file."""
    assert "--database" in shell("api_frames", "--help").stdout
    shown, again = (shell("api_frames", "--trace", "--database", str(tmp_path / "books.sqlite")) for _ in range(2))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "FrameHandler in Thread 1" in shown.stdout
    assert shown.stdout == again.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_library_is_one_sentence(tmp_path: Path) -> None:
    """And no socket is left open."""
    told = shell("api_frames", "--database", str(tmp_path))
    assert (told.returncode, len(told.stderr.splitlines())) == (2, 1)
