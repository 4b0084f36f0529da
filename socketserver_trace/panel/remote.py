"""One client by remote control: whoever gives an order goes on at once, and a thread of the client's own obeys.

Orders are followed one after the other. Two things do not wait for their turn, as they would not in a terminal. While
the client waits to receive, it still sends and half-closes: its one thread does so inside the wait, as its attendant
(`deadlines`), so the trace has one send inside one open receive, which is what happened. And an order to close, reset
or remove it ends each wait that stands before it: a connect or a send without room, a receive, and the pauses between
pieces are given up, and the trace and the transcript say so.

The state is the client's own doing. What the server does, a reset say, is in the transcript.

The law: nothing that goes wrong with an order leaves this thread; it becomes a note.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque

from socketserver_trace.panel.orders import (
    BUSY,
    CLOSED,
    CONNECTED,
    CONNECTING,
    DATAGRAM,
    ENDINGS,
    FAILED,
    HALF_CLOSED,
    MEANWHILE,
    NEW,
    RESET,
    STREAM,
    Order,
    refusal,
    sentence_of,
    understood,
)
from socketserver_trace.panel.transcript import SERVER, Transcript
from socketserver_trace.sentences import GivenUp
from socketserver_trace.wording import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.panel.news import News
    from socketserver_trace.serving import Served

TOGETHER: Final = 5.0
"""How many seconds clients that connect together wait for each other."""


class Remote:
    """A client of a running server, its state, its transcript and its thread, which begins with it.

    `draw_as` gives the name of each connection in the drawing; `removed` is called when it has been removed.
    """

    def __init__(
        self, served: Served, name: str, news: News, draw_as: Callable[[], str], removed: Callable[[Remote], None]
    ) -> None:
        self.name = name
        self.kind = STREAM if served.server.socket_type == socket.SOCK_STREAM else DATAGRAM
        self.state = NEW
        self.busy = ""
        self.transcript = Transcript()
        self.thread = threading.Thread(target=self._work, name=f"socketserver_trace panel {name}", daemon=True)
        self._served, self._news, self._draw_as, self._removed = served, news, draw_as, removed
        self._client: Any = None
        self._orders: deque[Order] = deque()
        self._wake = threading.Event()
        self._over = False
        self.thread.start()

    @property
    def can(self) -> tuple[str, ...]:
        """The orders that make sense now."""
        return understood(self.kind, self.state)

    def order(self, order: Order) -> None:
        """Take an order, and return at once."""
        with self._news.change():
            self._orders.append(order)
        self._wake.set()

    def end(self) -> None:
        """Give up what is under way, close the client and end the thread, which the caller joins."""
        with self._news.change():
            self._over = True
            for order in self._orders:
                order.forget()
        self._wake.set()

    def note(self, sentence: str) -> None:
        """Put a sentence into the transcript."""
        with self._news.change():
            self.transcript.note(sentence)

    # --- The thread ---------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._over:
            order = self._next()
            if order is not None:
                self._obey(order)
            else:
                self._wake.wait(self._until_due())
                self._wake.clear()
        self._close_for_good()

    def _next(self) -> Order | None:
        """The order to follow now: the first one, unless it pauses."""
        with self._news.change():
            order = self._orders[0] if self._orders else None
            if order is not None and order.due > time.monotonic():
                if not self._called_off():
                    return None
                self.transcript.note(
                    f"{self.name} gave up {plural(len(order.pieces), 'piece')} that had not been sent."
                )
                self._orders.popleft()
                return self._next()
            if order is not None and len(order.pieces) <= 1:
                self._orders.popleft()
            return order

    def _until_due(self) -> float | None:
        with self._news.look():
            return max(self._orders[0].due - time.monotonic(), 0) if self._orders else None

    def _called_off(self) -> bool:
        return self._over or any(order.do in ENDINGS for order in self._orders)

    def attend(self, waiting_for: str) -> None:
        """What is done while the client waits for bytes, or for room to send some. Called by the client."""
        with self._news.look():
            if self._called_off():
                raise GivenUp(f"{self.name} gave up waiting for {waiting_for}.")
            follows = self.busy == BUSY["receive"] and self._orders and self._orders[0].do in MEANWHILE
        if follows:
            order = self._next()
            if order is not None:
                self._obey(order)

    def _obey(self, order: Order) -> None:
        """Follow an order, or one piece of it. What goes wrong becomes a note."""
        if order.do not in self.can:
            self._drop(order)
            self.note(refusal(self.name, self.kind, self.state, order.do))
            return
        with self._news.change():
            before, self.busy = self.busy, BUSY.get(order.do, "closing")
        try:
            getattr(self, f"_{order.do}")(order)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread goes on
            self.note(sentence_of(error))
        finally:
            with self._news.change():
                self.busy = before

    # --- The orders ---------------------------------------------------------------------------------------------------

    def _connect(self, order: Order) -> None:
        self._is(CONNECTING)
        try:
            if order.together is not None:
                _wait_together(order.together)
            drawn = self._draw_as()
            self._client = self._served.client(drawn, attendant=self)
        except Exception:
            self._is(FAILED)
            raise
        with self._news.change():
            self._is(CONNECTED, f"{self.name} is connected{'' if drawn == self.name else f', and drawn as {drawn}'}.")
            if self._client.is_closed:
                self._is(CLOSED, self._closed_with_the_server())

    def _send(self, order: Order) -> None:
        data = order.pieces.popleft()
        try:
            self._client.send(data)
        except Exception:
            self._drop(order)
            raise
        with self._news.change():
            self.transcript.moved(self.name, data)
            order.due = time.monotonic() + order.pause

    def _drop(self, order: Order) -> None:
        """Of an order that could not be followed, the pieces that are left are not sent either."""
        with self._news.change():
            if self._orders and self._orders[0] is order:
                self._orders.popleft()

    def _receive(self, _order: Order) -> None:
        self._received(self._client.receive())

    def _receive_line(self, _order: Order) -> None:
        self._received(self._client.receive_line())

    def _received(self, data: bytes) -> None:
        if not data and self.kind == STREAM:
            self.note("The stream has ended: the server sends no more.")
            return
        with self._news.change():
            self.transcript.moved(SERVER, data)

    def _half_close(self, _order: Order) -> None:
        self._client.half_close()
        self._is(HALF_CLOSED, f"{self.name} has half closed its connection: it sends no more.")

    def _close(self, _order: Order) -> None:
        self._client.close()
        self._is(CLOSED, f"{self.name} has closed its {'connection' if self.kind == STREAM else 'socket'}.")

    def _reset(self, _order: Order) -> None:
        self._client.reset()
        self._is(RESET, f"{self.name} has broken its connection off.")

    def _remove(self, _order: Order) -> None:
        self._over = True
        self._removed(self)

    def _is(self, state: str, sentence: str = "") -> None:
        with self._news.change():
            self.state = state
            if sentence:
                self.transcript.note(sentence)

    def closed(self) -> None:
        """The socket was closed: by this thread, or by the server's end in another one. Called by the client."""
        with self._news.change():
            if threading.current_thread() is not self.thread and self.state not in {CONNECTING, CLOSED}:
                self._is(CLOSED, self._closed_with_the_server())

    def _closed_with_the_server(self) -> str:
        return f"{self.name} was closed together with the server."

    def _close_for_good(self) -> None:
        if self._client is not None:
            try:
                self._client.close()
            except Exception as error:  # noqa: BLE001 - as above
                self.note(sentence_of(error))


def _wait_together(barrier: threading.Barrier) -> None:
    """Wait for the others; without them when they do not come."""
    try:
        barrier.wait(TOGETHER)
    except threading.BrokenBarrierError:
        return
