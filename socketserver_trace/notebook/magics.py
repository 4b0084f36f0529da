r"""Client cells: `%%client alice` runs a cell with `client`, a client of the server that runs in this notebook.

    %load_ext socketserver_trace

    %%client alice
    client.send(b"hello\n")
    client.receive()

The client lives on: the next cell of `%%client alice` goes on with it. The cell runs in a thread (`runs`), and the
notebook waits for it unless it is told not to. `%%trace` runs a cell as it is, and shows what its servers did.

The law: what is wrong with the line of options is said in one sentence, before anything runs.
"""

from __future__ import annotations

import argparse
import math
import shlex
import weakref

from IPython.core.error import UsageError

from socketserver_trace.blocks import tracing
from socketserver_trace.notebook.cells import function_of
from socketserver_trace.notebook.needs import NeedyCells
from socketserver_trace.notebook.runs import Run, Seat, is_paused, shown_in_cell
from socketserver_trace.serving import Served
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

    from socketserver_trace.trace import Trace

USAGE: Final = "%%client NAME [--background] [--new] [--close] [--server VARIABLE] [--timeout SECONDS]"


class Options(argparse.ArgumentParser):
    """The options of a client cell. What is wrong with them is a UsageError, which a notebook shows in one line."""

    def __init__(self) -> None:
        super().__init__(prog="%%client", add_help=False, allow_abbrev=False)
        self.add_argument("name")
        self.add_argument("-b", "--background", action="store_true")
        self.add_argument("--new", action="store_true")
        self.add_argument("--close", action="store_true")
        self.add_argument("--server")
        self.add_argument("--timeout", type=_seconds)

    def error(self, message: str) -> NoReturn:
        """Raise it as it is, with what would be right."""
        raise UsageError(f"{safe(message, 200)}. Write: {USAGE}")

    def of(self, line: str) -> argparse.Namespace:
        """The options of one cell. UsageError says what is wrong."""
        try:
            words = shlex.split(line)
        except ValueError as error:  # a quote that is not closed
            self.error(str(error))
        return self.parse_args(words)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return seconds


class ClientCells:
    """The client cells of one notebook, and the clients that live on between them."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._options = Options()
        self._seats: weakref.WeakKeyDictionary[Served, dict[str, Seat]] = weakref.WeakKeyDictionary()

    def client(self, line: str, cell: str) -> Any:
        r"""Run the cell with `client`, a client of the live server, connected.

            %%client alice
            client.send(b"hello\n")
            client.receive()

        --background, -b   do not wait: the cell shows a handle, which can be waited for (.wait(), await) and has the
                           .result or the .error; what the cell prints later still stands under it
        --new              talk with a new client of that name; the old one is closed, unless a cell is at work with it
        --close            close the client at the end of the cell
        --server VARIABLE  the server, when several are running; without it, the newest
        --timeout SECONDS  how long the client waits for anything, from now on

        When the client would wait for a server that is paused at a breakpoint, the cell goes on in the background.
        """
        options = self._options.of(line)
        function = function_of(self._shell, line, cell)
        seat = self._seat(self._served(options.server), options.name, new=options.new)
        run = Run(self._shell, seat, function, background=options.background)
        if options.background:
            run.start(timeout=options.timeout, close=options.close)
            return run
        if run.in_foreground(timeout=options.timeout, close=options.close):
            return run.wait()
        self._say(f"{_paused(seat.served)}, so {seat.name} goes on in the background.")
        return run

    def _seat(self, served: Served, name: str, *, new: bool) -> Seat:
        seats = self._seats.setdefault(served, {})
        seat = seats.get(name)
        if seat is None or new:
            if seat is not None and not seat.is_taken:
                seat.close()
            seat = seats[name] = Seat(served, name)
        if seat.is_taken:
            raise UsageError(
                f"{safe(name)} is still at work in another cell: wait for that one, or take a new client with --new."
            )
        return seat

    def _served(self, variable: str | None) -> Served:
        """The server to talk to. UsageError when there is none."""
        if variable is not None:
            named = self._shell.user_ns.get(variable)
            if not isinstance(named, Served) or not is_running(named):
                raise UsageError(f"{safe(variable)} is no running server: it needs one that serve(...).start() gave.")
            return named
        running = self._running()
        if not running:
            raise UsageError(
                "no server is running in this notebook: start one, served = serve(Server, Handler).start()"
            )
        name, newest = max(running.items(), key=lambda found: found[1].recorder.number)
        if len(running) > 1:
            self._say(
                f"{len(running)} servers are running: this cell talks to {name}, the newest; --server says which."
            )
        return newest

    def _running(self) -> dict[str, Served]:
        """The running servers that the notebook has a name for, each with its first one."""
        found: dict[int, tuple[str, Served]] = {}
        for name, value in list(self._shell.user_ns.items()):
            if isinstance(value, Served) and is_running(value):
                known = found.get(id(value))
                if known is None or known[0].startswith("_"):  # IPython's own names for what a cell has shown
                    found[id(value)] = name, value
        return dict(found.values())

    def _say(self, sentence: str) -> None:
        print(sentence)  # noqa: T201 - a magic speaks to whoever ran the cell


class TraceCells:
    """The traced cells of one notebook."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def trace(self, line: str, cell: str) -> Trace:
        """Run the cell, and show what every server did that it has made, whoever wrote it.

            %%trace
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            ...

        With a name behind it, the trace is kept under that name, too. The cell's own last value is not shown.
        """
        name = line.strip()
        if name and not name.isidentifier():
            raise UsageError(f"{safe(name)} is no name. Write: %%trace [NAME]")
        function = function_of(self._shell, line, cell, "trace")
        with tracing() as seen:
            try:
                function(None)
            except BaseException as error:
                shown_in_cell(self._shell, function, error)
                raise
            finally:
                trace = seen.trace
                if name:
                    self._shell.user_ns[name] = trace
        return trace


def is_running(served: Served) -> bool:
    """Whether a client can be connected: the server has not been closed."""
    return bool(served.server.socket.fileno() >= 0)


def _paused(served: Served) -> str:
    told = served.breakpoints.told() if is_paused(served) else ""
    return told or "The server was paused"


def register(shell: Any) -> None:
    """Give the notebook its client cells, its traced cells and its needy cells."""
    shell.register_magic_function(ClientCells(shell).client, "cell", "client")
    shell.register_magic_function(TraceCells(shell).trace, "cell", "trace")
    shell.register_magic_function(NeedyCells(shell).needs, "cell", "needs")
