"""A drawing that grows: whoever is told of each increment shows what whoever is told everything at once shows."""

from __future__ import annotations

import json
import socket
import socketserver
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import Event, Served, serve, trace_of
from socketserver_trace.events import CONNECT, ENTER, HOOK, RETURN
from socketserver_trace.live.difference import difference
from socketserver_trace.live.growing import Growing
from socketserver_trace.live.meeting import Meeting
from socketserver_trace.live.pump import Pump
from socketserver_trace.live.reading import Reader
from socketserver_trace.live.session import Session
from socketserver_trace.live.status import Status
from socketserver_trace.paint.scene import scene
from tests.helpers import SERVER_NAMES, TIMEOUT, BaseShout, is_datagram
from tests.pages import Page
from tests.samples import SAMPLES, Echo, Failing, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

PORTIONS = (1, 2, 7, 100_000)


def conversation(kind: type[socketserver.BaseServer], handler: Any, clients: int = 3) -> Served:
    """A server with clients that talk to it one after the other."""
    with serve(kind, handler, timeout=30) as served:
        for number in range(clients):
            with served.client(f"client-{number}") as client:
                client.send(b"hi\n")
                client.receive()
    return served


def grown(served: Served, portion: int) -> tuple[Growing, Page]:
    """A drawing that was fed in portions, and a page that was told of each."""
    reader = Reader(served.recorder)
    growing, page = Growing(reader.lanes), Page()
    reader.ends = True
    while events := reader.read(portion):
        growing.add(events)
        page.hear({"type": "scene", "reset": False} | growing.increment())
    return growing, page


def received(page: Page, client: str) -> bool:
    """Whether a client is shown to have received its answer: on the row where it was sent, or on one of its own."""
    return any(words.endswith(f"b'hi' → {client}") or words == f"{client}: receives b'hi'" for words in page.words())


@pytest.mark.parametrize("portion", PORTIONS)
@pytest.mark.parametrize("name", SERVER_NAMES)
def test_whoever_hears_all_increments_shows_what_whoever_comes_late_shows(name: str, portion: int) -> None:
    """Told in portions of any size or as a whole, a page shows the same rows, bars and columns."""
    growing, page = grown(conversation(getattr(socketserver, name), BaseShout), portion)
    late = Page()
    late.hear({"type": "scene"} | growing.whole())

    assert json.loads(json.dumps(page.rows)) == late.rows
    assert page.bars == late.bars
    assert page.columns == late.columns


@pytest.mark.parametrize("name", SERVER_NAMES)
def test_the_steps_of_each_lane_are_those_of_the_trace(name: str) -> None:
    """Lane by lane the growing drawing has the hooks that the finished trace has, in the same order."""
    served = conversation(getattr(socketserver, name), BaseShout, clients=1)
    growing, _page = grown(served, 3)
    live = [event.hook for event in growing.events if event.kind == "hook" and event.phase == "enter"]
    whole = [event.hook for event in served.trace.arrival() if event.kind == "hook" and event.phase == "enter"]

    assert sorted(filter(None, live)) == sorted(filter(None, whole))
    assert [row for row in growing.recording().lanes if row.kind == "client"]


@pytest.mark.parametrize("portion", PORTIONS)
def test_bytes_arrive_where_they_were_read(portion: int) -> None:
    """Every transfer of a stream is one arrow from its sender to its receiver, however late the receiver was seen."""
    served = conversation(socketserver.TCPServer, BaseShout, clients=2)
    _growing, page = grown(served, portion)
    names = {column[0]: column[1] for column in page.columns}
    arrows = [
        (names[arrow[0]], arrow[3], names.get(arrow[4])) for row in page.rows for arrow in row[8] if arrow[2] == "bytes"
    ]

    assert arrows == [
        ("client-0", "b'hi\\n'", "BaseShout"),
        ("BaseShout", "b'HI\\n'", "client-0"),
        ("client-1", "b'hi\\n'", "BaseShout"),
        ("BaseShout", "b'HI\\n'", "client-1"),
    ]


