"""Plots, where people would rather look: who was served when and by whom, and how three kinds of servers compare.

    from socketserver_trace.plots import measure, timeline

    timeline(served.trace)
    measure({"one by one": TCPServer, "threads": ThreadingTCPServer}, Handler, clients=8)

The law: a plot says in words, the same on every run, what it is a picture of; the picture itself was measured, so it is
another one on every run. matplotlib is imported here and nowhere else, and only when something is drawn.
"""

from __future__ import annotations

from socketserver_trace.plots.measuring import Measured, measure
from socketserver_trace.plots.plot import Plot
from socketserver_trace.plots.timeline import timeline

__all__ = ["Measured", "Plot", "measure", "timeline"]
