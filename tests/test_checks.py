"""What is expected of a trace: what holds, what does not, and the sentences that say so."""

from __future__ import annotations

import contextlib
import socketserver
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketserver_trace import NotAsExpected, Trace, expect, serve, well_formed
from socketserver_trace.checks import (
    Claim,
    count,
    each_connection,
    either,
    exactly,
    happens,
    in_connection,
    inside,
    never,
    order,
    other_lane,
    provider,
    raised,
    receives,
    result,
    same_lane,
    sends,
    step,
    when,
)
from tests.samples import SAMPLES, Shout, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from socketserver_trace.checks import Expectation
    from socketserver_trace.events import Event

ONE_REQUEST = [
    *("get_request", "verify_request", "process_request", "finish_request", "__init__", "setup", "handle", "finish"),
    *("shutdown_request", "close_request"),
]

HOLDS = [
    ("one_request", happens("handle", "connect", "close")),
    ("one_request", never("handle_error", "thread", "child", step("send", of="client", data=b"bye"))),
    ("one_request", count("handle", 1) & count("service_actions", least=1) & count("handler", most=1)),
    ("one_request", count(step("close", of="client"), 1) & count("connect", 1)),
    ("one_request", order("server_bind", "server_activate", "serve_forever", "handle", "server_close")),
    ("one_request", order("get_request", {"finish", "handle", "setup"}, "close_request")),
    ("one_request", each_connection(exactly(*ONE_REQUEST))),
    ("one_request", inside("handle", "process_request") & inside("close_request", "shutdown_request")),
    ("one_request", same_lane("get_request", "handle") & ~other_lane("get_request", "handle")),
    ("one_request", provider("verify_request", "BaseServer") & provider("handle", "Shout")),
    ("one_request", result("verify_request", True) & ~result("verify_request", 1)),
    ("one_request", receives(b"hello\n", whole=True) & receives(b"ell") & sends(b"HELLO")),
    ("one_request", either(happens("handle_error"), happens("finish")) & (never("setup") | never("handle_error"))),
    ("one_request", when(result("verify_request", False), never("handler"))),
    (
        "threads",
        other_lane("get_request", "handle") & happens("thread") & provider("process_request", "ThreadingMixIn"),
    ),
    ("failures", raised("handle") & raised("handle", ValueError) & raised("handle", "ValueError")),
    ("failures", happens(step("handle", error="ValueError")) & order(step("handle", of="handler"), "handle_error")),
    (
        "threads",
        each_connection(when(result("verify_request", False), never("handler"))) & ~result("verify_request", True),
    ),
]

FAILS = [
    ("one_request", happens("handle_timeout"), "handle_timeout() runs, but it did not run"),
    ("one_request", never("verify_request"), "verify_request() never runs, but it ran once"),
    ("one_request", count("handle", 2), "handle() runs exactly twice, but it ran once"),
    ("one_request", count("handle", least=3), "handle() runs 3 times at least, but it ran once"),
    (
        "one_request",
        order("finish", "handle"),
        "finish() and handle() happen in this order, but no handle() comes after finish()",
    ),
    (
        "one_request",
        order("setup", {"handle", "handle_error"}),
        "setup() and (handle() and handle_error() in any order) happen in this order, but handle_error() is not there",
    ),
    (
        "one_request",
        each_connection(exactly("get_request", "verify_request", "handle")),
        "run, in this order in connection 1, but process_request() ran where handle() was to be",
    ),
    (
        "one_request",
        each_connection(exactly(*ONE_REQUEST, "handle_error")),
        "but handle_error() did not follow",
    ),
    (
        "one_request",
        inside("handle", "get_request"),
        "handle() runs inside get_request(), but it was inside __init__()",
    ),
    (
        "one_request",
        other_lane("get_request", "handle"),
        "get_request() and handle() happen in different lanes, but get_request() was in server and handle() in server",
    ),
    (
        "one_request",
        provider("process_request", "ThreadingMixIn"),
        "process_request() is ThreadingMixIn's, but it returned in server (BaseServer's)",
    ),
    (
        "one_request",
        result("verify_request", False),
        "verify_request() returns False, but it returned True in server (BaseServer's)",
    ),
    (
        "one_request",
        raised("handle", ValueError),
        "handle() raises ValueError, but it returned in server (Shout's)",
    ),
    ("one_request", sends(b"bye"), r"the server sends b'bye', but it sent b'HELLO\n'"),
    ("one_request", receives(b"h", whole=True), r"the server receives exactly b'h', but it received b'hello\n'"),
    (
        "one_request",
        happens(step("handle", provider="Whisper")),
        "handle() of Whisper runs, but handle() returned in server (Shout's)",
    ),
    (
        "one_request",
        happens("thread") | raised("handle"),
        "or that handle() raises an exception, but it did not happen; it returned in server (Shout's)",
    ),
    ("one_request", ~happens("handle"), "it is not so that handle() runs, but that was so: it ran once"),
    (
        "one_request",
        when(result("verify_request", True), never("handler")),
        "when verify_request() returns True, the making of a handler never happens, but it happened once",
    ),
    ("failures", never("handle_error"), "handle_error() never runs, but it ran twice"),
]


