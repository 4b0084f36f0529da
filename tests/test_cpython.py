"""CPython's own tests of socketserver and of http.server end traced as they do untraced, with every class traced.

They are the longest list of what servers do that anybody has written down without knowing of us. Each module runs in a
process of its own (`programs/suites/cpython.py`), once as it is and once traced.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
RUNNER = Path(__file__).parent / "programs" / "suites" / "cpython.py"

CALM = 120
"""How many seconds a whole module of tests may take on a busy machine."""

LEAST = {"test.test_socketserver": (20, 1000, 5000), "test.test_httpservers": (40, 50, 1500)}
"""Of each module: how many of its tests pass at least, and how many servers and events are recorded at least."""


def _is_shipped(module: str) -> bool:
    """Whether the running Python has this part of its own tests; some systems leave them out."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _outcomes(module: str, way: str, folder: Path) -> dict[str, Any]:
    """What the module's tests come to, run in an empty folder, which is empty again in the end."""
    folder.mkdir()
    places = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(RUNNER), module, way]
    # The handlers write their log to where the errors go, as ever.
    done = subprocess.run(
        command, cwd=folder, env=os.environ | places, capture_output=True, text=True, timeout=CALM, check=False
    )

    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.slow
@pytest.mark.parametrize("module", LEAST)
def test_cpythons_own_tests_end_traced_as_they_do_untraced(module: str, tmp_path: Path) -> None:
    """Each test passes, or is skipped for the same reason, and the tracer saw it all and failed at nothing."""
    if not _is_shipped(module):
        pytest.skip(f"this Python comes without {module}")
    passing, servers, events = LEAST[module]

    plain = _outcomes(module, "plain", tmp_path / "plain")
    traced = _outcomes(module, "traced", tmp_path / "traced")

    assert traced["told"] == plain["told"] == []
    assert traced["tests"] == plain["tests"]
    assert traced["ran"] == plain["ran"]
    assert list(plain["tests"].values()).count("passed") >= passing
    assert traced["left"] == plain["left"] == []
    assert traced["untraced"] == []
    assert traced["faults"] == []
    assert traced["sources"] >= servers
    assert traced["events"] >= events
    assert {"__init__", "get_request", "process_request", "handle", "finish", "server_close"} <= set(traced["hooks"])
    assert traced["attached"] == 0
