"""The client panel: what a page orders, what the clients do, and what is said about it."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import Served, serve
from socketserver_trace.panel import Panel
from socketserver_trace.panel.transcript import Transcript
from socketserver_trace.panel.typed import LARGEST, Mistyped, bytes_of
from tests.helpers import TIMEOUT, DatagramShout

if TYPE_CHECKING:
    from collections.abc import Iterator

CALM = 30
"""How many seconds a busy machine may take."""

STREAMS = [name for name in ("ThreadingTCPServer", "ThreadingUnixStreamServer") if hasattr(socketserver, name)]
DATAGRAMS = [name for name in ("UDPServer", "UnixDatagramServer") if hasattr(socketserver, name)]


class Shout(socketserver.StreamRequestHandler):
    """Sends back each line in capitals."""

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line.upper())


@contextmanager
def panel_of(name: str, handler: Any = Shout, timeout: float = CALM) -> Iterator[tuple[Served, Panel]]:
    """A running server and its panel, which is closed before the server is stopped."""
    with serve(getattr(socketserver, name), handler, timeout=timeout) as served:
        panel = Panel(served)
        try:
            yield served, panel
        finally:
            panel.close()


def one(panel: Panel, name: str = "alice") -> dict[str, Any]:
    """The state of one client, empty when there is none of that name."""
    return next((client for client in panel.state() if client["name"] == name), {})


def texts(panel: Panel, name: str = "") -> list[tuple[str, str]]:
    """Who said what in a transcript."""
    return [(entry["who"], entry["text"]) for entry in panel.said(name)]


def heard(panel: Panel, count: int, name: str = "alice") -> None:
    """Wait until a transcript has that many entries."""
    assert panel.wait_for(lambda: one(panel, name).get("said", 0) >= count, CALM), texts(panel, name)


def busy(panel: Panel, what: str, name: str = "alice") -> None:
    """Wait until a client is busy with something."""
    assert panel.wait_for(lambda: one(panel, name)["busy"] == what, CALM), one(panel, name)


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_client_does_what_it_is_told(name: str) -> None:
    """A client that was added connects, sends, receives, half-closes and closes, and each is in its transcript."""
    with panel_of(name) as (_served, panel):
        panel.do({"do": "add"})
        states = [one(panel)["state"]]
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "send", "client": "alice", "text": "hello\\nyou\\n", "as": "text"})
        panel.do({"do": "receive_line", "client": "alice"})
        heard(panel, 3)
        panel.do({"do": "half_close", "client": "alice"})
        heard(panel, 4)
        states.append(one(panel)["state"])
        panel.do({"do": "receive_line", "client": "alice"})
        heard(panel, 5)
        panel.do({"do": "receive", "client": "alice"})
        heard(panel, 6)
        panel.do({"do": "close", "client": "alice"})
        heard(panel, 7)
        states.append(one(panel)["state"])
        said = texts(panel, "alice")

    assert states == ["new", "half closed", "closed"]
    assert said == [
        ("note", "alice is connected."),
        ("alice", r"b'hello\nyou\n'"),
        ("server", r"b'HELLO\n'"),
        ("note", "alice has half closed its connection: it sends no more."),
        ("server", r"b'YOU\n'"),
        ("note", "The stream has ended: the server sends no more."),
        ("note", "alice has closed its connection."),
    ]


@pytest.mark.parametrize("name", DATAGRAMS)
def test_a_datagram_client_does_what_makes_sense(name: str) -> None:
    """Datagrams are sent and received whole, and what only streams have is refused with the reason."""
    with panel_of(name, DatagramShout) as (_served, panel):
        panel.do({"do": "add"})
        for order in ("connect", "receive_line", "half_close", "reset"):
            panel.do({"do": order, "client": "alice"})
        panel.do({"do": "send", "client": "alice", "text": "68 69", "as": "hex"})
        panel.do({"do": "receive", "client": "alice"})
        heard(panel, 6)
        can, kind = one(panel)["can"], one(panel)["kind"]
        panel.do({"do": "close", "client": "alice"})
        heard(panel, 7)
        said = [text for _who, text in texts(panel, "alice")]

    assert (kind, can) == ("datagram", ["send", "receive", "close", "remove"])
    assert said == [
        "alice is connected.",
        "datagrams have no lines: receive the next one whole.",
        "datagrams have no connection, so there is no half of it to close.",
        "datagrams have no connection to break off: close the client.",
        "b'hi'",
        "b'HI'",
        "alice has closed its socket.",
    ]


def test_a_client_sends_while_it_waits_to_receive() -> None:
    """A send gets through while a receive waits, and the trace has it inside that receive."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "receive", "client": "alice"})
        busy(panel, "receiving")
        panel.do({"do": "send", "client": "alice", "text": "hello\\n"})
        heard(panel, 3)
        said = texts(panel, "alice")
        trace = served.trace.select(lane="alice")
    events = {(event.kind, event.phase): event for event in trace}

    assert said[1:] == [("alice", r"b'hello\n'"), ("server", r"b'HELLO\n'")]
    assert events["send", "enter"].parent == events["receive", "enter"].call
    assert events["receive", "return"].data == b"HELLO\n"
    assert events["send", "return"].call == events["send", "enter"].call


