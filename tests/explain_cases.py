"""Conversations for the tests of `explain`: each is a real server to which one particular thing happens.

A conversation is made once and kept, because a trace is a value. Nothing sleeps: whoever has to wait waits for an event
that a hook sets, or for a record.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any

from socketserver_trace import Recorder, ServingEnded, Trace, WaitedInVain, serve, trace_of, traced
from socketserver_trace.assembly import assemble
from socketserver_trace.clients import client_of
from socketserver_trace.fronts import source_of
from socketserver_trace.recorder import sharing
from tests.helpers import TIMEOUT, BaseShout, DatagramShout, Shout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALM = 30
"""How many seconds a conversation may wait for a busy machine."""

TCP, UDP = socketserver.TCPServer, socketserver.UDPServer
FREE = ("127.0.0.1", 0)

CONVERSATIONS: dict[str, Callable[[], Trace]] = {}
"""Every conversation by its name."""


def conversation(make: Callable[[], Trace]) -> Callable[[], Trace]:
    """Put a conversation into the table; it happens when it is first asked for."""
    CONVERSATIONS[make.__name__] = kept = functools.cache(make)
    return kept


def trace(name: str) -> Trace:
    """The trace of a conversation."""
    return CONVERSATIONS[name]()


def server_of(kind: type, address: Any = FREE, handler: Any = BaseShout, **more: Any) -> Any:
    """A traced server whose errors are kept and not printed; `more` are the methods and attributes of its class."""
    made: Any = traced(type(f"My{kind.__name__}", (kind,), more) if more else kind)(address, handler)
    source_of(made).quiet = True
    return made


@contextlib.contextmanager
def client(server: Any, name: str = "alice", timeout: float = CALM) -> Iterator[Any]:
    """A client that records itself."""
    made = client_of(server, source_of(server), name=name, timeout=timeout)
    try:
        yield made
    finally:
        made.close()


def one_request(kind: type, handler: Any, *data: bytes, reads: bool = True, **more: Any) -> Trace:
    """A server takes one request in this thread, by handle_request; the client reads to the end."""
    with (
        contextlib.closing(Closing(server_of(kind, FREE, handler, **more))) as closing,
        client(closing.server) as alice,
    ):
        for piece in data:
            alice.send(piece)
        with contextlib.suppress(BaseException):
            closing.server.handle_request()
        if reads:
            with contextlib.suppress(OSError):
                alice.receive() if closing.server.socket_type == socket.SOCK_DGRAM else alice.receive_all()
    return trace_of(closing.server)


class Closing:
    """Closes a server when it is closed, whatever that raises."""

    def __init__(self, server: Any) -> None:
        self.server = server

    def close(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.server.server_close()


def handler(kind: type = socketserver.BaseRequestHandler, name: str = "MyHandler", **methods: Any) -> Any:
    """A handler class with these methods and attributes."""
    return type(name, (kind,), methods)


def raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises such an error, a new one each time, because an error keeps the frames that it has seen."""

    def method(*_arguments: Any) -> Any:
        raise type(error)(*error.args)

    return method


def closing_and_raising(error: BaseException) -> Callable[..., Any]:
    """A method that raises, and first closes the request that no hook will close after that."""

    def method(_self: Any, request: Any, _client_address: Any) -> Any:
        request.close()
        raise type(error)(*error.args)

    return method


@contextlib.contextmanager
def quiet_threads() -> Iterator[None]:
    """Let a thread end by an exception without a word, as threads do that call sys.exit()."""
    before, threading.excepthook = threading.excepthook, lambda _arguments: None
    try:
        yield
    finally:
        threading.excepthook = before


def answering(answer: object) -> Callable[..., Any]:
    """A method that returns this."""
    return lambda *_arguments: answer


BOOM = ValueError("boom")


# The way in.


@conversation
def refused() -> Trace:
    """verify_request forgets its return."""
    return one_request(TCP, BaseShout, verify_request=answering(None))


@conversation
def refused_by_threads() -> Trace:
    """The same with a server that would have started a thread."""
    return one_request(socketserver.ThreadingTCPServer, BaseShout, verify_request=answering(False))


@conversation
def verify_raised() -> Trace:
    """verify_request raises, and the loop ends."""
    return ended(TCP, BaseShout, verify_request=closing_and_raising(AttributeError("no such list")))


