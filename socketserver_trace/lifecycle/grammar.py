"""The grammar of the lifecycle: what every function of `Lib/socketserver.py` calls, and in which order.

There is one table, `PRODUCTIONS`, written in the notation of `patterns.py` and read off the source: for each function
the calls it makes when it returns and when it raises. It is the view "functions". The other view, "hooks", is what the
tracer records, and is derived from the table by four rules:

* `_handle_request_noblock` is not recorded, so its calls stand directly in `serve_forever` or `handle_request`;
* `fileno`, `BaseServer.__init__` and the methods of the list of threads are not recorded, and leave nothing;
* of one hook only the call of its outermost provider is recorded, so a `super()` call leaves nothing of its own;
* but the class behind that `super()` may be the program's own and call what it likes, so anything may stand there.

The law: a function of the standard library calls nothing but what stands here. What is not in the tables is somebody
else's code, and may call anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from socketserver_trace.lifecycle.classes import DEFINED_BY
from socketserver_trace.lifecycle.patterns import (
    ANYTHING,
    NEVER,
    NOTHING,
    Pattern,
    choice,
    name_of,
    parse,
    passing_on,
    replaced,
    word,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final, Literal

    Outcome = Literal["returned", "raised", "raised base", "false", "open"]
    View = Literal["hooks", "functions"]
    Lane = Literal["thread", "handler thread", "child"]

ENDING: Final[Mapping[str, str]] = MappingProxyType(
    {"returned": "", "raised": "!", "raised base": "!!", "false": "?", "open": "..."}
)
"""How a word ends for each outcome. `...` stands in no pattern: an open call is one that may yet end anyhow."""

VIEWS: Final[tuple[View, ...]] = ("functions", "hooks")


@dataclass(frozen=True, slots=True)
class Production:
    """What a function calls when it returned, when it raised, and when what it raised was no `Exception`.

    Without `raised` the function catches nothing: it raises what one of its calls raised, and that was the last one.
    `raised_base` are the sequences that are legal besides those of `raised`.
    """

    returned: str
    raised: str | None = None
    raised_base: str | None = None


LEAF: Final = Production("", "")
"""A function that calls no hook."""

PRODUCTIONS: Final[Mapping[tuple[str, str], Production]] = MappingProxyType(
    {
        ("TCPServer", "__init__"): Production(
            "BaseServer.__init__ [server_bind server_activate]",
            # socket.socket() itself may fail, and then there is nothing to close.
            "[BaseServer.__init__]"
            " | BaseServer.__init__ (server_bind^ | server_bind server_activate^) server_close"
            " | BaseServer.__init__ (server_bind! | server_bind!! | server_bind server_activate!"
            " | server_bind server_activate!!) server_close^",
        ),
        ("BaseServer", "__exit__"): Production("server_close"),
        ("BaseServer", "serve_forever"): Production(
            "fileno ([_handle_request_noblock] service_actions)*",
            # The selector may raise at any of its turns.
            "[fileno^] | fileno ([_handle_request_noblock] service_actions)*"
            " [_handle_request_noblock^ | [_handle_request_noblock] service_actions^]",
        ),
        ("BaseServer", "handle_request"): Production(
            "fileno (_handle_request_noblock | handle_timeout)",
            "[fileno^] | fileno [_handle_request_noblock^ | handle_timeout^]",
        ),
        ("BaseServer", "_handle_request_noblock"): Production(
            "get_request! | get_request (verify_request? shutdown_request | verify_request process_request"
            " | verify_request process_request! handle_error shutdown_request)",
            # After get_request alone: what it returned was not a pair of a request and an address.
            "get_request^ | get_request [verify_request^ | verify_request? shutdown_request^]"
            " | get_request verify_request process_request! (handle_error^ | handle_error shutdown_request^)"
            " | get_request verify_request process_request!! shutdown_request^",
            "get_request verify_request process_request^ shutdown_request",
        ),
        ("BaseServer", "process_request"): Production("finish_request shutdown_request"),
        # The class is any callable: a function may make the handler, or none, and then raise by itself.
        ("BaseServer", "finish_request"): Production("[handler.__init__]", "[handler.__init__ | handler.__init__^]"),
        ("BaseServer", "shutdown_request"): Production("close_request"),
        # The request may be something that has no method shutdown.
        ("TCPServer", "shutdown_request"): Production("close_request", "[close_request^]"),
        ("UDPServer", "shutdown_request"): Production("close_request"),
        # Thread.start may fail, before or after the thread is in the list.
        ("ThreadingMixIn", "process_request"): Production("append", "[append | append^]"),
        ("ThreadingMixIn", "process_request_thread"): Production(
            "(finish_request | finish_request! handle_error) shutdown_request",
            "finish_request! handle_error^ shutdown_request"
            " | (finish_request | finish_request!! | finish_request! (handle_error | handle_error! | handle_error!!))"
            " shutdown_request^",
            "finish_request^ shutdown_request",
        ),
        ("ThreadingMixIn", "server_close"): Production("super join"),
        # This is the parent; the child leaves by os._exit and has a lane of its own. os.fork may fail.
        ("ForkingMixIn", "process_request"): Production("close_request", "[close_request^]"),
        ("ForkingMixIn", "service_actions"): Production("collect_children"),
        ("ForkingMixIn", "handle_timeout"): Production("collect_children"),
        ("ForkingMixIn", "server_close"): Production("super collect_children"),
        ("BaseRequestHandler", "__init__"): Production(
            "setup handle finish",
            "setup^ | setup handle^ finish | setup (handle | handle! | handle!!) finish^",
        ),
        ("_Threads", "append"): Production("reap"),
        ("_Threads", "reap"): LEAF,
        ("_Threads", "join"): Production("pop_all", "pop_all | pop_all^"),
        ("_Threads", "pop_all"): LEAF,
        ("_NoThreads", "append"): LEAF,
        ("_NoThreads", "join"): LEAF,
    }
)
"""What the functions call that call anything, and the internal lists of threads. All others are leaves."""

LANES: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "thread": None,
        "handler thread": "(process_request_thread | process_request_thread! | process_request_thread!!)*",
        # ForkingMixIn.process_request after os.fork; whatever is raised ends at os._exit.
        "child": "(finish_request | finish_request!! | finish_request! (handle_error | handle_error! | handle_error!!))"
        " (shutdown_request | shutdown_request! | shutdown_request!!)",
    }
)
"""What may stand at the top of a lane: in a thread where the program itself calls, anything."""

UNRECORDED: Final = frozenset({"BaseServer.__init__", "fileno", "append", "join", "reap", "pop_all"})
"""The calls that leave nothing in the view "hooks"."""
INLINED: Final = "_handle_request_noblock"
"""The call that leaves its own calls in the view "hooks"."""


def production(provider: str, hook: str) -> Production | None:
    """The production of a function; None when it is not one of the standard library's."""
    if (provider, hook) in PRODUCTIONS:
        return PRODUCTIONS[provider, hook]
    return LEAF if hook in DEFINED_BY.get(provider, ()) else None


