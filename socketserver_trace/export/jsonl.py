"""Recordings as JSON Lines: a header line, then one event a line, in the order of arrival.

The form is documented by `events.Event` and versioned by `events.VERSION`. What is not set is left out. Bytes are
written as Latin-1 text, one character a byte, so that ASCII stays readable and nothing is lost.

A reader refuses what it does not know, in a sentence that says where and what to do. A file that ends in the middle of
a line was cut off while it was written: every whole line of it is kept, and the recording says that it is cut off.
"""

from __future__ import annotations

import json
from dataclasses import fields

from socketserver_trace.events import VERSION, Event
from socketserver_trace.recording import LANE_KINDS, Lane, Recording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final

FORMAT: Final = "socketserver_trace"
READS: Final = range(1, VERSION + 1)
FIELDS: Final = tuple(field.name for field in fields(Event))
REQUIRED: Final = ("seq", "time_ns", "lane", "kind")


class TraceFileError(ValueError):
    """A file is not a trace that can be read. The message says why, and where."""


def dumps(recording: Recording) -> str:
    """The recording as text, lines ending in a newline."""
    return "".join(line + "\n" for line in _lines(recording))


def loads(text: str, name: str = "the text") -> Recording:
    """The recording that the text holds. `name` is how messages call it. TraceFileError when it is not a trace."""
    whole, _newline, rest = text.rpartition("\n")
    lines = whole.split("\n") if whole else []
    if not lines:
        raise TraceFileError(f"{name} is not a trace of socketserver_trace: it has no header line.")
    header = _header(lines[0], name)
    lanes = tuple(_lane(lane, name) for lane in header.get("lanes", ()))
    known = {lane.name for lane in lanes}
    events = tuple(_event(line, known, f"line {number} of {name}") for number, line in enumerate(lines[1:], start=2))
    missing = len(events) < header.get("events", len(events))
    return Recording(events, lanes, header.get("dropped", 0), cut_off=bool(rest) or missing)


def _lines(recording: Recording) -> Iterator[str]:
    yield _json(
        {
            "format": FORMAT,
            "version": VERSION,
            "events": len(recording.events),
            "dropped": recording.dropped,
            "lanes": [{"name": lane.name, "kind": lane.kind, "detail": dict(lane.detail)} for lane in recording.lanes],
        }
    )
    for event in recording.events:
        yield _json(_plain(event))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(", ", ": "))


def _plain(event: Event) -> dict[str, object]:
    values: dict[str, Any] = {name: getattr(event, name) for name in FIELDS}
    values["detail"] = dict(event.detail) or None
    if event.data is not None:
        values["data"] = event.data.decode("latin-1")
    return {name: value for name, value in values.items() if value is not None}


def _header(line: str, name: str) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except ValueError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise TraceFileError(
            f"{name} is not a trace of socketserver_trace: its first line is not the header that trace.save() writes."
        )
    if header.get("version") not in READS:
        raise TraceFileError(
            f"{name} was written in version {header.get('version')} of the format, and this socketserver_trace reads "
            f"versions {READS[0]} to {READS[-1]}: read it with the release that wrote it, or record it again."
        )
    return header


def _lane(value: Any, name: str) -> Lane:
    match value:
        case {"name": str(lane), "kind": str(kind), "detail": dict(detail)} if kind in LANE_KINDS and _scalars(detail):
            return Lane(lane, kind, detail=detail)
    raise TraceFileError(f"the header of {name} has a lane that is not one: {value!r:.80}")


def _event(line: str, lanes: set[str], where: str) -> Event:
    try:
        values = json.loads(line)
    except ValueError:
        raise TraceFileError(f"{where} is not JSON: the file was changed after it was written.") from None
    if not isinstance(values, dict) or any(name not in values for name in REQUIRED):
        raise TraceFileError(f"{where} is not an event: it needs {', '.join(REQUIRED)}.")
    if unknown := sorted(set(values) - set(FIELDS)):
        raise TraceFileError(f"{where} has a field that no event has: {', '.join(unknown):.80}.")
    if values["lane"] not in lanes:
        raise TraceFileError(f"{where} belongs to a lane that the header does not name: {values['lane']!r:.80}.")
    _check_types(values, where)
    try:
        if "data" in values:
            values["data"] = values["data"].encode("latin-1")
        return Event(**values)
    except ValueError as error:
        raise TraceFileError(f"{where} is not an event: {error}.") from None


TYPES: Final[dict[str, type]] = {
    "seq": int, "time_ns": int, "connection": int, "call": int, "parent": int, "size": int,
    "lane": str, "kind": str, "phase": str, "hook": str, "provider": str, "server": str, "data": str, "detail": dict,
}  # fmt: skip


def _check_types(values: dict[str, Any], where: str) -> None:
    for name, value in values.items():
        if type(value) is not TYPES[name] or (name == "detail" and not _scalars(value)):
            raise TraceFileError(f"{where} has a wrong value for {name}: {value!r:.80}.")


def _scalars(detail: Any) -> bool:
    return all(value is None or isinstance(value, (str, int, bool)) for value in detail.values())
