"""The registry of devices: who is online, what they tell, what they are told to do, and what a stranger cannot do."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from socketserver_trace import serve
from socketserver_trace.examples import devices
from tests.examples import Clock, Peer, at_once, served, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

ANY = ("127.0.0.1", 0)


@pytest.fixture
def clock() -> Clock:
    """The clock of the registry."""
    return Clock()


@pytest.fixture
def address(clock: Clock) -> Iterator[tuple[str, int]]:
    """A registry."""
    with served(devices.DeviceServer(ANY, clock=clock)) as address:
        yield address


class Kettle(Peer):
    """A device that beats when it is told to."""

    def __init__(self, address: tuple[str, int], name: str = "kettle-1") -> None:
        super().__init__(address)
        self.say(f"HELLO {name} kettle")
        word, self.token, port = self.line().split()
        assert word == "WELCOME"
        self.telemetry = (address[0], int(port))

    def beat(self, *datagrams: str) -> None:
        """Send datagrams; TOKEN in them is the device's own."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram.replace("TOKEN", self.token).encode(), self.telemetry)


def operator(address: tuple[str, int]) -> Peer:
    """Somebody who is told what happens from now on."""
    peer = Peer(address)
    assert listed(peer)[0].startswith("OK ")
    return peer


def listed(peer: Peer) -> list[str]:
    """What LIST says."""
    peer.say("LIST")
    first = peer.line()
    return [first, *(peer.line() for _ in range(int(first.removeprefix("OK "))))]


def wait_for(peer: Peer, line: str) -> None:
    """Ask until LIST says so."""
    while line not in listed(peer):
        pass


def test_a_device_tells_how_it_is(address: tuple[str, int]) -> None:
    """The newest value of each name."""
    with operator(address) as peer, Kettle(address) as kettle:
        assert peer.line() == "ONLINE kettle-1"
        assert listed(peer) == ["OK 1", "kettle-1 kettle online"]
        kettle.beat("TOKEN 0 water=81 lid=open", "TOKEN 1 water=82", "TOKEN 2")
        wait_for(peer, "kettle-1 kettle online water=82 lid=open")


def test_a_datagram_that_is_late_or_double_or_nobodys_is_ignored(address: tuple[str, int]) -> None:
    """So is what is none at all, or too long."""
    with operator(address) as peer, Kettle(address) as kettle:
        peer.line()
        kettle.beat(
            "TOKEN 5 water=5", "TOKEN 4 water=4", "TOKEN 5 water=6", f"{'0' * 16} 9 water=9", "TOKEN 9 water", "TOKEN",
            "TOKEN 9 <b>=1", "", "\x1b[31m", "TOKEN 9 " + "x=1 " * 200, "TOKEN 6 lid=shut",
        )  # fmt: skip
        wait_for(peer, "kettle-1 kettle online water=5 lid=shut")


def test_who_does_not_beat_is_offline_until_it_beats(address: tuple[str, int], clock: Clock) -> None:
    """Whatever its connection says; and every operator is told, once."""
    with operator(address) as peer, Kettle(address) as kettle:
        assert peer.line() == "ONLINE kettle-1"
        clock.now += 11
        assert peer.line() == "OFFLINE kettle-1"
        kettle.beat("TOKEN 1")
        assert peer.line() == "ONLINE kettle-1"
        assert listed(peer) == ["OK 1", "kettle-1 kettle online"]


def test_a_device_does_what_it_is_told(address: tuple[str, int]) -> None:
    """The operators are told what has become of it, under the number of the command."""
    with operator(address) as peer, operator(address) as other, Kettle(address) as kettle:
        assert peer.line() == other.line() == "ONLINE kettle-1"
        peer.say("SEND kettle-1 boil now", "SEND kettle-1 dance")
        assert [peer.line(), peer.line()] == ["SENT 1", "SENT 2"]
        assert [kettle.line(), kettle.line()] == ["DO 1 boil now", "DO 2 dance"]
        kettle.say("DONE 1", "FAILED 2 I have no legs", "DONE 1", "LIST")
        assert [peer.line(), peer.line()] == ["DONE 1", "FAILED 2 I have no legs"]
        assert [other.line(), other.line()] == ["DONE 1", "FAILED 2 I have no legs"]
        assert kettle.line() == "ERROR 1 is no command that you have to do"
        assert kettle.line() == "ERROR DONE NUMBER, FAILED NUMBER WHY..., QUIT are understood"


