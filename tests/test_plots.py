"""Plots: their words are the same on every run, their pictures are pictures, their figures are those of a trace."""

from __future__ import annotations

import builtins
import os
import threading
from socketserver import StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("matplotlib", reason="plots are drawn by matplotlib")

import socketserver

from matplotlib import rcParams

from socketserver_trace import serve
from socketserver_trace.plots import Plot, measure, timeline
from socketserver_trace.plots.timeline import requests_of
from tests.samples import CALM, sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PNG = b"\x89PNG\r\n\x1a\n"
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


class Shout(StreamRequestHandler):
    """Answers one line."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline().upper())


class Meeting(StreamRequestHandler):
    """Answers when three are there at once, and not before."""

    together: threading.Barrier

    def handle(self) -> None:
        self.rfile.readline()
        self.together.wait(CALM)
        self.wfile.write(b"all here\n")


def visited(server: Any) -> Any:
    """Three clients, one after the other."""
    with serve(server, Shout, timeout=CALM) as served:
        for name in ("alice", "bob", "carol"):
            with served.client(name) as client:
                client.send(b"hello\n")
                client.receive_all()
    return served.trace


def test_a_timeline_says_who_was_served_by_whom() -> None:
    """One after the other in one thread, or each in a thread of its own; in words that are the same on every run."""
    one, each = timeline(visited(TCPServer), "One thread"), timeline(visited(ThreadingTCPServer))

    assert repr(one).splitlines() == ["One thread: 3 requests, in 1 thread", "server: alice, bob, carol"]
    assert repr(each).splitlines() == [
        "Who was served when: 3 requests, in 3 threads",
        "Thread 1: alice",
        "Thread 2: bob",
        "Thread 3: carol",
    ]


@needs_fork
def test_a_timeline_knows_processes() -> None:
    """A forked child is a process and no thread."""
    told = repr(timeline(visited(socketserver.ForkingTCPServer)))

    assert told.splitlines()[:2] == ["Who was served when: 3 requests, in 3 processes", "child 1: alice"]


def test_a_request_comes_before_it_is_begun_and_ends_after() -> None:
    """The moments are those of the trace, on one clock."""
    trace = visited(ThreadingTCPServer)
    requests = requests_of(trace)

    assert [(one.connection, one.client, one.lane) for one in requests] == [
        (1, "alice", "Thread 1"),
        (2, "bob", "Thread 2"),
        (3, "carol", "Thread 3"),
    ]
    assert all(one.came <= one.begun < one.ended for one in requests)
    assert requests[0].ended > requests[0].begun
    assert {one.came for one in requests} <= {event.time_ns for event in trace.whole.events}


def test_one_that_is_still_at_work_is_in_the_timeline() -> None:
    """Until the last event that is known."""
    with serve(TCPServer, Shout, timeout=CALM) as served, served.client("alice"):
        served.wait_for("handle", phase="enter", connection=1)
        (request,) = requests_of(served.trace)

    assert request.client == "alice"
    assert request.ended > request.begun


def test_without_a_request_there_is_nothing_to_draw() -> None:
    """A sentence says so."""
    with serve(TCPServer, Shout, timeout=CALM) as served:
        pass

    with pytest.raises(ValueError, match="no request came as far as a handler"):
        timeline(served.trace)


def test_datagrams_have_a_timeline() -> None:
    """A client of a datagram server waits from the moment when it has sent."""
    assert repr(timeline(sample("datagrams"))).startswith("Who was served when: ")


def bundle(shown: Any) -> tuple[Mapping[str, str], Mapping[str, Any]]:
    """What a notebook shows."""
    data, metadata = shown._repr_mimebundle_()
    return data, metadata


def test_a_plot_is_a_picture_with_its_words(tmp_path: Path) -> None:
    """In a notebook as PNG, at half its size so that it is sharp; as a file in whatever form its name says."""
    plot = timeline(visited(TCPServer))
    data, metadata = bundle(plot)
    for name in ("plot.png", "plot.svg"):
        plot.save(tmp_path / name)

    assert plot.png.startswith(PNG)
    assert data["text/plain"] == repr(plot) == metadata["image/png"]["alt"]
    assert set(data) == {"text/plain", "image/png"}
    assert int.from_bytes(plot.png[16:20], "big") // 2 == metadata["image/png"]["width"]
    assert (tmp_path / "plot.png").read_bytes().startswith(PNG)
    assert "<svg" in (tmp_path / "plot.svg").read_text(encoding="utf-8")


def test_drawing_changes_nothing_of_the_reader_s_matplotlib() -> None:
    """No figure of pyplot's, no setting."""
    before = dict(rcParams)
    assert bundle(timeline(visited(TCPServer)))
    assert dict(rcParams) == before


def test_without_matplotlib_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are there all the same."""
    plot = Plot("words", 1.0, lambda _figure: None)
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)

    with pytest.raises(ModuleNotFoundError, match=r"pip install 'socketserver_trace\[lab\]'"):
        plot.figure()
    assert repr(plot) == "words"


def test_the_same_clients_visit_one_server_after_the_other() -> None:
    """All at once: where three wait for each other, a thread for each serves them; each client's wait is known."""
    Meeting.together = threading.Barrier(3)
    measured = measure({"threads": ThreadingTCPServer}, Meeting, clients=3, timeout=CALM)
    data, _metadata = bundle(measured)

    assert repr(measured) == data["text/plain"] == "Measured with 3 clients at once: threads"
    assert len(measured.latencies["threads"]) == 3
    assert measured.latencies["threads"] == sorted(measured.latencies["threads"])
    assert all(seconds > 0 for seconds in measured.latencies["threads"])
    assert measured.throughput["threads"] > 0
    assert measured.times_as_fast("threads", "threads") == 1
    assert len(requests_of(measured.traces["threads"])) == 3


def test_what_a_client_raises_while_it_is_measured_is_raised() -> None:
    """And nothing is left behind."""

    def ask(client: Any) -> None:
        raise RuntimeError(f"{client} does not want to")

    with pytest.raises(RuntimeError, match="does not want to"):
        measure({"one by one": TCPServer}, Shout, clients=2, ask=ask, timeout=CALM)
