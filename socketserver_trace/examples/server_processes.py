"""A server with a process for each core: one port, and in each process a socket of its own that listens there.

    class MyServer(ProcessesMixIn, LettingGoMixIn, ThreadingTCPServer): ...

One Python process keeps one core busy, however many threads it has. Here the parent makes a listening socket for each
process, and forks. Each child serves its socket by what comes after ProcessesMixIn, threads here; the parent serves
nobody. It looks after its children in the pauses of its loop, as ForkingMixIn does: one that has died is replaced.

Several sockets may listen at one address when all of them have the option SO_REUSEPORT and belong to the same user
(socket(7)). Linux gives each connection to one of them, by a hash of the addresses, so each has its queue and no two
processes wake up for the same connection. macOS and the BSDs have the option too, and do not share out by it. A second
server at the same port is no error any more but gets a share as well: start one.

A connection that waits belongs to the queue of one socket. If only its child had that socket, a child that died would
take the queue along; here the parent has all of them open, and the next child finds who waits. What is lost with a
child are the conversations that it was in.

The processes share no memory: what a handler keeps in `self.server` is one child's alone.

The law: no child outlives its parent. All have the reading end of a pipe of which the parent alone has the other end.
Nobody ever writes into it; its end of file says that the parent has stopped, or is gone, whatever it was killed by. A
child that has not ended some seconds later ends itself. The service here is that of `shout`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
import traceback
import warnings
from collections import deque
from socketserver import TCPServer, ThreadingTCPServer

from socketserver_trace.examples import shout
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from socketserver_trace.examples.command import Options


class ProcessesMixIn(TCPServer):
    """Serves in several processes. Stands first: what comes after it is what each child does."""

    processes = os.cpu_count() or 1
    """How many there are."""

    patience = 10.0
    """How many seconds a child may take to end its conversations."""

    deaths = 5
    """How many children may die within `deaths_within` seconds. After one more the server gives up."""

    deaths_within = 10.0

    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if not hasattr(socket, "SO_REUSEPORT") or not hasattr(os, "fork"):
            raise OSError("this needs fork() and SO_REUSEPORT, and the system does not have both")
        self._sockets: list[socket.socket] = []
        self._children: dict[int, socket.socket] = {}  # by their pids
        self._died: deque[float] = deque()
        self._reading = self._writing = -1  # the ends of the pipe; a child is told by it, and has none of its own
        super().__init__(*arguments, **options)

    def server_bind(self) -> None:
        """Bind as many sockets as there are processes. The first one finds the port."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
        self._sockets.append(self.socket)
        for _ in range(self.processes - 1):
            another = socket.socket(self.address_family, self.socket_type)
            self._sockets.append(another)
            another.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            another.bind(self.server_address)

    def server_activate(self) -> None:
        """Let all of them listen. From now on connections wait, until a child takes them."""
        super().server_activate()
        for another in self._sockets[1:]:
            another.listen(self.request_queue_size)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Have the children serve until shutdown(). ChildProcessError when they die as soon as they are started."""
        self._poll_interval = poll_interval
        self._reading, self._writing = os.pipe()
        try:
            for listening in self._sockets:
                self._start_a_child(listening)
            super().serve_forever(poll_interval)
        finally:
            self._end_the_children()

    def fileno(self) -> int:
        """What the loop waits for: a connection in a child; in the parent nothing, so it does what pauses are for."""
        return super().fileno() if self._reading < 0 else self._reading

    def service_actions(self) -> None:
        """In the parent, replace the children that have died; then what `super()` does."""
        for pid, listening in list(self._children.items()):
            if _has_ended(pid, os.WNOHANG):
                del self._children[pid]
                self._note_a_death()
                self._start_a_child(listening)
        super().service_actions()

    def server_close(self) -> None:
        """Do what `super()` does, and close the sockets of the others."""
        super().server_close()
        for listening in self._sockets:
            listening.close()

    def _note_a_death(self) -> None:
        now = self.clock()
        self._died.append(now)
        while self._died[0] < now - self.deaths_within:
            self._died.popleft()
        if len(self._died) > self.deaths:
            raise ChildProcessError(f"{len(self._died)} children have died within {self.deaths_within:g} seconds")

    def _end_the_children(self) -> None:
        for end in (self._reading, self._writing):
            os.close(end)
        self._reading = self._writing = -1
        while self._children:
            pid, _ = self._children.popitem()
            _has_ended(pid, 0)

    def _start_a_child(self, listening: socket.socket) -> None:
        pid = os.fork()
        if pid == 0:
            self._be_a_child(listening)
        self._children[pid] = listening

    def _be_a_child(self, listening: socket.socket) -> NoReturn:
        """Serve a socket until the pipe ends. Never returns: what called this is the parent's business."""
        status = 1
        try:
            for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C and service managers mean all of us: the parent
                signal.signal(number, signal.SIG_IGN)  # hears it, and ends us
            self._keep_only(listening)
            super().serve_forever(self._poll_interval)
            super().server_close()
            status = 0
        except BaseException:  # noqa: BLE001 - as in ForkingMixIn, whatever it was ends here
            traceback.print_exc()
        finally:
            os._exit(status)

    def _keep_only(self, listening: socket.socket) -> None:
        """Let go of what is the parent's and the other children's, and wait for the end of the pipe in a thread."""
        os.close(self._writing)
        reading, self._reading = self._reading, -1
        self._children.clear()
        for other in self._sockets:
            if other is not listening:
                other.close()
        self.socket = listening
        threading.Thread(target=self._wait_for_the_end, args=(reading,), daemon=True).start()

    def _wait_for_the_end(self, reading: int) -> None:
        os.read(reading, 1)
        too_late = threading.Timer(self.patience, os._exit, (1,))
        too_late.daemon = True
        too_late.start()
        super().shutdown()


def _has_ended(pid: int, options: int) -> bool:
    """Whether a child has ended; without the option WNOHANG, when it has."""
    try:
        return os.waitpid(pid, options)[0] == pid
    except ChildProcessError:  # somebody else has waited for it
        return True


class ProcessesShoutServer(ProcessesMixIn, LettingGoMixIn, ThreadingTCPServer):
    """The service of `shout`, on all cores."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], processes: int = ProcessesMixIn.processes) -> None:
        if processes < 1:
            raise ValueError("there is one process at least")
        self.processes = processes
        super().__init__(address, shout.ShoutHandler)


def _made(options: Options) -> ProcessesShoutServer:
    # In a trace there is one: which of several gets a connection is decided by its port, anew on each run.
    processes = options.processes if options.processes is not None else 1 if options.trace else ProcessesMixIn.processes
    return ProcessesShoutServer((options.host, options.port), processes)


COMMAND = Command(__doc__, _made, shout.converse, beside=shout.stock)
COMMAND.parser.add_argument("--processes", type=int, help="how many (default: one for each core)")

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it is a service manager's Ctrl-C
    # The parent of a trace has a second thread, which plays the clients, and Python warns of a fork beside threads.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    raise SystemExit(COMMAND.run())
