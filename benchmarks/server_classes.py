"""Server classes under the same load, side by side: `compare()`, or `python -m benchmarks.server_classes`.

Each server serves the lines of `examples.shout` in a process of its own, and the load comes from another one, in which
one thread plays all clients, so that it takes no more than a core. Clients are there all at once. Either each keeps its
connection for all that it asks, or it connects anew for each line.

The servers take turns, so that a slow moment of the machine meets all of them, and a rate is given as the ratio to that
of ThreadingTCPServer in the same round: the median over the rounds, and in brackets the lowest and the highest. How
long an answer takes is counted from when the client wants it, so it holds the wait for a server that is busy with
others. Threads are those of the server and of its children, at the moment when they were most; looking for them costs
the load a little, and all servers alike.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import selectors
import socket
import socketserver
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from socketserver_trace.examples.server_pool import PooledShoutServer
from socketserver_trace.examples.server_processes import ProcessesShoutServer
from socketserver_trace.examples.server_selector import SelectorShoutServer
from socketserver_trace.examples.shout import ShoutHandler

ROUNDS = 7
CLIENTS = 32
LOADS = {"kept": 200, "anew": 25}
"""How often each client asks, by what it does with its connection."""

BASE = "ThreadingTCPServer"
ANY = ("127.0.0.1", 0)
LINE = b"hello, world\n"
LOOK = 0.02


def stock(name: str) -> Any:
    """A server of the standard library's, with room for the crowd."""
    kind = getattr(socketserver, name)
    return type(name, (kind,), {"request_queue_size": 128, "max_children": 2 * CLIENTS})(ANY, ShoutHandler)


SERVERS: dict[str, Callable[[], Any]] = {
    "TCPServer": lambda: stock("TCPServer"),
    BASE: lambda: stock(BASE),
    "ForkingTCPServer": lambda: stock("ForkingTCPServer"),
    "pool": lambda: PooledShoutServer(ANY),
    "processes": lambda: ProcessesShoutServer(ANY),
    "selector": lambda: SelectorShoutServer(ANY),
}


def compare() -> None:
    """Measure and print."""
    names = [name for name in SERVERS if _is_possible(name)]
    for load, requests in LOADS.items():
        found: dict[str, list[dict[str, float]]] = defaultdict(list)
        for number in range(ROUNDS):
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found[name].append(measured(name, load))
        how = "keeping its connection" if load == "kept" else "connecting anew for each line"
        print(f"{CLIENTS} clients at once, each asks {requests} lines, {how}; {ROUNDS} rounds.")
        print(f"  {BASE} answers {_median(found[BASE], 'rate'):,.0f} lines a second.")
        print(f"  {'':18}{'lines a second':>26}{'p50':>12}{'p95':>12}{'threads':>10}")
        for name in names:
            rates = _spread([one["rate"] / base["rate"] for one, base in zip(found[name], found[BASE], strict=True)])
            times = "".join(f"{_median(found[name], key) * 1000:>9.1f} ms" for key in ("p50", "p95"))
            print(f"  {name:18}{rates:>26}{times}{max(one['threads'] for one in found[name]) or '?':>10}")
        print()


def _median(found: list[dict[str, float]], key: str) -> float:
    return statistics.median(one[key] for one in found)


def _is_possible(name: str) -> bool:
    needs = {"ForkingTCPServer": (os, "fork"), "processes": (socket, "SO_REUSEPORT")}
    return name not in needs or hasattr(*needs[name])


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f}x [{min(ratios):.2f} to {max(ratios):.2f}]"


def measured(name: str, load: str) -> dict[str, float]:
    """One server under one load: the rate, p50 and p95 of an answer in seconds, and the most threads there were."""
    with _running("serve", name, stdin=subprocess.PIPE) as server:
        port = server.stdout.readline().strip()
        most = 0
        with _running("load", load, port) as client:
            while client.poll() is None:
                most = max(most, _threads(server.pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    client.wait(LOOK)
            found = json.load(client.stdout)
        server.stdin.close()  # the end of the load is the end of the server
        assert server.wait() == 0
    return {**found, "threads": most}


@contextlib.contextmanager
def _running(*arguments: str, **options: Any) -> Iterator[Any]:
    command = [sys.executable, "-m", "benchmarks.server_classes", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        yield process


def _threads(pid: int) -> int:
    """The threads of a process and of all its children; 0 where the system does not tell."""
    found = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += 1
            found += sum(map(_threads, map(int, (task / "children").read_text().split())))
    return found


# --- In the process of the server -----------------------------------------------------------------


def serve(name: str) -> None:
    """Serve until standard input ends, and say before at which port."""
    import threading

    with SERVERS[name]() as server:
        print(server.server_address[1], flush=True)

        def stop_at_the_end() -> None:
            sys.stdin.read()
            server.shutdown()

        threading.Thread(target=stop_at_the_end).start()
        server.serve_forever(0.05)


# --- In the process of the load -------------------------------------------------------------------


class Client:
    """Asks line after line, and notes how long each answer took."""

    def __init__(self, selector: selectors.BaseSelector, port: int, requests: int, *, keeps: bool) -> None:
        self._selector = selector
        self._port = port
        self._left = requests
        self._keeps = keeps
        self._socket: socket.socket | None = None
        self.late: list[float] = []
        self._ask()

    def read(self) -> bool:
        """Take the answer, and ask again. Returns whether there is more to ask."""
        assert self._socket is not None
        answer = self._socket.recv(1024)
        assert answer == LINE.upper(), answer
        self.late.append(time.perf_counter() - self._asked)
        self._left -= 1
        if not self._keeps or not self._left:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None
        if self._left:
            self._ask()
        return bool(self._left)

    def _ask(self) -> None:
        self._asked = time.perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection((ANY[0], self._port))
            self._selector.register(self._socket, selectors.EVENT_READ, self)
        self._socket.sendall(LINE)


def load(kind: str, port: str) -> None:
    """Play all clients, and print what came of it."""
    begin = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        clients = [Client(selector, int(port), LOADS[kind], keeps=kind == "kept") for _ in range(CLIENTS)]
        busy = len(clients)
        while busy:
            for key, _ in selector.select():
                busy -= not key.data.read()
    took = time.perf_counter() - begin
    late = [each for client in clients for each in client.late]
    times = statistics.quantiles(late, n=20)
    print(json.dumps({"rate": len(late) / took, "p50": times[9], "p95": times[18]}))


def main() -> None:
    """Compare, or be one of the two processes of a measurement."""
    parser = argparse.ArgumentParser(prog="benchmarks.server_classes", description=__doc__)
    parser.add_argument("act", nargs="*", help=argparse.SUPPRESS)
    act = parser.parse_args().act
    if act:
        {"serve": serve, "load": load}[act[0]](*act[1:])
    else:
        compare()


if __name__ == "__main__":
    main()