@pytest.mark.parametrize("name", [name for name in SERVER_NAMES if is_datagram(getattr(socketserver, name))])
def test_datagrams_go_to_whoever_takes_them_and_back(name: str) -> None:
    """A datagram's arrow ends at the serving lane, and its answer arrives at the client that had asked."""
    _growing, page = grown(conversation(getattr(socketserver, name), BaseShout, clients=2), 100_000)
    ends = [(arrow[3], arrow[4]) for row in page.rows for arrow in row[8] if arrow[2] == "bytes"]

    assert len(ends) == 4
    assert all(target >= 0 for _label, target in ends)


def test_a_client_of_another_program_is_inferred_while_the_server_runs() -> None:
    """A plain socket is a client with dotted arrows: its connect before get_request, its bytes to the handler."""
    with serve(socketserver.TCPServer, Echo) as served:
        with socket.create_connection(served.server.server_address) as plain:
            plain.sendall(b"\x1b[31m<b>")
            plain.recv(100)
        served.wait_for("close_request", connection=1)
    _growing, page = grown(served, 100_000)
    of_client = [row for row in page.rows if row[3] == "client 1"]
    words = page.words()

    assert [row[5].partition(" ")[0] for row in of_client] == ["connect", "b'\\x1b[31m<b>'", "half-close:"]
    assert all(arrow[7] for row in of_client for arrow in row[8])
    assert words.index("client 1: connect → server") < next(i for i, w in enumerate(words) if "get_request" in w)


@pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="this system has no Unix sockets")
@pytest.mark.parametrize("closes", [False, True])
def test_a_stranger_before_a_unix_client_of_ours_keeps_its_bytes(closes: bool) -> None:
    """Clients without addresses are told apart by what the kernel knows of them, in the lab and in the trace."""
    stranger = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.sendall(b'stranger\\n')"
    )
    with serve(socketserver.ThreadingUnixStreamServer, Echo) as served:
        path = served.server.server_address
        served.breakpoints.add("get_request")
        with socket.socket(socket.AF_UNIX) as plain:
            if closes:  # before anybody accepts it, in another process, which is gone then
                subprocess.run([sys.executable, "-c", stranger, path], check=True)
            else:
                plain.connect(path)
                plain.sendall(b"stranger\n")
            with served.client("alice") as alice:
                alice.send(b"alice\n")
                served.breakpoints.clear()
                alice.receive()
    _growing, page = grown(served, 100_000)
    sent = {
        event.lane: event.data
        for event in served.trace.select(kind="send")
        if event.data is not None and event.lane in {"alice", "client 1"}
    }

    strangers = [words for words in page.words() if words.startswith(r"client 1: b'stranger\n' → Echo in ")]
    alices = [words for words in page.words() if words.startswith("Echo in") and r": receives b'alice\n'" in words]

    assert sent == {"alice": b"alice\n", "client 1": b"stranger\n"}
    # The thread that was seen first is Thread 1, and that may be either.
    lanes = [*(words.partition(" → ")[2] for words in strangers), *(words.partition(":")[0] for words in alices)]
    assert sorted(lanes) == ["Echo in Thread 1", "Echo in Thread 2"]


def test_what_fails_is_red() -> None:
    """An exception takes a row, and the call that raised it is marked as failed."""
    with serve(socketserver.TCPServer, Failing) as served, served.client("alice") as alice:
        alice.send(b"x")
        alice.receive_all()
    _growing, page = grown(served, 1)
    failed = [row[7][3] for row in page.rows if row[7] is not None and row[7][5] & 2]

    assert failed[:2] == ["__init__()", "handle()"] or "handle()" in failed
    assert "✗ ValueError" in [row[7][3] for row in page.rows if row[7] is not None]


def test_in_a_crowd_lanes_that_are_over_make_room() -> None:
    """Sixty clients one after the other need no more columns than a crowd has places."""
    _growing, page = grown(conversation(socketserver.ThreadingTCPServer, BaseShout, clients=60), 50)

    assert len(page.columns) <= 4 + 8 + 2 * 16
    assert len({row[3] for row in page.rows if row[3].startswith("client-")}) == 60