@pytest.mark.parametrize(("ending", "state"), [("close", "closed"), ("reset", "reset")])
def test_a_close_gives_up_a_receive_that_waits(ending: str, state: str) -> None:
    """Closing and resetting get through while a receive waits, which says that it was given up, in the trace too."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        for order in ({"do": "add"}, {"do": "connect", "client": "alice"}, {"do": "receive", "client": "alice"}):
            panel.do(order)
        busy(panel, "receiving")
        panel.do({"do": ending, "client": "alice"})
        heard(panel, 3)
        said, then = texts(panel, "alice"), one(panel)["state"]
        mine = [(event.kind, event.phase) for event in served.trace.select(lane="alice").arrival()]

    assert said[1] == ("note", "alice gave up waiting for bytes from the server.")
    assert then == state
    assert mine[2:] == [("receive", "enter"), ("receive", "raise"), ("close", "enter"), ("close", "return")]


def test_a_send_without_room_is_given_up_by_a_close() -> None:
    """A client that waits for room, because nobody reads, can be closed."""
    go_on = threading.Event()

    class Deaf(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            go_on.wait(TIMEOUT)

    with panel_of("ThreadingTCPServer", Deaf) as (_served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        for _ in range(10):  # more than any pair of buffers takes
            panel.do({"do": "send", "client": "alice", "text": "x" * LARGEST})
        busy(panel, "sending")
        panel.do({"do": "close", "client": "alice"})
        assert panel.wait_for(lambda: one(panel)["state"] == "closed", CALM)
        go_on.set()
        notes = [text for who, text in texts(panel, "alice") if who == "note"]

    assert "alice gave up waiting for room to send." in notes


@pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="this system has no Unix sockets")
def test_a_connect_that_waits_is_given_up_by_a_remove() -> None:
    """A client for which the server's queue has no room can be removed, and the panel can be closed."""

    class Narrow(socketserver.UnixStreamServer):
        request_queue_size = 0

    with serve(Narrow, Shout, timeout=CALM) as served:
        panel = Panel(served)
        served.breakpoints.add("verify_request")
        panel.do({"do": "add", "count": 2})
        served.breakpoints.wait(timeout=CALM)
        assert panel.wait_for(lambda: all(client["state"] == "connected" for client in panel.state()), CALM)
        for name in ("carol", "dave"):
            panel.do({"do": "add"})
            panel.do({"do": "connect", "client": name})
            busy(panel, "connecting", name)
        panel.do({"do": "remove", "client": "carol"})
        assert panel.wait_for(lambda: not one(panel, "carol"), CALM)
        panel.close()
        still_paused = len(served.breakpoints.parked)
        served.breakpoints.clear()

    assert still_paused == 1
    assert [event.lane for event in served.trace if event.kind == "connect" and event.phase == "raise"] == [
        "carol",
        "dave",
    ]


