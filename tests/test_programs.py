"""Programs in the shapes that tutorials teach run traced after changing only their import line."""

from __future__ import annotations

import os
import socket
import warnings
from pathlib import Path
from typing import Any

import pytest

from socketserver_trace import trace_of

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def _talk(address: Any, data: bytes, *, datagram: bool = False) -> bytes:
    """Everything that a plain client hears after it has said something, up to the end."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM) as client:
        client.settimeout(30)
        client.connect(address)
        client.sendall(data)
        if datagram:
            return client.recv(65536)
        return b"".join(iter(lambda: client.recv(65536), b""))


def _run(source: str) -> tuple[Any, Any]:
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, "program.py", "exec"), names)  # noqa: S102 - a program of ours
    with warnings.catch_warnings():
        # From Python 3.12 on, os.fork() warns in a process with threads: the standard library's own advice.
        warnings.simplefilter("ignore", DeprecationWarning)
        result: tuple[Any, Any] = names["main"](_talk)
        return result


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_does_the_same_when_only_its_import_line_is_changed(program: Path) -> None:
    """The traced program says the same, and its server has a trace of every request."""
    source = program.read_text(encoding="utf-8")
    if "ForkingMixIn" in source and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    changed = source.replace("\nimport socketserver\n", "\nimport socketserver_trace as socketserver\n")

    _server, plain = _run(source)
    server, traced = _run(changed)

    assert changed != source
    assert traced == plain
    requests = [event for event in trace_of(server) if event.hook == "get_request" and event.phase == "return"]
    assert len(requests) == len(trace_of(server).connections) > 0
    assert "connect" in trace_of(server).text() or "datagrams" in program.stem
