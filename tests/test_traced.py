"""The first law of tracing: a traced server behaves as the untraced one. And what a class may be that is traced."""

from __future__ import annotations

import abc
import functools
import io
import os
import queue
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar
from unittest import mock

import pytest

import socketserver_trace
from socketserver_trace import fronts, hooks, sockets, steps, trace_of, traced
from tests.helpers import (
    SERVER_NAMES,
    TIMEOUT,
    Echo,
    Shout,
    address_for,
    ask,
    conversation,
    entered,
    faults,
    handlers_for,
    hooks_of,
    one_request,
    plain_client,
    serving,
)

Names = Any
"""A module, or something like it, that has the names of `socketserver`."""

Program = Callable[[Names, list[Any]], tuple[type, Any]]
"""Makes a server class and a handler from the names, and writes what happens into the list."""


def run(program: Program, way: str) -> tuple[bytes, list[Any], str, Any]:
    """One request to a program: untraced, with its classes traced, or made from the drop-in names."""
    log: list[Any] = []
    server_class, handler = program(socketserver_trace if way == "drop-in" else socketserver, log)
    if way == "traced":
        server_class = traced(server_class)
    if way == "both traced":
        server_class = traced(server_class)
        handler = traced(handler) if isinstance(handler, type) else handler
    reply, server, told = one_request(server_class, handler)
    return reply, log, re.sub(r"\d+\)", "port)", told), server


WAYS = ["traced", "drop-in", "both traced"]


def logging_server(names: Names, log: list[Any]) -> tuple[type, Any]:  # noqa: C901 - there are many hooks
    """Every hook overridden."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def server_bind(self) -> None:
            log.append("server_bind")
            super().server_bind()

        def server_activate(self) -> None:
            log.append("server_activate")
            super().server_activate()

        def get_request(self) -> Any:
            log.append("get_request")
            return super().get_request()

        def verify_request(self, request: Any, client_address: Any) -> bool:
            log.append(("verify_request", client_address[0]))
            return bool(super().verify_request(request, client_address))

        def process_request(self, request: Any, client_address: Any) -> None:
            log.append("process_request")
            super().process_request(request, client_address)

        def finish_request(self, request: Any, client_address: Any) -> None:
            log.append("finish_request")
            super().finish_request(request, client_address)

        def shutdown_request(self, request: Any) -> None:
            log.append("shutdown_request")
            super().shutdown_request(request)

        def close_request(self, request: Any) -> None:
            log.append("close_request")
            super().close_request(request)

        def server_close(self) -> None:
            log.append("server_close")
            super().server_close()

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        def __init__(self, request: Any, client_address: Any, server: Any) -> None:
            log.append("__init__")
            super().__init__(request, client_address, server)

        def setup(self) -> None:
            log.append("setup")
            super().setup()

        def handle(self) -> None:
            log.append("handle")
            self.wfile.write(self.rfile.readline())

        def finish(self) -> None:
            log.append("finish")
            super().finish()

    return Server, Handler


def failing_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The handler raises, from another exception."""

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def handle(self) -> None:
            try:
                {}["missing"]
            except KeyError as error:
                raise ValueError("no such thing") from error

    return names.TCPServer, Handler


