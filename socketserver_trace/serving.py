"""`serve()`: a traced server that is ready when the block begins and gone when it ends.

The server listens on 127.0.0.1 and a free port, in a thread of its own. The end of the block closes the clients that it
made, stops the loop, closes the server and joins the thread, and does not hang: what does not end within the deadline
is named in a sentence, and its connections are broken off, so that a forgotten client costs seconds and not the lesson.

Two things differ from a server that you run yourself, both for notebooks, where a thread must not print: the traceback
that `handle_error` would print is kept in `served.errors`, and an exception that ends the loop is raised where the
block ends.
"""

from __future__ import annotations

import inspect
import itertools
import sys
import threading
import time
import traceback
import weakref
from time import perf_counter_ns

from socketserver_trace.assembly import assemble
from socketserver_trace.breakpoints import Breakpoints
from socketserver_trace.clients import TIMEOUT, client_of, remove_folder
from socketserver_trace.events import RETURN, START
from socketserver_trace.forgotten import forget, stop_at_the_end
from socketserver_trace.forks import family, has_ended
from socketserver_trace.fronts import source_of
from socketserver_trace.joining import workers_of
from socketserver_trace.kernel import KernelView, record, snapshot
from socketserver_trace.making import made_server
from socketserver_trace.parking import Parking
from socketserver_trace.providers import classes_by_name
from socketserver_trace.quiescence import unsettled
from socketserver_trace.recorder import DEFAULT_CAP, Flow, Meaning, Recorder, Source, acting_for, local
from socketserver_trace.sentences import (
    AlreadyStarted,
    NoLab,
    ServingEnded,
    StillWaiting,
    WaitedInVain,
    WouldWaitForever,
)
from socketserver_trace.sockets import attachments
from socketserver_trace.trace import Trace
from socketserver_trace.waits import sentence_about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from socketserver import BaseServer
    from types import TracebackType
    from typing import Any, Final

    from socketserver_trace.deadlines import Attendant
    from socketserver_trace.recording import Recording

POLL_INTERVAL: Final = 0.02
"""How often the loop looks whether it was told to stop, in seconds: what stopping costs."""

SLICE: Final = 0.05
"""How long a waiting thread sleeps at most before it looks again, in seconds."""

SETTLE: Final = 1.0
"""How many seconds `served.trace` waits for a server that is at work."""