def test_ten_clients_connect_at_once() -> None:
    """Ten clients get their names and connect together; each can be talked to."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        panel.do({"do": "add", "count": 10})
        assert panel.wait_for(lambda: all(client["state"] == "connected" for client in panel.state()), CALM)
        names = [client["name"] for client in panel.state()]
        panel.do({"do": "add", "count": 2})
        more = [client["name"] for client in panel.state()][10:]
        panel.do({"do": "send", "client": "judy", "text": "ho\\n"})
        panel.do({"do": "receive", "client": "judy"})
        heard(panel, 3, "judy")
        last = texts(panel, "judy")[-1]
        lanes = set(served.trace.lanes)

    assert names == ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy"]
    assert more == ["client 11", "client 12"]
    assert last == ("server", r"b'HO\n'")
    assert set(names) <= lanes


def test_a_closed_client_connects_again_as_a_new_one() -> None:
    """The second connection has a lane of its own, and the transcript says its name."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        panel.do({"do": "add"})
        for order in ("connect", "connect", "close", "send", "connect"):
            panel.do({"do": order, "client": "alice", "text": "x"})
        heard(panel, 5)
        said = [text for _who, text in texts(panel, "alice")]
        lanes = list(served.trace.lanes)

    assert said == [
        "alice is connected.",
        "alice is connected already.",
        "alice has closed its connection.",
        "alice is closed: connect it first.",
        "alice is connected, and drawn as alice 2.",
    ]
    assert {"alice", "alice 2"} <= set(lanes)


def test_pieces_are_sent_one_by_one() -> None:
    """Pieces are sends of their own, with nothing but their pause between them."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "send", "client": "alice", "pieces": ["he", "llo\\n"], "pause": 0.01})
        panel.do({"do": "receive", "client": "alice"})
        heard(panel, 4)
        said = texts(panel, "alice")
        sent = [event.data for event in served.trace.select(lane="alice", kind="send", phase="enter")]

    assert said[1:] == [("alice", "b'he'"), ("alice", r"b'llo\n'"), ("server", r"b'HELLO\n'")]
    assert sent == [b"he", b"llo\n"]


def test_a_close_ends_a_pause_between_pieces() -> None:
    """What has not been sent yet when the client is closed is not sent, and the transcript says so."""
    with panel_of("ThreadingTCPServer") as (_served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "send", "client": "alice", "pieces": ["a", "b", "c"], "pause": 10})
        heard(panel, 2)
        panel.do({"do": "close", "client": "alice"})
        heard(panel, 4)
        said = texts(panel, "alice")

    assert said[1:] == [
        ("alice", "b'a'"),
        ("note", "alice gave up 2 pieces that had not been sent."),
        ("note", "alice has closed its connection."),
    ]


def test_the_end_of_the_panel_ends_every_wait() -> None:
    """Closing the panel gives up receives and pauses, closes the clients, ends their threads, and is harmless twice."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        for name in ("alice", "bob"):
            panel.do({"do": "add", "name": name})
            panel.do({"do": "connect", "client": name})
        panel.do({"do": "receive", "client": "alice"})
        panel.do({"do": "send", "client": "bob", "pieces": ["a", "b"], "pause": 10})
        busy(panel, "receiving")
        heard(panel, 2, "bob")
        panel.close()
        panel.close()
        panel.do({"do": "add"})
        threads = [thread for thread in threading.enumerate() if "panel" in thread.name]
        closes = served.trace.select(kind="close", phase="return")

    assert threads == []
    assert {event.lane for event in closes} >= {"alice", "bob"}
    assert texts(panel) == [("note", "this panel is closed.")]
    assert panel.state() == []


