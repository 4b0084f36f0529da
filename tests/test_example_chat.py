"""The chat: who hears what, and what a member that is slow, dead, rude or hostile can do to the others."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import chat, chat_naive
from tests.examples import PATIENCE, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from socketserver_trace import Served

ANY = ("127.0.0.1", 0)
MORE_THAN_ANY_BUFFER = 20_000_000


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A chat."""
    with served(chat.ChatServer(ANY)) as address:
        yield address


def member(address: tuple[str, int], name: str) -> Peer:
    """Somebody who has come in."""
    peer = Peer(address)
    assert peer.line() == "* what is your name?"
    peer.say(name)
    peer.until(f"* welcome, {name}; /who tells who is here")  # before that, others may have come as well
    return peer


def test_what_is_said_is_heard_by_everybody(address: tuple[str, int]) -> None:
    """Also by who has said it, so that all see the same order."""
    with member(address, "alice") as alice, member(address, "bob") as bob:
        assert alice.line() == "* bob is here"
        bob.say("hello")
        assert (alice.line(), bob.line()) == ("<bob> hello", "<bob> hello")


def test_a_private_message_is_heard_by_one(address: tuple[str, int]) -> None:
    """The next thing that the third member hears is what was said to all."""
    with member(address, "alice") as alice, member(address, "bob") as bob, member(address, "carol") as carol:
        bob.say("/msg Alice between us", "to all")
        assert alice.until("<bob> to all")[-2:] == ["<bob to you> between us", "<bob> to all"]
        assert carol.line() == "<bob> to all"


def test_a_group_hears_what_is_said_to_it(address: tuple[str, int]) -> None:
    """Until one leaves it; and nobody speaks in a group without being in it."""
    with member(address, "alice") as alice, member(address, "bob") as bob:
        bob.say("/say tea hot", "/join tea")
        assert bob.line() == "! you are not in tea; /join tea first"
        assert bob.line() == "* bob is in tea"
        alice.say("/join tea", "/say tea hot")
        assert bob.until("<alice in tea> hot") == ["* alice is in tea", "<alice in tea> hot"]
        alice.say("/who")
        assert alice.until("* bob tea")[-2:] == ["* alice tea", "* bob tea"]
        bob.say("/leave tea")
        assert bob.line() == "* you have left tea"
        alice.say("/say tea cold", "all gone")
        assert bob.line() == "<alice> all gone"


def test_presence_is_told(address: tuple[str, int]) -> None:
    """Who comes, who goes by /quit, and who goes without a word."""
    with member(address, "alice") as alice:
        with member(address, "bob") as bob:
            assert alice.line() == "* bob is here"
            bob.say("/quit")
            assert bob.rest() == b""
        assert alice.line() == "* bob has gone"
        with member(address, "carol"):
            assert alice.line() == "* carol is here"
        assert alice.line() == "* carol has gone"


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("alice", "! alice is here already; say another name"),
        ("ALICE", "! ALICE is here already; say another name"),
        ("no name", "! a name has 1 to 20 letters, digits, _ or -; say another one"),
        ("", "! a name has 1 to 20 letters, digits, _ or -; say another one"),
        ("x" * 21, "! a name has 1 to 20 letters, digits, _ or -; say another one"),
    ],
)
def test_a_name_that_cannot_be_is_asked_for_again(address: tuple[str, int], line: str, answer: str) -> None:
    """And the member may try another one."""
    with member(address, "alice"), Peer(address) as bob:
        bob.line()
        bob.say(line, "bob")
        assert bob.line() == answer
        assert bob.line().startswith("* welcome, bob")


def test_what_cannot_be_done_is_one_sentence(address: tuple[str, int]) -> None:
    """And the chat goes on."""
    with member(address, "alice") as alice:
        alice.say("/dance", "/msg bob hello", "/join a", "/join !", "still here")
        assert alice.line().startswith("! /who, /msg NAME TEXT...")
        assert alice.line() == "! nobody here is called bob"
        assert alice.line() == "* alice is in a"
        assert alice.line() == "! a group has a name of 1 to 20 letters, digits, _ or -"
        assert alice.line() == "<alice> still here"


def test_a_line_is_text_and_moves_no_terminal(address: tuple[str, int]) -> None:
    """Controls, and what is not UTF-8, reach nobody."""
    with member(address, "alice") as alice:
        alice.socket.sendall(b"a\x1b[31mb\x07\xff\xe2\x80\xaec\r\n")
        assert alice.line() == "<alice> a [31mb \ufffd c"


def test_a_line_that_is_too_long_ends_the_connection(address: tuple[str, int]) -> None:
    """It is not kept in memory until its end."""
    with member(address, "alice") as alice:
        alice.socket.sendall(b"x" * (chat.ChatHandler.longest + 1))
        assert alice.line() == "! a line has at most 1,000 bytes; good-bye"


def test_half_a_line_is_not_said(address: tuple[str, int]) -> None:
    """Who is cut off has not finished what they were saying."""
    with member(address, "alice") as alice:
        with member(address, "bob") as bob:
            bob.socket.sendall(b"I will not")
        assert alice.until("* bob has gone") == ["* bob is here", "* bob has gone"]