class Served:
    """A running traced server, with its clients, its trace and its breakpoints. Made by `serve()`."""

    def __init__(
        self,
        server: type | Callable[..., Any] | BaseServer,
        handler: Callable[..., Any] | None = None,
        *,
        address: Any = None,
        timeout: float = TIMEOUT,
        cap: int | None = DEFAULT_CAP,
    ) -> None:
        self._timeout = timeout
        self._clients: list[Any] = []
        self._numbers = itertools.count(1)
        self._ended: BaseException | None = None
        self._failed: list[BaseException] = []
        self._thread: threading.Thread | None = None
        self._stopped = self._over = False
        self._stopping = threading.Lock()
        self._lab: Any = None
        self._forget_interrupts: Callable[[], None] = lambda: None
        self.server, self._folder = made_server(server, handler, address, cap)
        self._source = source_of(self.server)
        self._source.quiet = True
        self._source.patience = timeout
        self._source.clients = weakref.WeakSet()
        self._parking = Parking(self._source)
        self.breakpoints = Breakpoints(self.server, self._parking)

    def __repr__(self) -> str:
        return f"<{self._source.name}, {self.state}>"

    @property
    def state(self) -> str:
        """Whether it is "not started", "running" or "stopped"."""
        return "stopped" if self._stopped else "not started" if self._thread is None else "running"

    @property
    def recorder(self) -> Recorder:
        """The recorder of the server and of its clients."""
        return self._source.recorder

    @property
    def errors(self) -> list[str]:
        """The tracebacks that would have been printed: by `handle_error`, and of what ended the loop, in order."""
        return list(self._source.errors)

    @property
    def trace(self) -> Trace:
        """What has happened so far, once the server has nothing left to do (or after a second, if it has)."""
        self.settle(SETTLE)
        return Trace(self.recorded(), classes=classes_by_name(self.server))

    def kernel(self, *, recorded: bool = True) -> KernelView:
        """What the kernel knows now of the server's sockets and of its clients', put into the trace as well.

        Not `recorded`, it is as it is just now, on its way or not, and the trace does not know of it.
        """
        view = snapshot(self.server, self._source, self._clients, patience=SETTLE / 4 if recorded else 0)
        if recorded:
            record(self._source, view)
        return view

    def lab(self) -> Any:
        """The live lab, for the last line of a notebook's cell: the drawing as it grows, its clients, its pauses.

        Asked again, it is the same one. ModuleNotFoundError with a sentence where the packages of `lab` are missing.
        """
        if self._lab is None or self._lab.is_closed:
            try:
                from socketserver_trace.notebook.lab import Lab
            except ModuleNotFoundError as error:
                raise NoLab(
                    f"the live lab needs the package {error.name}: pip install 'socketserver_trace[lab]'.",
                    name=error.name,
                ) from None
            self._lab = Lab(self)
            if self._stopped:
                self._lab.session.finish()
            else:
                self._lab.session.start()
        return self._lab

    def client(
        self, name: str | None = None, *, timeout: float | None = None, attendant: Attendant | None = None
    ) -> Any:
        """A new client of the server, connected: a `StreamClient` or a `DatagramClient`, as the server is.

        The attendant's `attend` is called again and again while the client waits, its `closed` when it has been closed.
        """
        name = name or f"client {next(self._numbers)}"
        timeout = self._timeout if timeout is None else timeout
        made = client_of(self.server, self._source, name=name, timeout=timeout, attendant=attendant)
        self._clients.append(made)
        if self._stopped:
            made.close()  # it came while the others were closed
        return made

    def settle(self, timeout: float = TIMEOUT) -> bool:
        """Wait until the server has done all that its clients gave it to do. Returns whether it has.

        A thread that is paused is waited for by nobody. An interrupt releases all that are.
        """
        return self._wait_until(self._is_at_rest, timeout)

    def _is_at_rest(self) -> bool:
        recording = self.recorded()
        # In this order: whoever is paused only after its events were read is still at work in them.
        return unsettled(recording, self._parking.lanes(recording)) is None

    def wait_for(
        self, hook: str, *, phase: str = RETURN, connection: int | None = None, timeout: float = TIMEOUT
    ) -> None:
        """Wait until a hook was entered, returned or raised; TimeoutError with a sentence when it was not."""

        def happened() -> bool:
            return any(
                event.hook == hook and event.phase == phase and connection in {None, event.connection}
                for event in self.recorded()
            )

        if not self._wait_until(happened, timeout):
            where = "" if connection is None else f" of connection {connection}"
            paused = f": {told}" if (told := self.breakpoints.told()) else ""
            raise WaitedInVain(f"waited {timeout:g} s for the {phase} of {hook}{where}, in vain{paused}.")

    def start(self) -> Served:
        """Start serving; returns when the server waits for its clients.

        For a server that lives over several cells of a notebook: call `stop()` when it is done.
        """
        if self._thread is not None:
            raise AlreadyStarted(f"this {self._source.name} was started before: make another one with serve().")
        flow, begun = Flow(), threading.Event()
        if {"serve_forever", "fileno"} & vars(self.server).keys():  # its own, where nothing tells when it begins
            begun.set()
        self._thread = threading.Thread(
            target=self._run, args=(flow, begun), name="socketserver_trace serve", daemon=True
        )
        starting = Meaning(START, None, None)
        self._source.record((perf_counter_ns(), local.here, self._source, starting, None, flow))
        self._source.loops.add(flow)  # from now on somebody will end whatever shutdown() waits for
        self._source.begins = begun.set
        with self._parking.heard_by(begun):  # or it is paused before it begins
            self._thread.start()
            begun.wait(self._timeout)
        if "IPython" in sys.modules:
            from socketserver_trace.notebook.interrupts import when_a_cell_is_interrupted

            self._forget_interrupts = when_a_cell_is_interrupted(self._parking.release)
        stop_at_the_end(self)
        return self

    def _run(self, flow: Flow, begun: threading.Event) -> None:
        local.here = flow
        flow.ident = threading.get_ident()
        try:
            self._serve_forever()
        except BaseException as error:  # noqa: BLE001 - raised where the block ends, also SystemExit
            self._ended = error
            self._source.errors.append(traceback.format_exc())
            self._source.ended = f"the server's loop had ended, by {type(error).__name__}: {error}"
        finally:
            self._source.loops.discard(flow)
            begun.set()

    def _serve_forever(self) -> None:
        """The loop, with a short poll interval where the program's own takes one."""
        method = self.server.serve_forever
        try:
            inspect.signature(method).bind(poll_interval=POLL_INTERVAL)
        except TypeError:
            method()
        else:
            method(poll_interval=POLL_INTERVAL)

    def stop(self) -> None:
        """Stop and close the server and its clients. Stopping twice is harmless.

        StillWaiting when something did not end by itself, ServingEnded when the loop had ended by an exception.
        WouldWaitForever, and nothing is stopped, in a thread of the server itself.
        """
        if not self._over and threading.current_thread() in self._own_threads():
            raise WouldWaitForever(
                "stop() waits for the end of the server's threads, and this is one of them: "
                "call it from another thread."
            )
        waited_for = self._stop()
        if waited_for is not None:
            raise StillWaiting(waited_for)
        if self._ended is not None:
            ended, self._ended = self._ended, None
            raise ServingEnded(
                f"serve_forever() ended before the server was stopped, by {type(ended).__name__}: {ended}"
            ) from ended
        if self._failed:
            raise self._failed[0]

    def __enter__(self) -> Served:  # noqa: PYI034 - typing has Self from Python 3.11 on
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.stop()
        else:
            self._stop()  # what went wrong in the block matters more

    def _stop(self) -> str | None:
        """Stop, close and join everything. Returns the sentence about what did not end by itself.

        Whoever calls it a second time waits until the first has done it.
        """
        with self._stopping:
            if self._over:
                return None
            try:
                return self._stop_now()
            finally:
                self._over = True

    def _stop_now(self) -> str | None:
        self._stopped = True
        forget(self)
        self._parking.release(end=True)
        self._forget_interrupts()
        if self._lab is not None:
            self._lab.session.let_go()
        self._source.patience = None  # here each wait has a deadline of its own
        for client in self._clients:
            try:
                client.close()
            except Exception as error:  # noqa: BLE001 - raised when everything has been stopped
                self._failed.append(error)
        late: list[str | None] = []
        if self._thread is not None:
            late.append(self._within_the_deadline("shutdown"))
            # Only then: a loop that is just beginning must not find its socket closed.
            self._thread.join(self._timeout)
        late.append(self._within_the_deadline("server_close"))
        self._join_the_rest()
        self._collect_the_rest()
        self._remove_folder()
        if self._lab is not None:
            self._lab.session.finish()
        return next((sentence for sentence in late if sentence is not None), None)

    def left_behind(self) -> list[str]:
        """What is still there of a server that was stopped, a sentence for each thing; nothing, if all is well."""
        threads = [f"{thread.name} has not ended." for thread in self._own_threads() if thread and thread.is_alive()]
        children = [f"the child process {pid} has not ended." for pid in self._children()]
        sockets = ["the server's socket is still open."] if self.server.socket.fileno() != -1 else []
        clients = [f"{client.name} has not been closed." for client in self._clients if client.socket.fileno() != -1]
        return [*threads, *children, *sockets, *clients]

    def _workers(self) -> list[threading.Thread]:
        """The threads that have handled a request, as far as they still are."""
        return [thread for flow in workers_of(self._source) if (thread := flow.runs_in()) is not None]

    def _own_threads(self) -> list[threading.Thread | None]:
        return [self._thread, *self._workers()]

    def _join_the_rest(self) -> None:
        """Threads that `server_close` does not wait for, because they are daemons say, are not left behind either."""
        rest = self._workers()
        if any(thread.is_alive() for thread in rest):
            self.settle(self._timeout)  # whoever is at work finishes; whoever waits for a silent client does not
            self._break_off()
        for thread in rest:
            thread.join(self._timeout)

    def _collect_the_rest(self) -> None:
        """Likewise children that `server_close` does not wait for."""
        deadline = time.monotonic() + self._timeout
        for pid in self._children():
            while not has_ended(pid) and time.monotonic() < deadline:
                time.sleep(SLICE)
        self._kill_children()
        for pid in self._children():
            family.wait(pid, 0)
            self.server.active_children.discard(pid)

    def _children(self) -> list[int]:
        return sorted(vars(self.server).get("active_children") or ())

    def _kill_children(self) -> bool:
        """Kill the children that still live, whom nobody else would ever end. Returns whether there were any."""
        return any([family.kill(pid) for pid in self._children()])  # noqa: C419 - all of them, not up to the first

    def _within_the_deadline(self, method: str) -> str | None:
        """Call a method that may wait, as this thread. When it is late, break off the connections it waits for."""
        flow = local.here

        def call() -> None:
            try:
                with acting_for(flow):
                    getattr(self.server, method)()
            except BaseException as error:  # noqa: BLE001 - raised when everything has been stopped
                self._failed.append(error)

        thread = threading.Thread(target=call, name=f"socketserver_trace {method}", daemon=True)
        thread.start()
        thread.join(self._timeout)
        sentence: str | None = None
        if thread.is_alive():
            sentence = self._what_it_waits_for(method)
            self._break_off()
            if self._kill_children():
                sentence += " The children that were left have been killed."
            thread.join(self._timeout)
        return sentence

    def _what_it_waits_for(self, method: str) -> str:
        return f"{method}() still waited after {self._timeout:g} s: {sentence_about(method, self.recorded())}"

    def recorded(self) -> Recording:
        """Everything so far as it was recorded, at work or not; `trace` waits for a moment of rest."""
        return assemble(self._source.recorder)

    def _break_off(self) -> None:
        """Shut down the connections of this server, so that a handler that waits for one sees its end."""
        for attachment in list(attachments.values()):
            if attachment.source is self._source and attachment.connection is not None:
                attachment.break_off()

    def _wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Ask again after each record, until the condition holds or the time is over."""
        news = threading.Event()
        forget = self._source.recorder.listen(lambda _record: news.set())
        deadline = time.monotonic() + timeout
        try:
            with self._parking.released_by_an_interrupt(), self._parking.heard_by(news):
                while not condition():
                    remaining = deadline - time.monotonic()
                    if remaining <= 0:
                        return False
                    # In slices: a record that was on its way when we began to listen is in the list, told to nobody.
                    news.wait(min(remaining, SLICE))
                    news.clear()
                return True
        finally:
            forget()

    def _remove_folder(self) -> None:
        if self._folder is not None:
            remove_folder(self._folder)
            self._folder = None


def serve(
    server: type | Callable[..., Any] | BaseServer,
    handler: Callable[..., Any] | None = None,
    *,
    address: Any = None,
    timeout: float = TIMEOUT,
    cap: int | None = DEFAULT_CAP,
) -> Served:
    """A traced server for a `with` block, listening already, serving when the block begins.

    `server` is a server class, which is made with `address` (127.0.0.1 and a free port unless told otherwise, a path in
    a temporary folder for Unix sockets) and `handler`; or a function of these two, or without a handler of nothing,
    that makes a server; or a traced server that you made yourself. `timeout` is how many seconds a client and the end
    of the block wait. `cap` is how many events are kept, None for all. OSError with a clear sentence when the address
    cannot be had.
    """
    return Served(server, handler, address=address, timeout=timeout, cap=cap)


def trace_of(server: BaseServer) -> Trace:
    """The trace so far of any traced server, running or closed. TypeError for a server that is not traced."""
    return Trace(assemble(_traced_source(server).recorder), classes=classes_by_name(server))


def kernel_of(server: BaseServer) -> KernelView:
    """What the kernel knows now of the sockets of any traced server. TypeError for a server that is not traced."""
    return snapshot(server, _traced_source(server))


def _traced_source(server: BaseServer) -> Source:
    source = getattr(server, "_socketserver_trace_source", None)
    if not isinstance(source, Source):
        raise TypeError(
            f"this {type(server).__name__} is not traced: make it from traced({type(server).__name__}), "
            "or change the import to `import socketserver_trace as socketserver`."
        )
    return source
