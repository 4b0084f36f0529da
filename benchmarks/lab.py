"""What the live lab costs the server, and how long an event takes until it is seen.

The first is measured with a page that only counts, so that no browser takes part of the processors: the same clients at
full speed against the same traced server, with and without a lab, in turns. The second is measured where it matters, in
JupyterLab in Chromium: 8 threads of clients make 5,000 events a second for 10 seconds, and in each frame the page notes
which row is its newest.
"""

from __future__ import annotations

import itertools
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from socketserver_trace import serve
from socketserver_trace.live.session import Session

CLIENTS = 8
SECONDS = 4.0
ROUNDS = 25

KERNEL = """
import json, threading, time
from socketserver import StreamRequestHandler, ThreadingTCPServer
from socketserver_trace import serve

class Echo(StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())

served = serve(ThreadingTCPServer, Echo, cap=None).start()
lab = served.lab()
lab
"""
LOAD = """
def talk(number, begin, seconds, rate):
    done = 0
    while (now := time.perf_counter() - begin) < seconds:
        if done < now * rate - number / 8:  # one after the other, as people come
            with served.client(f"client {number}.{done}") as client:
                client.send(b"hello\\n")
                client.receive()
            done += 1
        else:
            time.sleep(0.002)

def load(seconds, events):
    begin, rate = time.perf_counter(), events / 8 / each
    threads = [threading.Thread(target=talk, args=(number, begin, seconds, rate)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

before = served.recorder.total
for number in range(20):
    with served.client(f"first {number}") as client:
        client.send(b"hello\\n")
        client.receive()
served.settle()
each = (served.recorder.total - before) / 20
load(1, 5000)
"""
RUN = """
before = served.recorder.total
begin = time.perf_counter()
load(10, 5000)
took = time.perf_counter() - begin
served.settle()
print(json.dumps([(served.recorder.total - before) / took, time.time_ns() // 1000 - time.perf_counter_ns() // 1000]))
"""
RESULT = """
served.stop()
growing = lab.session._growing
print(json.dumps([served.recorder.total, len(growing.events), [row.time_ns // 1000 for row in growing._sheet.rows]]))
"""
# The page changes before it is painted; what is posted meanwhile is heard when that is done.
WATCH = """() => {
  const list = document.querySelector(".socketserver-trace-lab").shadowRoot.querySelector("[role=list]");
  const painted = new MessageChannel();
  window.seen = [];
  painted.port1.onmessage = ({ data }) => window.seen.push([data, performance.timeOrigin + performance.now()]);
  const look = () => {
    const last = Math.max(0, ...[...list.children].map((row) => Number(row.getAttribute("aria-posinset"))));
    painted.port2.postMessage(last);
  };
  new MutationObserver(look).observe(list, { childList: true, subtree: true, attributeFilter: ["aria-posinset"] });
  look();
}"""


def report() -> None:
    """Measure and print both."""
    cost()
    try:
        latency()
    except ImportError as error:
        print(f"From event to pixel: not measured, because {error.name} is not installed.\n")


# --- What it costs --------------------------------------------------------------------------------


class Echo(StreamRequestHandler):
    """Sends back one line."""

    def handle(self) -> None:
        self.wfile.write(self.rfile.readline())


def cost() -> None:
    """The throughput of a traced server at full speed, with a lab and without."""
    rates: list[float] = []
    ratios: list[float] = []
    for number in range(ROUNDS):
        first = bool(number % 2)  # neither is always the first of a pair
        one, other = _rate(with_lab=first), _rate(with_lab=not first)
        plain, watched = (other, one) if first else (one, other)
        rates.append(plain)
        ratios.append(watched / plain)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"A traced ThreadingTCPServer at full speed answers {statistics.median(rates):.0f} requests a second")
    print(f"  to {CLIENTS} clients; with a lab {middle:.3f} of that (the median of {ROUNDS} pairs of rounds of")
    print(f"  {SECONDS:g} s; half of the pairs lie between {low:.3f} and {high:.3f}).\n")


def _rate(*, with_lab: bool) -> float:
    told = []
    with serve(ThreadingTCPServer, Echo) as served:
        session = Session(served, lambda message: told.append(len(json.dumps(message))))
        if with_lab:
            session.start()
        over = threading.Event()
        counts = [0] * CLIENTS
        threads = [threading.Thread(target=_talk, args=(served, over, counts, number)) for number in range(CLIENTS)]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        over.wait(SECONDS)
        over.set()
        took = time.perf_counter() - begin
        done = sum(counts)
        for thread in threads:
            thread.join()
        session.let_go()
        session.rest()
    return done / took


def _talk(served: object, over: threading.Event, counts: list[int], number: int) -> None:
    while not over.is_set():
        with served.client(f"client {number}") as client:  # type: ignore[attr-defined] # a Served
            client.send(b"hello\n")
            client.receive()
        counts[number] += 1


# --- From event to pixel --------------------------------------------------------------------------


def latency() -> None:
    """In JupyterLab, in Chromium."""
    from tests.browser import started_browser
    from tests.jupyter import LAB, jupyter

    with tempfile.TemporaryDirectory() as folder, started_browser() as browser, jupyter(Path(folder)) as server:
        with server.notebook(browser, LAB, [KERNEL, LOAD, RUN, RESULT]) as notebook:
            for number in (0, 1):
                notebook.run(number)
            notebook.page.evaluate(WATCH)
            notebook.run(2)
            rate, clock = json.loads(notebook.shown(2))
            notebook.run(3)
            total, drawn, times = json.loads(notebook.shown(3))
            notebook.page.wait_for_function("rows => window.seen.at(-1)[0] >= rows", arg=len(times))
            seen = notebook.page.evaluate("window.seen")
    late = []
    for (before, _then), (last, now) in itertools.pairwise(seen):
        late += [now - (times[row] + clock) / 1000 for row in range(before, min(last, len(times)))]
    late = sorted(late[: -len(late) // 50])  # without the end, when the server stops
    print(f"From event to pixel in JupyterLab, at {rate:,.0f} events a second from {CLIENTS} threads for 10 s:")
    print(
        f"  {late[len(late) // 2]:.0f} ms in the median, {late[len(late) * 95 // 100]:.0f} ms at the 95th percentile;"
    )
    print(f"  {total:,} events recorded, {drawn:,} drawn, {len(times):,} rows, the last of them seen.\n")


if __name__ == "__main__":
    sys.exit(report())
