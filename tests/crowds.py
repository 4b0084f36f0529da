"""A crowd: clients in threads of their own that all talk to one server at the same moment."""

from __future__ import annotations

import socketserver
import threading
from typing import TYPE_CHECKING, Any

from socketserver_trace import Trace, serve
from tests.helpers import BaseShout, DatagramShout, Shout, is_datagram

if TYPE_CHECKING:
    from collections.abc import Callable

CALM = 60
"""How many seconds a crowd may wait for a busy machine."""


KINDS = [
    kind
    for kind in (
        "TCPServer", "UDPServer", "UnixStreamServer", "UnixDatagramServer", "ThreadingTCPServer", "ThreadingUDPServer",
        "ForkingTCPServer", "ForkingUDPServer",
    )
    if hasattr(socketserver, kind)
]  # fmt: skip
"""The eight kinds of server."""


def crowd(kind: str, clients: int) -> Trace:
    """The trace of so many clients that begin together; each asks once, reads its answer, and leaves."""
    server: Any = getattr(socketserver, kind)
    line = type("Line", (server,), {"request_queue_size": 2 * clients, "max_children": 2 * clients})
    handler = (
        DatagramShout if is_datagram(server) else BaseShout if server.__name__.endswith("UnixStreamServer") else Shout
    )
    with serve(line, handler, timeout=CALM) as served:
        together = threading.Barrier(clients)

        def talk(number: int) -> None:
            together.wait()
            with served.client(f"client {number}") as client:
                client.send(b"hello from %d\n" % number)
                client.receive()

        at_once([lambda number=number: talk(number) for number in range(1, clients + 1)])  # type: ignore[misc] # bound now
    return served.trace


def at_once(jobs: list[Callable[[], None]]) -> None:
    """Run each job in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def form(trace: Trace) -> tuple[object, ...]:
    """What of a trace must be the same in every run: all but the clock, and what the system calls things."""
    calls: dict[int | None, int | None] = {None: None}
    for number, event in enumerate(trace, start=1):
        if event.phase == "enter":
            calls[event.call] = number
    events = [
        (
            event.lane, event.kind, event.phase, event.hook, event.provider, event.server, event.connection,
            calls.get(event.call), calls.get(event.parent), event.data, event.size,
            tuple(item for item in event.detail.items() if item[0] not in {"address", "mark"}),
        )
        for event in trace
    ]  # fmt: skip
    return (tuple((lane.name, lane.kind) for lane in trace.recording.lanes), tuple(events), trace.text(), trace.svg())