@lru_cache(maxsize=4096)
def pattern(provider: str, hook: str, outcome: Outcome = "returned", view: View = "hooks") -> Pattern:
    """The legal sequences of direct calls of a function that ended so. For an open one: whatever its end will be.

    The pattern of a function that is not the standard library's is `ANYTHING`.
    """
    found = production(provider, hook)
    if found is None:
        return ANYTHING
    if outcome == "open":
        return choice(*(pattern(provider, hook, end, view) for end in _ENDS))
    functions = _functions(found, outcome)
    return functions if view == "functions" else replaced(functions, _recorded)


_ENDS: Final[tuple[Outcome, ...]] = ("returned", "raised", "raised base")


@lru_cache(maxsize=4096)
def lane_pattern(lane: Lane) -> Pattern:
    """The legal sequences at the top of a lane, up to its end; any beginning of one is legal as well."""
    text = LANES[lane]
    return ANYTHING if text is None else parse(text)


def _functions(found: Production, outcome: Outcome) -> Pattern:
    returned = parse(found.returned)
    if outcome in ("returned", "false"):
        return returned
    raised = passing_on(returned) if found.raised is None else parse(found.raised)
    if outcome == "raised":
        return replaced(raised, lambda text: word(text.replace("^", "!")))
    more = NEVER if found.raised_base is None else parse(found.raised_base)
    return choice(replaced(choice(raised, more), _struck), returned)


def _struck(text: str) -> Pattern:
    # An interrupt (Ctrl-C) strikes anywhere: also just before a call is entered, and just after it has returned.
    name = name_of(text)
    return choice(word(name + "!!"), word(name), NOTHING) if text.endswith("^") else word(text)


def _recorded(text: str) -> Pattern:
    name = name_of(text)
    if name == "super":
        return ANYTHING
    if name == INLINED:
        outcomes: dict[str, Outcome] = {"": "returned", "!": "raised", "!!": "raised base"}
        return pattern("BaseServer", INLINED, outcomes[text[len(name) :]])
    return NOTHING if name in UNRECORDED else word(text)
