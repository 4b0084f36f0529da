"""Client cells: `%%client alice` in a shell of this process, and in a real kernel."""

from __future__ import annotations

import asyncio
import atexit
import re
import socketserver
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("IPython", reason="client cells are for notebooks")

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from tools.kernels import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CALM = 30
"""How many seconds a busy machine may take."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

SERVER = """
import socketserver, threading
from socketserver_trace import serve

go_on = threading.Event()

class Shout(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            if line == b"wait\\n":
                go_on.wait(30)
            self.wfile.write(line.upper())

served = serve(socketserver.ThreadingTCPServer, Shout, timeout=30).start()
"""


class Notebook:
    """A shell in this process, whose cells are run one after the other."""

    def __init__(self, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
        self.shell = shell
        self.names: dict[str, Any] = shell.user_ns
        self._capsys = capsys

    def run(self, *lines: str) -> tuple[Any, str, str]:
        """The last value of a cell, or the exception that it raised, and what it printed and complained."""
        self._capsys.readouterr()
        done = self.shell.run_cell("\n".join(lines) + "\n", store_history=True)
        told = self._capsys.readouterr()
        error = done.error_before_exec or done.error_in_exec
        return (done.result if error is None else error), COLOURS.sub("", told.out), COLOURS.sub("", told.err)


@pytest.fixture
def notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Notebook]:
    """A notebook with client cells and a running server, which is stopped in the end."""
    config = Config()
    config.HistoryManager.enabled = False
    main = sys.modules["__main__"]
    shell = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path))
    made = Notebook(shell, capsys)
    try:
        made.run("%load_ext socketserver_trace")
        made.run(SERVER)
        yield made
    finally:
        made.run("go_on.set()", "served.stop()")
        shell.reset(new_session=False)
        shell.atexit_operations()
        atexit.unregister(shell.atexit_operations)
        shell.restore_sys_module_state()
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main


def test_a_cell_talks_to_the_server_and_shows_its_last_value(notebook: Notebook) -> None:
    """The cell has a client that is connected, and its last expression is its value, as in any cell."""
    value, out, _err = notebook.run(
        "%%client alice", r'client.send(b"hello\n")', "print(client)", "client.receive_line()"
    )
    after, _out, _err = notebook.run("Out[3]")

    assert value == after == b"HELLO\n"
    assert out.startswith("<client alice, open>\nOut[")


def test_the_names_of_a_cell_are_those_of_the_notebook(notebook: Notebook) -> None:
    """What the cell binds, in whatever way, is there for the next one; only its client is its own."""
    notebook.run(
        "%%client alice",
        "import math as m",
        "from os import sep",
        "n: int = 3",
        "later: str",
        "def factorial(k): return 1 if k < 2 else k * factorial(k - 1)",
        "class Thing: who = client.name",
        "[last := k for k in range(n)]",
        "for i in range(2): i += 10",
        "names = [client.name for _ in range(n)]",
        "who = lambda: client.name",
        "del i",
    )
    value, _out, _err = notebook.run(
        "m.pi > 3, sep, n, factorial(4), Thing.who, Thing.__qualname__, last, names, who(), 'client' in globals(), "
        "'i' in globals()"
    )

    assert value[0]
    assert value[2:] == (3, 24, "alice", "Thing", 2, ["alice"] * 3, "alice", False, False)


def test_a_client_lives_on_between_cells(notebook: Notebook) -> None:
    """The same name is the same client, until it is closed or a new one is asked for."""
    notebook.run("%%client alice", "first = client")
    notebook.run("%%client alice", "second = client")
    notebook.run("%%client alice --new --close", "third = client")
    notebook.run("%%client alice", "fourth = client")
    states = [repr(notebook.names[name]) for name in ("first", "second", "third", "fourth")]
    same = notebook.names["first"] is notebook.names["second"]
    lanes = list(notebook.names["served"].trace.lanes)

    assert same
    assert states == ["<client alice, closed>"] * 3 + ["<client alice, open>"]
    assert {"alice", "alice 2", "alice 3"} <= set(lanes)


def test_an_error_shows_the_line_of_the_cell(notebook: Notebook) -> None:
    """The traceback begins in the cell, with the number of the line that the reader sees, and the cell has failed."""
    error, out, _err = notebook.run("%%client alice", "kept = 1", "def fail():", "    return 1 / 0", "fail()")

    assert isinstance(error, ZeroDivisionError)
    assert "line 5" in out
    assert "----> 4     return 1 / 0" in out
    assert "socketserver_trace" not in out.replace("%%client", "")
    assert notebook.names["kept"] == 1


def test_an_error_of_ours_is_one_line(notebook: Notebook) -> None:
    """A client that waits in vain shows its sentence and no traceback."""
    error, out, _err = notebook.run("%%client alice --timeout 0.01", "client.receive()")

    assert isinstance(error, TimeoutError)
    assert out.startswith("WaitedInVain: alice waited 0.01 s for bytes from the server, in vain")
    assert out.count("\n") == 1


def test_a_mistake_in_the_language_is_found_before_anything_runs(notebook: Notebook) -> None:
    """What is a SyntaxError in any cell is one here, and no client is connected."""
    error, _out, _err = notebook.run("%%client alice", "print('never')", "return 1")
    lanes = list(notebook.names["served"].trace.lanes)

    assert isinstance(error, SyntaxError)
    assert error.msg == "'return' outside function"
    assert error.lineno == 3
    assert "alice" not in lanes


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "the following arguments are required: name."),
        ("alice --loud", "unrecognized arguments: --loud."),
        ("alice --timeout never", "argument --timeout: never is no number of seconds."),
        ("alice --timeout -1", "argument --timeout: -1 is no number of seconds."),
        ("'alice", "No closing quotation."),
    ],
)
def test_wrong_options_are_one_sentence(notebook: Notebook, line: str, sentence: str) -> None:
    """A wrong option says what is wrong and what would be right, and nothing runs."""
    _error, out, err = notebook.run(f"%%client {line}", "never = 1")

    assert err == (
        f"UsageError: {sentence} Write: "
        "%%client NAME [--background] [--new] [--close] [--server VARIABLE] [--timeout SECONDS]\n"
    )
    assert out == ""
    assert "never" not in notebook.names


def test_without_a_server_a_sentence_says_how_to_start_one(notebook: Notebook) -> None:
    """No running server, and a name that is none, are UsageErrors."""
    notebook.run("served.stop()")
    none = notebook.run("%%client alice", "1")[2]
    named = notebook.run("%%client alice --server served", "1")[2]

    assert none == (
        "UsageError: no server is running in this notebook: start one, served = serve(Server, Handler).start()\n"
    )
    assert named == "UsageError: served is no running server: it needs one that serve(...).start() gave.\n"


def test_of_several_servers_the_newest_is_taken(notebook: Notebook) -> None:
    """The cell says which server it talks to when there are several, and does not when it was told."""
    notebook.run("other = serve(socketserver.TCPServer, Shout).start()")
    _value, newest, _err = notebook.run("%%client alice", "None")
    _value, told, _err = notebook.run("%%client bob --server served", "None")
    lanes = {name: set(notebook.names[name].trace.lanes) for name in ("served", "other")}
    notebook.run("other.stop()")

    assert newest == "2 servers are running: this cell talks to other, the newest; --server says which.\n"
    assert told == ""
    assert "alice" in lanes["other"] - lanes["served"]
    assert "bob" in lanes["served"] - lanes["other"]


def test_a_cell_in_the_background_gives_a_handle(notebook: Notebook) -> None:
    """The handle shows itself the same before and after, has the result, and can be waited for and awaited."""
    handle, out, _err = notebook.run("%%client alice -b", r'client.send(b"wait\n")', "client.receive_line()")
    early = (handle.done, handle.result, handle.error)
    notebook.names["handle"] = handle
    in_vain, _out, _err = notebook.run("handle.wait(0.01)")
    busy = notebook.run("%%client alice", "1")[2]
    notebook.run("go_on.set()")
    values = [handle.wait(CALM), handle.result, asyncio.run(awaited(handle))]

    assert out.endswith("<alice, in the background>\n")
    assert repr(handle) == "<alice, in the background>"
    assert early == (False, None, None)
    assert values == [b"WAIT\n"] * 3
    assert isinstance(in_vain, TimeoutError)
    assert str(in_vain) == "alice is still at work in the background after 0.01 s."
    assert busy.startswith("UsageError: alice is still at work in another cell: wait for that one, or take a new")


async def awaited(handle: Any) -> Any:
    """What awaiting a handle gives."""
    return await handle


def test_a_cell_that_fails_in_the_background_keeps_its_error(notebook: Notebook) -> None:
    """The handle has the error and raises it to whoever waits, and the cell shows its traceback."""
    handle, _out, _err = notebook.run("%%client alice --background", "go_on.wait(30)", "1 / 0")
    notebook.run("go_on.set()")
    with pytest.raises(ZeroDivisionError):
        handle.wait(CALM)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(awaited(handle))

    assert isinstance(handle.error, ZeroDivisionError)
    assert handle.result is None


def test_two_cells_at_once_have_each_their_own_client(notebook: Notebook) -> None:
    """Cells in the background do not see each other's client, whatever the order in which they go on."""
    handles = []
    for name in ("alice", "bob"):
        body = (r'client.send(b"wait\n")', "client.receive_line()", "[client.name for _ in (1, 2)]")
        handles.append(notebook.run(f"%%client {name} -b", *body)[0])
    notebook.run("go_on.set()")
    names = [handle.wait(CALM) for handle in handles]

    assert names == [["alice", "alice"], ["bob", "bob"]]


def test_an_interrupt_ends_the_wait_and_closes_the_client(notebook: Notebook) -> None:
    """KeyboardInterrupt reaches a cell whose client waits, and the next cell gets a new client."""
    error, _out, _err = notebook.run(
        "%%client alice", "mine = client", "import _thread", "_thread.interrupt_main()", "client.receive()"
    )
    closed = repr(notebook.names["mine"])
    raised = notebook.names["served"].trace.select(lane="alice", kind="receive", phase="raise")
    value, _out, _err = notebook.run("%%client alice", r'client.send(b"again\n")', "client.receive_line()")

    assert isinstance(error, KeyboardInterrupt)
    assert closed == "<client alice, closed>"
    assert [event.detail["message"] for event in raised] == ["alice was interrupted."]
    assert value == b"AGAIN\n"


def test_a_cell_that_would_wait_for_a_paused_server_goes_on_in_the_background(notebook: Notebook) -> None:
    """The cell returns with a sentence and a handle, so that somebody can step; one that need not wait just ends."""
    notebook.run('at = served.breakpoints.add("handle")')
    sent, sent_out, _err = notebook.run("%%client alice", r'client.send(b"hello\n")', '"sent"')
    parked = notebook.names["served"].breakpoints.wait("handle", timeout=CALM)
    handle, out, _err = notebook.run("%%client alice", "client.receive_line()")
    notebook.run("served.breakpoints.clear()")
    value = handle.wait(CALM)

    assert sent == "sent"
    assert "background" not in sent_out
    assert parked.hook == "handle"
    assert out.startswith("Thread 1 is paused before handle() of connection 1, so alice goes on in the background.\n")
    assert out.endswith("<alice, in the background>\n")
    assert value == b"HELLO\n"


@pytest.mark.skipif(not hasattr(socketserver, "UnixStreamServer"), reason="this system has no Unix sockets")
def test_a_cell_that_cannot_even_connect_to_a_paused_server_goes_on_in_the_background(notebook: Notebook) -> None:
    """Where the server's queue is full, the connect itself waits, and the kernel must not."""
    notebook.run(
        "class Narrow(socketserver.ThreadingUnixStreamServer):",
        "    request_queue_size = 0",
        "narrow = serve(Narrow, Shout, timeout=30).start()",
        'narrow.breakpoints.add("verify_request")',
    )
    try:
        notebook.run("%%client alice --server narrow", "pass")
        notebook.names["narrow"].breakpoints.wait(timeout=CALM)
        notebook.run("%%client bob --server narrow", "pass")  # in the queue, which is full now
        handle, out, _err = notebook.run(
            "%%client carol --server narrow", r'client.send(b"hello\n")', "client.receive_line()"
        )
        notebook.run("narrow.breakpoints.clear()")
        value = handle.wait(CALM)
    finally:
        notebook.run("narrow.stop()")

    assert "so carol goes on in the background.\n" in out
    assert value == b"HELLO\n"


def test_an_interrupted_cell_lets_a_paused_server_go_on_whatever_it_waited_for(notebook: Notebook) -> None:
    """Also when the wait was none of ours, and only as long as the server runs."""
    notebook.run('served.breakpoints.add("handle")', "served.client()")
    served = notebook.names["served"]
    served.breakpoints.wait(timeout=CALM)
    fails, _out, _err = notebook.run("1 / 0")
    paused_still = len(served.breakpoints.parked)
    interrupted, _out, _err = notebook.run("raise KeyboardInterrupt  # as a plain recv() does")
    paused_then = len(served.breakpoints.parked)
    hooks = len(notebook.shell.events.callbacks["post_run_cell"])
    notebook.run("served.stop()")

    assert isinstance(fails, ZeroDivisionError)
    assert isinstance(interrupted, KeyboardInterrupt)
    assert (paused_still, paused_then) == (1, 0)
    assert len(notebook.shell.events.callbacks["post_run_cell"]) == hooks - 1


SERVES = (
    "server = socketserver.ThreadingTCPServer(('127.0.0.1', 0), Shout)",
    "thread = threading.Thread(target=server.serve_forever, args=(0.02,))",
    "thread.start()",
    "import socket",
    "with socket.create_connection(server.server_address) as plain:",
    "    plain.sendall(b'hello\\n')",
    "    print(plain.recv(10))",
    "server.shutdown(); thread.join(); server.server_close()",
)


def test_a_traced_cell_shows_what_its_servers_did(notebook: Notebook) -> None:
    """A program as it stands, whose classes nobody has changed; its names are the notebook's, and so is the trace."""
    trace, out, _err = notebook.run("%%trace seen", *SERVES)

    assert out.startswith("b'HELLO\\n'\n")
    assert notebook.names["seen"] is trace or notebook.names["seen"] == trace
    assert {"server_bind", "process_request_thread", "handle", "server_close"} <= set(trace.hooks())
    assert notebook.names["server"].socket.fileno() == -1


def test_an_error_in_a_traced_cell_shows_the_line_of_the_cell(notebook: Notebook) -> None:
    """The traceback begins in the cell, and a wrong name is one sentence."""
    error, out, err = notebook.run("%%trace", "x = 1", "x / 0")
    _none, _out, wrong = notebook.run("%%trace two words", "1")

    assert isinstance(error, ZeroDivisionError)
    assert "x / 0" in out + err
    assert "magics.py" not in out + err
    assert "two words is no name. Write: %%trace [NAME]" in wrong


def test_the_extension_can_be_loaded_again(notebook: Notebook) -> None:
    """Reloading gives client cells that work."""
    notebook.run("%reload_ext socketserver_trace")
    value, _out, _err = notebook.run("%%client alice", r'client.send(b"x\n")', "client.receive_line()")

    assert value == b"X\n"


# --- In a real kernel -------------------------------------------------------------------------------------------------


class Kernel:
    """A kernel of its own, and everything that it has shown, by the cell that it belongs to."""

    def __init__(self) -> None:
        self._manager = placed()
        self._manager.start_kernel(extra_arguments=["--log-level=ERROR"])
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.shown: dict[str, list[dict[str, Any]]] = {}

    def begin(self, source: str) -> str:
        """Run a cell without waiting for it. Returns what names it."""
        cell: str = self._client.execute(source)
        return cell

    def run(self, source: str) -> str:
        """Run a cell and wait until the kernel is idle again."""
        cell = self.begin(source)
        self.until(lambda: {"execution_state": "idle"} in self.shown.get(cell, []))
        return cell

    def until(self, condition: Callable[[], bool]) -> None:
        """Take in what the kernel shows until the condition holds."""
        while not condition():
            message = self._client.get_iopub_msg(timeout=CALM)
            self.shown.setdefault(message["parent_header"].get("msg_id", ""), []).append(message["content"])

    def text(self, cell: str) -> str:
        """What a cell has printed so far."""
        return "".join(content["text"] for content in self.shown.get(cell, []) if "text" in content)

    def displayed(self, cell: str) -> list[str]:
        """What a cell has displayed so far, its value included."""
        return [content["data"]["text/plain"] for content in self.shown.get(cell, []) if "data" in content]

    def errors(self, cell: str) -> list[str]:
        """The errors of a cell."""
        return [content["ename"] for content in self.shown.get(cell, []) if "ename" in content]

    def interrupt(self) -> None:
        """What the Interrupt button does."""
        self._manager.interrupt_kernel()

    def close(self) -> None:
        """End it, and its channels."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A kernel with client cells and a running server."""
    made = Kernel()
    try:
        made.run("%load_ext socketserver_trace")
        made.run(SERVER)
        yield made
        made.run("go_on.set(); served.stop()")
    finally:
        made.close()


@pytest.mark.slow
@pytest.mark.kernel
def test_output_stands_under_its_own_cell(kernel: Kernel) -> None:
    """What a cell in the background prints, displays and raises while later cells run is shown under it."""
    body = 'client.send(b"wait\\n")\nprint("early")\nprint("late", client.receive_line())\n'
    shows = kernel.run(f"%%client alice -b\n{body}client.name")
    fails = kernel.run(f"%%client bob -b\n{body}1 / 0")
    other = kernel.run(
        'print("other")\ngo_on.set()\nOut[3].wait(30)\n'
        'try:\n    Out[4].wait(30)\nexcept ZeroDivisionError:\n    print("end")'
    )
    kernel.until(lambda: "ZeroDivisionError" in kernel.text(fails) and len(kernel.displayed(shows)) == 2)

    assert kernel.text(shows) == "early\nlate b'WAIT\\n'\n"
    assert kernel.displayed(shows) == ["<alice, in the background>", "'alice'"]
    assert kernel.displayed(fails) == ["<bob, in the background>"]
    assert kernel.text(fails).startswith("early\nlate b'WAIT\\n'\n")
    assert kernel.text(other) == "other\nend\n"
    assert [kernel.errors(cell) for cell in (shows, fails, other)] == [[], [], []]


@pytest.mark.slow
@pytest.mark.kernel
def test_the_interrupt_button_ends_a_wait(kernel: Kernel) -> None:
    """An interrupt of the kernel ends a cell whose client waits, and the next cell runs."""
    waits = kernel.begin('%%client alice\nprint("waiting", flush=True)\nclient.receive()')
    kernel.until(lambda: "waiting" in kernel.text(waits))
    kernel.interrupt()
    kernel.until(lambda: {"execution_state": "idle"} in kernel.shown[waits])
    then = kernel.run('print(len(served.trace.select(lane="alice", kind="close", phase="return")))')

    assert kernel.errors(waits) == ["KeyboardInterrupt"]
    assert kernel.text(then) == "1\n"


@pytest.mark.slow
@pytest.mark.kernel
def test_the_interrupt_button_lets_a_paused_server_go_on(kernel: Kernel) -> None:
    """Also out of a plain receive of the cell's own, of which nobody here knows."""
    kernel.run(
        "import socket\n"
        'served.breakpoints.add("handle")\n'
        "plain = socket.create_connection(served.server.server_address)\n"
        'plain.sendall(b"hello\\n")\n'
        "served.breakpoints.wait(timeout=30)"
    )
    waits = kernel.begin('print("waiting", flush=True)\nplain.recv(100)')
    kernel.until(lambda: "waiting" in kernel.text(waits))
    kernel.interrupt()
    kernel.until(lambda: {"execution_state": "idle"} in kernel.shown[waits])
    then = kernel.run("print(len(served.breakpoints.parked), plain.recv(100))\nplain.close()")

    assert kernel.errors(waits) == ["KeyboardInterrupt"]
    assert kernel.text(then) == "0 b'HELLO\\n'\n"


# --- Cells that need something --------------------------------------------------------------------------------------


def test_a_cell_runs_where_the_system_has_what_it_needs(notebook: Notebook) -> None:
    """As any cell does: its names are the notebook's, and its last value is shown."""
    shown, _out, _err = notebook.run("%%needs fork", "answer = 41", "answer + 1")

    assert shown == 42
    assert notebook.names["answer"] == 41


def test_a_cell_that_needs_what_there_is_not_says_so_and_does_not_run(
    notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence for all that is missing; not even a line is compiled of what could not work."""
    monkeypatch.delattr("os.fork")
    monkeypatch.delattr("socket.AF_UNIX")
    shown, out, _err = notebook.run("%%needs fork unix", "never = 1")

    assert shown is None
    assert out == "Not run: this system cannot fork and has no Unix sockets.\n"
    assert "never" not in notebook.names


@pytest.mark.parametrize(
    ("line", "told"), [("", ""), ("Fork", "Fork is nothing that a cell can need. "), ("fork tea", "tea is nothing")]
)
def test_a_need_that_there_is_not_is_one_sentence(notebook: Notebook, line: str, told: str) -> None:
    """With those that there are."""
    _error, _out, err = notebook.run(f"%%needs {line}", "never = 1")

    assert told in err
    assert "Write: %%needs fork|unix|ipv6 ..." in err
    assert "never" not in notebook.names


def test_what_a_needy_cell_raises_is_shown_as_in_any_cell(notebook: Notebook) -> None:
    """With its own line."""
    error, out, _err = notebook.run("%%needs fork", "quotient = 1 / 0")

    assert isinstance(error, ZeroDivisionError)
    assert "quotient = 1 / 0" in COLOURS.sub("", out)