def ended(kind: type, handler_class: Any, **more: Any) -> Trace:
    """A serving loop that an exception ends while a client waits."""
    with contextlib.suppress(ServingEnded), serve(server_of(kind, FREE, handler_class, **more), timeout=CALM) as served:
        alice = served.client("alice")
        alice.send(b"hello\n")
        with contextlib.suppress(OSError, TimeoutError):
            served.wait_for("serve_forever", phase="raise", timeout=CALM)
    return served.trace


@conversation
def accept_failed() -> Trace:
    """get_request raises an OSError the first time."""
    errors = [OSError(24, "Too many open files")]

    def get_request(self: Any) -> Any:
        if errors:
            raise errors.pop()
        return self.socket.accept()

    with serve(server_of(TCP, FREE, BaseShout, get_request=get_request), timeout=CALM) as served:
        with served.client("alice") as alice:
            alice.send(b"hello")
            alice.receive_all()
    return served.trace


@conversation
def accept_raised() -> Trace:
    """get_request raises what is no OSError."""
    return ended(TCP, BaseShout, get_request=raising(BOOM))


@conversation
def accept_returned_nothing() -> Trace:
    """get_request returns None."""
    return ended(TCP, BaseShout, get_request=answering(None))


@conversation
def nobody_serves() -> Trace:
    """A client connects and sends to a server that only listens."""
    server = server_of(TCP)
    with client(server) as alice:
        alice.send(b"early")
        early = trace_of(server)
    server.server_close()
    return early


@conversation
def busy() -> Trace:
    """One client keeps a synchronous server busy while another one connects, and is served later."""
    begun = threading.Event()

    def handle(self: Any) -> None:
        begun.set()
        self.request.sendall(self.request.recv(100))

    with serve(server_of(TCP, FREE, handler(handle=handle)), timeout=CALM) as served:
        alice = served.client("alice")
        assert begun.wait(CALM)
        bob = served.client("bob")
        bob.send(b"me too")
        meanwhile.append(trace_of(served.server))
        alice.send(b"hello")
        alice.receive_all()
        bob.receive_all()
    return served.trace


meanwhile: list[Trace] = []


@conversation
def bob_waits() -> Trace:
    """The same, taken while the second client waits."""
    busy()
    return meanwhile[0]


@conversation
def late_client() -> Trace:
    """A client connects after the loop has ended and before the server is closed."""
    server = server_of(TCP)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.shutdown()
    thread.join(TIMEOUT)
    with client(server):
        late = trace_of(server)
    server.server_close()
    return late


@conversation
def one_of_two() -> Trace:
    """Two clients, and one handle_request."""
    server = server_of(TCP)
    with client(server) as alice, client(server, "bob"):
        alice.send(b"hello")
        server.handle_request()
        seen = trace_of(server)
    server.server_close()
    return seen


@conversation
def not_activated() -> Trace:
    """A server that is only made."""
    server: Any = traced(TCP)(FREE, BaseShout, bind_and_activate=False)
    server.server_close()
    return trace_of(server)


def not_made(make: Callable[[], Any]) -> Trace:
    """A server whose constructor raises, recorded all the same."""
    with sharing(Recorder()) as recorder, contextlib.suppress(Exception):
        make()
    return Trace(assemble(recorder))


@conversation
def address_in_use() -> Trace:
    """The address is taken."""
    with socket.create_server(FREE) as taken:
        return not_made(lambda: traced(TCP)(taken.getsockname(), BaseShout))


@conversation
def three_arguments() -> Trace:
    """The host and the port as two arguments."""
    return not_made(lambda: traced(TCP)("127.0.0.1", 9999, BaseShout))  # type: ignore[arg-type] # the mistake is meant


@conversation
def closed_too_early() -> Trace:
    """The address is taken, and server_close needs what the constructor has not come to."""

    class Chat(TCP):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.clients: dict[str, Any] = {}

        def server_close(self) -> None:
            super().server_close()
            self.clients.clear()

    with socket.create_server(FREE) as taken:
        return not_made(lambda: traced(Chat)(taken.getsockname(), BaseShout))


