"""`traced(cls)`: tracing in front of a finished class.

Three kinds of classes are put around a class of the program, none of which changes it:

* the *shell*, which `traced` returns and which the drop-in names are. It looks like the class, can be subclassed and
  mixed like it, and does one thing: `__new__` makes the object an instance of the front of the finished class.
* the *front*, the class that the object has. It holds a wrapper (`hooks`) for every hook, so that the program's own
  overrides, and the order of its mix-ins, are seen as they are.
* the *inner* class between the two, with the few steps that tracing itself needs inside a hook: which handler is made
  in `finish_request`, which request is over in `close_request`.

Because the front is derived from the finished class at the moment an object is made, tracing stands always in front,
however often the shell was subclassed. State that belongs to the class stays there: `self.__class__` is the program's
class, and what is set on the front is set on the program's class.
"""

from __future__ import annotations

import functools
import socket
import socketserver
import traceback
from contextlib import contextmanager
from socketserver import BaseRequestHandler, BaseServer
from time import perf_counter_ns
from types import MappingProxyType

from socketserver_trace import recorder as recorders
from socketserver_trace.hooks import SHELL, meanings, program_classes, wrapper_of
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.recorder import Meaning, Recorder, Source, failure, local
from socketserver_trace.sockets import attach, attached
from socketserver_trace.watching import watching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final, TypeVar

    Kind = TypeVar("Kind", bound=type)

BASE_FINISH_REQUEST: Final = BaseServer.finish_request

MIX_INS: Final = tuple(
    getattr(socketserver, name) for name in ("ThreadingMixIn", "ForkingMixIn") if hasattr(socketserver, name)
)


def traced(kind: Kind) -> Kind:
    """The traced class of any server or handler class: the same name, the same behaviour, and a trace.

    Calling it again with the class or with the traced class gives the same traced class. TypeError for anything that
    is not built on `socketserver`.
    """
    if not isinstance(kind, type) or not issubclass(kind, TRACEABLE):
        raise TypeError(
            "traced() takes a server or handler class built on socketserver, "
            f"a subclass of BaseServer or BaseRequestHandler; {_named(kind)} is not one."
        )
    return kind if issubclass(kind, Shell) else _shell(kind)


@contextmanager
def dropped_in() -> Iterator[None]:
    """Let the names of the module `socketserver` be the traced classes, for programs that nobody changes."""
    before = {name: getattr(socketserver, name) for name in DROP_INS}
    vars(socketserver).update(DROP_INS)
    try:
        yield
    finally:
        vars(socketserver).update(before)


def source_of(server: Any) -> Source:
    """Where the records of this server go. A server without one, whose handler is traced alone, gets one."""
    source = getattr(server, "_socketserver_trace_source", None)
    if isinstance(source, Source):
        return source
    source = _new_source(type(server))
    server._socketserver_trace_source = source
    return source


class Shell:
    """The first base of every traced class: makes the objects instances of the front of the finished class."""

    _socketserver_trace_shell = True

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        following = super().__new__
        front = front_of(cls)
        made: Any = following(front) if following is object.__new__ else following(front, *arguments, **options)
        if issubclass(front, BaseServer):
            # Before the constructor runs, because it calls hooks; and past a __setattr__ of the program's own.
            object.__setattr__(made, "_socketserver_trace_source", _new_source(cls))
        return made

    def __init_subclass__(cls, **options: Any) -> None:
        # A shell is not a class of the program, which is not told of it.
        if SHELL not in vars(cls):
            super().__init_subclass__(**options)


class Steps:
    """What the inner classes of servers and handlers have in common.

    No slots: an object that exists already can take a front only when its class has the same layout.
    """

    _socketserver_trace_shell = True

    def __init_subclass__(cls, **options: Any) -> None:
        """Nothing: a class of the program that counts its subclasses does not count the tracer's."""


