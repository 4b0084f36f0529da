"""The recorder: it keeps everything that it was told to keep, from any thread, and survives its listeners."""

from __future__ import annotations

import socketserver
import threading
from time import perf_counter_ns
from typing import Any

import pytest

from socketserver_trace import Recorder, Trace, serve
from socketserver_trace.assembly import assemble
from socketserver_trace.events import NOTE
from socketserver_trace.recorder import Meaning, Source, failure, local, plain, sharing
from tests.samples import CALM, Echo, Shout

REMARK = Meaning(NOTE, None, None)


def _remark(source: Source, text: str) -> None:
    source.record((perf_counter_ns(), local.here, source, REMARK, None, text))


def test_a_capped_recorder_keeps_the_newest_and_counts_the_rest() -> None:
    """Of many records the newest stay, exactly as many as the cap, and the drawing says how many were let go."""
    recorder = Recorder(cap=100)
    source = recorder.source("Server")
    for number in range(1000):
        _remark(source, f"remark {number}")
        recorder.trim()
    recording = assemble(recorder)

    assert [event.detail["text"] for event in recording] == [f"remark {number}" for number in range(900, 1000)]
    assert [event.seq for event in recording] == list(range(901, 1001))
    assert recording.dropped == 900
    assert "900 older events were let go: the recorder was full." in Trace(recording).text()


def test_memory_stays_flat_when_capped() -> None:
    """However long a server runs, the list is never longer than the cap and a quarter."""
    with serve(socketserver.TCPServer, Echo, cap=200, timeout=CALM) as served:
        with served.client("alice") as alice:
            longest = 0
            for _ in range(200):
                alice.send(b"ping")
                alice.receive_exactly(4)
                longest = max(longest, len(served.recorder.records))

    assert longest <= served.recorder.limit + 20 * 6
    assert served.trace.recording.dropped > 0


def test_a_trace_whose_beginning_was_let_go_can_be_drawn() -> None:
    """Calls whose enter is gone, and clients whose connect is gone, do not disturb the rest."""
    for cap in range(1, 60, 7):
        with serve(socketserver.ThreadingTCPServer, Shout, cap=cap, timeout=CALM) as served:
            with served.client("alice") as alice:
                alice.send(b"hello\n")
                alice.receive_all()
        served.recorder.cap = cap

        assert served.trace.text()
        assert served.trace.svg()
        assert len(assemble(served.recorder)) <= cap


def test_no_record_of_any_thread_is_lost() -> None:
    """Eight threads record at once: each record is there once, and each thread's are in its order."""
    recorder = Recorder(cap=None)
    source = recorder.source("Server")
    together = threading.Barrier(8)

    def record(name: int) -> None:
        together.wait()
        for number in range(2000):
            _remark(source, f"{name} {number}")

    threads = [threading.Thread(target=record, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told: dict[str, list[str]] = {}
    for event in assemble(recorder):
        told.setdefault(event.lane, []).append(str(event.detail["text"]))

    assert len(told) == 8
    assert sorted(texts[0].split()[0] for texts in told.values()) == [str(name) for name in range(8)]
    for texts in told.values():
        assert [text.split()[1] for text in texts] == [str(number) for number in range(2000)]


def test_a_listener_hears_each_record_until_it_is_told_to_stop() -> None:
    """Listening begins and ends when it is asked to, and costs nothing afterwards."""
    recorder = Recorder()
    source = recorder.source("Server")
    heard: list[Any] = []
    _remark(source, "before")
    forget = recorder.listen(lambda record: heard.append(record[-1]))
    _remark(source, "during")
    forget()
    _remark(source, "after")

    assert heard == ["during"]
    assert source.record == recorder.records.extend


def test_a_listener_that_raises_is_dropped_and_reported() -> None:
    """The one that raises hears no more, the other one goes on, and the trace says what happened."""
    recorder = Recorder()
    source = recorder.source("Server")
    heard: list[Any] = []

    def clumsy(_record: object) -> None:
        raise ZeroDivisionError("clumsy")

    recorder.listen(clumsy)
    forget = recorder.listen(lambda record: heard.append(record[-1]))
    _remark(source, "one")
    _remark(source, "two")
    forget()
    faults = [event for event in assemble(recorder) if event.kind == "fault"]

    assert [text for text in heard if isinstance(text, str)] == ["one", "two"]
    assert [(event.detail["error"], event.detail["message"]) for event in faults] == [("ZeroDivisionError", "clumsy")]
    assert "the tracer failed at telling a listener" in Trace(assemble(recorder)).text()


def test_servers_can_share_a_recorder() -> None:
    """Two servers in one recorder are told apart by their names, and their connections are counted together."""
    with sharing(Recorder()) as recorder:
        pass
    with sharing(recorder):
        from socketserver_trace import TCPServer

        with TCPServer(("127.0.0.1", 0), Echo), TCPServer(("127.0.0.1", 0), Echo):
            pass

    assert [source.name for source in recorder.sources] == ["TCPServer", "TCPServer 2"]
    assert {event.server for event in assemble(recorder)} == {"TCPServer", "TCPServer 2"}


def test_an_exception_is_kept_as_plain_values() -> None:
    """No code of the program runs when an exception is noted, and nothing of it is kept alive."""

    class OddError(Exception):
        @property
        def args(self) -> Any:
            raise RuntimeError("code of the program")

        def __str__(self) -> str:
            raise RuntimeError("code of the program")

    assert failure(OddError("a", 1, object())) == ("OddError", ("a", 1, "<object>"))
    assert plain("x" * 1000) == "x" * 200 + "…"


def test_a_cap_of_nothing_is_refused() -> None:
    """A recorder keeps one event at least."""
    with pytest.raises(ValueError, match="1 or more, or None for all; not 0"):
        Recorder(cap=0)
