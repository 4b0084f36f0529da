"""A plugin for pytest: servers that are traced in a test, and whose trace is in the report when the test fails.

    def test_it_answers(traced_server):
        served = traced_server(MyServer, MyHandler)
        with served.client() as client:
            client.send(b"hello")
            assert client.receive() == b"HELLO"
        expect(served.trace).each_connection().order("setup", "handle", "finish")

`--trace-dir FOLDER` keeps the trace of every test that fails there, as an HTML file that needs nothing else.

The law: a test that does not ask for it is not touched, and nothing of the package is imported for it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from socketserver_trace.serving import Served

SERVED = pytest.StashKey["list[Served]"]()
"""The servers of a test."""

LONGEST_NAME = 120


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option for the folder of traces."""
    group = parser.getgroup("socketserver_trace")
    group.addoption("--trace-dir", metavar="FOLDER", help="keep the trace of each failing test there, as HTML")


@pytest.fixture
def traced_server(request: pytest.FixtureRequest) -> Generator[Callable[..., Served]]:
    """A function that starts traced servers, which are stopped when the test is over.

    It takes what `serve()` takes, a server class and a handler say, or a function that makes the server, and returns
    the running `Served`. Of a test that fails the drawing is in the report. A server that does not stop by itself, or
    that leaves a thread, a process or a socket behind, is an error of the test.
    """
    from socketserver_trace.serving import serve

    made: list[Served] = []
    request.node.stash[SERVED] = made

    def start(server: Any, handler: Any = None, **options: Any) -> Served:
        made.append(serve(server, handler, **options).start())
        return made[-1]

    yield start
    _stop(made)


def _stop(made: list[Served]) -> None:
    """Stop all of them, whatever goes wrong with one; the first that went wrong is told."""
    errors: list[BaseException] = []
    for served in made:
        try:
            served.stop()
        except Exception as error:  # noqa: BLE001 - told when the others have been stopped as well
            errors.append(error)
    left = [sentence for served in made for sentence in served.left_behind()]
    if errors:
        raise errors[0]
    if left:
        pytest.fail("\n".join(left), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add the drawing to the report of a test that failed, and keep it where it was asked for."""
    report = yield
    if report.failed:
        none: list[Served] = []
        made = item.stash.get(SERVED, none)
        for number, served in enumerate(made, start=1):
            trace = served.trace
            report.sections.append((f"trace of {served.server.__class__.__name__}", trace.text()))
            folder = item.config.getoption("--trace-dir")
            if folder:
                path = Path(folder) / f"{file_name(item.nodeid)}{'' if number == 1 else f'-{number}'}.html"
                path.parent.mkdir(parents=True, exist_ok=True)
                trace.to_html(path, title=item.nodeid)
    return report


def file_name(test: str) -> str:
    """The identifier of a test as the name of a file, which no other test has."""
    checksum = hashlib.sha256(test.encode()).hexdigest()[:8]
    return re.sub(r"[^\w.-]+", "-", test).strip("-.")[-LONGEST_NAME:] + f"-{checksum}"
