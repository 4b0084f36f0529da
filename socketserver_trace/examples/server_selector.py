"""A server with one thread for all: it waits for everybody at once, and serves whoever has something for it.

    class MyServer(SelectorServer): ...
    class MyHandler(ReadyHandler): ...

A thread that reads waits for one client. Here nothing waits but the loop, in a selector (select(2), epoll(7)), for the
listening socket and for all connections together. So a connection costs a few objects and no thread, and a thousand
that say nothing cost nothing else. The price: a handler must not wait either. It is a `BaseRequestHandler` with the
same three methods, called at other times: setup() when the connection comes, handle() whenever bytes have come, which
are in `received`, and finish() when it is over. What it puts into `answers` is sent when there is room.

The hooks of the server are the standard library's: get_request, verify_request, process_request, finish_request,
shutdown_request, handle_error, service_actions and, after handle_request has waited for `timeout`, handle_timeout.

Everything has a bound. Of what comes nothing is read while `most_answers` bytes wait to be sent, so who does not read
is not listened to, and costs no more memory. Who takes no bytes, and says nothing that can be answered, for `idle`
seconds is let go: a byte now and then is no answerable thing. When `most_connections` are open, the others wait in the
backlog. An end of file ends what comes; what was asked before is answered.

The law: no method here waits, except for the one that waits for all. The protocol here is that of `shout`.
"""

from __future__ import annotations

import selectors
import threading
import time
from contextlib import suppress
from socketserver import BaseRequestHandler, TCPServer

from socketserver_trace.examples import shout
from socketserver_trace.examples.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.serving import Served

CHUNK: Final = 16 * 1024
"""How many bytes are taken at once from one connection, before it is the next one's turn."""


class ReadyHandler(BaseRequestHandler):
    """One conversation. A subclass says in handle() what is done with what has come."""

    server: SelectorServer
    request: socket.socket

    is_over = False
    """Whether nothing more shall be read. What waits is still sent; then the conversation ends."""

    def __init__(self, request: socket.socket, client_address: Any, server: Any) -> None:
        # That of BaseRequestHandler would call handle() and finish() right now.
        self.request, self.client_address, self.server = request, client_address, server
        self.received, self.answers = bytearray(), bytearray()
        self.setup()

    def handle(self) -> None:
        """Take out of `received` what is whole, and put the answers into `answers`. Must not wait."""

    def too_late(self) -> None:
        """Nothing has happened for too long. What is put into `answers` now is sent, if there is room, as the last."""


