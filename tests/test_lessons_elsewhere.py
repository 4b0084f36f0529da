"""Every lesson on another system: without fork and without Unix sockets it runs to its end, and says what is missing.

The kernel is told so before it imports anything, by a `sitecustomize` (docs.python.org/3/library/site.html), which also
watches where servers can be reached: at the machine itself and nowhere else, so that thirty learners share one machine.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from nbformat import v4

from tools import lessons

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.kernel]

LESSONS = lessons.lessons()

NEEDY = re.compile(r"%%needs .*\b(fork|unix)\b")
NOT_RUN = re.compile(r"Not run: this system (cannot fork|has no Unix sockets|cannot fork and .*|has no Unix .*)\.\n")

ELSEWHERE = """
import functools, os, socket, sys

if hasattr(os, "fork"):
    del os.fork
if hasattr(socket, "AF_UNIX"):  # the kernel's own event loop has a pair of sockets, whatever they are made of
    socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)
    del socket.AF_UNIX

LOOPBACK = {"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"}

def checked(host):
    if host not in LOOPBACK:
        raise RuntimeError(f"a lesson can be reached at {host!r}, which is not the machine itself")

def watch(event, arguments):
    if event == "socket.bind" and arguments[0].type == socket.SOCK_DGRAM:
        checked(arguments[1][0])

def listen(sock, *backlog):
    checked(sock.getsockname()[0])
    return super(socket.socket, sock).listen(*backlog)

socket.socket.listen = listen
sys.addaudithook(watch)
"""


FIRST = """
def what_there_is():
    import gc, socket, threading
    from pathlib import Path

    gc.collect()
    sockets = [one for one in gc.get_objects() if isinstance(one, socket.socket) and one.fileno() >= 0]
    listening = {str(one.getsockname()) for one in sockets if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)}
    tasks = Path("/proc/self/task").iterdir()
    children = {child for task in tasks for child in (task / "children").read_text().split()}
    threads = {thread.name for thread in threading.enumerate() if not type(thread).__module__.startswith("zmq.")}
    return listening | children | threads

there_was = what_there_is()
"""
LAST = "print(sorted(what_there_is() - there_was))"
"""What a lesson must not leave behind: servers that listen, child processes, threads.

(The kernel's own are there before, and pyzmq has a thread of its own for large messages. A connection that was left
open on purpose, as lesson 15 shows it, is closed with the last traceback that refers to it.)
"""


@pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])
def test_a_lesson_runs_to_its_end_without_fork_and_unix_sockets_and_cleans_up(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cell fails that is not meant to, what there is not is told in one sentence, and nothing is left behind."""
    (tmp_path / "sitecustomize.py").write_text(ELSEWHERE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    notebook = lessons.normalised(lessons.load(path))
    notebook.cells = [v4.new_code_cell(FIRST), *notebook.cells, v4.new_code_cell(LAST)]
    lessons.execute(notebook, tmp_path)
    needy = [cell for cell in notebook.cells if NEEDY.match(cell.source)]
    told = ["".join(output.get("text", "") for output in cell.outputs) for cell in needy]

    assert [text for text in told if not NOT_RUN.fullmatch(text)] == []
    assert notebook.cells[-1].outputs[0].text == "[]\n"
