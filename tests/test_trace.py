"""The trace: a sequence of events with what one can ask of it, and what a notebook shows of it."""

from __future__ import annotations

import contextlib
import socket
import socketserver

import pytest

from socketserver_trace import Event, Trace, serve
from socketserver_trace.assembly import assemble
from socketserver_trace.recording import Lane, Recording
from tests.samples import CALM, Shout, ShoutDatagram, sample

REQUEST = [
    "get_request",
    "verify_request",
    "process_request",
    "finish_request",
    "__init__",
    "setup",
    "handle",
    "finish",
]


def test_the_hooks_of_a_connection_stand_in_their_order() -> None:
    """`hooks` names what was entered for a connection, in the order of the lane."""
    hooks = sample("one_request").hooks(connection=1)

    assert hooks == [*REQUEST, "shutdown_request", "close_request"]


def test_the_hooks_of_several_lanes_stand_one_lane_after_the_other() -> None:
    """With threads, the hooks of the serving lane come first and then those of the thread."""
    hooks = sample("threads").hooks(connection=1)

    assert hooks.index("process_request") < hooks.index("process_request_thread")
    assert sample("threads").hooks(lane="Thread 1")[:2] == ["process_request_thread", "finish_request"]


def test_a_trace_is_an_immutable_sequence_of_events() -> None:
    """It has a length, positions, slices and iteration, it hashes, and it is equal to the same trace."""
    trace = sample("one_request")

    assert len(trace) == len(list(trace))
    assert isinstance(trace[0], Event)
    assert trace[:2] == (trace[0], trace[1])
    assert trace == Trace(trace._recorded)
    assert hash(trace) == hash(Trace(trace._recorded))
    assert trace != trace.arrival()
    assert trace != "a trace"


def test_select_keeps_what_is_all_of_what_was_asked() -> None:
    """Selections narrow down, compose, and keep the lanes that are in use."""
    trace = sample("threads")
    selected = trace.select(connection=1).select(kind="hook", phase="enter")

    assert {(event.connection, event.kind, event.phase) for event in selected} == {(1, "hook", "enter")}
    assert selected.lanes == ("server", "Thread 1")
    assert trace.select() is trace


def test_a_mistyped_selection_is_refused_in_a_sentence() -> None:
    """A lane, kind or phase that does not exist is named with the ones that do; a connection is a number."""
    trace = sample("one_request")

    with pytest.raises(LookupError, match="no lane 'alce' in this trace; there is main, alice, server"):
        trace.select(lane="alce")
    with pytest.raises(LookupError, match="no kind 'hooks' in this trace; there is hook, connect"):
        trace.select(kind="hooks")
    with pytest.raises(TypeError, match="a connection is a number, counted from 1, and not 'alice'"):
        trace.hooks(connection="alice")  # type: ignore[arg-type] # the mistake is the test
    assert trace.hooks(connection=7) == []


def test_the_lanes_are_named_by_what_they_are() -> None:
    """Names do not come from the system: main, the clients' own names, server, Thread 1."""
    assert sample("threads").lanes == ("main", "alice", "bob", "server", "Thread 1")
    assert sample("inferred").lanes == ("main", "client 1", "server")


def test_clients_know_their_connection() -> None:
    """Each client's events carry the number that the server gave to its connection."""
    trace = sample("threads")

    assert {event.connection for event in trace.select(lane="alice")} == {1}
    assert {event.connection for event in trace.select(lane="bob")} == {2}


def test_each_datagram_is_a_connection_of_its_own() -> None:
    """Two datagrams of one client are connections 1 and 2, on both sides."""
    trace = sample("datagrams")
    moved = [(event.kind, event.connection) for event in trace.select(lane="alice") if event.data is not None]

    assert trace.connections == (1, 2)
    assert moved == [("send", 1), ("receive", 1), ("send", 2), ("receive", 2)]


def _sent(number: int, word: bytes) -> Event:
    detail = {"thread": "main", "address": "127.0.0.1:9"}
    common = {"seq": number, "time_ns": number, "lane": "alice", "kind": "send", "phase": "enter", "hook": "sendto"}
    return Event(data=word, size=len(word), detail=detail, **common)  # type: ignore[arg-type] # fields of an event


def _taken(connection: int, word: bytes) -> list[Event]:
    def event(after: int, **fields: object) -> Event:
        return Event(seq=10 * connection + after, time_ns=after, lane="server", **fields)  # type: ignore[arg-type] # as above

    call, detail = 10 * connection, {"address": "127.0.0.1:9"}
    return [
        event(0, kind="hook", phase="enter", hook="get_request", call=call),
        event(1, kind="receive", phase="return", parent=call, connection=connection, data=word, size=len(word)),
        event(2, kind="hook", phase="return", hook="get_request", call=call, connection=connection, detail=detail),
    ]


