"""Noughts and crosses: the rules, the rooms, the clocks, and what nobody can do to a game."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import game
from tests.examples import Clock, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = ("127.0.0.1", 0)


@pytest.fixture
def clock() -> Clock:
    """The clock of the games."""
    return Clock()


@pytest.fixture
def address(clock: Clock) -> Iterator[tuple[str, int]]:
    """A server of games."""
    with served(game.GameServer(ANY, clock=clock)) as address:
        yield address


def opened(peer: Peer, name: str = "alice") -> tuple[str, str]:
    """A new room: its code and the player's secret."""
    peer.say(f"NEW {name}")
    word, code, secret = peer.line().split()
    assert (word, peer.line()) == ("ROOM", "BOARD ......... WAITING")
    return code, secret


def begun(alice: Peer, bob: Peer) -> tuple[str, str]:
    """A game that has begun: the code of its room, and bob's secret."""
    code, _ = opened(alice)
    bob.say(f"JOIN {code} bob")
    secret = bob.line().split()[2]
    assert (alice.line(), bob.line()) == ("BOARD ......... TURN alice",) * 2
    return code, secret


def played(players: tuple[Peer, Peer], places: str) -> list[str]:
    """Play in turns; what the first one hears."""
    heard = []
    for number, place in enumerate(places):
        players[number % 2].say(f"PLAY {place}")
        lines = [player.line() for player in players]
        assert lines[0] == lines[1]
        heard.append(lines[0])
    return heard


def test_two_play_until_one_has_three_in_a_row(address: tuple[str, int]) -> None:
    """Both are told each move and the end; then each may play again."""
    with Peer(address) as alice, Peer(address) as bob:
        begun(alice, bob)
        heard = played((alice, bob), "14253")
        assert heard[0] == "BOARD X........ TURN bob"
        assert heard[-1] == "BOARD XXXOO...."
        assert (alice.line(), bob.line()) == ("WON alice", "WON alice")
        bob.say("PLAY 9")
        assert bob.line() == "ERROR the game is over"
        begun(alice, bob)


def test_a_full_board_is_a_draw(address: tuple[str, int]) -> None:
    """Nobody has won."""
    with Peer(address) as alice, Peer(address) as bob:
        begun(alice, bob)
        assert played((alice, bob), "123546879")[-1] == "BOARD XOXXOOOXX"
        assert (alice.line(), bob.line()) == ("DRAW", "DRAW")


def test_who_watches_sees_everything_and_plays_nothing(address: tuple[str, int]) -> None:
    """From the state of then on; and may go without anybody noticing."""
    with Peer(address) as alice, Peer(address) as bob:
        code, _ = begun(alice, bob)
        played((alice, bob), "1")
        with Peer(address) as carol:
            carol.say(f"WATCH {code}")
            assert [carol.line(), carol.line()] == [f"WATCHING {code}", "BOARD X........ TURN bob"]
            carol.say("PLAY 5")
            assert carol.line() == "ERROR it is not your turn"
            bob.say("PLAY 5")
            assert alice.line() == bob.line() == carol.line() == "BOARD X...O.... TURN alice"
            carol.say("QUIT")
            carol.rest()
        assert played((alice, bob), "9") == ["BOARD X...O...X TURN bob"]


def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(address: tuple[str, int]) -> None:
    """And the game goes on."""
    with Peer(address) as alice, Peer(address) as bob, Peer(address) as carol:
        code, _ = begun(alice, bob)
        for peer, line, answer in (
            (bob, "PLAY 1", "it is not your turn"),
            (alice, "PLAY 0", "a place is a number from 1 to 9"),
            (alice, "PLAY 10", "a place is a number from 1 to 9"),
            (alice, "NEW alice", "you are in a room already; QUIT leaves it"),
            (carol, "PLAY 1", "you are in no room"),
            (carol, f"JOIN {code} carol", "two play there already; WATCH shows what they do"),
            (carol, "JOIN nowhere carol", "there is no such room"),
            (carol, "NEW ca-rol", "a name has 1 to 20 letters and digits"),
            (carol, f"BACK {code} guess", "that is nobody's secret there"),
        ):
            peer.say(line)
            assert peer.line() == f"ERROR {answer}"
        carol.say("DANCE", "NEW", "")
        for _ in range(3):
            assert carol.line().startswith("ERROR NEW NAME, JOIN")
        assert played((alice, bob), "1") == ["BOARD X........ TURN bob"]
        bob.say("PLAY 1")
        assert bob.line() == "ERROR place 1 is taken"


