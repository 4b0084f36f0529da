"""A block in which every server is traced, whoever wrote it."""

from __future__ import annotations

import http.server
import pickle
import socketserver
import threading
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import tracing
from tests.helpers import Shout, conversation

if TYPE_CHECKING:
    from collections.abc import Iterator


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing on the terminal."""

    def log_message(self, *_arguments: Any) -> None:
        pass


@contextmanager
def running(server: Any) -> Iterator[Any]:
    """The server's loop in a thread, as a program would have it."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_of_the_standard_library_is_traced_from_its_constructor_on() -> None:
    """Classes that were imported long ago, and that nobody has changed, make servers that are traced."""
    with tracing() as seen, running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)) as server:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/") as answer:
            status = answer.status
        kind = server.__class__

    assert status == 200
    assert kind is http.server.ThreadingHTTPServer
    assert seen.trace.hooks()[:3] == ["__init__", "server_bind", "server_activate"]
    assert {"verify_request", "process_request_thread", "handle", "close_request"} <= set(seen.trace.hooks())
    assert repr(seen) == "<Seen ThreadingHTTPServer>"


def test_several_servers_in_several_threads_are_in_one_trace() -> None:
    """Whoever makes them, and in whatever thread."""
    made: list[socketserver.BaseServer] = []

    def make() -> None:
        made.append(socketserver.TCPServer(("127.0.0.1", 0), Shout))

    with tracing() as seen:
        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for server in made:
        server.server_close()

    assert {event.server for event in seen.trace if event.hook == "server_close"} == {
        "TCPServer", "TCPServer 2", "TCPServer 3", "TCPServer 4"
    }  # fmt: skip


def test_outside_of_the_block_nothing_is_traced() -> None:
    """Servers from before and after it are what they were, with arguments of any kind, also copies and pickles."""
    before = socketserver.TCPServer(("127.0.0.1", 0), Shout)
    with tracing() as seen:
        pass
    after = socketserver.TCPServer(("127.0.0.1", 0), RequestHandlerClass=Shout, bind_and_activate=False)
    before.server_close()
    after.server_close()

    assert type(before) is type(after) is socketserver.TCPServer
    assert not [name for name in vars(after) if "trace" in name]
    assert len(seen.trace) == 0
    assert type(pickle.loads(pickle.dumps(Own("x")))) is Own  # noqa: S301 - our own


class Base:
    """A class whose objects are made in a way of its own."""

    def __new__(cls, word: str, **options: Any) -> Any:
        made = super().__new__(cls)
        made.word = word  # type: ignore[attr-defined] # that is the way
        return made


class Own(socketserver.BaseServer, Base):
    """A server that is made as its other base makes things."""

    def __init__(self, word: str, **_options: Any) -> None:
        self.word = word

    def __getnewargs__(self) -> tuple[str]:
        return (self.word,)


@pytest.mark.parametrize("traces", [True, False])
def test_a_new_of_the_programs_own_is_called_as_before(traces: bool) -> None:
    """What stands behind BaseServer in the order of the classes makes the object, in the block and after it."""
    with tracing():
        inside = Own("a word", more=1)
    made = inside if traces else Own("a word", more=1)

    assert made.word == "a word"
    assert made.__class__ is Own
    assert isinstance(made, Own)


def test_a_block_may_stand_in_another_one() -> None:
    """The inner one has what is made in it, the outer one what is made in itself."""
    with tracing() as outer:
        with tracing() as inner:
            socketserver.TCPServer(("127.0.0.1", 0), Shout).server_close()
        socketserver.UDPServer(("127.0.0.1", 0), Shout).server_close()

    assert [repr(inner), repr(outer)] == ["<Seen TCPServer>", "<Seen UDPServer>"]


def test_a_conversation_goes_as_it_would() -> None:
    """The program does not notice."""
    with tracing() as seen:
        replies = conversation(socketserver.ThreadingTCPServer, Shout, b"hello\n")

    assert replies == [b"HELLO\n"]
    assert seen.trace.hooks().count("handle") == 1


class Bare(socketserver.BaseServer):
    """Has a `__new__` that hands its arguments on, which object refuses."""

    def __new__(cls, *arguments: Any) -> Any:
        return super().__new__(cls, *arguments)


def test_what_python_refuses_is_refused_after_a_block_as_well() -> None:
    """Arguments that nobody takes are an error, as they were before."""
    with tracing():
        pass
    with pytest.raises(TypeError, match="takes exactly one argument"):
        Bare("x")
