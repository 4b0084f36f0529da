"""Who was served when, and by whom.

A row for each request, the one that was begun first on top; in it a bar for the handler's work, named and coloured by
the thread or process that did it. A pale bar before it says how long the client had been waiting: from its connect, or
from the datagram that it sent, until a handler began with it.

The law: what is told in words is that which is the same on every run; when it was, only the picture shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from socketserver_trace.checks.scope import scope_of
from socketserver_trace.events import CONNECT, SEND
from socketserver_trace.plots.plot import COLOURS, FAINT, INK, PAPER, Plot, plain
from socketserver_trace.recording import CHILD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from socketserver_trace.checks.scope import Scope
    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.recording import Lane
    from socketserver_trace.trace import Trace

MAKES_HANDLER: Final = "finish_request"
ROW: Final = 0.36
"""Inches."""

LETTER: Final = 0.012
"""How much of the whole width a letter takes."""


@dataclass(frozen=True)
class Request:
    """One request that a handler was made for: who came, who worked, and when, in nanoseconds."""

    connection: int
    client: str
    lane: str
    came: int
    begun: int
    ended: int


def requests_of(trace: Trace) -> list[Request]:
    """The requests of a trace that were handled, in the order of their connections. One still at work ends last."""
    scope = scope_of(trace)
    last = max((event.time_ns for event in scope.recording.events), default=0)
    return [
        _request(scope, call, last)
        for call in scope.calls
        if call.hook == MAKES_HANDLER and call.connection is not None
    ]


def _request(scope: Scope, call: Call, last: int) -> Request:
    """What `finish_request` lasted: the handler is made in it, and its constructor does all of the work."""
    clients = [event for event in scope.recording.events if event.connection == call.connection]
    came = next((event for event in clients if event.kind in {CONNECT, SEND} and event.lane != call.lane), call.enter)
    ended = last if call.end is None else call.end.time_ns
    assert call.connection is not None  # noqa: S101 - for the type checker; `requests_of` takes no other calls
    client = came.lane if came is not call.enter else ""
    begun = call.enter.time_ns
    return Request(call.connection, client, call.lane, min(came.time_ns, begun), begun, ended)


def timeline(trace: Trace, title: str = "") -> Plot:
    """The timeline of a trace. `title` stands above it, or "Who was served when".

    ValueError when no request was handled in the trace.
    """
    requests = requests_of(trace)
    if not requests:
        raise ValueError("there is nothing to draw: in this trace no request came as far as a handler.")
    lanes = [lane for lane in trace.whole.lanes if lane.name in {request.lane for request in requests}]
    names = [lane.name for lane in lanes]
    title = title or "Who was served when"
    kinds = [_counted(sum(_kind(lane) == kind for lane in lanes), kind) for kind in dict.fromkeys(map(_kind, lanes))]
    told = [f"{title}: {_counted(len(requests), 'request')}, in {' and '.join(kinds)}"]
    for name in names:
        served = [request.client or f"connection {request.connection}" for request in requests if request.lane == name]
        told.append(f"{name}: {', '.join(served)}")
    return Plot("\n".join(told), 1.05 + ROW * len(requests), lambda figure: _draw(figure, requests, names, title))


def _kind(lane: Lane) -> str:
    return "process" if lane.kind == CHILD else "thread"


def _counted(number: int, noun: str) -> str:
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}" + plural * (number != 1)


def _draw(figure: Any, requests: list[Request], lanes: list[str], title: str) -> None:
    axes = figure.add_subplot()
    plain(axes, title)
    requests = sorted(requests, key=lambda request: request.begun)
    start = min(request.came for request in requests)
    span = max(request.ended for request in requests) - start
    for row, request in enumerate(requests):
        colour = COLOURS[lanes.index(request.lane) % len(COLOURS)]
        came, begun, ended = (_ms(moment - start) for moment in (request.came, request.begun, request.ended))
        axes.barh(row, begun - came, left=came, height=0.24, color=colour, alpha=0.3)
        axes.barh(row, ended - begun, left=begun, height=0.66, color=colour)
        _name(axes, request.lane, (begun, ended, _ms(span)), row)
    axes.set_yticks(range(len(requests)), [request.client or f"#{request.connection}" for request in requests])
    axes.set_ylim(len(requests) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.set_xlabel("milliseconds    (pale: the client waits; solid: a handler works for it)", color=FAINT, fontsize=9)


def _name(axes: Any, name: str, bar: tuple[float, float, float], row: int) -> None:
    """Who works, in the bar, where there is room for it, and beside it otherwise."""
    begun, ended, span = bar
    fits = ended - begun > span * LETTER * len(name)
    axes.annotate(
        name,
        ((begun + ended) / 2 if fits else ended, row),
        xytext=(0 if fits else 4, 0),
        textcoords="offset points",
        ha="center" if fits else "left",
        va="center",
        fontsize=8,
        color=PAPER if fits else INK,
    )


def _ms(nanoseconds: int) -> float:
    return nanoseconds / 1e6
