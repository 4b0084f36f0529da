"""One wrapper around one hook: the enter before it, the return or the raise after it, and nothing in between.

A wrapper is a closure made once for a class, in one of a few shapes. The shapes with named arguments are what
`socketserver` itself calls; they are used for methods with exactly those arguments, so that a call by keyword means
what it meant. A method of any other signature, or that is not a plain function, gets the shape that passes everything
on. The method is looked up at each call, so a method that is replaced later, as a test or a notebook does, is the one
that runs.

The law: a wrapper returns what the method returned and raises what it raised. Nothing of the tracer runs between.
"""

from __future__ import annotations

import functools
from time import perf_counter_ns
from types import FunctionType

from socketserver_trace.marks import is_unmarked, mark_of_accepted, marked
from socketserver_trace.providers import is_own, meanings, parameters_of, provider_of
from socketserver_trace.recorder import failure, local, plain
from socketserver_trace.sockets import attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from socketserver_trace.recorder import Flow, Meaning, Source

    Method = Callable[..., Any]


def wrapper_of(kind: type, inner: type, hook: str, owner: str) -> Method:
    """The wrapper of a hook of `kind`, which calls the method that `inner`, a subclass of it, has at that moment."""
    shape = SHAPES.get((owner, parameters_of(kind, hook)), _with_anything)
    if shape is _without_arguments and hook == "get_request":
        shape = _accepting
    if hook == "service_actions" and not is_own(provider_of(kind, hook)):
        shape = _polled
    wrapper = shape(inner, hook, *meanings(kind, hook, owner))
    return functools.update_wrapper(wrapper, getattr(kind, hook))


