"""`make bench`: what tracing costs, measured on this machine in one run, as ratios to the untraced server.

Every measurement is a process of its own, and the variants take turns, so that a slow moment of the machine meets all
of them. A ratio is that of two measurements of the same round; what is printed is the median over the rounds, and in
brackets the lowest and the highest.

What is not as cheap as it could be, and why: a wrapper looks its method up at each call, so that a method that is
replaced while the server runs is the one that runs; hooks that are handed a request look its connection up, so that a
pool of threads is drawn truthfully; and a thread that is met for the first time is numbered, because the system uses
its idents again.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from collections import defaultdict

from benchmarks import drawing, lab, server_classes
from benchmarks.servers import KINDS, VARIANTS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="how often each variant is measured (%(default)s)")
    rounds = parser.parse_args().rounds
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}, {rounds} rounds. CPU time of the server's process, client excluded.\n")
    for kind in KINDS:
        requests(kind, rounds)
    imports(rounds)
    drawing.report()
    lab.report()
    print()
    server_classes.compare()


def requests(kind: str, rounds: int) -> None:
    """CPU time of one request: untraced, traced, and with logging in every hook."""
    took: dict[str, list[float]] = defaultdict(list)
    events = 0.0
    for _ in range(rounds):
        for variant in VARIANTS:
            command = [sys.executable, "-m", "benchmarks.measure", kind, variant]
            microseconds, seen = map(float, subprocess.run(command, capture_output=True, check=True).stdout.split())
            took[variant].append(microseconds)
            events = max(events, seen)
    base = took["untraced"]
    print(f"{kind}: an untraced echo request takes {statistics.median(base):.1f} us of CPU time.")
    for variant in ("traced", "logging"):
        ratios = [one / other for one, other in zip(took[variant], base, strict=True)]
        added = statistics.median(one - other for one, other in zip(took[variant], base, strict=True))
        each = f", {added * 1000 / events:.0f} ns for each of {events:.0f} events" if variant == "traced" else ""
        print(f"  {variant:8} {_spread(ratios)} of that: {added:.1f} us more{each}")
    print()


def imports(rounds: int) -> None:
    """CPU time of the import, above that of an empty interpreter."""
    codes = {
        "import socketserver": "import socketserver",
        "import socketserver_trace": "import socketserver_trace",
        "from socketserver_trace import serve": "from socketserver_trace import serve, traced, TCPServer",
    }
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        empty = _cpu("pass")
        for name, code in codes.items():
            took[name].append(_cpu(code) - empty)
    base = took.pop("import socketserver")
    print(f"import socketserver takes {statistics.median(base):.1f} ms of CPU time.")
    for name, times in took.items():
        print(f"  {name:38} {_spread([one / other for one, other in zip(times, base, strict=True)])} of that")
    print()


def _cpu(code: str) -> float:
    """Milliseconds of CPU time of a fresh interpreter that runs the code: the least of several, as noise only adds."""
    return min(_cpu_once(code) for _ in range(5))


def _cpu_once(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-S", "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):5.2f}x [{min(ratios):.2f} to {max(ratios):.2f}]"


if __name__ == "__main__":
    main()
