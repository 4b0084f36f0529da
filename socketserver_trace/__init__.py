"""A lifecycle tracer for servers built on the standard library's `socketserver`, and what draws its traces.

    with serve(ThreadingTCPServer, Shout) as served:
        with served.client("alice") as alice:
            alice.send(b"hello\\n")
            alice.receive()

    served.trace

`traced(cls)` is the traced class of any server or handler. The names of the standard library's own classes are here as
well, traced, so that a program is traced after changing one line to `import socketserver_trace as socketserver`.

This package imports the standard library only.
"""

from socketserver_trace.events import Event
from socketserver_trace.recorder import Recorder
from socketserver_trace.serving import Served, ServingEnded, StillWaiting, serve, trace_of
from socketserver_trace.trace import Trace, load
from socketserver_trace.traced import DROP_INS, traced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver import *

__version__ = "0.1.0"

globals().update(DROP_INS)

__all__ = [  # noqa: PLE0604 - the names of the running standard library are known when it runs
    "Event",
    "Recorder",
    "Served",
    "ServingEnded",
    "StillWaiting",
    "Trace",
    "load",
    "serve",
    "trace_of",
    "traced",
    *DROP_INS,
]