def test_a_member_that_does_not_read_stalls_nobody_and_is_let_go(address: tuple[str, int]) -> None:
    """What is said to it waits in its buffers alone; when they are full, everybody hears that it has gone."""
    line = "x" * 900
    with member(address, "alice") as alice, member(address, "slow"):
        assert alice.line() == "* slow is here"
        heard = []
        while "* slow has gone" not in heard:
            alice.say(line)
            heard.append(alice.line())
        assert set(heard) == {f"<alice> {line}", "* slow has gone"}


def test_a_full_room_says_so(address: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """And who has come in stays."""
    monkeypatch.setattr(chat, "MEMBERS", 1)
    with member(address, "alice") as alice, Peer(address) as bob:
        bob.say("bob")
        assert [bob.line(), bob.line()] == ["* what is your name?", "! the room is full; try again later"]
        alice.say("alone")
        assert alice.line() == "<alice> alone"


def test_who_has_no_name_speaks_to_nobody(address: tuple[str, int]) -> None:
    """Neither in private nor in a group."""
    with member(address, "alice"), Peer(address) as nobody:
        nobody.say("/msg alice boo", "/join tea", "/say tea boo")
        assert [nobody.line() for _ in range(4)] == [
            "* what is your name?", "! say your name first", "! say your name first",
            "! you are not in tea; /join tea first",
        ]  # fmt: skip


def test_two_hundred_members_hear_everything(address: tuple[str, int]) -> None:
    """Each says something, and hears two hundred different things."""
    everybody_is_here = threading.Barrier(200, timeout=PATIENCE)

    def talk(number: int) -> None:
        with member(address, f"m{number}") as peer:
            everybody_is_here.wait()
            peer.say(f"I am {number}")
            said = []
            while len(said) < 200:
                line = peer.line()
                assert line
                if line.startswith("<"):
                    said.append(line)
            assert set(said) == {f"<m{one}> I am {one}" for one in range(200)}
            everybody_is_here.wait()

    at_once(200, talk)


def test_closing_the_server_lets_everybody_go() -> None:
    """Also who has not said a name yet; and the threads end."""
    with served(chat.ChatServer(ANY)) as address:
        alice, nobody = member(address, "alice"), Peer(address)
        nobody.line()
    with alice, nobody:
        assert (alice.rest(), nobody.rest()) == (b"", b"")


@settings(max_examples=40, deadline=None)
@given(some.lists(some.binary(max_size=1_500), max_size=4))
def test_whatever_is_sent_the_next_client_is_served(pieces: list[bytes]) -> None:
    """No crash, no leak, and nothing but lines for the others."""
    with serve(lambda: chat.ChatServer(ANY)) as traced:
        with Peer(traced.server.server_address) as rude:
            for piece in pieces:
                try:
                    rude.socket.sendall(piece)
                except ConnectionError:
                    break
        with member(traced.server.server_address, "next") as peer:
            peer.say("/quit")
            peer.rest()
    assert traced.errors == []


# --- The one that most people write first ---------------------------------------------------------


def naive_member(traced: Served, name: str) -> Peer:
    """Somebody in the naive chat, when nobody walks through its dictionary any more."""
    peer = Peer(traced.server.server_address)
    peer.say(name, "here")
    peer.until(f"<{name}> here")
    assert traced.settle()
    return peer


def test_the_naive_chat_throws_out_who_talks_to_a_lost_member() -> None:
    """It was bob who went without a word, and alice who loses her connection."""
    with serve(lambda: chat_naive.NaiveChatServer(ANY)) as traced:
        with naive_member(traced, "bob") as bob, naive_member(traced, "alice") as alice:
            bob.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            bob.file.close()
            bob.socket.close()
            alice.say("are you there?")
            assert alice.rest() == b""
    assert any("member.sendall(" in error for error in traced.errors)


def test_the_naive_chat_walks_through_a_dictionary_that_changes() -> None:
    """While a member that does not read holds up the loop, another comes; then it reads, and the loop goes on."""
    with serve(lambda: chat_naive.NaiveChatServer(ANY)) as traced:
        with naive_member(traced, "slow") as slow, naive_member(traced, "alice") as alice:
            assert slow.line() == "<alice> here"
            talking = threading.Thread(target=alice.say, args=("x" * MORE_THAN_ANY_BUFFER,))
            talking.start()
            assert slow.file.read(8) == b"<alice> "  # the loop has begun, and waits for slow
            with Peer(traced.server.server_address) as late:
                late.say("late")
                while "late" not in traced.server.members:
                    threading.Event().wait(0.001)
                slow.line()
                talking.join()
                assert alice.rest() == b""
    assert ["dictionary changed size during iteration" in error for error in traced.errors].count(True) == 1


@pytest.mark.parametrize("name", ["chat", "chat_naive"])
def test_it_runs_from_a_terminal(name: str) -> None:
    """It says what it is for, and shows the trace of a conversation."""
    told = shell(name, "--help")
    assert told.returncode == 0
    assert "--port" in told.stdout
    shown = shell(name, "--trace")
    assert shown.returncode == 0
    assert "process_request_thread" in shown.stdout


def test_a_port_that_is_taken_is_one_sentence() -> None:
    """And no traceback."""
    with served(chat.ChatServer(ANY)) as address:
        told = shell("chat", "--port", str(address[1]))
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1
    assert "in use" in told.stderr