class ServerSteps(Steps):
    """What tracing does inside a server's hooks."""

    _socketserver_trace_shell = True

    _socketserver_trace_source: Source | None = None
    RequestHandlerClass: Any

    def server_activate(self) -> None:
        super().server_activate()  # type: ignore[misc] # the next class in the MRO is a server
        _trace_datagrams(self)

    def finish_request(self, request: Any, client_address: Any, *more: Any, **options: Any) -> Any:
        source = self._socketserver_trace_source
        if source is None:
            return super().finish_request(request, client_address, *more, **options)  # type: ignore[misc] # as above
        here = local.here
        before, here.source = here.source, source
        here.connection = source.connections.get(id(request), here.connection)
        try:
            if _makes_its_handler_plainly(self):
                _front_or_itself(self.RequestHandlerClass, source)(request, client_address, self)
                return None
            with _Adoption(source) as adoption, watching(adoption.begin):
                return super().finish_request(request, client_address, *more, **options)  # type: ignore[misc] # as above
        finally:
            here.source = before

    def close_request(self, request: Any, *more: Any, **options: Any) -> Any:
        source = self._socketserver_trace_source
        try:
            return super().close_request(request, *more, **options)  # type: ignore[misc] # as above
        finally:
            if source is not None:
                source.connections.pop(id(request), None)

    def handle_error(self, request: Any, client_address: Any, *more: Any, **options: Any) -> Any:
        source = self._socketserver_trace_source
        if source is None or not source.quiet or _overrides(self, "handle_error"):
            return super().handle_error(request, client_address, *more, **options)  # type: ignore[misc] # as above
        return source.errors.append(traceback.format_exc())


class HandlerSteps(Steps):
    """What tracing does inside a handler's hooks."""

    _socketserver_trace_shell = True

    request: Any

    @property
    def _socketserver_trace_source(self) -> Source | None:
        return local.here.source

    def setup(self) -> None:
        here = local.here
        # The program may have put another socket in the place of the accepted one, for TLS say.
        if here.source is not None and not attached(self.request):
            attach(self.request, here.source, here.connection)
        super().setup()  # type: ignore[misc] # the next class in the MRO is a handler


@functools.cache
def front_of(kind: type) -> type:
    """The class whose objects are traced, in front of a finished class of the program."""
    if FRONT in vars(kind):
        return kind
    server = issubclass(kind, BaseServer)
    steps, table, owner = (ServerSteps, SERVER_HOOKS, "server") if server else (HandlerSteps, HANDLER_HOOKS, "handler")
    if not server and not issubclass(kind, BaseRequestHandler):
        return kind  # a mix-in on its own, which has no hooks yet
    inner = _make(type(kind), kind, (steps, kind), {"__slots__": (), SHELL: True})
    wrappers: dict[str, Any] = {
        name: wrapper_of(kind, inner, name, owner)
        for name, hook in table.items()
        if hook.traced and hasattr(kind, name)
    }
    if not server and issubclass(kind, Shell):
        wrappers["__init__"] = _alone(wrappers["__init__"])
    program = program_classes(kind)[0]
    wrappers |= {"__slots__": (), SHELL: True, FRONT: True, "__class__": _class_property(program)}
    return _make(_front_metaclass(type(kind), program), kind, (inner,), wrappers)


FRONT: Final = "_socketserver_trace_front"


