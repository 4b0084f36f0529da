"""What it takes to read and to draw a trace, by its length."""

from __future__ import annotations

import socketserver
import statistics
import time
from collections.abc import Callable

from benchmarks.servers import Echo
from socketserver_trace import Trace, serve
from socketserver_trace.assembly import assemble
from socketserver_trace.export.jsonl import dumps, loads


def report() -> None:
    """Print the time of each step, for one request and for many."""
    print("Milliseconds to read, order and draw a trace (median of 5):")
    for requests in (1, 4, 100, 2000):
        with serve(socketserver.TCPServer, Echo, cap=None) as served:
            for _ in range(requests):
                with served.client("alice") as alice:
                    alice.send(b"hello")
                    alice.receive()
        recorder = served.recorder
        recording = assemble(recorder)
        trace = Trace(recording)
        diagram = trace.diagram()
        steps: dict[str, Callable[[], object]] = {
            "read": lambda recorder=recorder: assemble(recorder),  # type: ignore[misc]
            "order": lambda recording=recording: len(Trace(recording)),  # type: ignore[misc]
            "lay out": trace.diagram,
            "svg": trace.svg,
            "text": trace.text,
            "save and load": lambda recording=recording: loads(dumps(recording)),  # type: ignore[misc]
        }
        parts = ", ".join(f"{name} {_milliseconds(step):.1f}" for name, step in steps.items())
        size = len(trace.svg()) / 1024
        print(f"  {len(recording):6} events, {len(diagram.rows):6} rows: {parts}; svg of {size:.0f} KiB")


def _milliseconds(step: Callable[[], object]) -> float:
    def once() -> float:
        before = time.perf_counter()
        step()
        return (time.perf_counter() - before) * 1000

    return statistics.median(once() for _ in range(5))
