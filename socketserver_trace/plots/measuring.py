"""`measure(servers, handler)`: the same clients, all at once, at one server after the other.

Each client has a thread, connects, asks, and takes the answer. How long that took it is its *latency*; how many were
served in a second, from the first connect to the last answer, is the *throughput*.

The law: measured side by side in one run, on this machine, with the tracer in all of them. What is told in words is
what was compared, and not how it came out: that is another one on every run.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from socketserver_trace.events import CONNECT, ENTER, RECEIVE, RETURN
from socketserver_trace.plots.plot import COLOURS, FAINT, INK, Plot, plain
from socketserver_trace.recording import CLIENT
from socketserver_trace.serving import serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from socketserver_trace.trace import Trace

    Ask = Callable[[Any], object]

HEIGHT: Final = 0.62
"""Inches for each server."""


def ask_once(client: Any) -> None:
    """What a client does unless it is told otherwise: it sends a line, and takes all that comes."""
    client.send(b"hello\n")
    client.receive_all()


@dataclass(frozen=True)
class Measured:
    """What was measured: the trace of each server, by the name that it was given. Shows itself as a plot."""

    traces: Mapping[str, Trace]
    clients: int

    @property
    def latencies(self) -> dict[str, list[float]]:
        """How many seconds each client waited, from its connect to its last bytes, the quickest first."""
        return {name: sorted(_latencies(trace)) for name, trace in self.traces.items()}

    @property
    def throughput(self) -> dict[str, float]:
        """How many clients were served in a second."""
        return {name: self.clients / _lasted(trace) for name, trace in self.traces.items()}

    def times_as_fast(self, one: str, other: str) -> float:
        """How many times as many clients one server served in the same time as another one."""
        return self.throughput[one] / self.throughput[other]

    def __repr__(self) -> str:
        return f"Measured with {self.clients} clients at once: {', '.join(self.traces)}"

    def plot(self, title: str = "") -> Plot:
        """Both, side by side: a dot for each client, and a bar for how many were served in a second."""
        height = 1.2 + HEIGHT * len(self.traces)
        title = title or f"{self.clients} clients at once"
        words = f"{title}: latency of each client and throughput of {', '.join(self.traces)}"
        return Plot(words, height, lambda figure: _draw(figure, self, title))

    def _repr_mimebundle_(self, **options: object) -> Any:
        data, metadata = self.plot()._repr_mimebundle_(**options)
        return {**data, "text/plain": repr(self)}, metadata


def measure(
    servers: Mapping[str, Any], handler: Any, *, clients: int = 8, ask: Ask = ask_once, timeout: float = 30
) -> Measured:
    """Serve with one server after the other, and let as many clients at once ask each of them.

    `servers` has classes of servers, or functions that make one, by the names that the plot shows. `timeout` is how
    many seconds a client waits at most. What a client raises is raised here, when all are done.
    """
    return Measured(
        {name: _visited(server, handler, clients, ask, timeout) for name, server in servers.items()}, clients
    )


def _visited(server: Any, handler: Any, clients: int, ask: Ask, timeout: float) -> Trace:
    together = threading.Barrier(clients)
    failed: list[BaseException] = []
    with serve(server, handler, timeout=timeout) as served:

        def visit(name: str) -> None:
            try:
                together.wait(timeout)
                with served.client(name) as client:
                    ask(client)
            except BaseException as error:  # noqa: BLE001 - raised below, in the thread that measures
                failed.append(error)

        visitors = [threading.Thread(target=visit, args=(f"client {number + 1}",)) for number in range(clients)]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
    if failed:
        raise failed[0]
    return served.trace


def _moments(trace: Trace) -> dict[str, tuple[int, int]]:
    """When each client began to connect, and when it had its last bytes, in nanoseconds."""
    clients = {lane.name for lane in trace.whole.lanes if lane.kind == CLIENT}
    moments: dict[str, tuple[int, int]] = {}
    for event in trace.whole.events:
        if event.lane in clients:
            if event.kind == CONNECT and event.phase == ENTER:
                moments[event.lane] = event.time_ns, event.time_ns
            elif event.lane in moments and event.kind == RECEIVE and event.phase == RETURN:
                moments[event.lane] = moments[event.lane][0], event.time_ns
    return moments


def _latencies(trace: Trace) -> list[float]:
    return [(end - start) / 1e9 for start, end in _moments(trace).values()]


def _lasted(trace: Trace) -> float:
    moments = _moments(trace).values()
    return (max(end for _start, end in moments) - min(start for start, _end in moments)) / 1e9


def _draw(figure: Any, measured: Measured, title: str) -> None:
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=11, fontweight="bold")
    figure.get_layout_engine().set(wspace=0.06)  # between the last number of the one and the first of the other
    left, right = figure.subplots(1, 2, sharey=True)
    names = list(measured.traces)
    plain(left, "")
    plain(right, "")
    for row, name in enumerate(names):
        colour = COLOURS[row % len(COLOURS)]
        waits = [1000 * seconds for seconds in measured.latencies[name]]
        left.scatter(waits, [row] * len(waits), s=42, color=colour, alpha=0.65, linewidths=0)
        rate = measured.throughput[name]
        right.barh(row, rate, height=0.5, color=colour)
        right.annotate(f"{rate:.0f}", (rate, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(len(names) - 0.4, -0.6)
    left.set_xlim(left=0)
    right.margins(x=0.15)
    left.set_xlabel("how long each client waits (ms)", color=FAINT, fontsize=9)
    right.set_xlabel("clients served in a second", color=FAINT, fontsize=9)
