"""What nbval needs to know: a lesson that is checked shows nobody's progress, and keeps none."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    """The kernels inherit it."""
    os.environ.setdefault("SOCKETSERVER_TRACE_PROGRESS", "off")
