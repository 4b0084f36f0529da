"""Run one of CPython's own test modules, as it is or with every server and handler traced, and tell what came of it.

    python cpython.py test.test_socketserver plain
    python cpython.py test.test_httpservers traced

The last line that is printed is a JSON object: `tests`, how each test ended by its name; `told`, the tracebacks of
those that did not end well; `ran`, how many there were; `left`, what was left behind; and of a traced run, what was
recorded.

Classes that a module has built at its import keep the bases that they had then. So the names of `socketserver` are
replaced first, and what is built on them is imported after that.
"""

import contextlib
import gc
import json
import os
import socketserver
import sys
import threading
import unittest

from test import support

BUILT_ON_IT = ("http.server", "xmlrpc.server", "wsgiref.simple_server")


class Result(unittest.TestResult):
    """The lists that unittest keeps, and the one that it does not keep: which tests have passed."""

    def __init__(self):
        super().__init__()
        self.passed = []

    def addSuccess(self, test):  # noqa: N802 - the name is unittest's
        super().addSuccess(test)
        self.passed.append(test)

    def endings(self):
        """How each test ended, by its name; a test of several parts has an ending for each part that failed."""
        failed = {"failed": self.failures, "error": self.errors, "failed as expected": self.expectedFailures}
        return (
            {test.id(): "passed" for test in self.passed}
            | {test.id(): f"skipped: {reason}" for test, reason in self.skipped}
            | {test.id(): ending for ending, tests in failed.items() for test, _text in tests}
            | {test.id(): "passed, which was not expected" for test in self.unexpectedSuccesses}
        )


def outcomes_of(module):
    """All tests of a module, run one after the other with the network at hand, as by `python -m test -u network`."""
    support.use_resources = ["network"]
    result = Result()
    unittest.defaultTestLoader.loadTestsFromName(module).run(result)
    told = [text for _test, text in result.failures + result.errors]
    return {"tests": result.endings(), "told": told, "ran": result.testsRun, "left": left_behind()}


def left_behind():
    """The threads that still run, and whether a child process is there."""
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    gc.collect()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return [*threads, "a child process"]
    return threads


def traced_outcomes_of(module):
    """The same with the traced classes in the place of the standard library's, and all records in one place."""
    early = [name for name in BUILT_ON_IT if name in sys.modules]
    assert not early, f"{early} must not be built yet"
    from socketserver_trace import recorder, sockets
    from socketserver_trace.assembly import assemble
    from socketserver_trace.fronts import dropped_in

    with recorder.sharing(recorder.Recorder(cap=None)) as shared, dropped_in():
        outcomes = outcomes_of(module)
    events = assemble(shared).events
    return outcomes | {
        "sources": len(shared.sources),
        "events": len(events),
        "hooks": sorted({event.hook for event in events if event.kind == "hook"}),
        "faults": [str(event) for event in events if event.kind == "fault"],
        "untraced": untraced_classes(),
        "attached": len(sockets.attachments),
    }


def untraced_classes():
    """The server and handler classes of this process that are not traced, except for the standard library's own."""
    from socketserver_trace.fronts import Shell

    return sorted(
        f"{kind.__module__}.{kind.__qualname__}"
        for base in (socketserver.BaseServer, socketserver.BaseRequestHandler)
        for kind in descendants(base)
        if kind.__module__ != "socketserver" and not issubclass(kind, Shell)
    )


def descendants(kind):
    return {kind}.union(*(descendants(derived) for derived in kind.__subclasses__()))


if __name__ == "__main__":
    module, way = sys.argv[1:]
    run = {"plain": outcomes_of, "traced": traced_outcomes_of}[way]
    sys.stdout.write("\n" + json.dumps(run(module)))