@pytest.mark.parametrize(("name", "claim"), HOLDS)
def test_what_holds_raises_nothing(name: str, claim: Claim) -> None:
    """What is so is accepted, and what is expected next can follow."""
    assert isinstance(expect(sample(name)).that(claim).that(claim), type(expect(sample(name))))
    assert expect(sample(name)).judge(claim)
    with pytest.raises(NotAsExpected):
        expect(sample(name)).that(~claim)


@pytest.mark.parametrize(("name", "claim", "sentence"), FAILS)
def test_what_does_not_hold_is_one_sentence(name: str, claim: Claim, sentence: str) -> None:
    """It says what was expected and what there is instead; the rows around it follow where there is a place."""
    with pytest.raises(NotAsExpected) as caught:
        expect(sample(name)).that(claim)

    first = str(caught.value).splitlines()[0]
    assert first.startswith("It was expected that ")
    assert sentence in first
    assert first.endswith(".")


def test_a_failure_shows_the_rows_around_it_the_message_and_the_hint() -> None:
    """The teacher's message comes first, then the sentence, the rows, and the hint."""
    with pytest.raises(NotAsExpected) as caught:
        expect(sample("one_request")).connection(1).never(
            "verify_request", message="Nobody should be asked.", hint="override it"
        )

    assert str(caught.value) == (
        "Nobody should be asked.\n"
        "It was expected that verify_request() never runs in connection 1, but it ran once.\n"
        "\n"
        "  5  alice   connect → server\n"
        "  6  server    get_request()  TCPServer → accept()\n"
        "→ 7  server    verify_request()  BaseServer → True\n"
        "  8  server    process_request()  BaseServer → works right here\n"
        "  9  server      finish_request()  BaseServer → makes a handler\n"
        "\n"
        "Hint: override it"
    )


SHORTHANDS: list[tuple[Callable[[Expectation], Expectation], bool]] = [
    (lambda e: e.happens("handle"), True),
    (lambda e: e.never("handle"), False),
    (lambda e: e.count("handle", 1), True),
    (lambda e: e.count("handle", least=2), False),
    (lambda e: e.order("setup", "handle", "finish"), True),
    (lambda e: e.exactly("handle"), False),
    (lambda e: e.inside("handle", "finish_request"), True),
    (lambda e: e.same_lane("setup", "finish"), True),
    (lambda e: e.other_lane("setup", "finish"), False),
    (lambda e: e.provider("setup", "StreamRequestHandler"), True),
    (lambda e: e.result("verify_request", True), True),
    (lambda e: e.raised("handle"), False),
    (lambda e: e.receives(b"hello"), True),
    (lambda e: e.sends(b"hello"), False),
]


@pytest.mark.parametrize(("claimed", "holds"), SHORTHANDS)
def test_every_claim_has_a_method(claimed: Callable[[Expectation], Expectation], holds: bool) -> None:
    """The methods of an expectation claim what the functions claim, of a connection, a lane, or each connection."""
    whole = expect(sample("one_request"))
    for expectation in (whole.connection(1), whole.each_connection(), whole.lane("server")):
        if holds:
            assert claimed(expectation).scope is expectation.scope
        else:
            with pytest.raises(NotAsExpected):
                claimed(expectation)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda: happens("handel"), "nothing in a trace is named 'handel'; the nearest names are handle and handler."),
        (lambda: never("\x1b[2J"), r"nothing in a trace is named '\\x1b[2J'"),
        (lambda: step("send", of="clown"), "a step is of a server, handler and client, and not of 'clown'."),
        (lambda: count("handle"), "count() takes how often: count('handle', 2), or least= or most=."),
        (lambda: expect(sample("one_request")).connection(7), "there is no connection 7 in this trace; there is 1."),
        (
            lambda: expect(sample("one_request")).lane("nobody"),
            "there is no lane 'nobody' in this trace; there is main",
        ),
        (lambda: expect("a trace"), "what is looked at is a trace, as in expect(served.trace), and not a str."),
    ],
)
def test_a_mistake_is_a_sentence(mistake: Callable[[], object], sentence: str) -> None:
    """A name that nothing has would never happen: it is refused, with what to do."""
    with pytest.raises((LookupError, ValueError, TypeError)) as caught:
        mistake()

    assert str(caught.value).startswith(sentence)


