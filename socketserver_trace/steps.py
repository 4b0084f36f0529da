"""The steps that tracing itself needs inside a hook: which handler is made, which request is over.

They stand in the *inner* class, right behind the wrappers of the front and in front of the program's finished class
(`fronts`), and each does its step and hands on whatever it was given. A step takes any arguments, because the
program's own override may.

The law: a step fails by recording a fault; the program's method runs in any case, and what it raises is raised.
"""

from __future__ import annotations

import functools
import socket
import sys
import traceback
import weakref
from socketserver import BaseRequestHandler, BaseServer
from time import perf_counter_ns
from types import FunctionType

from socketserver_trace.onward import follow_onward
from socketserver_trace.providers import meanings
from socketserver_trace.recorder import failure, local
from socketserver_trace.sockets import attach, attached, attachments
from socketserver_trace.watching import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Final

    from socketserver_trace.recorder import Flow, Meaning, Source

FRONT: Final = "_socketserver_trace_front"
"""Marks the classes that the traced objects have."""

BASE_FINISH_REQUEST: Final = BaseServer.finish_request


def _asking_for_the_front() -> Callable[[Any, Any, Any], None]:
    """The standard library's own `finish_request`, which asks the server for the front of its handler class instead.

    The same code with one name changed, so that a traceback shows the line that the learner knows.
    """
    code = BASE_FINISH_REQUEST.__code__
    names = tuple("_socketserver_trace_maker" if name == "RequestHandlerClass" else name for name in code.co_names)
    return FunctionType(code.replace(co_names=names), BASE_FINISH_REQUEST.__globals__)


FINISH_REQUEST: Final = _asking_for_the_front()


class Steps:
    """What the inner classes of servers and handlers have in common.

    No slots: an object that exists already can take a front only when its class has the same layout.
    """

    _socketserver_trace_shell = True
    _socketserver_trace_front_of: Callable[[type], type]

    def __init_subclass__(cls, **options: Any) -> None:
        """Nothing: a class of the program that counts its subclasses does not count the tracer's."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        """What copies and pickles are made of: of the program's class, which others know by its name."""
        reduced = super().__reduce_ex__(protocol)
        front, program = type(self), self.__class__
        if not isinstance(reduced, tuple) or front is program:
            return reduced
        made_of = tuple(program if part is front else part for part in reduced[1])
        return (reduced[0], made_of, *reduced[2:])


class ServerSteps(Steps):
    """What tracing does inside a server's hooks."""

    _socketserver_trace_shell = True
    _socketserver_trace_source: Source | None = None

    def server_activate(self, *arguments: Any, **options: Any) -> Any:
        result = super().server_activate(*arguments, **options)  # type: ignore[misc] # the next class in the MRO is a server
        source = self._socketserver_trace_source
        if source is not None:
            _trace_datagrams(self, source)
            _be_found(self, source)
        return result

    def finish_request(self, *arguments: Any, **options: Any) -> Any:
        method: Any = super().finish_request  # type: ignore[misc] # as above
        source = self._socketserver_trace_source
        if source is None:
            return method(*arguments, **options)
        here = local.here
        before, here.source = here.source, source
        if arguments:
            _begin_request(here, source, arguments[0])
        try:
            if getattr(method, "__func__", None) is BASE_FINISH_REQUEST:
                return FINISH_REQUEST(self, *arguments, **options)
            with _Adoption(source, self._socketserver_trace_front_of):
                return method(*arguments, **options)
        finally:
            here.source = before

    @property
    def _socketserver_trace_maker(self) -> Any:
        """What makes the handler, as FINISH_REQUEST calls it."""
        source, make = self._socketserver_trace_source, self.RequestHandlerClass  # type: ignore[attr-defined] # as above
        if source is None:
            return make
        if source.front is not None and source.front[0] is make:
            return source.front[1]
        if isinstance(make, type) and issubclass(make, BaseRequestHandler):
            try:
                source.front = make, self._socketserver_trace_front_of(make)
                return source.front[1]
            except Exception as error:  # noqa: BLE001 - a handler class that cannot be traced runs untraced
                source.fault(error, f"tracing {make.__name__}")
                return make
        return functools.partial(_make_and_adopt, source, self._socketserver_trace_front_of, make)

    def handle_error(self, *arguments: Any, **options: Any) -> Any:
        source, error = self._socketserver_trace_source, sys.exc_info()[1]
        if error is not None:
            without_the_tracer(error)
        method: Any = super().handle_error  # type: ignore[misc] # as above
        if source is None or not source.quiet or getattr(method, "__func__", None) is not BaseServer.handle_error:
            return method(*arguments, **options)
        return source.errors.append(traceback.format_exc())