def test_a_datagram_that_got_lost_has_no_connection() -> None:
    """Of three datagrams the second never arrives: the third is still matched by its bytes, though it was cut."""
    sent = [_sent(number, word) for number, word in enumerate((b"one", b"two", b"three"), start=1)]
    events = (*sent, *_taken(1, b"one"), *_taken(2, b"thr"))
    trace = Trace(Recording(events, (Lane("main", "main"), Lane("alice", "client"), Lane("server", "server"))))

    by_time = sorted(trace.select(lane="alice"), key=lambda event: event.seq)
    assert [event.connection for event in by_time] == [1, None, 2]


def test_an_exception_is_told_by_its_type_and_its_message() -> None:
    """The raise of a hook says what was raised, for every hook that it passed."""
    raised = sample("failures").select(phase="raise", connection=2)

    assert [event.hook for event in raised] == ["setup", "__init__", "finish_request", "process_request"]
    assert {(event.detail["error"], event.detail["message"]) for event in raised} == {("RuntimeError", "not today")}


def test_every_call_has_one_enter_and_one_end() -> None:
    """In the trace of a server that has stopped, calls are paired, nested and ended."""
    trace = sample("threads")
    calls = {event.call for event in trace if event.phase == "enter"}

    assert sorted(event.call for event in trace if event.phase in {"return", "raise"}) == sorted(calls)
    assert {event.parent for event in trace} - {None} <= calls


def test_a_notebook_gets_the_text_and_the_figure() -> None:
    """The bundle has the two forms that survive everywhere, and no more."""
    bundle = sample("one_request")._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == str(sample("one_request"))
    assert repr(sample("one_request")) == "<Trace of 49 events, 1 connection>"


def test_an_event_refuses_what_no_event_is() -> None:
    """The kinds and the phases are closed sets."""
    with pytest.raises(ValueError, match="no kind of event named 'dance'; the kinds are hook, connect"):
        Event(seq=1, time_ns=1, lane="main", kind="dance")
    with pytest.raises(ValueError, match="no phase named 'during'; the phases are enter, return, raise"):
        Event(seq=1, time_ns=1, lane="main", kind="note", phase="during")


def test_a_lane_that_does_not_exist_is_named_in_a_sentence() -> None:
    """Asking a recording for an unknown lane says which lanes there are."""
    with pytest.raises(LookupError, match="no lane named 'carol'; the lanes are main, alice, server"):
        sample("one_request").recording.lane("carol")


def test_a_recording_can_be_relabelled() -> None:
    """Other names for lanes reach the lanes, the events and the threads that moved the clients."""
    recording = sample("one_request").recording.relabel({"main": "kernel", "alice": "learner"})

    assert [lane.name for lane in recording.lanes] == ["kernel", "learner", "server"]
    assert {event.detail.get("thread") for event in recording if event.lane == "learner"} == {"kernel"}


class _Resetting(socketserver.BaseRequestHandler):
    """Waits until its client has broken the connection off, and then says goodbye to nobody."""

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            self.request.recv(1)


def test_an_end_that_fails_disturbs_no_call_around_it() -> None:
    """After a reset, shutdown() of the dead connection fails; the calls around it are still paired and nested."""
    with serve(socketserver.TCPServer, _Resetting, timeout=CALM) as served:
        with served.client("alice") as alice:
            alice.reset()
        with socket.create_connection(served.server.server_address) as plain:
            plain.sendall(b"x")
            plain.recv(1)
        served.wait_for("close_request", connection=2, timeout=CALM)
    trace = served.trace
    entered = {event.call for event in trace if event.phase == "enter"}
    failed = [event for event in trace.select(connection=1) if event.kind == "half_close" and event.phase == "raise"]

    assert [event.hook for event in failed] == ["shutdown"]
    assert sorted(event.call for event in trace if event.phase in {"return", "raise"} and event.call) == sorted(entered)
    assert next(event.parent for event in trace if event.hook == "close_request") in entered
    assert [event.data for event in trace.select(lane="client 1", kind="send")] == [b"x"]
    assert "b'x' → _Resetting in server" in trace.text()


@pytest.mark.parametrize("kind", [socketserver.TCPServer, socketserver.UDPServer])
def test_events_whose_call_began_too_early_stand_alone(kind: type[socketserver.BaseServer]) -> None:
    """When the enters of calls were let go, their ends belong to no call, and no two of them are taken for one."""
    handler = ShoutDatagram if kind is socketserver.UDPServer else Shout
    with serve(kind, handler, timeout=CALM) as served:
        for name in ("alice", "bob"):
            with served.client(name) as client:
                client.send(b"hello\n")
                client.receive()
    numbers = {event.seq: event.connection for event in served.trace.arrival()}
    for cap in range(1, len(assemble(served.recorder))):
        served.recorder.cap = cap
        kept = Trace(assemble(served.recorder))
        given = {event.seq: event.connection for event in kept.arrival() if event.connection}

        assert given.items() <= numbers.items()
        assert kept.text()