def test_many_at_once_nothing_is_lost() -> None:
    """Eight threads of clients at once: each record is read exactly once, while it grows."""
    with serve(socketserver.ThreadingTCPServer, BaseShout, timeout=30, cap=None) as served:
        page = Page()
        session = Session(served, page.hear)
        session.start()

        def talk(name: str) -> None:
            for number in range(20):
                with served.client(f"{name}-{number}") as client:
                    client.send(b"hi")
                    client.receive()

        threads = [threading.Thread(target=talk, args=(f"t{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        session.let_go()
    session.finish()
    hooks = [row[7][3] for row in page.rows if row[7] is not None]

    assert hooks.count("handle()") == hooks.count("close_request()") == 160
    assert page.status["events"] == len(trace_of(served.server).arrival())
    assert page.sent == len(page.rows)


def test_a_capped_recorder_says_what_the_lab_has_missed() -> None:
    """What was let go before it was read is counted, and the drawing goes on with what there is."""
    with serve(socketserver.TCPServer, BaseShout, cap=50) as served:
        for number in range(30):
            with served.client(f"client-{number}") as client:
                client.send(b"hi")
                client.receive()
    page = Page()
    session = Session(served, page.hear)
    session.finish()

    assert page.status["dropped"] > 0
    assert page.rows


# --- The session ----------------------------------------------------------------------------------


@pytest.fixture
def lab() -> Iterator[tuple[Served, Session, Page]]:
    """A lab of a threading server, and its page."""
    with serve(socketserver.ThreadingTCPServer, Echo, timeout=30) as served:
        page = Page()
        session = Session(served, page.hear)
        session.start()
        session.ask({"ask": "ready"})
        page.wait_for(lambda page: page.rows)
        yield served, session, page
        session.let_go()
    session.finish()


def test_a_lab_pauses_steps_and_goes_on(lab: tuple[Served, Session, Page]) -> None:
    """From the page alone: a breakpoint, a client, a step, and on; the second client's connect succeeds meanwhile."""
    _served, session, page = lab
    session.ask({"ask": "pause", "hook": "verify_request", "phase": "enter", "connection": None})
    page.wait_for(lambda page: page.status["breakpoints"])
    for name in ("alice", "bob"):
        session.ask({"ask": "client", "command": {"do": "add", "name": name}})
        session.ask({"ask": "client", "command": {"do": "connect", "client": name}})
    page.wait_for(lambda page: any(pause["lane"] == "server" for pause in page.status["parked"]))
    page.wait_for(lambda page: page.state_of("bob") == "connected")
    page.wait_for(lambda page: any("waits in the accept queue" in told for told in page.status["kernel"]))
    parked = page.status["parked"][0]
    session.ask({"ask": "step", "parked": parked["number"]})
    page.wait_for(lambda page: page.status["parked"] and page.status["parked"][0]["phase"] == "return")
    session.ask({"ask": "unpause", "breakpoint": page.status["breakpoints"][0]["number"]})
    page.wait_for(lambda page: not page.status["breakpoints"])
    session.ask({"ask": "release"})
    for name in ("alice", "bob"):
        session.ask({"ask": "client", "command": {"do": "send", "client": name, "text": "hi", "as": "text"}})
        session.ask({"ask": "client", "command": {"do": "receive", "client": name}})
    page.wait_for(lambda page: received(page, "alice") and received(page, "bob"))

    assert parked["text"].startswith("server is paused before verify_request() of connection ")


def test_whoever_waits_stands_below_the_last_row(lab: tuple[Served, Session, Page]) -> None:
    """A handler that waits for its client is a provisional row, until the bytes come."""
    served, _session, page = lab
    with served.client("alice") as alice:
        page.wait_for(lambda page: page.tail)
        waiting = page.tail[0]
        alice.send(b"hi")
        alice.receive()
        page.wait_for(lambda page: received(page, "alice"))

    assert (waiting[3], waiting[5]) == ("Echo in Thread 1", "recv()  waits for bytes from alice")


def test_a_lab_in_causal_order_shows_the_trace(lab: tuple[Served, Session, Page]) -> None:
    """On request the rows are those of the finished trace, and follow it when the server is at rest."""
    served, session, page = lab
    session.ask({"ask": "order", "order": "causal"})
    with served.client("alice") as alice:
        alice.send(b"hi")
        alice.receive()
        wanted = json.loads(json.dumps(scene(served.trace.diagram())["rows"]))

        page.wait_for(lambda page: page.rows == wanted)


def test_a_lab_tells_the_story_of_a_row(lab: tuple[Served, Session, Page]) -> None:
    """The story of an event is told when it is asked for, with the classes of the running program."""
    served, session, page = lab
    with served.client("alice") as alice:
        alice.send(b"hi")
        alice.receive()
        page.wait_for(lambda page: any("handle()" in words for words in page.words()))
        row = next(row for row in page.rows if "handle()" in row[5])
        session.ask({"ask": "story", "event": row[0], "row": 3})
        page.wait_for(lambda page: page.stories)

    assert page.stories[0]["row"] == 3
    assert page.stories[0]["story"]["title"].startswith("handle(")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"ask": "pause", "hook": "handel", "phase": "enter", "connection": None}, "no hook 'handel'"),
        ({"ask": "pause", "hook": "handle", "phase": "enter", "connection": "1"}, "counted from 1"),
        ({"ask": "pause", "hook": ["<b>"], "phase": 1}, "phase"),
    ],
)
def test_what_a_page_asks_in_vain_is_answered_by_a_sentence(
    lab: tuple[Served, Session, Page], message: dict[str, Any], sentence: str
) -> None:
    """A wrong wish is told in words, and the lab lives on."""
    _served, session, page = lab
    session.ask(message)
    page.wait_for(lambda page: page.status["sentence"])

    assert sentence in page.status["sentence"]