def test_a_server_that_stops_ends_the_wait_of_a_client() -> None:
    """A client that waits to receive while its server is stopped comes back with notes, and stays in the panel."""
    with serve(socketserver.ThreadingTCPServer, Shout) as served:
        panel = Panel(served)
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "receive", "client": "alice"})
        busy(panel, "receiving")
    heard(panel, 3)
    said, state = texts(panel, "alice"), one(panel)["state"]
    panel.close()

    assert state == "closed"
    assert sorted(said[1:]) == [
        ("note", "alice was closed together with the server."),
        ("note", "alice was closed while it waited for bytes from the server."),
    ]


def test_what_goes_wrong_is_a_sentence() -> None:
    """A client that waits in vain, and one that finds nobody, say so, and can be told other things."""
    with panel_of("ThreadingTCPServer", timeout=0.1) as (served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        panel.do({"do": "receive", "client": "alice"})
        heard(panel, 2)
        panel.do({"do": "add"})
        served.stop()
        panel.do({"do": "connect", "client": "bob"})
        heard(panel, 1, "bob")
        (_who, in_vain), (_note, nobody) = texts(panel, "alice")[1], texts(panel, "bob")[0]
        failed = one(panel, "bob")

    assert in_vain.startswith("alice waited 0.1 s for bytes from the server, in vain")
    assert nobody.endswith("bob could not connect: nobody listens there.")
    assert (failed["state"], failed["can"]) == ("failed", ["connect", "remove"])


def test_a_client_is_removed() -> None:
    """A removed client is closed, its thread ends, and its name is free for another, with a lane of its own."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        for _ in range(2):
            panel.do({"do": "add", "name": "zoe"})
            panel.do({"do": "connect", "client": "zoe"})
            panel.do({"do": "remove", "client": "zoe"})
            assert panel.wait_for(lambda: panel.state() == [], CALM)
        said = texts(panel)
        panel.close()
        lanes = list(served.trace.lanes)

    assert said == [("note", "zoe was removed.")] * 2
    assert {"zoe", "zoe 2"} <= set(lanes)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("hello", "an order is a mapping, not 'hello'."),
        ({}, "None is nothing that a client can do."),
        ({"do": "dance", "client": "alice"}, "'dance' is nothing that a client can do."),
        ({"do": ["add"]}, "list is nothing that a client can do."),
        ({"do": "close", "client": "nobody"}, "there is no client 'nobody' in this panel."),
        ({"do": "close", "client": ["alice"]}, "there is no client list in this panel."),
        ({"do": "add", "count": 0}, "the number of clients to add is 1 to 100, not 0."),
        ({"do": "add", "count": True}, "the number of clients to add is 1 to 100, not True."),
        ({"do": "add", "count": 10**5000}, "the number of clients to add is 1 to 100, not int."),
        ({"do": "add", "count": 100}, "the panel has room for 100 clients: remove some first."),
        ({"do": "add", "name": 7}, "the name of a client is text, not 7."),
        ({"do": "add", "name": "alice"}, "there is a alice already: take another name."),
    ],
)
def test_an_order_that_means_nothing_is_a_sentence_of_the_panel(command: object, sentence: str) -> None:
    """Whatever the page sends, `do` does not raise, and nothing is done."""
    with panel_of("ThreadingTCPServer") as (_served, panel):
        panel.do({"do": "add"})
        before = panel.version
        panel.do(command)
        said, states = texts(panel), panel.state()
        news = panel.version > before

    assert said == [("note", sentence)]
    assert [state["state"] for state in states] == ["new"]
    assert news


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"text": r"a\q"}, r"\q at character 2 is no escape: there are"),
        ({"text": None}, "what is sent is text, or a list of texts as pieces"),
        ({"text": "a", "as": "base64"}, "'base64' is no form to type bytes in: there are 'text' and 'hex'."),
        ({"pieces": ["ab", "a"], "as": "hex"}, "piece 2: 1 hex digit, and a byte has two"),
        ({"pieces": []}, "that is too much, or nothing"),
        ({"text": "x" * (LARGEST + 1)}, "that is too much, or nothing"),
        ({"text": "é" * LARGEST}, "that is too much: 2,000,000 bytes, and at most 1,000,000 can be sent. Nothing was"),
        ({"pieces": ["a", "b"], "pause": 11}, "a pause lasts 0 to 10 seconds, not 11."),
        ({"pieces": ["a", "b"], "pause": float("nan")}, "a pause lasts 0 to 10 seconds, not nan."),
        ({"pieces": ["a", "b"], "pause": "1"}, "a pause lasts 0 to 10 seconds, not '1'."),
    ],
)
def test_what_cannot_be_sent_is_a_sentence_of_the_client(more: dict[str, Any], sentence: str) -> None:
    """What means no bytes says what is wrong in the transcript of the client, and nothing of it is sent."""
    with panel_of("ThreadingTCPServer") as (served, panel):
        panel.do({"do": "add"})
        panel.do({"do": "connect", "client": "alice"})
        heard(panel, 1)
        panel.do({"do": "send", "client": "alice", **more})
        (_connected, (who, said)) = texts(panel, "alice")
        sent = served.trace.select(lane="alice", kind="send")

    assert who == "note"
    assert said.startswith(sentence)
    assert len(sent) == 0


def test_a_name_from_the_page_is_safe_and_short() -> None:
    """Controls are shown as escapes, and long names are cut."""
    with panel_of("ThreadingTCPServer") as (_served, panel):
        panel.do({"do": "add", "name": "  evil\x1b[31m\u202e  "})
        panel.do({"do": "add", "name": "x" * 100})
        panel.do({"do": "add", "name": "server"})
        names, said = [client["name"] for client in panel.state()], texts(panel)

    assert names == [r"evil\x1b[31m\u202e", "x" * 31 + "…"]
    assert said == [("note", "there is a server already: take another name.")]


@pytest.mark.parametrize(
    ("typed", "form", "data"),
    [
        ("", "text", b""),
        (r"a\n\r\t\0\\\x1B\\n", "text", b"a\n\r\t\0\\\x1b\\n"),
        ("grüße 🎈\n", "text", "grüße 🎈\n".encode()),
        ("", "hex", b""),
        (" 68 6 9\n0A", "hex", b"hi\n"),
    ],
)
def test_typed_bytes_are_what_is_meant(typed: str, form: str, data: bytes) -> None:
    """Escapes are those of Python, everything else is UTF-8, and hex may have blanks."""
    assert bytes_of(typed, form) == data


@pytest.mark.parametrize(
    ("typed", "form", "sentence"),
    [
        ("ab\\", "text", r"\ at character 3 is no escape"),
        (r"\x4g", "text", r"\x4g at character 1 is no escape"),
        ("ok \ud800", "text", r"'\ud800' at character 4 is half a character, which UTF-8 cannot write."),
        ("\\\x1b", "text", r"\\x1b at character 1 is no escape"),
        ("68 zz", "hex", "z at character 4 is no hex digit"),
        ("٣٣", "hex", "٣ at character 1 is no hex digit"),
        ("686", "hex", "3 hex digits, and a byte has two: the last one, 6, is alone."),
    ],
)
def test_a_mistake_is_shown_with_its_place(typed: str, form: str, sentence: str) -> None:
    """What is wrong is named, with the number of its character."""
    with pytest.raises(Mistyped) as told:
        bytes_of(typed, form)

    assert str(told.value).startswith(sentence)


def test_a_transcript_is_bounded() -> None:
    """The newest entries are kept, a reader who comes late is told how many are gone, and long bytes are cut."""
    transcript = Transcript(kept=2)
    for number in range(4):
        transcript.moved("alice", bytes(600) if number == 3 else b"<b>")
    late, recent = transcript.since(0), transcript.since(3)

    assert len(transcript) == 4
    assert late[0] == {"n": 1, "who": "note", "text": "2 earlier entries were let go.", "size": 0}
    assert [entry["n"] for entry in late] == [1, 2, 3]
    assert [entry["n"] for entry in recent] == [3]
    assert (recent[0]["size"], recent[0]["text"][-15:]) == (600, r"x00…' (600 bytes)"[-15:])
