"""What every test is held to: it leaves nothing behind."""

from __future__ import annotations

import gc
import os
import signal
import stat
import sys
import tempfile
import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import recorder, sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDING = 5.0
"""How many seconds a thread that is just ending may take."""

DESCRIPTORS = Path("/proc/self/fd")

recorders: weakref.WeakSet[recorder.Recorder] = weakref.WeakSet()
"""Every recorder that this process made and that is still alive."""


@pytest.fixture(autouse=True, scope="session")
def _recorders_are_known() -> Iterator[None]:
    """Remember each recorder that is made, so that its listeners can be counted."""
    original = recorder.Recorder.__init__

    def remembering(self: recorder.Recorder, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        recorders.add(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder.Recorder, "__init__", remembering)
        yield


def pytest_configure() -> None:
    """A shell that starts the tests in the background lets them ignore interrupts, and some of them interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _a_temporary_folder_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Temporary files of this process are nobody else's, so that what is left there was left by its tests."""
    tmp_path_factory.getbasetemp()  # pytest's own folder stays where it would be
    with tempfile.TemporaryDirectory(prefix="test") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test there are no new threads, children, sockets, files, listeners or switches of the tracer.

    What is there before a test is not its doing, so garbage is looked for in what came since: to go through all that
    the tests before it keep, a second for each, would take longer than the tests.
    """
    gc.collect()
    gc.freeze()
    threads, open_sockets = set(threading.enumerate()), _open_sockets()
    children = _has_children()  # a browser, say, that a fixture keeps for all tests of a module
    temporary = Path(tempfile.gettempdir())
    files = set(temporary.iterdir())
    yield
    left = [thread for thread in threading.enumerate() if thread not in threads]
    for thread in left:
        thread.join(ENDING)
    gc.collect()

    assert [thread for thread in left if thread.is_alive()] == []
    assert children or not _has_children()
    assert set(temporary.iterdir()) - files == set()
    assert request.node.get_closest_marker("kernel") or _open_sockets() - open_sockets == set()
    assert dict(sockets.attachments) == {}
    assert [made for made in recorders if made.listeners] == []
    assert sys.getprofile() is None
    assert recorder.shared is None
    assert recorder.local.here.source is None


def _open_sockets() -> set[str]:
    """The sockets of this process by the name that the kernel gives them; none where the system does not tell."""
    if not DESCRIPTORS.is_dir():
        return set()
    return {name for path in DESCRIPTORS.iterdir() if (name := _socket_name(path.name)) is not None}


def _socket_name(descriptor: str) -> str | None:
    try:
        status = os.fstat(int(descriptor))
        return f"socket:[{status.st_ino}]" if stat.S_ISSOCK(status.st_mode) else None
    except OSError:  # the descriptor of the listing itself, which is closed by now
        return None


def _has_children() -> bool:
    """Whether a child process is there, running or ended and not yet waited for."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True