def plain_finish_request(kind: type) -> Callable[..., Any]:
    """The same step for a class that inherits the standard library's own finish_request, as nearly all do: quicker."""

    def finish_request(self: Any, request: Any, client_address: Any) -> Any:
        source: Source | None = self._socketserver_trace_source
        if source is None or kind.finish_request is not BASE_FINISH_REQUEST:  # type: ignore[attr-defined] # a server
            return ServerSteps.finish_request(self, request, client_address)
        here = local.here
        before, here.source = here.source, source
        here.connection = source.connections.get(id(request), here.connection)
        if id(request) not in attachments and type(request) is not tuple:
            trace_request(request, source, here.connection)
        try:
            return FINISH_REQUEST(self, request, client_address)
        finally:
            here.source = before

    return finish_request


class HandlerSteps(Steps):
    """What tracing does inside a handler's hooks."""

    _socketserver_trace_shell = True

    @property
    def _socketserver_trace_source(self) -> Source | None:
        return local.here.source


class _Adoption:
    """Traces a handler that the program constructs in a way of its own, from the moment its constructor runs.

    The constructor is entered already, so its wrapper comes too late: its enter is recorded here, and its end with
    the end of finish_request.
    """

    def __init__(self, source: Source, front_of: Callable[[type], type]) -> None:
        self._source = source
        self._front_of = front_of
        self._watch = Watch(self.begin)
        self._constructor: tuple[Meaning, Meaning, Meaning] | None = None

    def begin(self, handler: Any, given: Iterable[Any]) -> None:
        kind: type = type(handler)
        for operand in given:
            trace_request(operand, self._source, local.here.connection)
        try:
            object.__dict__["__class__"].__set__(handler, self._front_of(kind))
            if FRONT not in vars(kind):
                self._constructor = meanings(kind, "__init__", "handler")
                self._record(self._constructor[0], None)
        except Exception as error:  # noqa: BLE001 - a handler that cannot be traced runs untraced
            self._source.fault(error, f"tracing a {kind.__name__}")

    def __enter__(self) -> None:
        self._watch.begin()

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        self._watch.end()
        if self._constructor is not None:
            _, leave, fail = self._constructor
            self._record(*((leave, None) if error is None else (fail, failure(error))))

    def _record(self, meaning: Meaning, payload: object) -> None:
        here = local.here
        self._source.record((perf_counter_ns(), here, self._source, meaning, here.connection, payload))


def _make_and_adopt(source: Source, front_of: Callable[[type], type], make: Any, /, *arguments: Any) -> None:
    with _Adoption(source, front_of):
        make(*arguments)


def _trace_datagrams(server: Any, source: Source) -> None:
    """The replies to datagrams leave by the server's own socket, so that one is traced as well."""
    try:
        listening = vars(server).get("socket")
        if isinstance(listening, socket.socket) and listening.type == socket.SOCK_DGRAM:
            attach(listening, source, None)
    except Exception as error:  # noqa: BLE001 - a server is free to have another kind of socket, or none
        source.fault(error, "tracing the server's socket")


def _be_found(server: Any, source: Source) -> None:
    """From now on a handler of another server that connects here is seen to do so."""
    try:
        listening = vars(server).get("socket")
        if isinstance(listening, socket.socket) and listening.type == socket.SOCK_STREAM:
            source.listening = weakref.ref(listening)
            follow_onward(source.recorder)
    except Exception as error:  # noqa: BLE001 - as above
        source.fault(error, "noting where the server listens")


def _begin_request(here: Flow, source: Source, request: Any) -> None:
    """From now on the flow works on this request."""
    here.connection = source.connections.get(id(request), here.connection)
    if id(request) not in attachments:
        # The program has put another socket in the place of the accepted one, for TLS say; or it is a datagram.
        trace_request(request, source, here.connection)


def trace_request(request: Any, source: Source, connection: int | None) -> None:
    """Trace what a handler is given to talk by, if it is a socket that is not traced yet."""
    try:
        if not attached(request):
            attach(request, source, connection)
    except Exception as error:  # noqa: BLE001 - a request may be anything
        source.fault(error, "tracing the request")


def without_the_tracer(error: BaseException) -> None:
    """Take the tracer's own frames out of the tracebacks of an exception and of those that led to it."""
    todo, done = [error], set()
    while todo:
        told = todo.pop()
        done.add(id(told))
        entry = told.__traceback__
        while entry is not None:
            while (following := entry.tb_next) is not None and _is_the_tracers(following.tb_frame.f_globals):
                entry.tb_next = following.tb_next
            entry = entry.tb_next
        todo += [led for led in (told.__cause__, told.__context__) if led is not None and id(led) not in done]


def _is_the_tracers(names: dict[str, Any]) -> bool:
    return names.get("__package__") == __package__