def test_what_was_asked_for_before_a_step_is_done_before_it(lab: tuple[Served, Session, Page]) -> None:
    """Whoever removes a pause and goes on at once is not paused there again."""
    served, session, page = lab
    session.ask({"ask": "pause", "hook": "verify_request", "phase": "enter", "connection": None})
    page.wait_for(lambda page: page.status["breakpoints"])
    number = page.status["breakpoints"][0]["number"]
    with served.client("alice"), served.client("bob"):
        page.wait_for(lambda page: page.status["parked"])
        session.ask({"ask": "unpause", "breakpoint": number})
        session.ask({"ask": "resume", "parked": page.status["parked"][0]["number"]})
        served.wait_for("verify_request", connection=2)

        assert served.breakpoints.parked == ()


@pytest.mark.parametrize("nonsense", [None, 7, "ready", [], {}, {"ask": None}, {"ask": ["x"]}, {"ask": "step"},
                                      {"ask": "step", "parked": "x"}, {"ask": "story", "event": "x"},
                                      {"ask": "story", "event": 10**30}, {"ask": "client"}, {"ask": "unpause"},
                                      {"ask": "order", "order": 5}])  # fmt: skip
def test_nonsense_from_a_page_does_nothing(lab: tuple[Served, Session, Page], nonsense: Any) -> None:
    """Whatever a page sends, the lab still answers."""
    _served, session, page = lab
    session.ask(nonsense)
    before = len(page.messages)
    session.ask({"ask": "ready"})
    page.wait_for(lambda page: len(page.messages) > before)


def test_a_stopped_server_still_answers() -> None:
    """After the end, without a thread, a page that comes late is told everything."""
    served = conversation(socketserver.TCPServer, BaseShout, clients=1)
    page = Page()
    session = Session(served, page.hear)
    session.finish()
    session.ask({"ask": "ready"})
    session.ask({"ask": "story", "event": 1, "row": 0})

    assert page.status["state"] == "stopped"
    assert page.stories
    assert any("server_close" in words for words in page.words())


def test_a_page_that_is_gone_ends_the_pump_and_nothing_else() -> None:
    """When nobody can be told any more, looking ends; the server goes on."""

    def gone(_message: object) -> None:
        raise OSError("no page")

    with serve(socketserver.TCPServer, BaseShout) as served:
        session = Session(served, gone)
        session.start()
        with served.client("alice") as alice:
            alice.send(b"hi")

            assert alice.receive() == b"HI"
        session.let_go()
    session.finish()