def _make(metaclass: type, kind: type, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
    """A class that looks like `kind`. The metaclass's own `__new__` and `__init__`, code of the program, do not run."""
    looks = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    made = type.__new__(metaclass, kind.__name__, bases, looks | namespace)
    if abstract := getattr(kind, "__abstractmethods__", None):
        type.__setattr__(made, "__abstractmethods__", abstract)
    return made


def _shell(kind: type) -> Any:
    return _shells.setdefault(kind, _make(type(kind), kind, (*_shell_bases(kind), kind), {SHELL: True}))


_shells: Final[dict[type, type]] = {}


def _shell_bases(kind: type) -> tuple[type, ...]:
    """The shells of the bases, where these are the standard library's, so that the drop-in names are a family too."""
    if kind.__module__ != socketserver.__name__:
        return (Shell,)
    return tuple(_shell(base) for base in kind.__bases__ if issubclass(base, TRACEABLE)) or (Shell,)


def _front_metaclass(metaclass: type, program: type) -> type:
    """A metaclass that keeps state where it belongs: what is set on the front is set on the program's class."""

    def set_on_program(_front: type, name: str, value: object) -> None:
        setattr(program, name, value)

    def delete_from_program(_front: type, name: str) -> None:
        delattr(program, name)

    return type(metaclass)(
        metaclass.__name__, (metaclass,), {"__setattr__": set_on_program, "__delattr__": delete_from_program}
    )


def _class_property(program: type) -> property:
    """`self.__class__` as the program knows it. Setting it traces the new class as well."""

    def set_class(self: object, kind: type) -> None:
        object.__dict__["__class__"].__set__(self, front_of(kind))

    return property(lambda _self: program, set_class)


def _alone(recorded: Any) -> Any:
    """The constructor of a handler that is traced by itself, whatever its server is."""

    @functools.wraps(recorded)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:
        here = local.here
        if here.source is not None:
            return recorded(self, *arguments, **options)  # type: ignore[no-any-return] # always None
        given = dict(zip(("request", "client_address", "server"), arguments, strict=False)) | options
        source = source_of(given["server"]) if "server" in given else _new_source(type(self))
        here.source, here.connection = source, source.recorder.next_connection()
        try:
            return recorded(self, *arguments, **options)  # type: ignore[no-any-return] # always None
        finally:
            here.source = None

    return __init__


class _Adoption:
    """Traces a handler that the program constructs in a way of its own, from the moment its constructor runs.

    The constructor is entered already, so its wrapper comes too late: its enter is recorded here, and its end with
    the end of finish_request.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.constructor: tuple[Meaning, Meaning, Meaning] | None = None

    def begin(self, handler: Any) -> None:
        try:
            kind = type(handler)
            object.__dict__["__class__"].__set__(handler, front_of(kind))
            if FRONT not in vars(kind):
                self.constructor = meanings(kind, "__init__", "handler")
                self._record(self.constructor[0], None)
        except Exception as error:  # noqa: BLE001 - a handler that cannot be traced runs untraced
            self.source.fault(error, f"tracing a {type(handler).__name__}")

    def __enter__(self) -> _Adoption:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _where: object) -> None:
        if self.constructor is not None:
            _, leave, fail = self.constructor
            self._record(*((leave, None) if error is None else (fail, failure(error))))

    def _record(self, meaning: Meaning, payload: object) -> None:
        here = local.here
        self.source.record((perf_counter_ns(), here, self.source, meaning, here.connection, payload))


def _front_or_itself(kind: type, source: Source) -> Any:
    try:
        return front_of(kind)
    except Exception as error:  # noqa: BLE001 - a handler class that cannot be traced runs untraced
        source.fault(error, f"tracing {kind.__name__}")
        return kind


def _makes_its_handler_plainly(server: Any) -> bool:
    """Whether finish_request is the standard library's, which calls RequestHandlerClass, and that is a handler class."""
    kind = server.RequestHandlerClass
    return (
        isinstance(kind, type)
        and issubclass(kind, BaseRequestHandler)
        and not _overrides(server, "finish_request")
        and BaseServer.finish_request is BASE_FINISH_REQUEST
    )


def _overrides(server: Any, hook: str) -> bool:
    return getattr(server.__class__, hook) is not getattr(BaseServer, hook)


def _trace_datagrams(server: Any) -> None:
    """The replies to datagrams leave by the server's own socket, so that one is traced as well."""
    if getattr(server, "socket_type", None) == socket.SOCK_DGRAM:
        attach(server.socket, server._socketserver_trace_source, None)


def _new_source(kind: type) -> Source:
    return (recorders.shared or Recorder()).source(kind.__name__)


def _named(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else f"the {type(kind).__name__} {kind!r}"


TRACEABLE: Final = (BaseServer, BaseRequestHandler, *MIX_INS)

DROP_INS: Final[Mapping[str, type]] = MappingProxyType(
    {name: traced(getattr(socketserver, name)) for name in socketserver.__all__}
)
"""The traced class for every class that the running standard library has, under its own name."""