def test_what_a_lost_device_had_to_do_has_failed(address: tuple[str, int]) -> None:
    """It may come back, with a new token; the old one is worth nothing."""
    with operator(address) as peer:
        with Kettle(address) as kettle:
            peer.line()
            peer.say("SEND kettle-1 boil")
            assert peer.line() == "SENT 1"
            assert kettle.line() == "DO 1 boil"
        assert peer.line() == "FAILED 1 kettle-1 is not connected any more"
        peer.say("SEND kettle-1 boil")
        assert peer.line() == "ERROR kettle-1 is not connected"
        with Kettle(address) as again:
            assert peer.line() == "ONLINE kettle-1"
            again.beat(f"{kettle.token} 9 water=old", "TOKEN 1 water=new")
            wait_for(peer, "kettle-1 kettle online water=new")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("HELLO kettle-1 kettle", "kettle-1 is connected already"),
        ("HELLO ../x kettle", "a name and a kind have 1 to 40 letters, digits, _, - and dots"),
        ("SEND toaster toast", "toaster is not connected"),
        ("SEND kettle-1", "HELLO NAME KIND, LIST, SEND NAME COMMAND..., QUIT are understood"),
        ("DONE 1", "HELLO NAME KIND, LIST, SEND NAME COMMAND..., QUIT are understood"),
        ("", "HELLO NAME KIND, LIST, SEND NAME COMMAND..., QUIT are understood"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(address: tuple[str, int], line: str, answer: str) -> None:
    """And the next command is served."""
    with operator(address) as peer, Kettle(address):
        peer.line()
        peer.say(line, "QUIT")
        assert [peer.line(), peer.line()] == [f"ERROR {answer}", "OK"]


def test_a_line_that_is_too_long_ends_the_connection(address: tuple[str, int]) -> None:
    """It is not kept in memory until its end."""
    with Peer(address) as peer:
        peer.socket.sendall(b"x" * (devices.DeviceHandler.longest + 1))
        assert peer.line() == "ERROR a line has at most 500 bytes; good-bye"


def test_two_hundred_devices_at_once(address: tuple[str, int]) -> None:
    """Each does what it is told, and tells so."""

    def act(number: int) -> None:
        with Kettle(address, f"kettle-{number}") as kettle, Peer(address) as peer:
            peer.say(f"SEND kettle-{number} boil")
            command = peer.until_it_begins("SENT ").split()[1]
            assert kettle.line() == f"DO {command} boil"
            kettle.say(f"DONE {command}")
            peer.until(f"DONE {command}")

    at_once(200, act)


@settings(max_examples=40, deadline=None)
@given(
    some.lists(some.binary(max_size=600) | some.text(max_size=30).map(lambda text: f"HELLO {text}\n".encode())),
    some.lists(some.binary(max_size=600), max_size=5),
)
def test_whatever_is_sent_the_next_device_is_served(pieces: list[bytes], datagrams: list[bytes]) -> None:
    """No crash, no leak, by TCP and by UDP."""
    with serve(lambda: devices.DeviceServer(ANY)) as traced:
        address = traced.server.server_address
        with Peer(address) as rude, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(datagram, traced.server.telemetry.server_address)
            rude.socket.sendall(b"".join(pieces))
            rude.socket.shutdown(socket.SHUT_WR)
            rude.rest()
        with operator(address) as peer, Kettle(address, "next") as kettle:
            assert peer.line() == "ONLINE next"
            kettle.beat("TOKEN 1 fine=yes")
            wait_for(peer, "next kettle online fine=yes")
    assert traced.errors == []


def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation."""
    assert "HELLO kettle-1 kettle" in shell("devices", "--help").stdout
    shown = shell("devices", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "DO 1 boil now" in shown.stdout
