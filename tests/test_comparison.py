"""Two traces side by side: what is paired, what is said, what is drawn; and whether two are the same at all."""

from __future__ import annotations

import json
import re
import socketserver
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socketserver_trace import Trace, compare, load, serve
from socketserver_trace.canonical import canonical
from socketserver_trace.comparison import Comparison
from tests.helpers import BaseShout
from tests.samples import CALM, SAMPLES, one_request, sample

if TYPE_CHECKING:
    from pathlib import Path


class Politely(socketserver.StreamRequestHandler):
    """Answers in the way of a sample's Shout, and says goodbye."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())
        self.wfile.write(b"BYE\n")


Politely.__name__ = Politely.__qualname__ = "Shout"  # the same exercise, solved otherwise


class Wrong(socketserver.TCPServer, socketserver.ThreadingMixIn):
    """The mix-in stands behind the server, where nobody asks it."""


class Right(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """The mix-in stands in front."""


def trace_with(kind: type[socketserver.BaseServer], handler: type[socketserver.BaseRequestHandler]) -> Trace:
    """One line and the answer."""
    with serve(kind, handler, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_line()
        alice.half_close()
        alice.receive_all()
    return served.trace


@pytest.fixture(scope="module")
def threads() -> Comparison:
    """A server that works right here, and one that starts threads."""
    return compare(sample("one_request"), one_request(socketserver.ThreadingTCPServer))


def test_what_moved_appeared_and_changed_is_said(threads: Comparison) -> None:
    """Each difference is one sentence, and what is the same is not said."""
    assert threads.names == ("TCPServer", "ThreadingTCPServer")
    assert not threads.same
    assert threads.sentences == (
        (
            "finish_request(), the handler's __init__(), setup(), handle(), the server's receive, the server's send "
            "and 5 more of connection 1: in server in TCPServer, in Thread 1 in ThreadingTCPServer."
        ),
        "main's join: only in ThreadingTCPServer.",
        "process_request_thread() of connection 1: only in ThreadingTCPServer.",
        "server_close(): TCPServer's in TCPServer, ThreadingMixIn's in ThreadingTCPServer.",
        "process_request() of connection 1: BaseServer's in TCPServer, ThreadingMixIn's in ThreadingTCPServer.",
    )


def test_the_wrong_order_of_mix_ins_shows() -> None:
    """The one that is right starts a thread, the one that is wrong does not."""
    told = " ".join(compare(one_request(Right), one_request(Wrong)).sentences)

    assert "process_request() of connection 1: ThreadingMixIn's in Right, BaseServer's in Wrong." in told
    assert "process_request_thread() of connection 1: only in Right." in told


def test_another_solution_differs_in_its_bytes_alone() -> None:
    """What a handler sends more is there once, and nothing else is."""
    reference = trace_with(socketserver.TCPServer, sample_handler())
    solution = trace_with(socketserver.TCPServer, Politely)
    comparison = compare(solution, reference, names=("yours", "the reference"))
    told = [sentence for sentence in comparison.sentences if "receive" not in sentence]

    assert told == ["the server's send of connection 1: only in yours."]


def sample_handler() -> Any:
    """The handler of the sample."""
    from tests.samples import Shout

    return Shout


def test_the_same_program_is_the_same_as_itself() -> None:
    """Two runs of one program differ in nothing that is said, and the names are left and right."""
    comparison = compare(one_request(), one_request())

    assert comparison.same
    assert comparison.names == ("left", "right")
    assert comparison.sentences == ("Both are the same, but for times and addresses.",)
    assert "≠" not in comparison.text()


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("other", SAMPLES)
def test_every_call_of_both_is_in_one_pair_in_its_order(name: str, other: str) -> None:
    """Whatever is compared with whatever, nothing is lost, nothing is twice, and it can be drawn."""
    left, right = sample(name), sample(other)
    comparison = compare(left, right)
    ones = [pair.left.enter.seq for pair in comparison.pairs if pair.left is not None]
    others = [pair.right.enter.seq for pair in comparison.pairs if pair.right is not None]
    diagram = comparison.diagram()

    for found, trace in ((ones, left), (others, right)):
        assert len(found) == len([e for e in trace if e.phase not in {"return", "raise"}])
    assert len(diagram.rows) == len(left.diagram().rows) + len(right.diagram().rows)
    assert [row.time_ns for row in diagram.rows if row.actor.startswith(f"{comparison.names[0]} · ")]
    assert all(0 <= step.row < len(diagram.rows) for step in diagram.steps)
    assert comparison.text()
    assert comparison.svg()


def test_every_way_to_show_it_has_both_sides(threads: Comparison, tmp_path: Path) -> None:
    """Text, SVG, notebook, player and file: with signs before what differs, and the story of each event."""
    bundle = threads._repr_mimebundle_()
    threads.to_html(tmp_path / "both.html", title="two servers")
    page = (tmp_path / "both.html").read_text(encoding="utf-8")
    rows = threads.diagram().rows

    assert str(threads) == bundle["text/plain"]
    assert "≠ process_request()" in threads.text()
    assert "+ process_request_thread()" in threads.svg()
    assert "<title>two servers</title>" in page
    assert re.search("text/html", json.dumps(threads.player()._repr_mimebundle_()))
    assert [threads.story(row.event).title for row in rows if "process_request()" in row.text] == [
        "process_request(request, client_address)", "process_request(request, client_address)"
    ]  # fmt: skip
    assert len({row.event for row in rows}) == len(rows)
    assert threads.arrival().order == "arrival"


def test_what_is_no_trace_is_refused() -> None:
    """The sentence says what is compared."""
    with pytest.raises(TypeError, match="what is looked at is a trace"):
        compare(sample("one_request"), "a trace")


class Other(socketserver.TCPServer):
    """Does nothing else under another name."""


def test_the_same_under_another_name_is_told() -> None:
    """What two digests tell apart, a comparison does, too."""
    comparison = compare(one_request(), one_request(Other), names=("one", "two"))

    assert not comparison.same
    assert comparison.sentences == ("The server is TCPServer in one, Other in two.",)


def test_clients_in_another_order_are_told() -> None:
    """Each connection is what it was, and the whole is not."""

    def talk(first: bool) -> Trace:
        with serve(socketserver.ThreadingTCPServer, BaseShout, timeout=CALM) as served:
            alice, bob = served.client("alice"), served.client("bob")
            for client in (alice, bob) if first else (bob, alice):
                client.send(b"hello")
                client.receive()
        return served.trace

    one, other = talk(first=True), talk(first=False)

    assert one.matches(other) == compare(one, other).same


def test_an_inferred_client_has_signs_of_its_own() -> None:
    """An inferred event has the number of the one from which it was inferred, and another lane."""
    comparison = compare(sample("one_request"), sample("inferred"), names=("one", "two"))
    rows = [row.text for row in comparison.diagram().rows if row.actor.startswith("two · client 1")]

    assert all(text.startswith("+ ") for text in rows), rows


# --- Gold traces --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [socketserver.TCPServer, socketserver.ThreadingTCPServer])
def test_a_digest_is_that_of_every_run(kind: type[socketserver.BaseServer], tmp_path: Path) -> None:
    """The same program has the same digest, whatever port, thread and time; so a gold trace or its digest matches."""
    gold = one_request(kind)
    gold.save(tmp_path / "gold.jsonl")
    again = one_request(kind)

    assert re.fullmatch("[0-9a-f]{64}", gold.digest())
    assert again.digest() == gold.digest() == load(tmp_path / "gold.jsonl").digest() == again.arrival().digest()
    assert again.matches(gold)
    assert again.matches(gold.digest())
    assert again.matches(str(tmp_path / "gold.jsonl"))
    assert not again.matches(sample("failures"))


def test_the_digest_of_a_selection_is_its_own() -> None:
    """What is left out is not in it."""
    trace = sample("one_request")

    assert trace.select(connection=1).digest() != trace.digest()
    assert trace.select(connection=1).matches(one_request().select(connection=1))


@settings(deadline=None)  # the first example makes a sample
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_whatever_is_changed_changes_the_form(name: str, data: st.DataObject) -> None:
    """An event that is left out, or that has other bytes, is seen; another clock is not."""
    recording = sample(name).recording
    number = data.draw(st.integers(0, len(recording.events) - 1))
    without = recording.with_events([*recording.events[:number], *recording.events[number + 1 :]])

    assert canonical(without) != canonical(recording)