def test_who_lets_the_time_pass_has_lost(address: tuple[str, int], clock: Clock) -> None:
    """Sixty seconds for each move, of which each move begins anew."""
    with Peer(address) as alice, Peer(address) as bob:
        begun(alice, bob)
        clock.now += 59
        played((alice, bob), "1")
        clock.now += 59
        played((bob, alice), "2")
        clock.now += 61
        assert (alice.line(), bob.line()) == ("LATE alice", "LATE alice")


def test_a_player_comes_back_after_a_lost_connection(address: tuple[str, int], clock: Clock) -> None:
    """With the secret, while the others are told; and goes on where the game stands."""
    with Peer(address) as alice:
        with Peer(address) as bob:
            code, secret = begun(alice, bob)
            played((alice, bob), "1")
        assert alice.line() == "AWAY bob 30"
        clock.now += 29
        with Peer(address) as bob:
            bob.say(f"BACK {code} {secret}")
            assert [bob.line(), bob.line(), bob.line()] == [
                f"ROOM {code} {secret}", "HERE bob", "BOARD X........ TURN bob",
            ]  # fmt: skip
            assert [alice.line(), alice.line()] == ["HERE bob", "BOARD X........ TURN bob"]
            with Peer(address) as thief:
                thief.say(f"BACK {code} {secret}")
                assert thief.line() == "ERROR bob is there already"
            assert played((bob, alice), "5") == ["BOARD X...O.... TURN alice"]


def test_who_does_not_come_back_in_time_has_lost(address: tuple[str, int], clock: Clock) -> None:
    """Also when it was the other's turn."""
    with Peer(address) as alice:
        with Peer(address) as bob:
            begun(alice, bob)
            bob.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        assert alice.line() == "AWAY bob 30"
        clock.now += 31
        assert alice.line() == "LATE bob"


def test_a_line_that_is_too_long_ends_the_connection(address: tuple[str, int]) -> None:
    """It is not kept in memory until its end."""
    with Peer(address) as peer:
        peer.socket.sendall(b"x" * (game.GameHandler.longest + 1))
        assert peer.line() == "ERROR a line has at most 100 bytes; good-bye"


def test_a_hundred_games_at_once(address: tuple[str, int]) -> None:
    """Two hundred players, and every game comes to its end."""

    def match(_number: int) -> None:
        with Peer(address) as alice, Peer(address) as bob:
            begun(alice, bob)
            played((alice, bob), "14253")
            assert (alice.line(), bob.line()) == ("WON alice", "WON alice")

    at_once(100, match)


@given(some.permutations("123456789"))
def test_the_rules_hold_in_every_game(places: list[str]) -> None:
    """Nobody has won before the first three in a row, marks stay, and a place is taken once."""
    board = game.Board()
    for number, place in enumerate(places):
        mark = game.MARKS[number % 2]
        assert board.winner is None
        board.play(place, mark)
        mine = {int(one) - 1 for one in places[number % 2 : number + 1 : 2]}
        assert (board.winner == mark) == any(set(line) <= mine for line in game.LINES)
        with pytest.raises(game.RefusedError):
            board.play(place, mark)
        if board.winner:
            break


@settings(max_examples=40, deadline=None)
@given(
    some.lists(
        some.binary(max_size=120)
        | some.tuples(
            some.sampled_from(["NEW", "JOIN", "WATCH", "BACK", "PLAY", "QUIT"]),
            some.text(max_size=8),
            some.text(max_size=8),
        ).map(lambda words: " ".join(words).encode("utf-8", "replace") + b"\n"),
        max_size=6,
    )
)
def test_whatever_is_sent_the_next_game_is_played(pieces: list[bytes]) -> None:
    """No crash, no leak, and the answers are lines of the protocol."""
    with serve(lambda: game.GameServer(ANY)) as traced:
        address = traced.server.server_address
        with Peer(address) as rude:
            rude.socket.sendall(b"".join(pieces))
            rude.socket.shutdown(socket.SHUT_WR)
            for line in rude.rest().splitlines():
                assert line.split(b" ")[0] in {b"ERROR", b"ROOM", b"BOARD", b"WATCHING"}
        with Peer(address) as alice, Peer(address) as bob:
            begun(alice, bob)
    assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a game."""
    assert "BACK ROOM SECRET" in shell("game", "--help").stdout
    shown = shell("game", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "WON alice" in shown.stdout
