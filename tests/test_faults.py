"""Faults: each is drawn, and leaves the server as it would be without the tracer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from socketserver_trace import trace_of, traced
from tests.faults import SCENES

GOLDEN = Path(__file__).parent / "golden" / "faults"

pytestmark = [
    # The standard library's own, from Python 3.12 on: a server whose loop runs in a thread forks.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning"),
    # When verify_request raises, the standard library forgets the connection and does not close it.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    # threading is silent about a SystemExit, pytest is not.
    pytest.mark.filterwarnings("ignore:Exception in thread:pytest.PytestUnhandledThreadExceptionWarning"),
]


def _attributes(server: Any) -> dict[str, str]:
    """What a server is made of after all that, without the tracer's one attribute."""
    return {
        name: type(value).__name__ if name in {"socket", "RequestHandlerClass"} else repr(value)
        for name, value in vars(server).items()
        if not name.startswith("_socketserver_trace") and name not in {"server_address", "_threads"}
        and not name.startswith("_BaseServer__")
    }  # fmt: skip


def _played(name: str, make: Any) -> tuple[list[object], Any]:
    told: list[object] = []
    server = SCENES[name](make, told)
    return told, server


@pytest.mark.parametrize("name", SCENES)
def test_a_fault_is_what_it_is_without_the_tracer(name: str) -> None:
    """Replies, errors, what is printed, what the next client gets, and the server's attributes are the same."""
    untraced, plain_server = _played(name, lambda kind: kind)

    told, server = _played(name, traced)

    assert told == untraced
    assert _attributes(server) == _attributes(plain_server)
    assert trace_of(server).select(kind="fault").text() == "nothing happened\n"


@pytest.mark.parametrize("name", SCENES)
def test_a_fault_is_drawn(name: str) -> None:
    """The drawing is the golden file: what failed stands where it failed, and the order is the same in every run."""
    _told, server = _played(name, traced)
    drawn = trace_of(server).text()
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(drawn + "\n", encoding="utf-8")

    assert golden.read_text(encoding="utf-8") == drawn + "\n"