@conversation
def no_such_family() -> Trace:
    """The system has no such socket."""
    return not_made(lambda: traced(type("Odd", (TCP,), {"address_family": 9999}))(FREE, BaseShout))


@conversation
def bare_server() -> Trace:
    """BaseServer by itself."""
    server = server_of(socketserver.BaseServer)
    with contextlib.suppress(Exception):
        server.serve_forever()
    return trace_of(server)


# The handler.


@conversation
def setup_raised() -> Trace:
    """Setup raises."""
    return one_request(TCP, handler(setup=raising(BOOM)), b"hello")


@conversation
def handle_raised() -> Trace:
    """Handle raises."""
    return one_request(TCP, handler(handle=raising(BOOM)), b"hello")


@conversation
def handle_raised_in_a_thread() -> Trace:
    """Handle raises in a thread."""
    return one_request(socketserver.ThreadingTCPServer, handler(handle=raising(BOOM)), b"hello")


@conversation
def finish_raised() -> Trace:
    """Finish raises."""
    return one_request(TCP, handler(finish=raising(KeyError("mel"))), b"hello")


@conversation
def both_raised() -> Trace:
    """Handle raises, and then finish."""
    return one_request(TCP, handler(handle=raising(BOOM), finish=raising(KeyError("mel"))), b"hello")


@conversation
def exits() -> Trace:
    """A handler calls sys.exit() in a loop."""
    return ended(TCP, handler(handle=raising(SystemExit(3))))


@conversation
def exits_in_a_thread() -> Trace:
    """A handler calls sys.exit() in a thread."""
    with quiet_threads():
        return one_request(socketserver.ThreadingTCPServer, handler(handle=raising(SystemExit(3))), b"hello")


@conversation
def error_in_error() -> Trace:
    """handle_error raises, too."""
    return ended(TCP, handler(handle=raising(BOOM)), handle_error=closing_and_raising(RuntimeError("disk full")))


@conversation
def error_in_error_in_a_thread() -> Trace:
    """handle_error raises in a thread, which is quiet about it because it exits."""
    kind = socketserver.ThreadingTCPServer
    with quiet_threads():
        return one_request(kind, handler(handle=raising(BOOM)), b"hello", handle_error=raising(SystemExit()))


@conversation
def not_a_class() -> Trace:
    """The name of the handler class in the place of the class."""
    return one_request(TCP, "Shout", b"hello")


@conversation
def function_as_handler() -> Trace:
    """A function that does the work by itself."""
    return one_request(TCP, lambda request, *_more: request.sendall(request.recv(100)), b"hello")


@conversation
def function_raised() -> Trace:
    """A function that raises."""
    return one_request(TCP, raising(BOOM), b"hello")


@conversation
def handle_not_written() -> Trace:
    """A handler without a handle of its own."""
    return one_request(TCP, socketserver.BaseRequestHandler)


