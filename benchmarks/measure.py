"""One measurement, in a process of its own: `python -m benchmarks.measure KIND VARIANT` prints microseconds a request.

A hundred clients connect and send, which is not timed; then the server takes all of them out of its backlog, which is:
the CPU time of the process and of its children, divided by the requests. There is almost no scheduling in it, so an
untraced request is at its cheapest and the price of tracing at its highest.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import sys
from typing import Any

from benchmarks.servers import KINDS, VARIANTS

CLIENTS = 100
BATCHES = 20


def main(kind: str, variant: str) -> None:
    """Print the median over the batches, and the number of events of one request when there is a trace."""
    server_class, handler = VARIANTS[variant](KINDS[kind])
    server_class.request_queue_size = server_class.max_children = CLIENTS  # type: ignore[attr-defined] # TCPServers, and some fork
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {0})
    with server_class(("127.0.0.1", 0), handler) as server:
        took = [batch(server) for _ in range(BATCHES)]
        print(statistics.median(took), events_per_request(server))


def batch(server: Any) -> float:
    """CPU microseconds a request, over one batch."""
    clients = [socket.create_connection(server.server_address) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(b"0123456789abcdef")
    before = _cpu_time()
    for _ in clients:
        server.handle_request()
    for thread in list(getattr(server, "_threads", ())):
        thread.join()
    if hasattr(server, "collect_children"):
        server.collect_children(blocking=True)
    took = _cpu_time() - before
    for client in clients:
        assert client.recv(1024)
        client.close()
    return took / CLIENTS


def _cpu_time() -> float:
    """Microseconds of CPU time that this process has taken, and the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used) * 1e6


def events_per_request(server: Any) -> float:
    """How many events a request made, 0 for a server that is not traced."""
    from socketserver_trace import trace_of

    try:
        return len(trace_of(server).select(connection=1).arrival())
    except TypeError:
        return 0


if __name__ == "__main__":
    main(*sys.argv[1:])
