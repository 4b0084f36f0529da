r"""A lifecycle tracer for servers built on the standard library's `socketserver`, and what draws its traces.

    with serve(ThreadingTCPServer, Shout) as served:
        with served.client("alice") as alice:
            alice.send(b"hello\n")
            alice.receive()

    served.trace

`traced(cls)` is the traced class of any server or handler. The names of the standard library's own classes are here as
well, traced, so that a program is traced after changing one line to `import socketserver_trace as socketserver`.

This package imports the standard library only, and each name is imported when it is first used.
"""

import importlib
import socketserver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver import *  # noqa: F403 - whatever names the type checker's Python has

    from socketserver_trace.blocks import tracing as tracing
    from socketserver_trace.checks import expect as expect
    from socketserver_trace.checks import well_formed as well_formed
    from socketserver_trace.comparison import compare as compare
    from socketserver_trace.course import check as check
    from socketserver_trace.course import predict as predict
    from socketserver_trace.course import progress as progress
    from socketserver_trace.events import Event as Event
    from socketserver_trace.explanations import Explanation as Explanation
    from socketserver_trace.explanations import explain as explain
    from socketserver_trace.export.jsonl import TraceFileError as TraceFileError
    from socketserver_trace.fronts import traced as traced
    from socketserver_trace.kernel import KernelView as KernelView
    from socketserver_trace.recorder import Recorder as Recorder
    from socketserver_trace.sentences import NotAsExpected as NotAsExpected
    from socketserver_trace.sentences import ServerPaused as ServerPaused
    from socketserver_trace.sentences import ServingEnded as ServingEnded
    from socketserver_trace.sentences import StillWaiting as StillWaiting
    from socketserver_trace.sentences import WaitedInVain as WaitedInVain
    from socketserver_trace.sentences import WouldWaitForever as WouldWaitForever
    from socketserver_trace.serving import Served as Served
    from socketserver_trace.serving import kernel_of as kernel_of
    from socketserver_trace.serving import serve as serve
    from socketserver_trace.serving import trace_of as trace_of
    from socketserver_trace.trace import Trace as Trace
    from socketserver_trace.trace import load as load

__version__ = "0.1.0"

_HOMES = {
    "Event": "events",
    "Explanation": "explanations",
    "KernelView": "kernel",
    "NotAsExpected": "sentences",
    "Recorder": "recorder",
    "Served": "serving",
    "ServerPaused": "sentences",
    "ServingEnded": "sentences",
    "StillWaiting": "sentences",
    "Trace": "trace",
    "TraceFileError": "export.jsonl",
    "WaitedInVain": "sentences",
    "WouldWaitForever": "sentences",
    "check": "course",
    "compare": "comparison",
    "expect": "checks",
    "explain": "explanations",
    "kernel_of": "serving",
    "load": "trace",
    "predict": "course",
    "progress": "course",
    "serve": "serving",
    "trace_of": "serving",
    "traced": "fronts",
    "tracing": "blocks",
    "well_formed": "checks",
}

__all__ = [*_HOMES, *socketserver.__all__]  # noqa: PLE0604 - the names of the running standard library


def __getattr__(name: str) -> object:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in socketserver.__all__:
        from socketserver_trace.fronts import DROP_INS

        value = DROP_INS[name]
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def load_ipython_extension(ipython: object) -> None:
    """Give a notebook its client cells: what `%load_ext socketserver_trace` does."""
    from socketserver_trace.notebook.magics import register

    register(ipython)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