def _with_request_and_address(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    # The loop calls these two right after get_request, in the same flow.
    follows = hook in {"verify_request", "process_request"}

    def wrapper(self: Any, request: Any, client_address: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        source: Source | None = self._socketserver_trace_source
        if source is None:
            return method(self, request, client_address)
        here = local.here
        connection = here.connection if follows else source.connections.get(id(request), here.connection)
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        try:
            result = method(self, request, client_address)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        told = result if result is None or result is True else plain(result)
        source.record((perf_counter_ns(), here, source, leave, connection, told))
        return result

    return wrapper


def _of_a_constructor(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    # The source of a handler's hook is that of the server for which the flow handles a request.
    def wrapper(self: Any, request: Any, client_address: Any, server: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        here = local.here
        source = here.source
        if source is None:
            return method(self, request, client_address, server)
        source.record((perf_counter_ns(), here, source, enter, here.connection, None))
        try:
            result = method(self, request, client_address, server)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, here.connection, failure(error)))
            raise
        source.record((perf_counter_ns(), here, source, leave, here.connection, None))
        return result

    return wrapper


def _of_a_handler(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    def wrapper(self: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        here = local.here
        source, connection = here.source, here.connection
        if source is None:
            source, connection = _of_its_server(self)
        if source is None:
            return method(self)
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        try:
            result = method(self)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        source.record((perf_counter_ns(), here, source, leave, connection, None))
        return result

    return wrapper


def _of_its_server(handler: Any) -> tuple[Source | None, int | None]:
    """For a handler that is called after its finish_request has returned, as an event loop does: its server's source.

    None when it does not say which server it is of, or that one does not know its request any more.
    """
    try:
        source: Source = handler.server._socketserver_trace_source  # noqa: SLF001 - of the front
        return source, source.connections[id(handler.request)]
    except Exception:  # noqa: BLE001 - a handler may be anything
        return None, None


def _with_request(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    closes = hook == "close_request"

    def wrapper(self: Any, request: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        source: Source | None = self._socketserver_trace_source
        if source is None:
            return method(self, request)
        here = local.here
        connection = source.connections.get(id(request), here.connection)
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        try:
            result = method(self, request)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            if closes:
                source.connections.pop(id(request), None)
        source.record((perf_counter_ns(), here, source, leave, connection, None))
        return result

    return wrapper


def _without_arguments(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    def wrapper(self: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        source: Source | None = self._socketserver_trace_source
        if source is None:
            return method(self)
        here = local.here
        source.record((perf_counter_ns(), here, source, enter, here.connection, None))
        try:
            result = method(self)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, here.connection, failure(error)))
            raise
        source.record((perf_counter_ns(), here, source, leave, here.connection, None))
        return result

    return wrapper


def _with_anything(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    accepts, closes = hook == "get_request", hook == "close_request"

    def wrapper(self: Any, *arguments: Any, **options: Any) -> Any:
        method = _bound(self, inner, hook)
        source: Source | None = self._socketserver_trace_source
        here = local.here
        if source is None or here.quiet:
            return method(*arguments, **options)
        if accepts:
            here.connection, here.polling = None, False
        connection = source.connections.get(id(arguments[0]), here.connection) if arguments else here.connection
        source.record((perf_counter_ns(), here, source, enter, connection, None))
        try:
            result = method(*arguments, **options)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, connection, failure(error)))
            raise
        finally:
            if closes and arguments:
                source.connections.pop(id(arguments[0]), None)
            if accepts:
                _trim(source)
        told: object = plain(result)
        if accepts:
            told, connection = took(source, here, result), here.connection
        source.record((perf_counter_ns(), here, source, leave, connection, told))
        return result

    return wrapper


def _bound(self: Any, inner: type, hook: str) -> Any:
    """What `self.hook` is when looked up from `inner` on: a staticmethod or a property is bound in its own way."""
    static = next(vars(member)[hook] for member in inner.__mro__ if hook in vars(member))
    bind = getattr(type(static), "__get__", None)
    return static if bind is None else bind(static, self, type(self))


def _bound_to(self: Any, inner: type, hook: str) -> Method:
    """The same for a caller who hands `self` over: a hook that became something else than a function, a mock say."""
    method = _bound(self, inner, hook)
    return lambda _self, *arguments: method(*arguments)


def _accepting(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    # The connection gets its number here: what goes in has none yet, what comes out has.
    def wrapper(self: Any) -> Any:
        method = getattr(inner, hook)
        if type(method) is not FunctionType:
            method = _bound_to(self, inner, hook)
        source: Source | None = self._socketserver_trace_source
        if source is None:
            return method(self)
        here = local.here
        here.connection = None
        here.polling = False
        source.record((perf_counter_ns(), here, source, enter, None, None))
        try:
            result = method(self)
        except BaseException as error:
            source.record((perf_counter_ns(), here, source, fail, None, failure(error)))
            _trim(source)  # a loop that fails at each turn never comes to the end of this
            raise
        address = took(source, here, result)
        source.record((perf_counter_ns(), here, source, leave, here.connection, address))
        _trim(source)
        return result

    return wrapper


def _polled(inner: type, hook: str, enter: Meaning, leave: Meaning, fail: Meaning) -> Method:
    recorded = _without_arguments(inner, hook, enter, leave, fail)

    # An idle loop calls it a few times a second, in which nothing happens and of which nothing is worth keeping.
    def wrapper(self: Any) -> Any:
        here = local.here
        if not here.polling or vars(self).get("active_children"):
            here.polling = True
            return recorded(self)
        here.quiet = True
        try:
            return _bound(self, inner, hook)()
        finally:
            here.quiet = False

    return wrapper


def _trim(source: Source) -> None:
    """Let the oldest records go when there are too many: once for each connection is often enough."""
    if len(source.records) > source.limit:
        source.recorder.trim()


def took(source: Source, here: Flow, result: Any) -> object:
    """Number the request that `get_request` returned and trace its socket; returns the client's address."""
    client_address = None
    try:
        if not isinstance(result, (tuple, list)):  # anything else may be of a kind that can be read only once
            raise TypeError("not a pair of request and client address")  # noqa: TRY301 - told as every other fault
        request, client_address = result
        here.connection = source.recorder.next_connection()
        source.connections[id(request)] = here.connection
        attach(request, source, here.connection)
        if source.clients is not None and is_unmarked(request):
            client_address = marked(client_address, mark_of_accepted(request))
    except Exception as error:  # noqa: BLE001 - get_request may return anything; the server will say what it thinks of it
        source.fault(error, "looking at what get_request() returned")
    return client_address


SHAPES: Final[dict[tuple[str, tuple[str, ...] | None], Callable[..., Method]]] = {
    ("server", ()): _without_arguments,
    ("server", ("request",)): _with_request,
    ("server", ("request", "client_address")): _with_request_and_address,
    ("handler", ()): _of_a_handler,
    ("handler", ("request", "client_address", "server")): _of_a_constructor,
}
"""The shape for a method, by whose hook it is and by the names of its parameters."""
