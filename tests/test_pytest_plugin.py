"""The plugin for pytest, in runs of pytest of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent

HEAD = """
import socketserver, threading
import pytest
from socketserver_trace import expect

class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline().upper())

def talk(served):
    with served.client("alice") as alice:
        alice.send(b"hello\\n")
        return alice.receive_line()
"""


def run(folder: Path, tests: str, *options: str) -> tuple[int, str]:
    """The status and the output of pytest with the plugin, for tests in a folder of their own."""
    (folder / "test_it.py").write_text(HEAD + tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "socketserver_trace.pytest_plugin", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [*command, *options, "test_it.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_a_server_is_started_traced_and_stopped(tmp_path: Path) -> None:
    """The fixture takes what serve() takes, and functions that make a server of any kind; nothing is left."""
    status, said = run(
        tmp_path,
        """
@pytest.mark.parametrize("kind", [socketserver.TCPServer, socketserver.ThreadingTCPServer])
def test_classes(traced_server, kind):
    served = traced_server(kind, Shout)
    assert talk(served) == b"HELLO\\n"
    expect(served.trace).each_connection().order("setup", "handle", "finish")

def test_functions(traced_server):
    made = [traced_server(lambda: socketserver.ThreadingTCPServer(("127.0.0.1", 0), Shout)) for _ in range(2)]
    assert [talk(served) for served in made] == [b"HELLO\\n"] * 2
    assert all("handle" in served.trace.hooks() for served in made)

def test_nothing_is_left():
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
""",
    )

    assert status == 0, said
    assert "4 passed" in said


def test_of_a_failing_test_the_drawing_is_in_the_report(tmp_path: Path) -> None:
    """Also of one that fails on purpose; one that passes has none. The traces are kept where they are asked for."""
    status, said = run(
        tmp_path,
        """
def test_that_fails(traced_server):
    served = traced_server(socketserver.TCPServer, Shout)
    assert talk(served) == b"hello\\n"

def test_that_passes(traced_server):
    talk(traced_server(socketserver.ThreadingTCPServer, Shout))
""",
        "--trace-dir=traces",
    )

    assert status == 1
    assert "trace of TCPServer" in said
    assert "verify_request()  BaseServer → True" in said
    assert "ThreadingTCPServer" not in said
    (kept,) = (tmp_path / "traces").iterdir()
    assert re.fullmatch(r"test_it.py-test_that_fails-[0-9a-f]{8}\.html", kept.name)
    page = kept.read_text(encoding="utf-8")
    assert "<title>test_it.py::test_that_fails</title>" in page


def test_a_server_that_does_not_stop_is_an_error(tmp_path: Path) -> None:
    """The sentence says who waits for whom, the drawing is in the report, and the next test runs."""
    status, said = run(
        tmp_path,
        """
never = threading.Event()

class Stuck(socketserver.BaseRequestHandler):
    def handle(self):
        never.wait(20)

def test_that_hangs(traced_server):
    served = traced_server(socketserver.ThreadingTCPServer, Stuck, timeout=0.2)
    served.client("alice")
    served.wait_for("handle", phase="enter")

def test_after_it(traced_server):
    never.set()
    assert talk(traced_server(socketserver.TCPServer, Shout)) == b"HELLO\\n"
""",
    )

    assert status == 1
    assert "StillWaiting: server_close() still waited after 0.2 s" in said
    assert "trace of ThreadingTCPServer" in said
    assert "2 passed, 1 error" in said


def test_a_test_that_does_not_ask_for_it_is_not_touched(tmp_path: Path) -> None:
    """Nothing of the package is imported."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n\ndef test_it():\n    assert 'socketserver_trace.serving' not in sys.modules\n", encoding="utf-8"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "socketserver_trace.pytest_plugin", "-p", "no:cacheprovider"],
        cwd=tmp_path, env={"PYTHONPATH": str(PROJECT), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout


def test_two_tests_of_nearly_the_same_name_keep_each_their_own_trace(tmp_path: Path) -> None:
    """And a test whose own fixture fails has its drawing, too."""
    status, said = run(
        tmp_path,
        """
@pytest.mark.parametrize("name", ["a/b", "a-b"])
def test_p(traced_server, name):
    talk(traced_server(socketserver.TCPServer, Shout))
    assert False

@pytest.fixture
def broken(traced_server):
    talk(traced_server(socketserver.UDPServer, socketserver.DatagramRequestHandler, timeout=0.1))

def test_setup(broken):
    pass
""",
        "--trace-dir=traces",
    )

    assert status == 1
    assert len(list((tmp_path / "traces").iterdir())) == 3
    assert "trace of UDPServer" in said
