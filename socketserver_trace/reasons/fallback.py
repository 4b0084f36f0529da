"""The answer when no rule has one: who calls a hook, from which line, and what it is for.

It comes from the lifecycle tables, so it is true of every hook, whether it ran or not; and from the trace it takes
which of the possible callers there was.

The law: pure tables and functions; what stands here holds for Python 3.10 to 3.13, and a test looks for every line.
"""

from __future__ import annotations

from types import MappingProxyType

from socketserver_trace.lifecycle.grammar import production
from socketserver_trace.lifecycle.hooks import hook as entry_of
from socketserver_trace.reasons.rule import listed, whose
from socketserver_trace.reasons.source import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case

NOBLOCK: Final = "BaseServer._handle_request_noblock"
LOOP: Final = "BaseServer.serve_forever"
ONE: Final = "BaseServer.handle_request"
LIFE: Final = "BaseRequestHandler.__init__"
THREAD: Final = "ThreadingMixIn.process_request_thread"
FORK: Final = "ForkingMixIn.process_request"
HERE: Final = "BaseServer.process_request"

CALLED_FROM: Final[Mapping[str, tuple[Place, ...]]] = MappingProxyType(
    {
        "server_bind": (Place("TCPServer.__init__", "self.server_bind()"),),
        "server_activate": (Place("TCPServer.__init__", "self.server_activate()"),),
        "get_request": (Place(NOBLOCK, "self.get_request()"),),
        "verify_request": (Place(NOBLOCK, "self.verify_request("),),
        "process_request": (Place(NOBLOCK, "self.process_request("),),
        "process_request_thread": (Place("ThreadingMixIn.process_request", "target = self.process_request_thread"),),
        "child": (Place(FORK, "pid = os.fork()"),),
        "finish_request": tuple(Place(function, "self.finish_request(") for function in (HERE, THREAD, FORK)),
        "handler.__init__": (Place("BaseServer.finish_request", "self.RequestHandlerClass("),),
        "setup": (Place(LIFE, "self.setup()"),),
        "handle": (Place(LIFE, "self.handle()"),),
        "finish": (Place(LIFE, "self.finish()"),),
        "handle_error": tuple(Place(function, "self.handle_error(") for function in (NOBLOCK, THREAD, FORK)),
        "shutdown_request": (
            *(Place(function, "self.shutdown_request(") for function in (HERE, THREAD, FORK)),
            Place(NOBLOCK, "except Exception:", "self.shutdown_request("),
        ),
        "close_request": tuple(
            Place(function, "self.close_request(")
            for function in (*(f"{kind}.shutdown_request" for kind in ("TCPServer", "UDPServer", "BaseServer")), FORK)
        ),
        "service_actions": (Place(LOOP, "self.service_actions()"),),
        "handle_timeout": (Place(ONE, "self.handle_timeout()"),),
        "collect_children": tuple(
            Place(f"ForkingMixIn.{hook}", "self.collect_children(")
            for hook in ("service_actions", "handle_timeout", "server_close")
        ),
        "_handle_request_noblock": tuple(Place(function, "self._handle_request_noblock()") for function in (LOOP, ONE)),
        "fileno": tuple(Place(function, "selector.register(self") for function in (LOOP, ONE)),
        "server_close": (
            Place("BaseServer.__exit__", "self.server_close()"),
            Place("TCPServer.__init__", "except:", "self.server_close()"),
        ),
        "server.__init__": (Place("TCPServer.__init__", "def __init__("),),
        "serve_forever": (Place(LOOP, "def serve_forever("),),
        "handle_request": (Place(ONE, "def handle_request("),),
        "shutdown": (Place("BaseServer.shutdown", "def shutdown("),),
        "__enter__": (Place("BaseServer.__enter__", "def __enter__("),),
        "__exit__": (Place("BaseServer.__exit__", "def __exit__("),),
    }
)  # fmt: skip
"""Where each hook is called; for those that a program calls itself, where they are defined."""

BY_THE_PROGRAM: Final = frozenset(
    {"server.__init__", "serve_forever", "handle_request", "shutdown", "server_close", "__enter__", "__exit__"}
)
"""The hooks that a program calls itself."""


def fallback(key: str, case: Case) -> tuple[str, tuple[Place, ...]]:
    """The sentence for a case, and the lines that go with it."""
    calls = case.asked
    entry = entry_of(case.hook, case.owner)
    purpose = "" if entry is None else f" It {entry.purpose[:1].lower()}{entry.purpose[1:]}"
    if key == "child":
        purpose = " It handles the request in a process of its own."
    if calls:
        return f"{_why_it_ran(key, calls[0])}{purpose}", (_place(key, calls[0]),)
    return f"{_why_not(key, case)}{purpose}", CALLED_FROM[key][:1]


def _place(key: str, call: Call) -> Place:
    """The line from which this call was made, or the likeliest one."""
    places = CALLED_FROM[key]
    if call.parent is None:
        # Nothing is around it: the program called it, or it is the first step of a thread or a forked child.
        wanted = THREAD if key == "process_request_thread" else FORK
    elif call.parent.hook in {"serve_forever", "handle_request"}:
        wanted = {"service_actions": LOOP, "handle_timeout": ONE}.get(call.hook, NOBLOCK)
    else:
        wanted = f"{call.parent.provider}.{call.parent.hook}"
    same = [place for place in places if place.function.endswith(wanted[wanted.index(".") :])]
    return next((place for place in places if place.function == wanted), (same or places)[0])


def _why_it_ran(key: str, call: Call) -> str:
    if key in BY_THE_PROGRAM and (call.parent is None or call.parent.own):
        return f"{whose(call)} ran because the program called it."
    caller = _place(key, call).function
    order = _order_in(caller)
    inside = f", which calls {order}, in this order" if order else ""
    return f"{whose(call)} was called by {caller}{inside}."


def _order_in(caller: str) -> str:
    """What a function calls, where that is always the same."""
    found = production(*caller.split("."))
    words = found.returned.split() if found is not None else []
    plain = len(words) > 1 and all(word.isidentifier() and word != "super" for word in words)
    return listed(words) if plain else ""


def _why_not(key: str, case: Case) -> str:
    name = {"child": "the child", "handler.__init__": "the handler's constructor"}.get(key, f"{case.hook}()")
    if key in {"fileno", "_handle_request_noblock"}:
        return f"{name} is called by serve_forever() and handle_request(), and the tracer does not record it."
    if key in BY_THE_PROGRAM:
        who = "a with statement about the server" if key.endswith("er__") or key == "__exit__" else "the program itself"
        return f"Only {who} calls {name}, and none has in this trace."
    callers = [place.function for place in CALLED_FROM[key]]
    ran = [caller for caller in callers if _ran(caller, case)]
    if ran:
        return f"{ran[0]} calls {name}, and it has not come to that in this trace."
    return f"{name} is called by {listed(callers, 4)}, and nothing that calls it ran here."


def _ran(caller: str, case: Case) -> bool:
    kind, _, hook = caller.partition(".")
    if caller == NOBLOCK:
        return case.ran("get_request")
    owner = "handler" if kind == "BaseRequestHandler" else "server"
    return any(call.provider == kind for call in case.calls(hook, owner))