# --- Whether any server could have made it ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
def test_every_real_trace_is_well_formed(name: str) -> None:
    """In causal order and in that of arrival, whatever went wrong in the server."""
    assert well_formed(sample(name)), well_formed(sample(name))
    assert well_formed(sample(name).arrival())


def edited(change: Callable[[list[Event]], object], name: str = "one_request") -> Any:
    """A recording that somebody has changed by hand."""
    trace = sample(name)
    events = list(trace.recording.events)
    change(events)
    return replace(trace.recording, events=tuple(events))


def place(events: list[Event], hook: str, phase: str = "enter") -> int:
    """Where the first event of a hook is."""
    return next(number for number, event in enumerate(events) if (event.hook, event.phase) == (hook, phase))


def without(hook: str) -> Callable[[list[Event]], object]:
    """A change that leaves a hook out."""

    def change(events: list[Event]) -> None:
        events[:] = [event for event in events if event.hook != hook]

    return change


def swapped(one: tuple[str, str], other: tuple[str, str]) -> Callable[[list[Event]], object]:
    """A change that lets two events change places."""

    def change(events: list[Event]) -> None:
        first, second = place(events, *one), place(events, *other)
        events[first], events[second] = events[second], events[first]

    return change


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            without("verify_request"),
            "process_request ran after get_request had returned: verify_request was expected in BaseServer.serve_for",
        ),
        (without("get_request"), "verify_request() of connection 1 came before get_request() returned it"),
        (swapped(("handle", "enter"), ("handle", "return")), "handle() ended in server without having begun there"),
        (
            lambda events: events.append(events[place(events, "handle", "return")]),
            "handle() ended twice",
        ),
        (swapped(("setup", "return"), ("handle", "enter")), "handle() began inside"),
        (
            lambda events: events.pop(place(events, "serve_forever")),
            "get_request() began inside a call that is not in this trace",
        ),
    ],
)
def test_the_first_event_that_no_server_could_have_made_is_named(
    change: Callable[[list[Event]], object], sentence: str
) -> None:
    """An edited trace is not well formed, and the verdict says where that begins."""
    verdict = well_formed(edited(change))

    assert not verdict
    assert sentence in verdict.sentence
    assert verdict.at is not None


@settings(deadline=None)  # the first example makes a sample
@given(st.data())
def test_no_hook_of_the_standard_library_can_be_left_out_unnoticed(data: st.DataObject) -> None:
    """Whichever call inside another one is taken away, with all that it called, the trace is not well formed."""
    trace = sample(data.draw(st.sampled_from(["one_request", "failures", "threads"])))
    events = trace.recording.events
    entered = [event for event in events if event.kind == "hook" and event.phase == "enter"]
    # A handler's class is any callable, which need not make a handler; and a thread may not have come to its work yet.
    inner = [event for event in entered if event.connection is not None and event.parent is not None]
    inner = [event for event in inner if event.hook not in {"get_request", "__init__"}]
    gone = {data.draw(st.sampled_from(inner)).call}
    for event in events:
        if event.parent in gone and event.call is not None:
            gone.add(event.call)
    kept = tuple(event for event in events if not {event.call, event.parent} & gone)

    assert not well_formed(replace(trace.recording, events=kept))


def test_a_trace_whose_beginning_was_let_go_is_well_formed() -> None:
    """What a capped recorder dropped is missed by nobody."""
    recording = sample("one_request").arrival().recording
    for number in range(0, len(recording.events), 3):
        assert well_formed(replace(recording, events=recording.events[number:], dropped=number))


def test_a_verdict_is_true_or_false_and_can_be_printed() -> None:
    """It is used as a condition, and shown as it is."""
    verdict = well_formed(sample("one_request"))

    assert bool(verdict)
    assert str(verdict) == (
        "A socketserver can have made this trace: every lane and every connection obeys the lifecycle."
    )
    assert isinstance(sample("one_request"), Trace)


