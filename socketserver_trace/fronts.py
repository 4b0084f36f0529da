"""`traced(cls)`: tracing in front of a finished class.

Three kinds of classes are put around a class of the program, none of which changes it:

* the *shell*, which `traced` returns and which the drop-in names are. It looks like the class, can be subclassed and
  mixed like it, and does one thing: `__new__` makes the object an instance of the front of the finished class.
* the *front*, the class that the object has. It holds a wrapper (`hooks`) for every hook, so that the program's own
  overrides, and the order of its mix-ins, are seen as they are.
* the *inner* class between the two, with the few steps that tracing itself needs inside a hook (`steps`): which
  handler is made in `finish_request`, which request is over in `close_request`.

Because the front is derived from the finished class at the moment an object is made, tracing stands always in front,
however often the shell was subclassed. State that belongs to the class stays there: `self.__class__` is the program's
class, and what is set on the front is set on the program's class.

The law: a class that cannot be traced, for whatever reason, runs as it is.
"""

from __future__ import annotations

import functools
import socketserver
from abc import ABCMeta
from contextlib import contextmanager
from dataclasses import FrozenInstanceError
from socketserver import BaseRequestHandler, BaseServer
from types import MappingProxyType

from socketserver_trace import recorder as recorders
from socketserver_trace.collecting import NEVER_FORKING, CollectSteps, ForkSteps
from socketserver_trace.hooks import wrapper_of
from socketserver_trace.joining import ThreadSteps
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
from socketserver_trace.loops import LoopSteps, RegisterSteps
from socketserver_trace.providers import SHELL, program_classes
from socketserver_trace.recorder import Recorder, Source, local
from socketserver_trace.steps import (
    BASE_FINISH_REQUEST,
    FRONT,
    HandlerSteps,
    ServerSteps,
    plain_finish_request,
    trace_request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Final, TypeVar

    Kind = TypeVar("Kind", bound=type)

SOURCE: Final = "_socketserver_trace_source"
"""The attribute of a server under which its source is found."""

MIX_INS: Final = tuple(
    getattr(socketserver, name) for name in ("ThreadingMixIn", "ForkingMixIn") if hasattr(socketserver, name)
)
TRACEABLE: Final = (BaseServer, BaseRequestHandler, *MIX_INS)


def traced(kind: Kind) -> Kind:
    """The traced class of any server or handler class: the same name, the same behaviour, and a trace.

    Calling it again with the class or with the traced class gives the same traced class. TypeError for anything that
    is not built on `socketserver`.
    """
    given: object = kind
    if not isinstance(given, type) or not issubclass(given, TRACEABLE):
        raise TypeError(
            "traced() takes a server or handler class built on socketserver, "
            f"a subclass of BaseServer or BaseRequestHandler; {_named(given)} is not one."
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
    """Where the records of this server go. A server without one, whose handler is traced alone, gets one.

    Anything may be given as the server of a handler, None say in a test: then the source is nobody else's.
    """
    state = getattr(server, "__dict__", None)
    if not isinstance(state, dict):
        return _new_source(type(server))
    source = state.get(SOURCE)
    if source is None:
        # Two threads may get here at once; both must have the same.
        source = state.setdefault(SOURCE, _new_source(type(server)))
    return source  # type: ignore[no-any-return] # nobody else uses this name


class Shell:
    """The first base of every traced class: makes the objects instances of the front of the finished class."""

    _socketserver_trace_shell = True

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        """The object, with a front for its class; a server has its source from now on."""
        return _made(cls, super().__new__, arguments, options)

    def __init_subclass__(cls, **options: Any) -> None:
        # A shell is not a class of the program, which is not told of it.
        if SHELL not in vars(cls):
            super().__init_subclass__(**options)


def _made(kind: type, following: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """An object with a front for its class, made by the next `__new__`; a server has its source from now on."""
    front, failed = _front_or_itself(kind)
    made: Any = following(front) if following is object.__new__ else following(front, *arguments, **options)
    # A __new__ of the program's own may return what it likes, an object that it has made before for one.
    if isinstance(made, kind) and issubclass(kind, BaseServer) and SOURCE not in vars(made):
        # Before the constructor runs, because it calls hooks; and past a __setattr__ of the program's own.
        source = vars(made)[SOURCE] = _new_source(kind)
        if failed is not None:
            source.fault(failed, f"tracing {kind.__name__}")
    return made


everybody = 0
"""How many blocks there are in which every server is traced, whoever wrote its class."""


@contextmanager
def everybody_is_traced() -> Iterator[None]:
    """Trace every server that is made from now on, in whatever thread, also of classes that nobody has changed.

    From the first time on `BaseServer` has a `__new__`, which outside such a block does what that of `object` does; it
    stays, because a class from which a `__new__` is taken away again cannot be made with arguments any more.
    """
    global everybody  # noqa: PLW0603 - one switch for the whole process is what this is
    if "__new__" not in vars(BaseServer):
        BaseServer.__new__ = _new  # type: ignore[method-assign,assignment] # as said above
    everybody += 1
    try:
        yield
    finally:
        everybody -= 1


def _new(kind: type, *arguments: Any, **options: Any) -> Any:
    following: Any = super(BaseServer, kind).__new__  # type: ignore[misc] # it is one of them
    if everybody and not issubclass(kind, Shell) and FRONT not in vars(kind):
        return _made(kind, following, arguments, options)
    if following is not object.__new__:
        return following(kind, *arguments, **options)
    if (arguments or options) and not issubclass(kind, Shell):  # as object_new in Objects/typeobject.c
        made_by: object = kind.__new__
        if made_by is not BaseServer.__new__:
            raise TypeError("object.__new__() takes exactly one argument (the type to instantiate)")
        if kind.__init__ is object.__init__:
            raise TypeError(f"{kind.__name__}() takes no arguments")
    return following(kind)


def is_traced(server: object) -> bool:
    """Whether this is a server whose class has a front."""
    return isinstance(server, BaseServer) and FRONT in vars(type(server))


def front_of(kind: type) -> type:
    """The class whose objects are traced, in front of a finished class of the program."""
    # By identity: a metaclass of the program's own may say that a class has no hash. A front keeps its class alive.
    front = _fronts.get(id(kind))
    return _fronts.setdefault(id(kind), _made_front_of(kind)) if front is None else front


def _made_front_of(kind: type) -> type:
    if FRONT in vars(kind):
        return kind
    server = issubclass(kind, BaseServer)
    steps, table, owner = (ServerSteps, SERVER_HOOKS, "server") if server else (HandlerSteps, HANDLER_HOOKS, "handler")
    if not server and not issubclass(kind, BaseRequestHandler):
        return kind  # a mix-in on its own, which has no hooks yet
    steps_of_its_own: dict[str, Any] = {"__slots__": (), SHELL: True}
    if server and getattr(kind, "finish_request", None) is BASE_FINISH_REQUEST:
        steps_of_its_own["finish_request"] = plain_finish_request(kind)
    around = _steps_around(kind) if server else ()
    inner = _make(type(kind), kind, (*around, steps, kind), steps_of_its_own)
    wrappers: dict[str, Any] = {
        name: wrapper_of(kind, inner, name, owner)
        for name, hook in table.items()
        if hook.traced and hasattr(kind, name)
    }
    if not server and issubclass(kind, Shell):
        wrappers["__init__"] = _alone(wrappers["__init__"])
    program = program_classes(kind)[0]
    wrappers |= {"__slots__": (), SHELL: True, FRONT: True, "__class__": _class_property(program)}
    wrappers["_socketserver_trace_front_of"] = staticmethod(front_of)
    if getattr(vars(program).get("__dataclass_params__"), "frozen", False):
        wrappers |= {"__setattr__": _frozen, "__delattr__": _frozen}
    return _make(_front_metaclass(type(kind), program), kind, (inner,), wrappers)  # type: ignore[no-any-return] # a class


def _steps_around(kind: type) -> Iterator[type]:
    """The steps that a class of servers needs besides those that all need."""
    if hasattr(kind, "fileno") and getattr(kind, "serve_forever", None) is BaseServer.serve_forever:
        yield RegisterSteps
    yield LoopSteps
    if issubclass(kind, getattr(socketserver, "ThreadingMixIn", ())):
        yield ThreadSteps
    if getattr(kind, "process_request", None) not in NEVER_FORKING:
        yield ForkSteps
    if hasattr(kind, "collect_children"):
        yield CollectSteps


def _make(metaclass: type, kind: type, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
    """A class that looks like `kind`. The metaclass's own `__new__` and `__init__`, code of the program, do not run."""
    looks = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    # An abstract class keeps a register of its own, except for the front, which answers as the program's class does.
    maker = ABCMeta if issubclass(metaclass, ABCMeta) and FRONT not in namespace else type
    made: Any = maker.__new__(metaclass, kind.__name__, bases, looks | namespace)
    if abstract := getattr(kind, "__abstractmethods__", None):
        type.__setattr__(made, "__abstractmethods__", abstract)
    return made


def _shell(kind: type) -> Any:
    shell = _shells.get(id(kind))
    if shell is None:
        made = _make(type(kind), kind, (*_shell_bases(kind), kind), {SHELL: True})
        shell = _shells.setdefault(id(kind), made)
    return shell


_shells: Final[dict[int, type]] = {}
"""The shells and the fronts by the identities of the classes that they stand for, and keep alive."""

_fronts: Final[dict[int, type]] = {}


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

    namespace: dict[str, Any] = {"__setattr__": set_on_program, "__delattr__": delete_from_program}
    plain = all(getattr(metaclass, name) is getattr(type, name) for name in ("__eq__", "__hash__"))
    if plain and not issubclass(metaclass, ABCMeta):  # an abstract class keeps tables of the classes that it has met
        # A table of the program whose keys are its classes is asked for type(self).
        namespace["__eq__"] = lambda front, other: other is front or other is program
        namespace["__hash__"] = lambda _front: hash(program)
    return type(metaclass)(metaclass.__name__, (metaclass,), namespace)


def _class_property(program: type) -> property:
    """`self.__class__` as the program knows it. Setting it traces the new class as well."""

    def set_class(self: object, kind: type) -> None:
        object.__dict__["__class__"].__set__(self, front_of(kind))

    return property(lambda _self: program, set_class)


def _frozen(_self: object, name: str, *_value: object) -> None:
    """What a frozen dataclass does, which looks at `type(self)` and so would spare the front."""
    raise FrozenInstanceError(f"cannot {'assign to' if _value else 'delete'} field {name!r}")


def _alone(recorded: Any) -> Any:
    """The constructor of a handler that is traced by itself, whatever its server is."""

    @functools.wraps(recorded)
    def __init__(self: Any, *arguments: Any, **options: Any) -> None:  # noqa: N807 - becomes the method of this name
        here = local.here
        if here.source is not None:
            return recorded(self, *arguments, **options)  # type: ignore[no-any-return] # always None
        given = dict(zip(("request", "client_address", "server"), arguments, strict=False)) | options
        source = source_of(given["server"]) if "server" in given else _new_source(type(self))
        here.source, here.connection = source, source.recorder.next_connection()
        trace_request(given.get("request"), source, here.connection)
        try:
            return recorded(self, *arguments, **options)  # type: ignore[no-any-return] # always None
        finally:
            here.source = None

    return __init__


def _front_or_itself(kind: type) -> tuple[type, Exception | None]:
    try:
        return front_of(kind), None
    except Exception as error:  # noqa: BLE001 - a class that cannot be traced runs untraced
        return kind, error


def _new_source(kind: type) -> Source:
    return (recorders.shared or Recorder()).source(kind.__name__)


def _named(kind: object) -> str:
    return kind.__name__ if isinstance(kind, type) else f"the {type(kind).__name__} {kind!r}"


DROP_INS: Final[Mapping[str, type]] = MappingProxyType(
    {name: traced(getattr(socketserver, name)) for name in socketserver.__all__}
)
"""The traced class for every class that the running standard library has, under its own name."""
