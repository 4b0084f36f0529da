"""The lifecycle of a `socketserver` server as tables, and the walker of legal orders.

The theory: what `socketserver` does is small and fixed. It has twenty-odd hooks, each with an owner, a caller and a
promise (`hooks`); each class of the standard library defines some of them (`classes`); and the order in which they
call each other is a grammar (`grammar`, written in the notation of `patterns`). A server that runs makes sentences of
this grammar, one lane at a time, and `violations` says where a sequence of calls is not one (`walker`). Between lanes
the grammar orders nothing.

The law: pure tables and functions, no input or output, no threads, no clock; the truth is `Lib/socketserver.py` of
Python 3.10 to 3.13, and `tests/test_lifecycle.py` measures each of them against these tables.
"""

from __future__ import annotations

from socketserver_trace.lifecycle.classes import (
    DEFINED_BY,
    EFFECT_WIDTH,
    EFFECTS,
    HANDLER_KINDS,
    SERVER_KINDS,
    SINCE,
    kinds,
    provider_of,
)
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS, Hook, hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from socketserver_trace.lifecycle.grammar import (
        LANES,
        PRODUCTIONS,
        VIEWS,
        Production,
        lane_pattern,
        pattern,
        production,
    )
    from socketserver_trace.lifecycle.patterns import Pattern, matches, parse
    from socketserver_trace.lifecycle.walker import Call, as_recorded, expected_next, violations

__all__ = [
    "DEFINED_BY",
    "EFFECTS",
    "EFFECT_WIDTH",
    "HANDLER_HOOKS",
    "HANDLER_KINDS",
    "LANES",
    "PRODUCTIONS",
    "SERVER_HOOKS",
    "SERVER_KINDS",
    "SINCE",
    "VIEWS",
    "Call",
    "Hook",
    "Pattern",
    "Production",
    "as_recorded",
    "expected_next",
    "hook",
    "kinds",
    "lane_pattern",
    "matches",
    "parse",
    "pattern",
    "production",
    "provider_of",
    "violations",
]

# Tracing needs the tables alone, and is imported more often than orders are checked.
_LATER = {
    "grammar": ("LANES", "PRODUCTIONS", "VIEWS", "Production", "lane_pattern", "pattern", "production"),
    "patterns": ("Pattern", "matches", "parse"),
    "walker": ("Call", "as_recorded", "expected_next", "violations"),
}


def __getattr__(name: str) -> object:
    """The grammar and its walker, imported when they are first asked for."""
    from importlib import import_module

    for module, names in _LATER.items():
        if name in names:
            value: object = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
