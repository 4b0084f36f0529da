"""Traces in files: nothing is lost on the way, and a bad file is refused in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketserver_trace import Trace, load
from socketserver_trace.events import KINDS, PHASES, VERSION, Event
from socketserver_trace.export.jsonl import TraceFileError, dumps, loads
from socketserver_trace.recording import LANE_KINDS, Lane, Recording
from tests.samples import SAMPLES, sample


@pytest.mark.parametrize("name", SAMPLES)
def test_a_saved_trace_is_the_same_when_it_is_loaded(name: str, tmp_path: Path) -> None:
    """What was saved and loaded is equal, event by event, and draws the same."""
    path = tmp_path / "trace.jsonl"
    sample(name).save(path)

    assert load(path) == sample(name)
    assert load(path).svg() == sample(name).svg()
    assert load(path).arrival() == sample(name).arrival()


def test_a_file_is_one_header_line_and_one_line_for_each_event(tmp_path: Path) -> None:
    """Every line is JSON; the first says the format, its version and the lanes."""
    path = tmp_path / "trace.jsonl"
    sample("one_request").save(path)
    header, *events = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]

    assert (header["format"], header["version"], header["events"]) == ("socketserver_trace", VERSION, len(events))
    assert [lane["name"] for lane in header["lanes"]] == ["main", "alice", "server"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
events = st.builds(
    Event,
    seq=st.integers(1),
    time_ns=st.integers(0),
    lane=st.just("main"),
    kind=st.sampled_from(sorted(KINDS)),
    phase=st.none() | st.sampled_from(PHASES),
    hook=st.none() | st.text(max_size=9),
    provider=st.none() | st.text(max_size=9),
    server=st.none() | st.text(max_size=9),
    connection=st.none() | st.integers(1),
    call=st.none() | st.integers(1),
    parent=st.none() | st.integers(1),
    data=st.none() | st.binary(max_size=20),
    size=st.none() | st.integers(0),
    detail=st.dictionaries(st.text(max_size=9), scalars, max_size=3),
)
recordings = st.builds(
    Recording,
    st.lists(events, max_size=5).map(tuple),
    st.sampled_from(LANE_KINDS).map(lambda kind: (Lane("main", kind),)),
    st.integers(0),
)


@given(recordings)
def test_any_recording_survives_the_way_through_text(recording: Recording) -> None:
    """Any events at all, with any bytes and any text, are the same after dumps and loads."""
    assert loads(dumps(recording)) == recording


@given(st.integers(0, 10_000))
def test_a_file_that_was_cut_off_keeps_every_whole_line(length: int) -> None:
    """However much of the end is missing, every whole line is kept, and the recording says that it was cut off."""
    text = dumps(sample("one_request")._recorded)
    lines = text.count("\n", 0, length)
    if lines == 0:
        return
    recording = loads(text[:length])

    assert len(recording.events) == min(lines, text.count("\n")) - 1
    assert recording.cut_off == (length < len(text))


def test_a_drawing_of_a_file_that_was_cut_off_says_so() -> None:
    """The reader of the drawing learns that the end is missing."""
    recording = loads(dumps(sample("one_request")._recorded)[:-5])

    assert "The file was cut off: what came later is missing." in Trace(recording).text()


HEADER = '{"format": "socketserver_trace", "version": 1, "lanes": [{"name": "main", "kind": "main", "detail": {}}]}\n'
BAD = {
    "": "it has no header line",
    "hello\nworld\n": "its first line is not the header",
    "[1, 2]\n": "its first line is not the header",
    '{"format": "socketserver_trace", "version": 99}\n': "version 99 of the format",
    '{"format": "socketserver_trace", "version": 1, "lanes": [3]}\n': "has a lane that is not one",
    HEADER + "not json\n": "line 2 of x is not JSON",
    HEADER + '{"seq": 1}\n': "line 2 of x is not an event: it needs seq, time_ns, lane, kind",
    HEADER + '{"seq": 1, "time_ns": 1, "lane": "main", "kind": "dance"}\n': "no kind of event named 'dance'",
    HEADER + '{"seq": 1, "time_ns": 1, "lane": "main", "kind": "note", "phase": "x"}\n': "no phase named 'x'",
    HEADER + '{"seq": 1, "time_ns": 1, "lane": "moon", "kind": "note"}\n': "a lane that the header does not name",
    HEADER
    + '{"seq": 1, "time_ns": 1, "lane": "main", "kind": "note", "colour": 1}\n': "a field that no event has: colour",
    HEADER + '{"seq": "1", "time_ns": 1, "lane": "main", "kind": "note"}\n': "a wrong value for seq",
    HEADER
    + '{"seq": 1, "time_ns": 1, "lane": "main", "kind": "note", "detail": {"a": [1]}}\n': "a wrong value for detail",
    HEADER + '{"seq": 1, "time_ns": 1, "lane": "main", "kind": "send", "data": "\\u2026"}\n': "is not an event",
}


@pytest.mark.parametrize(("text", "sentence"), BAD.items())
def test_what_is_not_a_trace_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    """A file that is not a trace, or of another version, or changed, is refused with the place and the reason."""
    with pytest.raises(TraceFileError) as refused:
        loads(text, name="x")

    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_binary_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """A picture is not a trace, and says so without a traceback of decoding."""
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe\n")

    with pytest.raises(TraceFileError, match="is not a trace of socketserver_trace"):
        load(path)