# --- What an attack has found -------------------------------------------------------------------------------------


class Large(socketserver.BaseRequestHandler):
    """Sends more than is kept of one piece, and then a little."""

    def handle(self) -> None:
        self.request.sendall(b"A" * 4096 + b"Z" * 100)
        self.request.sendall(b"B" * 10)


def test_bytes_that_were_not_kept_are_not_made_up() -> None:
    """What stands behind a piece that was cut does not follow its beginning, and the true size is told."""
    with serve(socketserver.TCPServer, Large) as served, served.client("alice") as alice:
        alice.receive_all()
    expectation = expect(served.trace)

    assert expectation.judge(sends(b"AAA") & sends(b"BBB"))
    for claim in (sends(b"AB"), sends(b"A" * 4096, whole=True), sends(b"A" * 4096 + b"B" * 10, whole=True)):
        assert not expectation.judge(claim)
    found = expectation.judge(sends(b"x")).found
    assert found == "it sent b'AAAAAAAAAAAAAAAAAAAAAAAA…' (4,206 bytes), of which a part was not kept"


def test_what_connections_do_is_never_put_together() -> None:
    """Neither when it is judged nor when it is told."""
    with serve(socketserver.ThreadingTCPServer, Shout) as served:
        for name in ("alice", "bob"):
            with served.client(name) as client:
                client.send(name.encode() + b"\n")
                client.receive()
    verdict = expect(served.trace).judge(receives(b"alice\nbob"))

    assert not verdict
    assert verdict.found == r"it received b'alice\n' on connection 1 and b'bob\n' on connection 2"
    assert expect(sample("one_request")).connection(1).judge(~sends(b"", whole=True))


def test_a_send_is_the_servers_unless_it_is_said_to_be_a_clients() -> None:
    """What a client sends does not count for its server, and a handler sends nothing by itself."""

    class Mute(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(10)

    with serve(socketserver.TCPServer, Mute) as served, served.client("alice") as alice:
        alice.send(b"hello")
        served.wait_for("close_request", connection=1)
    expectation = expect(served.trace)

    assert not expectation.judge(happens("send"))
    assert expectation.judge(happens(step("send", of="client")) & inside("receive", "handle"))
    with pytest.raises(LookupError, match="a send is the server's or a client's"):
        step("send", of="handler")


def test_the_row_of_an_inferred_client_is_not_that_of_its_server() -> None:
    """They have one number, because one was inferred from the other."""
    verdict = expect(sample("inferred")).judge(never("get_request"))
    marked = [row for row in verdict.rows if row.startswith("→")]

    assert len(marked) == 1
    assert "get_request()" in marked[0]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda events: events.__setitem__(
                number := place(events, "handle", "return"), replace(events[number], hook="setup")
            ),
            "setup() is the end of what began as handle()",
        ),
        (
            lambda events: events.__setitem__(
                number := place(events, "verify_request"), replace(events[number], lane="ghost")
            ),
            "verify_request() happened in ghost, which is no lane",
        ),
    ],
)
def test_other_edits_are_seen_as_well(change: Callable[[list[Event]], object], sentence: str) -> None:
    """An end of something else, and a lane that there is not."""
    assert sentence in well_formed(edited(change)).sentence


def test_a_selection_is_judged_as_what_it_was_selected_from() -> None:
    """What is left out of a drawing was there."""
    assert well_formed(sample("one_request").select(connection=1))


@pytest.mark.parametrize("claim", [happens, never, order, exactly])
def test_a_claim_of_nothing_is_refused(claim: Callable[[], Claim]) -> None:
    """It would hold always."""
    with pytest.raises(ValueError, match="takes at least one name"):
        claim()


def test_what_fails_in_one_connection_is_no_end_of_what_took_no_time_in_another() -> None:
    """Bob has broken off, so his socket is shut down in vain; alice's end of file is in her connection all the same."""

    class Reads(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionResetError):
                self.request.recv(10)

    with serve(socketserver.TCPServer, Reads) as served:
        with served.client("alice") as alice:
            alice.half_close()
            alice.receive_all()
        served.client("bob").reset()
        served.wait_for("close_request", connection=2)
    failed = [event for event in served.trace if event.kind == "half_close" and event.phase == "raise"]
    expectation = expect(served.trace)

    assert [event.connection for event in failed] == [2]
    assert expectation.judge(in_connection(1, happens(step("half_close", lane="server"))))
    assert expectation.judge(in_connection(2, happens(step("half_close", lane="server"))))
