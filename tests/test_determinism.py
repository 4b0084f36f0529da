"""The same program gives the same bytes of text and SVG, run after run, also on a busy machine."""

from __future__ import annotations

import socketserver
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.samples import SAMPLES, one_request, sample

RUNS = 200
STREAMS = ["TCPServer", "ThreadingTCPServer", "UnixStreamServer", "ThreadingUnixStreamServer"]


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Two processes that do nothing as fast as they can."""
    spinners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.wait()


def _forms(kind: str, runs: int) -> Counter[tuple[str, str]]:
    traces = (one_request(getattr(socketserver, kind)) for _ in range(runs))
    return Counter((trace.text(), trace.svg()) for trace in traces)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in STREAMS if hasattr(socketserver, kind)])
def test_one_program_has_one_drawing(kind: str) -> None:
    """In 200 runs there is one text and one SVG."""
    assert list(_forms(kind, RUNS).values()) == [RUNS]


@pytest.mark.slow
def test_one_program_has_one_drawing_on_a_busy_machine(busy_machine: None) -> None:
    """In 200 runs beside two processes that take all the time they can get, there is one text and one SVG."""
    assert list(_forms("ThreadingTCPServer", RUNS).values()) == [RUNS]


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_has_one_drawing(name: str, busy_machine: None) -> None:
    """Threads, refusals, failures, datagrams, plain clients and live traces are the same in every run, too."""
    forms = {(trace.text(), trace.svg()) for trace in (SAMPLES[name]() for _ in range(20))}

    assert forms == {(sample(name).text(), sample(name).svg())}
