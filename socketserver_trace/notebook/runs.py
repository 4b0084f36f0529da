"""A client cell that runs: in a thread of its own, with a handle for whoever does not wait for it.

The thread gets a copy of the cell's context, so that what it prints and displays stands under its own cell, whichever
cell runs by then. The kernel's thread waits for it in slices, so that an interrupt reaches it, and closes the client
then. When the client waits for a server that is paused, the kernel must not: it is the kernel's buttons that let the
server go on. So the cell goes on in the background and says so. A cell that need not wait never does.

The law: the thread ends with what the cell raised in the handle, never in a traceback of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager, suppress

from IPython.display import display

from socketserver_trace.sentences import GivenUp, Sentence, WaitedInVain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from types import FunctionType
    from typing import Any, Final

    from socketserver_trace.serving import Served

SLICE: Final = 0.1
"""How long the kernel's thread waits before it looks for an interrupt, in seconds; some systems need that."""

GRACE: Final = 1.0
"""How many seconds an interrupted cell has to give up its client, before the client is closed under it."""

TIMEOUT: Final = 5.0
"""How many seconds a handle waits, unless told otherwise."""

RENDER: Final = "_render_traceback_"
"""The method by whose name IPython asks an exception how it wants to be shown."""


class Seat:
    """The place of a name at a server: its client, connected when it is first needed, and the cell that uses it."""

    def __init__(self, served: Served, name: str) -> None:
        self.served = served
        self.name = name
        self.client: Any = None
        self.run: Run | None = None

    @property
    def is_taken(self) -> bool:
        """Whether a cell is at work with the client."""
        return self.run is not None and not self.run.done

    @property
    def is_open(self) -> bool:
        """Whether there is a client that can be talked with."""
        return self.client is not None and self.client.socket.fileno() >= 0

    def close(self) -> None:
        """Close the client, if there is one."""
        if self.client is not None:
            self.client.close()

    def connected(self, timeout: float | None, run: Run) -> Any:
        """The client, a new one when there is none or it is closed. Its waits are attended by the run."""
        self.run = run
        if not self.is_open:
            self.client = self.served.client(self.name, timeout=timeout, attendant=self)
        elif timeout is not None:
            self.client.timeout = timeout
        return self.client

    def attend(self, _waiting_for: str) -> None:
        """The client waits. Called by the client."""
        if self.run is not None and not self.run.done:
            self.run.attend()

    def closed(self) -> None:
        """The client was closed. Called by the client; the next cell makes a new one."""


class Run:
    """One client cell while it runs and afterwards. `wait` and `await` give its last value, or raise what it raised."""

    def __init__(self, shell: Any, seat: Seat, function: FunctionType, *, background: bool) -> None:
        self.background = background
        self._shell, self._seat, self._function = shell, seat, function
        self._future: Future[Any] = Future()
        self._interrupted = False
        self._turn = threading.Event()

    def __repr__(self) -> str:
        return f"<{self._seat.name}, in the background>"

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()

    @property
    def result(self) -> Any:
        """The value of its last expression; None while it runs, and when it failed."""
        return self._future.result() if self.done and self._future.exception() is None else None

    @property
    def error(self) -> BaseException | None:
        """What it raised; None while it runs, and when nothing was."""
        return self._future.exception() if self.done else None

    def wait(self, timeout: float = TIMEOUT) -> Any:
        """The value of its last expression, or what it raised; a TimeoutError with a sentence when it runs on."""
        if not self.done:
            with suppress(FutureTimeoutError):
                self._future.exception(timeout)
        if not self.done:
            raise WaitedInVain(f"{self._seat.name} is still at work in the background after {timeout:g} s.")
        return self._future.result()

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.shield(asyncio.wrap_future(self._future)).__await__()

    def start(self, *, timeout: float | None, close: bool) -> None:
        """Begin, in a thread with a copy of this context."""
        self._seat.run = self
        self._future.set_running_or_notify_cancel()
        threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._work, timeout, close, _header(self._shell)),
            name=f"socketserver_trace %%client {self._seat.name}",
            daemon=True,
        ).start()

    def in_foreground(self, *, timeout: float | None, close: bool) -> bool:
        """Begin, and wait until it has ended or gone into the background. Returns whether it has ended.

        KeyboardInterrupt ends the wait, closes the client, and lets a paused server go on.
        """
        try:
            self.start(timeout=timeout, close=close)
            while not self._turn.wait(SLICE):
                pass
        except KeyboardInterrupt:
            self._interrupt()
            raise
        return not self.background

    def attend(self) -> None:
        """The client waits: not for a cell that was interrupted, and in the background for a server that is paused."""
        if self._interrupted:
            raise GivenUp(f"{self._seat.name} was interrupted.")
        if not self.background and is_paused(self._seat.served):
            self.background = True
            self._turn.set()

    def _interrupt(self) -> None:
        self._interrupted = True
        try:
            with suppress(FutureTimeoutError):
                self._future.exception(GRACE)
        finally:
            self._seat.close()
        release = getattr(getattr(self._seat.served, "breakpoints", None), "release", None)
        if release is not None:
            release()

    def _work(self, timeout: float | None, close: bool, header: Any) -> None:
        result: Any = None
        error: BaseException | None = None
        with self._shell.builtin_trap, _under_its_cell(self._shell, header):
            try:
                result = self._run(timeout, close=close)
                if self.background and result is not None:
                    display(result)  # type: ignore[no-untyped-call] # IPython has no types for it
            except BaseException as raised:  # noqa: BLE001 - it is raised where somebody waits for it, also SystemExit
                error = shown_in_cell(self._shell, self._function, raised)
                if self.background:
                    self._show(error)
            sys.stdout.flush()
        if error is None:
            self._future.set_result(result)
        else:
            self._future.set_exception(error)
        self._turn.set()

    def _run(self, timeout: float | None, *, close: bool) -> Any:
        client = self._seat.connected(timeout, self)
        try:
            return self._function(client)
        finally:
            if close or self._interrupted:
                client.close()

    def _show(self, error: BaseException) -> None:
        """As a stream: it stands under its own cell on every kernel, which an error message does not."""
        render = getattr(error, RENDER, None)
        lines = [f"{type(error).__name__}: {error}"] if render is None else render()
        sys.stdout.flush()  # what was printed before stands before
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()


def shown_in_cell(shell: Any, function: FunctionType, error: BaseException) -> BaseException:
    """Let IPython show the traceback from the cell's own line on, without those of this package around it."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code is not function.__code__:
        traceback = traceback.tb_next
    if traceback is not None and not isinstance(error, Sentence):
        formatted = shell.InteractiveTB.structured_traceback
        with suppress(AttributeError):  # an exception that takes no attributes is shown whole
            setattr(error, RENDER, lambda: formatted(type(error), error, traceback, tb_offset=0))
    return error


def is_paused(served: Served) -> bool:
    """Whether a thread of the server is paused at a breakpoint."""
    return bool(getattr(getattr(served, "breakpoints", None), "parked", ()))


def _header(shell: Any) -> Any:
    return getattr(shell.display_pub, "parent_header", None)


@contextmanager
def _under_its_cell(shell: Any, header: Any) -> Iterator[None]:
    """Kernels before 7 keep one cell for all displays, and not one for each context: the thread's own says its cell."""

    def hook(message: dict[str, Any]) -> dict[str, Any]:
        message["parent_header"] = header
        return message

    publisher = shell.display_pub
    if not hasattr(publisher, "register_hook"):  # the terminal's has no cells
        yield
        return
    publisher.register_hook(hook)
    try:
        yield
    finally:
        publisher.unregister_hook(hook)
