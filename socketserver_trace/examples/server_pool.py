"""A server with a fixed number of threads: however many come, no more are served at once than it has workers.

    class MyServer(PoolMixIn, TCPServer): ...

ThreadingMixIn starts a thread for each connection, so whoever connects a thousand times has a thousand threads started.
PoolMixIn starts its `workers` when the server is activated. The loop accepts and puts each connection into a queue, and
whichever worker is free takes it out. Up to `waiting` connections wait there. When the queue is full,

* the loop waits for room, and accepts nobody meanwhile: who comes waits in the backlog of the listening socket, and
  when that is full too, in his own connect(). This is what happens unless somebody says otherwise.
* or, with a `refusal`, whoever comes is sent these bytes and let go at once. Who has sent something before he reads
  them may get a reset instead: TCP answers so to bytes that nobody will read.

A worker serves a connection until it ends. So a pool is for conversations that are short, or for handlers with a
timeout: eight clients that say nothing are all that eight workers can serve.

`concurrent.futures.ThreadPoolExecutor` is not used, because its queue has no bound: the loop would accept as fast as
clients connect, and each connection that waits costs a descriptor.

The law: a worker outlives whatever happens in a request. What was accepted is served or refused, also when the server
is closed; server_close() waits for that, as ThreadingMixIn's does. The service here is that of `shout`.
"""

from __future__ import annotations

import queue
import sys
import threading
from contextlib import suppress
from socketserver import BaseServer, TCPServer

from socketserver_trace.examples import shout
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from socketserver_trace.examples.command import Options

PAUSE: Final = 0.1
"""How many seconds the loop waits for room before it does what is to be done in its pauses."""


class PoolMixIn(BaseServer):
    """Has requests handled by a fixed number of threads. Stands where ThreadingMixIn would, after LettingGoMixIn."""

    workers = 8
    """How many threads there are."""

    waiting = 16
    """How many connections may wait for one of them, at least one."""

    refusal = b""
    """What is sent to whoever comes when that many wait. Without it the loop waits for room."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._crew: list[threading.Thread] = []
        self._accepted: queue.Queue[tuple[Any, Any] | None] = queue.Queue(self.waiting)
        self._is_ending = threading.Event()
        super().__init__(*arguments, **options)

    def server_activate(self) -> None:
        """Do what `super()` does, and start the workers."""
        super().server_activate()
        for number in range(self.workers):
            worker = threading.Thread(target=self._work, name=f"worker {number + 1}")
            worker.start()
            self._crew.append(worker)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Refuse whom there is no room for, if the server has words for it; then what `super()` says."""
        if self.refusal and self._accepted.full():  # only this thread puts something into it
            with suppress(OSError):  # it has gone already
                request.sendall(self.refusal)  # never waits: nothing else was sent before
            return False
        return super().verify_request(request, client_address)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand the request to the workers, as soon as there is room; let it go if the server is stopped before."""
        while True:
            try:
                self._accepted.put((request, client_address), timeout=PAUSE)
            except queue.Full:
                if self._is_ending.is_set():
                    self.shutdown_request(request)
                    return
                self.service_actions()
            else:
                return

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle one request, in a worker. The same as in ThreadingMixIn."""
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - whatever a handler raises is told by handle_error
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)

    def shutdown(self) -> None:
        """Stop the loop, also while it waits for room."""
        self._is_ending.set()
        try:
            super().shutdown()
        finally:
            self._is_ending.clear()

    def server_close(self) -> None:
        """Do what `super()` does, and wait until the workers have served what was accepted."""
        super().server_close()
        crew, self._crew = self._crew, []
        for _worker in crew:
            self._accepted.put(None)
        for worker in crew:
            worker.join()

    def _work(self) -> None:
        while (accepted := self._accepted.get()) is not None:
            try:
                self.process_request_thread(*accepted)
            except BaseException:  # noqa: BLE001 - told as if it had ended this thread, which goes on
                _, error, where = sys.exc_info()
                threading.excepthook(threading.ExceptHookArgs((type(error), error, where, threading.current_thread())))


class PooledShoutServer(LettingGoMixIn, PoolMixIn, TCPServer):
    """The service of `shout`, for so many at once."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], workers: int = PoolMixIn.workers, *, refusal: bytes = b"") -> None:
        if workers < 1:
            raise ValueError("a pool has one worker at least")
        self.workers = workers
        self.refusal = refusal
        super().__init__(address, shout.ShoutHandler)


def _made(options: Options) -> PooledShoutServer:
    # In a trace one worker shows best what a pool is: bob is accepted at once, and waits for the worker alice has.
    workers = options.workers if options.workers is not None else 1 if options.trace else PoolMixIn.workers
    refusal = b"ERROR too many are here; try again later\n" if options.refuse else b""
    return PooledShoutServer((options.host, options.port), workers, refusal=refusal)


COMMAND = Command(__doc__, _made, shout.converse, beside=shout.stock)
COMMAND.parser.add_argument("--workers", type=int, help=f"how many threads (default: {PoolMixIn.workers})")
COMMAND.parser.add_argument("--refuse", action="store_true", help="refuse whom there is no room for")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