def test_a_pump_beats_until_it_is_closed() -> None:
    """It looks again and again, and not once more after close()."""
    beats = threading.Semaphore(0)
    pump = Pump(beats.release, lambda: 0)
    for _ in range(3):
        assert beats.acquire(timeout=TIMEOUT)
    pump.close()
    while beats.acquire(blocking=False):
        pass

    assert not beats.acquire(timeout=0.1)
    assert not pump.is_running


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_difference_leads_from_one_scene_to_the_next(name: str) -> None:
    """Whoever shows the beginning of a trace and is told the difference shows the whole."""
    trace = sample(name)
    whole = scene(trace.diagram())
    page = Page()
    last = None
    for number in range(1, len(trace) + 1, 5):
        seqs = {event.seq for event in list(trace)[:number]}
        part = scene(type(trace)(trace.recording.keep(lambda event, seqs=seqs: event.seq in seqs)).diagram())
        page.hear({"type": "scene", "reset": False} | difference(last, part))
        last = part
    page.hear({"type": "scene", "reset": False} | difference(last, whole))

    assert page.rows == whole["rows"]
    assert sorted(page.bars.values()) == sorted(whole["bars"])
    assert difference(whole, whole) == {}


def test_a_drawing_that_is_too_long_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit a lab goes on with the newest events, whatever the recorder keeps, and comes to an end."""
    monkeypatch.setattr("socketserver_trace.live.session.ROWS", 100)
    with serve(socketserver.TCPServer, BaseShout, cap=None) as served:
        page = Page()
        session = Session(served, page.hear)
        for number in range(30):
            with served.client(f"client-{number}") as client:
                client.send(b"hi")
                client.receive()
        session.let_go()
    session.finish()

    assert 0 < len(page.rows) <= 150
    assert any("server_close" in words for words in page.words())


def test_the_last_words_of_children_are_told() -> None:
    """When a forking server has stopped nothing waits any longer for what a child might still say."""
    with serve(socketserver.ForkingTCPServer, BaseShout, timeout=30) as served:
        page = Page()
        session = Session(served, page.hear)
        session.start()
        with served.client("alice") as alice:
            alice.send(b"hi")
            alice.receive()
        session.let_go()
    session.finish()

    assert page.status["events"] == served.recorder.total
    assert any("server_close" in words for words in page.words())


def test_a_stranger_who_came_while_a_client_of_ours_was_about_to_connect_is_drawn() -> None:
    """Whose a connection is shows when our client has connected; then the other one is a stranger's."""
    meeting = Meeting([])
    events = [
        event(1, "alice", CONNECT, ENTER, call=1, thread="main"),
        event(2, "server", HOOK, ENTER, call=2, hook="get_request"),
        event(3, "server", HOOK, RETURN, call=2, hook="get_request", connection=1, address="127.0.0.1:1"),
        event(4, "alice", CONNECT, RETURN, call=1, thread="main", address="127.0.0.1:2"),
        event(5, "server", HOOK, ENTER, call=5, hook="get_request"),
        event(6, "server", HOOK, RETURN, call=5, hook="get_request", connection=2, address="127.0.0.1:2"),
    ]
    met = [one for portion in events for one in meeting.add([portion])]

    assert [one.lane for one in met if "inferred" in one.detail] == ["client 1"]
    assert meeting.clients == {1: "client 1", 2: "alice"}


def event(seq: int, lane: str, kind: str, phase: str, **more: Any) -> Event:
    """An event of a server, for which only what a meeting looks at is given."""
    detail = {key: more.pop(key) for key in ("thread", "address") if key in more}
    return Event(seq=seq, time_ns=seq, lane=lane, kind=kind, phase=phase, server="S", detail=detail, **more)


def test_numbers_of_pauses_that_are_over_are_forgotten() -> None:
    """However often a server is paused, a lab remembers the pauses of now."""
    with serve(socketserver.ThreadingTCPServer, BaseShout, timeout=30) as served:
        status = Status(served)
        served.breakpoints.add("handle")
        for number in range(5):
            with served.client(f"client-{number}") as client:
                client.send(b"hi")
                served.breakpoints.wait()
                told = status.told(served.recorded, None)["parked"]
                assert [pause["number"] for pause in told] == [number + 1]
                served.breakpoints.release()
                client.receive()
        status.told(served.recorded, None)

        assert status._numbers == {}