@conversation
def attribute_too_late() -> Trace:
    """A handler that sets an attribute after super().__init__()."""

    class Late(socketserver.BaseRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.count = 0

        def handle(self) -> None:
            self.count += 1

    return one_request(TCP, Late, b"hello")


@conversation
def recv_of_the_handler() -> Trace:
    """self.recv in the place of self.request.recv."""
    return one_request(TCP, handler(handle=lambda self: self.recv(1024)), b"hello")


@conversation
def caught_by_itself() -> Trace:
    """A handler with a try around everything."""

    def handle(self: Any) -> None:
        with contextlib.suppress(ValueError):
            raise BOOM

    return one_request(TCP, handler(handle=handle), b"hello")


@conversation
def only_the_first_line() -> Trace:
    """Three lines come, and handle answers one."""
    return one_request(TCP, handler(handle=lambda self: self.request.recv(4)), b"one\n", b"two\n", b"three\n")


# The loop.


@conversation
def served_once() -> Trace:
    """A server with a timeout serves one client in its loop."""
    with serve(server_of(TCP, FREE, Shout, timeout=0.5), timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello\n")
        alice.receive_all()
    return served.trace


@conversation
def idle_loop() -> Trace:
    """A loop to which nobody comes."""
    with serve(TCP, Shout, timeout=CALM) as served:
        pass
    return served.trace


@conversation
def handled_once() -> Trace:
    """handle_request takes one request."""
    return one_request(TCP, BaseShout, b"hello", timeout=CALM)


@conversation
def timed_out() -> Trace:
    """handle_request waits for its whole timeout."""
    server = server_of(TCP, FREE, BaseShout, timeout=0)
    server.handle_request()
    server.server_close()
    return trace_of(server)


def telling(kind: type) -> tuple[Any, threading.Event]:
    """A server that sets an event when its shutdown is called."""
    called = threading.Event()

    def shutdown(self: Any) -> None:
        called.set()
        kind.shutdown(self)  # type: ignore[attr-defined] # a server class

    return server_of(kind, FREE, handler(handle=lambda self: self.server.shutdown()), shutdown=shutdown), called


def let_go(server: Any) -> None:
    """What nobody can do in a real program: end a shutdown() that waits for ever."""
    vars(server)["_BaseServer__is_shut_down"].set()


@conversation
def shutdown_from_within() -> Trace:
    """A handler of a synchronous server calls shutdown()."""
    server, called = telling(TCP)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with client(server):
        assert called.wait(CALM)
        stuck = trace_of(server)
        let_go(server)
        thread.join(TIMEOUT)
    server.server_close()
    return stuck


@conversation
def shutdown_without_a_loop() -> Trace:
    """shutdown() of a server that does not serve."""
    server, called = telling(TCP)
    thread = threading.Thread(target=server.shutdown)
    thread.start()
    assert called.wait(CALM)
    stuck = trace_of(server)
    let_go(server)
    thread.join(TIMEOUT)
    server.server_close()
    return stuck


@conversation
def shutdown_twice() -> Trace:
    """A second shutdown() after the loop has ended, and then a second loop."""
    server = server_of(TCP)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.shutdown()
    thread.join(TIMEOUT)
    server.shutdown()
    server.serve_forever()
    server.server_close()
    return trace_of(server)


@conversation
def closed_while_serving() -> Trace:
    """server_close() while the loop runs."""
    with serve(TCP, BaseShout, timeout=CALM) as served:
        served.server.server_close()
        served.wait_for("get_request", phase="raise", timeout=CALM)
    return served.trace


@conversation
def actions_raised() -> Trace:
    """service_actions raises once a request was served."""

    def service_actions(self: Any) -> None:
        if served:
            raise BOOM

    served: list[int] = []
    return ended(TCP, handler(handle=lambda self: served.append(1)), service_actions=service_actions)


@conversation
def interrupted() -> Trace:
    """Ctrl-C comes while the loop looks at its socket."""

    def fileno(self: Any) -> int:
        signal.raise_signal(signal.SIGINT)
        return int(self.socket.fileno())

    server = server_of(TCP, FREE, BaseShout, fileno=fileno)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()
    return trace_of(server)


@conversation
def with_block() -> Trace:
    """A with block around a server."""
    with server_of(TCP) as server:
        pass
    return trace_of(server)


@conversation
def left_open() -> Trace:
    """A server that nobody has closed yet."""
    server = server_of(TCP)
    with client(server) as alice:
        alice.send(b"hello")
        server.handle_request()
        alice.receive_all()
    seen = trace_of(server)
    server.server_close()
    return seen


# Threads and children.


@conversation
def threads() -> Trace:
    """A server with threads serves one client, and joins."""
    with serve(socketserver.ThreadingTCPServer, BaseShout, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        alice.receive_all()
    return served.trace


class Behind(TCP, socketserver.ThreadingMixIn):
    """The mix-in stands behind the server class."""


@conversation
def mix_in_behind() -> Trace:
    """A mix-in that is never heard."""
    return one_request(Behind, BaseShout, b"hello")


@conversation
def forked() -> Trace:
    """A child handles one request."""
    return one_request(socketserver.ForkingTCPServer, BaseShout, b"hello")


@conversation
def handle_raised_in_a_child() -> Trace:
    """Handle raises in a child."""
    return one_request(socketserver.ForkingTCPServer, handler(handle=raising(BOOM)), b"hello")


@conversation
def exits_in_a_child() -> Trace:
    """A handler calls sys.exit() in a child."""
    return one_request(socketserver.ForkingTCPServer, handler(handle=raising(SystemExit(3))), b"hello")


@conversation
def error_in_error_in_a_child() -> Trace:
    """handle_error raises in a child."""
    return one_request(
        socketserver.ForkingTCPServer, handler(handle=raising(BOOM)), b"hello", handle_error=raising(RuntimeError())
    )


def without(module: Any, name: str, kind: type) -> Trace:
    """A request for which the system has no thread or process left."""
    original = getattr(module, name)
    setattr(module, name, raising(OSError(11, "Resource temporarily unavailable")))
    try:
        return one_request(kind, BaseShout, b"hello")
    finally:
        setattr(module, name, original)


@conversation
def no_thread_left() -> Trace:
    """Thread.start fails."""
    return without(threading.Thread, "start", socketserver.ThreadingTCPServer)


@conversation
def no_process_left() -> Trace:
    """os.fork fails."""
    return without(os, "fork", socketserver.ForkingTCPServer)


@conversation
def parent_hung_up() -> Trace:
    """A close_request that shuts the connection down, in the parent as well."""

    def close_request(self: Any, request: Any) -> None:
        with contextlib.suppress(OSError):
            request.shutdown(socket.SHUT_RDWR)
        request.close()

    def handle(self: Any) -> None:
        while self.request.recv(100):
            pass
        self.request.sendall(b"too late")

    return one_request(socketserver.ForkingTCPServer, handler(handle=handle), close_request=close_request)


@conversation
def zombie() -> Trace:
    """A child that nobody has asked for yet."""
    server = server_of(socketserver.ForkingTCPServer)
    with client(server) as alice:
        alice.send(b"hello")
        server.handle_request()
        alice.receive_all()
        seen = trace_of(server)
    server.server_close()
    return seen


@conversation
def too_many_children() -> Trace:
    """As many children as may be, and the server waits for one to end."""
    server = server_of(socketserver.ForkingTCPServer, FREE, BaseShout, max_children=1, timeout=0)
    waiting = threading.Event()
    with client(server) as alice:
        server.handle_request()

        def end_of_the_child() -> None:
            waiting.wait(CALM)
            alice.half_close()

        thread = threading.Thread(target=end_of_the_child)
        thread.start()
        forget = source_of(server).recorder.listen(lambda record: record[3].hook == "waitpid" and waiting.set())
        server.handle_request()
        forget()
        thread.join(TIMEOUT)
    server.server_close()
    return trace_of(server)


@conversation
def shutdown_in_a_child() -> Trace:
    """A handler calls shutdown() in a child."""
    reading, writing = os.pipe()

    def shutdown(self: Any) -> None:
        os.write(writing, b"x")
        socketserver.ForkingTCPServer.shutdown(self)

    kind = socketserver.ForkingTCPServer
    server = server_of(kind, FREE, handler(handle=lambda self: self.server.shutdown()), shutdown=shutdown)
    with client(server):
        server.handle_request()
        os.read(reading, 1)
        seen = trace_of(server)
        for pid in server.active_children:
            os.kill(pid, signal.SIGKILL)
    server.server_close()
    os.close(reading)
    os.close(writing)
    return seen


def outliving(kind: type, **more: Any) -> Trace:
    """A client of a thread is served to the end after the server was closed."""
    server = server_of(kind, FREE, BaseShout, **more)
    with client(server) as alice:
        server.handle_request()
        server.server_close()
        alice.send(b"late")
        alice.receive_all()
    return trace_of(server)


@conversation
def threads_not_joined() -> Trace:
    """block_on_close is False."""
    return outliving(socketserver.ThreadingTCPServer, block_on_close=False)


@conversation
def daemon_threads() -> Trace:
    """daemon_threads is True."""
    return outliving(socketserver.ThreadingTCPServer, daemon_threads=True)


@conversation
def socket_was_closed() -> Trace:
    """A thread wants to answer a datagram when the server's socket is closed already."""
    closed = threading.Event()

    class Telling(UDP):
        def server_close(self) -> None:
            super().server_close()
            closed.set()

    class Threading(socketserver.ThreadingMixIn, Telling):
        pass

    def handle(self: Any) -> None:
        closed.wait(CALM)
        self.request[1].sendto(b"late", self.client_address)

    server: Any = traced(Threading)(FREE, handler(handle=handle))
    source_of(server).quiet = True
    with client(server) as alice:
        alice.send(b"hello")
        server.handle_request()
        server.server_close()
    return trace_of(server)


# The end.


@conversation
def unread() -> Trace:
    """A connection is closed with bytes in it."""
    with serve(
        socketserver.UnixStreamServer, handler(handle=lambda self: self.request.recv(1)), timeout=CALM
    ) as served:
        with served.client("alice") as alice:
            alice.send(b"hello")
            served.wait_for("close_request", timeout=CALM)
            with contextlib.suppress(ConnectionResetError):
                alice.receive_all()
    return served.trace


@conversation
def closed_more_than_once() -> Trace:
    """A with block, and server_close() in it."""
    with server_of(TCP) as server:
        server.server_close()
    return trace_of(server)


@conversation
def process_not_handed_on() -> Trace:
    """A process_request that does nothing."""
    return one_request(TCP, BaseShout, b"hello", process_request=lambda _self, request, _address: request.close())


@conversation
def process_raised() -> Trace:
    """A process_request that raises."""
    return one_request(TCP, BaseShout, b"hello", process_request=raising(BOOM))


@conversation
def pool() -> Trace:
    """A process_request that gives the work to a thread of its own."""

    def process_request(self: Any, *request: Any) -> None:
        thread = threading.Thread(target=TCP.process_request, args=(self, *request))
        thread.start()
        thread.join(TIMEOUT)

    return one_request(TCP, BaseShout, b"hello", process_request=process_request)


@conversation
def constructor_of_its_own() -> Trace:
    """A handler whose constructor does not call the one of its base class."""
    return one_request(TCP, handler(__init__=lambda self, *arguments: None), b"hello")


@conversation
def finish_of_its_own() -> Trace:
    """A finish_request that makes no handler."""
    return one_request(TCP, BaseShout, b"hello", finish_request=answering(None))


@conversation
def two_clients() -> Trace:
    """One client is served and the next one is refused."""
    accepted: list[object] = []

    def verify_request(self: Any, *_request: Any) -> bool:
        accepted.append(self)
        return len(accepted) == 1

    server = server_of(TCP, verify_request=verify_request)
    for name in ("alice", "bob"):
        with client(server, name) as someone:
            if name == "alice":
                someone.send(b"hello")
            server.handle_request()
            someone.receive_all()
    server.server_close()
    return trace_of(server)


# Datagrams.


@conversation
def datagram() -> Trace:
    """One datagram, one reply."""
    return one_request(UDP, DatagramShout, b"hello")


@conversation
def stream_handler() -> Trace:
    """A handler for streams behind a datagram server."""
    return one_request(UDP, Shout, b"hello", reads=False)


@conversation
def recv_of_a_pair() -> Trace:
    """A handler that receives from a datagram's request."""
    return one_request(UDP, handler(handle=lambda self: self.request.recv(10)), b"hello", reads=False)


@conversation
def cut_short() -> Trace:
    """A datagram longer than the server takes."""
    return one_request(UDP, DatagramShout, b"hello, world", max_packet_size=4)


@conversation
def empty() -> Trace:
    """An empty datagram."""
    return one_request(UDP, DatagramShout, b"")


@conversation
def half_an_answer() -> Trace:
    """A datagram handler that raises when it has written."""

    def handle(self: Any) -> None:
        self.wfile.write(b"half")
        raise BOOM

    return one_request(UDP, handler(socketserver.DatagramRequestHandler, handle=handle), b"hello")


@conversation
def too_long_an_answer() -> Trace:
    """A reply that is too long for one datagram."""
    kind = socketserver.DatagramRequestHandler
    return one_request(UDP, handler(kind, handle=lambda self: self.wfile.write(b"x" * 70_000)), b"hello", reads=False)


@conversation
def no_address() -> Trace:
    """A Unix datagram client without an address of its own."""
    with serve(socketserver.UnixDatagramServer, DatagramShout, timeout=CALM) as served:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as nameless:
            nameless.sendto(b"hello", served.server.server_address)
            served.wait_for("close_request", timeout=CALM)
    return served.trace


# Streams.


@conversation
def half_a_line() -> Trace:
    """A client sends half a line and is silent."""
    with serve(TCP, Shout, timeout=CALM) as served, served.client("alice") as alice:
        alice.send(b"hello")
        assert served.settle(CALM)
        waiting = trace_of(served.server)
        alice.half_close()
        alice.receive_all()
    whole_lines.append(served.trace)
    return waiting


whole_lines: list[Trace] = []


@conversation
def end_read() -> Trace:
    """The same, when the client has said that it is done."""
    half_a_line()
    return whole_lines[0]


@conversation
def both_wait() -> Trace:
    """A client that waits to be greeted by a server that waits to be spoken to."""
    with serve(TCP, Shout, timeout=CALM) as served, served.client("alice", timeout=0.1) as alice:
        with contextlib.suppress(WaitedInVain):
            alice.receive()
        assert served.settle(CALM)
        return trace_of(served.server)


@conversation
def two_sends_one_recv() -> Trace:
    """Two sends come as one."""
    return one_request(TCP, BaseShout, b"hello", b"world")


@conversation
def sent_at_the_end() -> Trace:
    """Wfile has a buffer."""
    kind = socketserver.StreamRequestHandler
    return one_request(TCP, handler(kind, handle=lambda self: self.wfile.write(b"late"), wbufsize=-1))


@conversation
def client_gone() -> Trace:
    """The client breaks the connection off."""
    server = server_of(TCP)
    with client(server) as alice:
        alice.send(b"hello")
        alice.reset()
        server.handle_request()
    server.server_close()
    return trace_of(server)


@conversation
def silent_client() -> Trace:
    """A client is silent for longer than the handler's timeout."""
    return one_request(TCP, handler(Shout, timeout=0.05))


@conversation
def nagle_on_unix() -> Trace:
    """An option of TCP on a Unix socket."""
    with serve(socketserver.UnixStreamServer, handler(Shout, disable_nagle_algorithm=True), timeout=CALM) as served:
        with served.client("alice") as alice:
            with contextlib.suppress(OSError):
                alice.receive_all()
    return served.trace


@conversation
def already_read() -> Trace:
    """A handler reads by rfile, and then past it."""

    def handle(self: Any) -> None:
        self.rfile.readline()
        self.request.recv(100)

    server = server_of(TCP, FREE, handler(socketserver.StreamRequestHandler, handle=handle))
    with client(server) as alice:
        alice.send(b"one\ntwo\n")
        alice.half_close()
        server.handle_request()
        alice.receive_all()
    server.server_close()
    return trace_of(server)


# And a few more of the above.


@conversation
def refused_by_the_system() -> Trace:
    """A client connects to a server that is bound and does not listen."""
    server: Any = traced(TCP)(FREE, BaseShout, bind_and_activate=False)
    server.server_bind()
    with contextlib.suppress(ConnectionRefusedError), client(server):
        pass
    refused_one = trace_of(server)
    server.server_close()
    return refused_one


@conversation
def line_is_full() -> Trace:
    """More clients than there are places in the line."""
    server = server_of(TCP, request_queue_size=0)
    with contextlib.ExitStack() as stack, contextlib.suppress(WaitedInVain):
        for name in ("alice", "bob", "carol"):
            stack.enter_context(client(server, name, timeout=0.2))
    full = trace_of(server)
    server.server_close()
    return full


@conversation
def still_waiting() -> Trace:
    """handle_request waits for somebody, without a timeout."""
    waiting = threading.Event()

    def fileno(self: Any) -> int:
        waiting.set()
        return int(self.socket.fileno())

    server = server_of(TCP, FREE, BaseShout, fileno=fileno)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    assert waiting.wait(CALM)
    seen = trace_of(server)
    with client(server) as alice:
        alice.send(b"hello")
        alice.receive_all()
    thread.join(TIMEOUT)
    server.server_close()
    return seen


@conversation
def goodbye_of_its_own() -> Trace:
    """A shutdown_request that closes by itself."""
    return one_request(TCP, BaseShout, b"hello", shutdown_request=lambda _self, request: request.close())


@conversation
def actions_of_its_own() -> Trace:
    """A forking server whose service_actions does not call the one of the mix-in."""
    server = server_of(socketserver.ForkingTCPServer, service_actions=answering(None))
    with client(server) as alice:
        alice.send(b"hello")
        server.handle_request()
        server.service_actions()
        alice.receive_all()
    seen = trace_of(server)
    server.server_close()
    return seen