def failing_in_finish(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The handler raises, and so does its finish, while the first exception is on its way."""

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def handle(self) -> None:
            raise ValueError("first")

        def finish(self) -> None:
            super().finish()
            raise RuntimeError("second")

    return names.TCPServer, Handler


def failing_verify_request(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The doorkeeper raises."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def verify_request(self, request: Any, client_address: Any) -> bool:
            request.close()  # nobody else will
            raise LookupError("where is the list?")

    return Server, Echo


def refusing_verify_request(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The doorkeeper says no, by a value that is only false."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def verify_request(self, request: Any, client_address: Any) -> Any:
            log.append("verify_request")
            return []

    return Server, Echo


def handler_of_few_arguments(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The handler's constructor does not take what it is given."""

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def __init__(self, request: Any) -> None:
            log.append("never")

    return names.TCPServer, Handler


def instance_as_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is not callable."""
    return names.TCPServer, object()


def function_as_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a function that makes no handler."""

    def handle(request: socket.socket, client_address: Any, server: Any) -> None:
        log.append(("handle", client_address[0], type(server).__name__))
        request.sendall(request.recv(100))

    return names.TCPServer, handle


def failing_function_as_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a function that raises."""

    def handle(request: socket.socket, client_address: Any, server: Any) -> None:
        raise ArithmeticError(client_address[0])

    return names.TCPServer, handle


def lambda_as_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a lambda that makes a handler of more arguments."""

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def __init__(self, *arguments: Any, greeting: bytes) -> None:
            self.greeting = greeting
            super().__init__(*arguments)

        def handle(self) -> None:
            log.append(self.server.RequestHandlerClass.__name__)
            self.wfile.write(self.greeting + self.rfile.readline())

    return names.TCPServer, lambda *arguments: Handler(*arguments, greeting=b"good day, ")


def partial_as_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a partial, as in the documentation of http.server, and self is used in a closure."""

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def __init__(self, *arguments: Any, greeting: bytes) -> None:
            self.greet = lambda line: self.greeting + line
            self.greeting = greeting
            super().__init__(*arguments)

        def handle(self) -> None:
            self.wfile.write(self.greet(self.rfile.readline()))

    return names.TCPServer, functools.partial(Handler, greeting=b"good day, ")


def finish_request_of_more_arguments(names: Names, log: list[Any]) -> tuple[type, Any]:
    """An overridden finish_request passes more to the handler."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def finish_request(self, request: Any, client_address: Any) -> None:
            self.RequestHandlerClass(request, client_address, self, b"directly, ")

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        def __init__(self, request: Any, client_address: Any, server: Any, greeting: bytes) -> None:
            self.greeting = greeting
            super().__init__(request, client_address, server)

        def handle(self) -> None:
            self.wfile.write(self.greeting + self.rfile.readline())

    return Server, Handler


def finish_request_choosing(names: Names, log: list[Any]) -> tuple[type, Any]:
    """An overridden finish_request names the handler itself, and there is no other."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def finish_request(self, request: Any, client_address: Any) -> None:
            Shout(request, client_address, self)
            log.append("finished")

    return Server, None


def odd_signatures(names: Names, log: list[Any]) -> tuple[type, Any]:
    """Hooks that are called by keyword, that take other names, that are static or class methods, that have defaults."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def get_request(self, retries: int = 3) -> Any:
            log.append(retries)
            return super().get_request()

        @staticmethod
        def verify_request(req: Any, addr: Any) -> bool:
            log.append(addr[0])
            return True

        @classmethod
        def handle_timeout(cls) -> None:
            log.append(cls.__name__)

        def process_request(self, req: Any, addr: Any) -> None:
            self.finish_request(req=req, addr=addr)
            self.shutdown_request(request=req)

        def finish_request(self, req: Any, addr: Any, *, loud: bool = True) -> None:
            self.handle_timeout()
            self.RequestHandlerClass(req, client_address=addr, server=self)

        def close_request(self, request: Any, /, why: str = "done") -> None:
            log.append(why)
            super().close_request(request=request)

        def server_activate(self, backlog: int = 7) -> None:
            log.append(backlog)
            self.socket.listen(backlog)

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        def setup(self, buffered: bool = False) -> None:
            log.append(buffered)
            super().setup()

        def handle(self, *lines: bytes) -> None:
            self.wfile.write(self.rfile.readline())

    return Server, Handler


def class_state(names: Names, log: list[Any]) -> tuple[type, Any]:
    """Counters that belong to the class, written through self.__class__ and type(self)."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        accepted = 0

        def get_request(self) -> Any:
            self.__class__.accepted += 1
            return super().get_request()

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        handled = 0

        def handle(self) -> None:
            type(self).handled += 1
            type(self).last = self.rfile.readline()
            self.wfile.write(type(self).last)
            del type(self).last

        def finish(self) -> None:
            super().finish()
            log.append((Handler.handled, vars(Handler)["handled"], hasattr(Handler, "last"), Server.accepted))
            log.append((self.__class__ is Handler, isinstance(self, Handler), type(self).__name__))

    return Server, Handler


def looks(names: Names, log: list[Any]) -> tuple[type, Any]:
    """What the classes and objects look like, from inside."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        """The server's text."""

        def verify_request(self, request: Any, client_address: Any) -> bool:
            """The hook's text."""
            kind = type(self)
            log.append((kind.__name__, kind.__qualname__, kind.__module__, kind.__doc__))
            log.append(re.sub("0x[0-9a-f]+", "address", repr(self)))
            log.append((kind.verify_request.__name__, kind.verify_request.__doc__, self.verify_request.__qualname__))
            log.append((threading.current_thread().name, re.sub("fd=.*", "", repr(request))))
            return True

    return Server, Echo


def attribute_hooks(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The program sets, gets and misses attributes in ways of its own, and has hooks on the instance."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def __init__(self, *arguments: Any) -> None:
            self.finish_request = self._finish
            self.verify_request = lambda request, address: log.append(address[0]) or True
            super().__init__(*arguments)

        def __setattr__(self, name: str, value: object) -> None:
            log.append(name)
            super().__setattr__(name, value)

        def __getattr__(self, name: str) -> Any:
            if name == "greeting":
                return b"hello, "
            raise AttributeError(name)

        def _finish(self, request: Any, client_address: Any) -> None:
            Handler(request, client_address, self)

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        __slots__ = ("extra",)

        def __setattr__(self, name: str, value: object) -> None:
            log.append(name)
            super().__setattr__(name, value)

        def handle(self) -> None:
            self.extra = self.server.greeting
            self.wfile.write(self.extra + self.rfile.readline())

    return Server, Handler


def handler_as_property(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a property that must be asked once a request."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        @property
        def RequestHandlerClass(self) -> Any:  # noqa: N802 - the name is socketserver's
            log.append("asked")
            return Shout

        @RequestHandlerClass.setter
        def RequestHandlerClass(self, given: Any) -> None:  # noqa: N802 - as above
            log.append("set")

    return Server, None


def generic_handler(names: Names, log: list[Any]) -> tuple[type, Any]:
    """RequestHandlerClass is a generic alias."""
    item = TypeVar("item")

    class Handler(names.StreamRequestHandler, Generic[item]):  # type: ignore[misc, name-defined] # as above
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    return names.TCPServer, Handler[int]


def own_new(names: Names, log: list[Any]) -> tuple[type, Any]:
    """Server and handler have constructors of both kinds."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def __new__(cls, *arguments: Any) -> Any:
            log.append((cls.__name__, len(arguments)))
            made = super().__new__(cls)
            made.early = "set before __init__"
            return made

        def __init__(self, *arguments: Any) -> None:
            log.append(self.early)
            super().__init__(*arguments)

    class Handler(names.StreamRequestHandler):  # type: ignore[misc, name-defined] # as above
        def __new__(cls, *arguments: Any) -> Any:
            log.append((cls.__name__, len(arguments)))
            return super().__new__(cls)

        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    return Server, Handler


def registries(names: Names, log: list[Any]) -> tuple[type, Any]:
    """Classes that count their subclasses, by __init_subclass__ and by a metaclass."""

    class Meta(type):
        def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
            log.append(("__new__", name))
            return super().__new__(cls, name, bases, namespace)

        def __init__(cls, *arguments: Any) -> None:
            log.append(("__init__", cls.__name__))
            super().__init__(*arguments)

        def __call__(cls, *arguments: Any) -> Any:
            log.append(("__call__", cls.__name__))
            return super().__call__(*arguments)

    class Server(names.TCPServer, metaclass=Meta):  # type: ignore[misc, name-defined] # made from either module
        def __init_subclass__(cls) -> None:
            log.append(("__init_subclass__", cls.__name__))

    class Special(Server):
        pass

    class Handler(names.StreamRequestHandler, metaclass=Meta):  # type: ignore[misc, name-defined] # as above
        def __init_subclass__(cls) -> None:
            log.append(("__init_subclass__", cls.__name__))

        def handle(self) -> None:
            self.wfile.write(self.rfile.readline())

    return Special, Handler


def abstract_classes(names: Names, log: list[Any]) -> tuple[type, Any]:
    """A server and a handler with abstract methods, made concrete, and an abstract one that cannot be made."""

    class Abstract(names.TCPServer, abc.ABC):  # type: ignore[misc, name-defined] # made from either module
        @abc.abstractmethod
        def verify_request(self, request: Any, client_address: Any) -> bool: ...

    class Concrete(Abstract):
        def verify_request(self, request: Any, client_address: Any) -> bool:
            log.append((isinstance(self, Abstract), issubclass(type(self), Abstract)))
            return True

    try:
        Abstract(("127.0.0.1", 0), Echo)
    except TypeError as error:
        log.append(str(error))
    return Concrete, Echo


def threading_in_front(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The mix-in before the server, where it matters."""

    class Server(names.ThreadingMixIn, names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def process_request_thread(self, request: Any, client_address: Any) -> None:
            log.append(re.sub(r"\d+", "n", threading.current_thread().name))
            super().process_request_thread(request, client_address)

    return Server, Echo


def threading_behind(names: Names, log: list[Any]) -> tuple[type, Any]:
    """The mix-in after the server, where it changes nothing."""

    class Server(names.TCPServer, names.ThreadingMixIn):  # type: ignore[misc, name-defined] # made from either module
        def finish_request(self, request: Any, client_address: Any) -> None:
            log.append(threading.current_thread() is threading.main_thread())
            super().finish_request(request, client_address)

    return Server, Echo


def own_handle_error(names: Names, log: list[Any]) -> tuple[type, Any]:
    """An overridden handle_error sees the exception."""

    class Server(names.TCPServer):  # type: ignore[misc, name-defined] # made from either module
        def handle_error(self, request: Any, client_address: Any) -> None:
            kind, error, where = sys.exc_info()
            log.append((kind, str(error), where is not None))

    def handle(*_arguments: Any) -> None:
        raise ValueError("told")

    return Server, handle


PROGRAMS: list[Program] = [
    abstract_classes,
    attribute_hooks,
    class_state,
    failing_function_as_handler,
    failing_handler,
    failing_in_finish,
    failing_verify_request,
    finish_request_choosing,
    finish_request_of_more_arguments,
    function_as_handler,
    generic_handler,
    handler_as_property,
    handler_of_few_arguments,
    instance_as_handler,
    lambda_as_handler,
    logging_server,
    looks,
    odd_signatures,
    own_handle_error,
    own_new,
    partial_as_handler,
    refusing_verify_request,
    registries,
    threading_behind,
    threading_in_front,
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_traced_program_behaves_as_the_untraced_one(program: Program, way: str) -> None:
    """The reply, what the program's own overrides see, and what is printed about errors, are the same."""
    expected_reply, expected_log, expected_text, _ = run(program, "untraced")
    reply, log, text, server = run(program, way)

    assert reply == expected_reply
    assert log == expected_log
    assert text == expected_text
    assert faults(server) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "program",
    [
        finish_request_choosing,
        finish_request_of_more_arguments,
        generic_handler,
        handler_as_property,
        lambda_as_handler,
        odd_signatures,
        partial_as_handler,
    ],
    ids=lambda program: program.__name__,
)
def test_a_handler_is_seen_however_it_is_made(program: Program, way: str) -> None:
    """The handler's hooks are recorded, each with its end, and belong to the connection."""
    *_, server = run(program, way)
    seen = hooks_of(server, connection=1)

    for hook in ("__init__", "setup", "handle", "finish"):
        assert seen.count((hook, "enter")) == seen.count((hook, "return")) == 1


@pytest.mark.parametrize("name", SERVER_NAMES)
@pytest.mark.parametrize("form", ["traced", "drop-in", "subclass"])
def test_every_kind_of_server_serves(name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server class of the standard library replies with every handler that fits it, three times in a row."""
    monkeypatch.chdir(tmp_path)
    untraced = getattr(socketserver, name)
    server_class = {
        "traced": traced(untraced),
        "drop-in": getattr(socketserver_trace, name),
        "subclass": type("Sub", (getattr(socketserver_trace, name),), {}),
    }[form]
    lines = [b"one\n", b"two\n", b"three\n"]

    for number, handler in enumerate(handlers_for(untraced)):
        (tmp_path / str(number)).mkdir()
        address = address_for(untraced, tmp_path / str(number))
        replies = conversation(server_class, handler, *lines, address=address)

        assert replies == [line.upper() for line in lines]


@pytest.mark.parametrize("name", [name for name in SERVER_NAMES if name.startswith("Forking")])
def test_a_forking_server_records_the_parents_side(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the parent does for each request is there, from get_request to close_request."""
    monkeypatch.chdir(tmp_path)
    untraced = getattr(socketserver, name)
    with serving(
        getattr(socketserver_trace, name)(address_for(untraced, tmp_path), handlers_for(untraced)[1])
    ) as server:
        replies = [ask(server, b"a\n"), ask(server, b"b\n")]

    assert replies == [b"A\n", b"B\n"]
    for connection in (1, 2):
        of_parent = set(trace_of(server).select(hook="serve_forever").lanes)
        entered_there = trace_of(server).select(connection=connection, phase="enter")
        hooks_of_parent = [event.hook for event in entered_there if event.lane in of_parent and event.kind == "hook"]
        assert hooks_of_parent[0] == "get_request"
        assert "process_request" in hooks_of_parent
        assert hooks_of_parent[-1] == "close_request"
    assert faults(server) == []


def test_the_names_are_a_family_as_in_the_standard_library() -> None:
    """Every class is there, and is a subclass of whom its untraced namesake is a subclass of."""
    for name in socketserver.__all__:
        mine = getattr(socketserver_trace, name)
        theirs = getattr(socketserver, name)
        assert (mine.__name__, mine.__qualname__, mine.__module__, mine.__doc__) == (
            theirs.__name__,
            theirs.__qualname__,
            theirs.__module__,
            theirs.__doc__,
        )
        assert issubclass(mine, theirs)
        for other in socketserver.__all__:
            expected = issubclass(theirs, getattr(socketserver, other))

            assert issubclass(mine, getattr(socketserver_trace, other)) == expected


def test_traced_is_idempotent_and_cached() -> None:
    """A class has one traced class, which is its own; a subclass of a traced class is traced already."""

    class Server(socketserver.TCPServer):
        pass

    class Sub(traced(Server)):  # type: ignore[misc] # a class made by a function
        pass

    assert traced(Server) is traced(Server)
    assert traced(traced(Server)) is traced(Server)
    assert traced(Sub) is Sub
    assert traced(socketserver.TCPServer) is socketserver_trace.TCPServer


@pytest.mark.parametrize("kind", [int, socket.socket, "TCPServer", lambda: None, None])
def test_traced_says_what_it_takes(kind: Any) -> None:
    """Anything that is not built on socketserver is refused with a sentence that names it."""
    with pytest.raises(TypeError, match=r"takes a server or handler class built on socketserver.* is not one\.$"):
        traced(kind)


def test_the_finished_class_is_traced() -> None:
    """A hook overridden in a subclass of a traced class is recorded, and its provider is the subclass."""

    class Strict(socketserver_trace.TCPServer):
        def verify_request(self, request: Any, client_address: Any) -> bool:
            return True

    _, server, _ = one_request(Strict, Shout)
    (event,) = trace_of(server).select(hook="verify_request", phase="enter")

    assert event.provider == "Strict"
    assert event.detail["own"] is True


def test_the_original_class_is_unchanged() -> None:
    """Tracing a class adds nothing to it, and its objects are not traced."""

    class Server(socketserver.TCPServer):
        pass

    before = dict(vars(Server))
    one_request(traced(Server), Echo)
    _, server, _ = one_request(Server, Echo)

    assert dict(vars(Server)) == before
    assert type(server) is Server
    with pytest.raises(TypeError, match=r"this Server is not traced: make it from traced\(Server\)"):
        trace_of(server)


def test_a_traced_handler_works_on_an_untraced_server() -> None:
    """A handler that is traced alone shows its own hooks and bytes in the trace of its server."""
    reply, server, _ = one_request(socketserver.TCPServer, traced(Shout))

    assert reply == b"HELLO\n"
    assert entered(server, connection=1) == ["__init__", "setup", "handle", "finish"]
    assert [event.data for event in trace_of(server).select(kind="send", phase="enter")] == [b"HELLO\n"]


def test_traced_handlers_on_an_untraced_threading_server_share_a_trace() -> None:
    """Two threads that begin at once record into the same trace, as two connections."""
    both = threading.Barrier(2, timeout=TIMEOUT)

    class Together(traced(Shout)):  # type: ignore[misc] # a class made by a function
        def __init__(self, *arguments: Any) -> None:
            both.wait()
            super().__init__(*arguments)

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Together)) as server:
        with plain_client(server) as first, plain_client(server) as second:
            first.sendall(b"a\n")
            second.sendall(b"b\n")
            replies = [first.recv(10), second.recv(10)]
    trace = trace_of(server)

    assert replies == [b"A\n", b"B\n"]
    assert trace.connections == (1, 2)
    assert [entered(server, connection=number) for number in (1, 2)] == [["__init__", "setup", "handle", "finish"]] * 2


@pytest.mark.parametrize("server", [None, object(), mock.Mock(), 7], ids=lambda server: type(server).__name__)
def test_a_traced_handler_can_be_made_without_a_server(server: Any) -> None:
    """A unit test that makes a handler with stand-ins gets what the untraced handler does."""

    class Request:
        sent = b""

        def makefile(self, mode: str, _size: int) -> io.BytesIO:
            return io.BytesIO(b"hello\n")

        def sendall(self, data: bytes) -> None:
            self.sent += bytes(data)

    request = Request()
    handler = traced(Shout)(request, ("nowhere", 0), server)

    assert request.sent == b"HELLO\n"
    assert handler.server is server


def test_hooks_replaced_later_are_those_that_run() -> None:
    """A method that a notebook or a mock puts into the class after the first request runs, and is recorded."""

    class Server(socketserver.TCPServer):
        pass

    with traced(Server)(("127.0.0.1", 0), Shout) as server:
        with mock.patch.object(Server, "verify_request", return_value=True) as mocked:
            with plain_client(server) as client:
                client.sendall(b"a\n")
                server.handle_request()
                address = client.getsockname()
        with mock.patch.object(Server, "verify_request", autospec=True, return_value=False):
            with plain_client(server) as client:
                client.sendall(b"")
                server.handle_request()
                refused = client.recv(10)

    assert [call.args[1] for call in mocked.call_args_list] == [address]
    assert len(mocked.call_args.args) == 2
    assert refused == b""
    assert entered(server).count("verify_request") == 2


def test_the_class_of_an_object_can_be_changed() -> None:
    """A server that becomes one of another class behaves as that class, and its hooks are recorded."""

    class Closed(socketserver.TCPServer):
        def verify_request(self, request: Any, client_address: Any) -> bool:
            return False

    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout) as server:
        server.__class__ = Closed
        with plain_client(server) as client:
            server.handle_request()
            reply = client.recv(10)

    assert reply == b""
    assert server.__class__ is Closed
    assert [event.provider for event in trace_of(server).select(hook="verify_request", phase="enter")] == ["Closed"]


def test_a_server_made_once_keeps_its_trace() -> None:
    """A __new__ that returns an object made before does not lose what that one has recorded."""

    class Single(socketserver.TCPServer):
        made: Any = None

        def __new__(cls, *arguments: Any) -> Any:
            if Single.made is None:
                Single.made = super().__new__(cls)
            return Single.made

        def __init__(self, *arguments: Any) -> None:
            if "socket" not in vars(self):
                super().__init__(*arguments)

    first = traced(Single)(("127.0.0.1", 0), Echo)
    source = vars(first)["_socketserver_trace_source"]
    second = traced(Single)(("127.0.0.1", 0), Echo)
    second.server_close()

    assert first is second
    assert vars(second)["_socketserver_trace_source"] is source


def test_an_abstract_class_and_its_traced_class_answer_for_themselves() -> None:
    """An object of the untraced class is no instance of the traced one, whatever was asked before."""

    class Abstract(socketserver.TCPServer, abc.ABC):
        pass

    with Abstract(("127.0.0.1", 0), Echo) as untraced, traced(Abstract)(("127.0.0.1", 0), Echo) as server:
        answers = [isinstance(untraced, Abstract), isinstance(untraced, traced(Abstract)), isinstance(server, Abstract)]
        answers.append(isinstance(server, traced(Abstract)))

    assert answers == [True, False, True, True]


class Queue(socketserver.BaseServer):
    """A server without sockets: requests come through a queue, and a pipe says that there is one."""

    def __init__(self, handler: Any) -> None:
        super().__init__("a queue", handler)
        self.waiting: queue.Queue[Any] = queue.Queue()
        self.reading, self.writing = os.pipe()

    def put(self, request: Any) -> None:
        self.waiting.put(request)
        os.write(self.writing, b".")

    def fileno(self) -> int:
        return self.reading

    def get_request(self) -> Any:
        os.read(self.reading, 1)
        return self.waiting.get_nowait(), "somebody"

    def server_close(self) -> None:
        os.close(self.reading)
        os.close(self.writing)


def test_a_request_need_not_be_a_socket() -> None:
    """A server over a queue is traced, each request a connection."""
    taken: list[Any] = []

    class Take(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            taken.append((self.request, self.client_address))

    with traced(Queue)(Take) as server:
        for request in ("first", ["second"]):
            server.put(request)
            server._handle_request_noblock()

    assert taken == [("first", "somebody"), (["second"], "somebody")]
    assert trace_of(server).connections == (1, 2)
    assert entered(server, connection=2) == [
        "get_request", "verify_request", "process_request", "finish_request",
        "__init__", "setup", "handle", "finish", "shutdown_request", "close_request",
    ]  # fmt: skip
    assert faults(server) == []


def test_get_request_may_return_what_the_tracer_does_not_expect() -> None:
    """A pair that can be read only once reaches the server unread, and the tracer says that it did not look."""
    taken: list[Any] = []

    class Once(Queue):
        def get_request(self) -> Any:
            return iter(super().get_request())

    class Take(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            taken.append(self.request)

    with traced(Once)(Take) as server:
        server.put("a request")
        server._handle_request_noblock()

    assert taken == ["a request"]
    assert faults(server) == ["looking at what get_request() returned"]


def test_get_request_that_raises_is_ignored_as_ever() -> None:
    """An OSError of get_request means that there is no request, and is recorded."""

    class Deaf(socketserver.TCPServer):
        def get_request(self) -> Any:
            super().get_request()[0].close()
            raise ConnectionAbortedError("gone again")

    reply, server, told = one_request(traced(Deaf), Echo, b"")
    (event,) = trace_of(server).arrival().select(hook="get_request", phase="raise")

    assert (reply, told) == (b"", "")
    assert event.detail["error"] == "ConnectionAbortedError"
    assert event.detail["message"] == "gone again"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt"),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def secured_in_get_request(context: ssl.SSLContext) -> type:
    """A server that wraps the connection as it accepts it."""

    class Secured(socketserver.ThreadingTCPServer):
        def get_request(self) -> Any:
            request, client_address = super().get_request()
            return context.wrap_socket(request, server_side=True, do_handshake_on_connect=False), client_address

    return Secured


def secured_in_finish_request(context: ssl.SSLContext) -> type:
    """A server that wraps the connection where it is handled."""

    class Secured(socketserver.ThreadingTCPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            with context.wrap_socket(request, server_side=True) as secure:
                self.RequestHandlerClass(secure, client_address, self)
                secure.unwrap()

        def shutdown_request(self, request: Any) -> None:
            self.close_request(request)  # it is detached from its connection, which is closed already

    return Secured


@pytest.mark.parametrize("secured", [secured_in_get_request, secured_in_finish_request])
def test_tls_works_and_the_plain_bytes_are_seen(certificate: Path, secured: Callable[[ssl.SSLContext], type]) -> None:
    """A handler behind TLS replies, and the trace shows what was said and not what was enciphered."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    asking = ssl.create_default_context(cafile=str(certificate))
    with serving(traced(secured(context))(("127.0.0.1", 0), Shout)) as server, plain_client(server) as plain:
        with asking.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=True) as client:
            client.sendall(b"secret\n")
            reply = client.recv(100)
            end = client.recv(100)
    trace = trace_of(server)

    assert (reply, end) == (b"SECRET\n", b"")
    assert [event.data for event in trace.select(kind="send", phase="enter")] == [b"SECRET\n"]
    assert [event.data for event in trace.select(kind="receive", phase="return") if event.data] == [b"secret\n"]
    assert faults(server) == []


def test_server_close_twice_is_as_harmless_as_ever() -> None:
    """The second server_close does nothing, and both are recorded."""
    server = traced(socketserver.TCPServer)(("127.0.0.1", 0), Echo)
    server.server_close()
    server.server_close()

    assert entered(server) == ["__init__", "server_bind", "server_activate", "server_close", "server_close"]


def test_an_address_in_use_is_told_as_ever() -> None:
    """The constructor raises, closes the socket, and the trace that nobody can ask for does no harm."""
    closed: list[bool] = []

    class Server(traced(socketserver.TCPServer)):  # type: ignore[misc] # a class made by a function
        def server_close(self) -> None:
            super().server_close()
            closed.append(self.socket.fileno() == -1)

    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as first:
        with pytest.raises(OSError, match="in use"):
            Server(first.server_address, Echo)

    assert closed == [True]


def test_handle_timeout_is_called_and_recorded() -> None:
    """A handle_request that waits in vain calls handle_timeout and belongs to no connection."""
    called: list[str] = []

    class Impatient(socketserver.TCPServer):
        timeout = 0

        def handle_timeout(self) -> None:
            called.append("handle_timeout")

    with traced(Impatient)(("127.0.0.1", 0), Echo) as server:
        server.handle_request()

    assert called == ["handle_timeout"]
    assert entered(server)[-4:] == ["handle_request", "handle_timeout", "__exit__", "server_close"]
    assert trace_of(server).connections == ()


def test_a_loop_that_was_stopped_before_it_began_ends_at_once() -> None:
    """A shutdown that comes before serve_forever waits for it, and then the loop takes no request."""
    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Echo) as server:
        asked = threading.Event()
        forget = vars(server)["_socketserver_trace_source"].recorder.listen(lambda _record: asked.set())
        stopping = threading.Thread(target=server.shutdown)
        stopping.start()
        assert asked.wait(TIMEOUT)
        server.serve_forever(0.01)
        stopping.join(TIMEOUT)
        forget()

    assert not stopping.is_alive()
    assert "get_request" not in entered(server)
    assert {"shutdown", "serve_forever"} <= set(entered(server))


@pytest.mark.parametrize(("block_on_close", "daemon_threads"), [(True, False), (False, False), (True, True)])
def test_threads_are_joined_as_ever(block_on_close: bool, daemon_threads: bool) -> None:
    """Server_close waits for the threads of requests when the untraced server does."""
    inside, go_on = threading.Event(), threading.Event()
    workers: list[threading.Thread] = []

    class Wait(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            workers.append(threading.current_thread())
            inside.set()
            go_on.wait(TIMEOUT)

    class Server(socketserver.ThreadingTCPServer):
        pass

    Server.block_on_close, Server.daemon_threads = block_on_close, daemon_threads
    server = traced(Server)(("127.0.0.1", 0), Wait)
    with plain_client(server) as client:
        server.handle_request()
        assert inside.wait(TIMEOUT)
        closing = threading.Thread(target=server.server_close)
        closing.start()
        if not block_on_close or daemon_threads:
            closing.join(TIMEOUT)
        alive = closing.is_alive()
        go_on.set()
        closing.join(TIMEOUT)
        workers[0].join(TIMEOUT)
        assert client.recv(1) == b""

    assert alive is (block_on_close and not daemon_threads)
    assert workers[0].daemon is daemon_threads
    assert workers[0].name.endswith("(process_request_thread)")


def test_a_program_that_profiles_itself_is_left_alone() -> None:
    """The profile function of a program stays, and its handler runs unseen."""
    seen: list[str] = []

    def profile(frame: Any, event: str, _argument: Any) -> None:
        seen.append(frame.f_code.co_name)

    with traced(socketserver.TCPServer)(("127.0.0.1", 0), functools.partial(Shout)) as server:
        with plain_client(server) as client:
            client.sendall(b"a\n")
            sys.setprofile(profile)
            try:
                server.handle_request()
                kept = sys.getprofile()
            finally:
                sys.setprofile(None)
            reply = client.recv(10)

    assert reply == b"A\n"
    assert kept is profile
    assert "handle" in seen
    assert "handle" not in entered(server)


def test_a_function_that_makes_no_handler_is_not_watched_for_ever() -> None:
    """The watch for a handler gives up after a while, and nothing of it stays."""
    during: list[Any] = []

    def busy(request: socket.socket, _address: Any, _server: Any) -> None:
        for _ in range(2000):
            len(())
        during.append(sys.getprofile())
        request.sendall(b"done")

    reply, server, _ = one_request(traced(socketserver.TCPServer), busy, b"")

    assert reply == b"done"
    assert during == [None]
    assert "finish_request" in entered(server)


@contextmanager
def _broken(monkeypatch: pytest.MonkeyPatch, *places: tuple[Any, str]) -> Iterator[None]:
    def breaks(*_arguments: Any, **_options: Any) -> Any:
        raise ZeroDivisionError("inside the tracer")

    with monkeypatch.context() as patch:
        for place, name in places:
            patch.setattr(place, name, breaks)
        yield


@pytest.mark.parametrize(
    ("places", "doing"),
    [
        ([(hooks, "attach")], "looking at what get_request() returned"),
        ([(hooks, "attach"), (steps, "attached")], "tracing the request"),
        ([(sockets, "payload_of")], "looking at the bytes of recv_into()"),
        ([(fronts, "front_of")], "tracing TCPServer"),
        ([(fronts, "wrapper_of")], "tracing BrandNew"),
    ],
    ids=["attach", "attached", "payload_of", "front_of", "wrapper_of"],
)
def test_a_failure_of_the_tracer_never_reaches_the_server(
    places: list[tuple[Any, str]], doing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks inside the tracer, the client gets its reply, and the trace says what broke."""

    class BrandNew(Shout):
        pass

    with traced(socketserver.TCPServer)(("127.0.0.1", 0), BrandNew):
        pass  # so that the server's front exists, and the handler's does not
    with _broken(monkeypatch, *places):
        reply, server, told = one_request(traced(socketserver.TCPServer), BrandNew)

    assert (reply, told) == (b"HELLO\n", "")
    assert doing in faults(server)


@pytest.mark.parametrize("make", [functools.partial(Shout), Shout], ids=["partial", "class"])
def test_a_handler_that_cannot_be_traced_runs_untraced(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When no front can be made for a handler the reply is the same, and the trace says so."""
    server_class = traced(socketserver.TCPServer)
    front = type(server_class.__new__(server_class))

    def breaks(kind: type) -> type:
        raise ZeroDivisionError("inside the tracer")

    with monkeypatch.context() as patch:
        patch.setattr(steps.Steps, "_socketserver_trace_front_of", staticmethod(breaks), raising=False)
        type.__setattr__(front, "_socketserver_trace_front_of", staticmethod(breaks))
        try:
            reply, server, told = one_request(server_class, make)
        finally:
            type.__setattr__(front, "_socketserver_trace_front_of", staticmethod(fronts.front_of))

    assert (reply, told) == (b"HELLO\n", "")
    assert faults(server)[0].endswith("Shout")


def test_a_listener_that_raises_is_dropped_and_reported() -> None:
    """The server goes on, and the fault is in the trace."""

    def raises(_record: Any) -> None:
        raise ZeroDivisionError("a listener")

    with traced(socketserver.TCPServer)(("127.0.0.1", 0), Shout) as server:
        recorder = vars(server)["_socketserver_trace_source"].recorder
        recorder.listen(raises)
        with plain_client(server) as client:
            client.sendall(b"a\n")
            server.handle_request()
            reply = client.recv(10)

    assert reply == b"A\n"
    assert recorder.listeners == ()
    assert faults(server) == ["telling a listener, which hears no more"]


def test_dropped_in_traces_a_program_that_nobody_changed() -> None:
    """While it lasts, the names of the module socketserver are the traced classes; then they are what they were."""
    before = {name: getattr(socketserver, name) for name in socketserver.__all__}
    with fronts.dropped_in():

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(self.rfile.readline())

        reply, server, _ = one_request(socketserver.ThreadingTCPServer, Handler)

    assert reply == b"hello\n"
    assert "process_request_thread" in entered(server, connection=1)
    assert {name: getattr(socketserver, name) for name in socketserver.__all__} == before


def test_a_server_without_a_source_is_as_good_as_untraced() -> None:
    """A server object that came into being past its constructor serves and records nothing."""
    server_class = traced(socketserver.TCPServer)
    with server_class(("127.0.0.1", 0), Shout) as server:
        vars(server).pop("_socketserver_trace_source")
        with plain_client(server) as client:
            client.sendall(b"a\n")
            server.handle_request()
            reply = client.recv(10)

    assert reply == b"A\n"