class SelectorServer(TCPServer):
    """Serves many connections in the one thread that runs its loop. Its handlers are `ReadyHandler`s."""

    most_answers = 64 * 1024
    """From how many bytes on that wait to be sent a connection is not read."""

    most_connections = 1_000
    """How many may be open at once. The system has a limit of its own, of descriptors (ulimit -n)."""

    idle = 30.0
    """How many seconds a connection may do nothing."""

    def __init__(self, *arguments: Any, clock: Callable[[], float] = time.monotonic, **options: Any) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._seen: dict[ReadyHandler, float] = {}  # who has done nothing for longest stands first
        self._shall_end = False
        self._has_ended = threading.Event()
        super().__init__(*arguments, **options)

    def server_activate(self) -> None:
        """Do what `super()` does; and let accept() not wait, in case that who was there has gone again."""
        super().server_activate()
        self.socket.settimeout(0)
        self._selector.register(self.socket, selectors.EVENT_READ)

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until shutdown(), which is noticed every `poll_interval` seconds."""
        self._has_ended.clear()
        try:
            while not self._shall_end:
                self._serve_who_is_ready(poll_interval)
                self.service_actions()
        finally:
            self._shall_end = False
            self._has_ended.set()

    def shutdown(self) -> None:
        """Stop the loop, and wait until it has ended. Call it while the loop runs, in another thread."""
        self._shall_end = True
        self._has_ended.wait()

    def handle_request(self) -> None:
        """Serve once who is ready, or whoever is first within `timeout` seconds."""
        if not self._serve_who_is_ready(self.timeout):
            self.handle_timeout()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection in. It is over when finish() has been called, long after this has returned."""
        request.settimeout(0)
        self.finish_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Make the handler, and keep it."""
        make: Any = self.RequestHandlerClass
        handler: ReadyHandler = make(request, client_address, self)
        self._selector.register(request, selectors.EVENT_READ, handler)
        self._note_progress(handler)
        if len(self._seen) == self.most_connections:
            self._selector.unregister(self.socket)

    def service_actions(self) -> None:
        """Let go who has done nothing for too long."""
        too_long_ago = self._clock() - self.idle
        for handler, seen in list(self._seen.items()) if self._oldest() < too_long_ago else ():
            if seen < too_long_ago:
                self._act(handler, self._let_go)
        super().service_actions()

    def server_close(self) -> None:
        """End all conversations, and then what `super()` does."""
        for handler in list(self._seen):
            self._end(handler)
        self._selector.close()
        super().server_close()

    def _serve_who_is_ready(self, timeout: float | None) -> bool:
        ready = self._selector.select(timeout)
        for key, events in ready:
            if key.fileobj is self.socket:
                self._welcome()
            else:
                self._act(key.data, self._send if events & selectors.EVENT_WRITE else self._receive)
        return bool(ready)

    def _welcome(self) -> None:
        """Take a connection in, or not, as BaseServer does."""
        try:
            request, client_address = self.get_request()
        except OSError:
            return
        try:
            if self.verify_request(request, client_address):
                self.process_request(request, client_address)
                return
        except Exception:  # noqa: BLE001 - as in BaseServer, whatever it was is told by handle_error
            self.handle_error(request, client_address)
        self.shutdown_request(request)

    def _act(self, handler: ReadyHandler, act: Callable[[ReadyHandler], None]) -> None:
        """Do something for one conversation. Whatever goes wrong in it ends that one."""
        try:
            act(handler)
            self._want(handler)
        except BlockingIOError:
            pass  # it was not ready to be read after all
        except ConnectionError:
            self._end(handler)  # it has gone without a word
        except Exception:  # noqa: BLE001 - likewise
            self.handle_error(handler.request, handler.client_address)
            self._end(handler)

    def _receive(self, handler: ReadyHandler) -> None:
        data = handler.request.recv(CHUNK)
        if not data:
            handler.is_over = True
            return
        handler.received += data
        waiting = len(handler.received)
        handler.handle()
        if len(handler.received) < waiting:
            self._note_progress(handler)
        if handler.answers:
            self._send(handler)

    def _send(self, handler: ReadyHandler) -> None:
        with suppress(BlockingIOError):  # there is no room; the selector tells when there is
            sent = handler.request.send(handler.answers)
            del handler.answers[:sent]
            self._note_progress(handler)

    def _let_go(self, handler: ReadyHandler) -> None:
        handler.is_over = True
        if not handler.answers:  # else it does not read, and would not read this
            handler.too_late()
            if handler.answers:
                self._send(handler)
        handler.answers.clear()

    def _want(self, handler: ReadyHandler) -> None:
        """Wait for what a conversation needs next, or end it when it needs nothing."""
        reading = not handler.is_over and len(handler.answers) < self.most_answers
        events = reading * selectors.EVENT_READ | bool(handler.answers) * selectors.EVENT_WRITE
        if not events:
            self._end(handler)
        elif events != self._selector.get_key(handler.request).events:
            self._selector.modify(handler.request, events, handler)

    def _end(self, handler: ReadyHandler) -> None:
        if len(self._seen) == self.most_connections:
            self._selector.register(self.socket, selectors.EVENT_READ)
        del self._seen[handler]
        self._selector.unregister(handler.request)
        try:
            handler.finish()
        except Exception:  # noqa: BLE001 - likewise
            self.handle_error(handler.request, handler.client_address)
        self.shutdown_request(handler.request)

    def _note_progress(self, handler: ReadyHandler) -> None:
        self._seen.pop(handler, None)
        self._seen[handler] = self._clock()

    def _oldest(self) -> float:
        return next(iter(self._seen.values()), float("inf"))


class ReadyShoutHandler(ReadyHandler):
    """One client of the service of `shout`."""

    is_skipping = False
    """Whether what comes is the rest of a line that is too long."""

    def handle(self) -> None:
        """Answer the lines whose end has come, and keep the beginning of the next one."""
        *lines, rest = bytes(self.received).split(b"\n")
        for line in lines:
            if self.is_skipping:
                self.is_skipping = False
            else:
                self.answers += shout.TOO_LONG if len(line) >= shout.LONGEST else shout.shouted(line + b"\n")
        if len(rest) > shout.LONGEST and not self.is_skipping:
            self.answers += shout.TOO_LONG
            self.is_skipping = True
        self.received[:] = b"" if self.is_skipping else rest

    def too_late(self) -> None:
        """Say so."""
        self.answers += shout.TOO_LATE


class SelectorShoutServer(SelectorServer):
    """The service of `shout`, in one thread."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(address, ReadyShoutHandler, clock=clock)


def converse(served: Served) -> None:
    """Bob comes, is answered and goes while alice is there, and then she is answered once more: all in one lane."""
    with served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_line()
        with served.client("bob") as bob:
            bob.send(b"is it my turn?\n")
            bob.half_close()
            bob.receive_all()
        alice.send(b"and mine?\n")
        alice.half_close()
        alice.receive_all()


COMMAND = Command(
    __doc__, lambda options: SelectorShoutServer((options.host, options.port)), converse, beside=shout.stock
)

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
