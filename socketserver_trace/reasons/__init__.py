"""The reasons why a hook runs, runs twice, or does not run.

The theory: what a program sees of `socketserver` is decided by some sixty lines of its source. A rule (`rule`) names
such a line, the hooks that it decides about, and how a trace shows that it did; the rules stand in modules by their
theme, and what no rule knows, the lifecycle tables answer (`fallback`). A question to a trace is a `case`, and the line
is looked up in the module that runs (`source`).

The law: rules are data, asked in the order in which they stand here; none of them knows another.
"""

from __future__ import annotations

from socketserver_trace.reasons import (
    accepting,
    closing,
    concurrency,
    datagrams,
    handling,
    looping,
    making,
    streams,
    waiting,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.rule import Rule

RULES: Final[tuple[Rule, ...]] = (
    *making.RULES,
    *accepting.RULES,
    *concurrency.RULES,
    *waiting.RULES,
    *handling.RULES,
    *looping.RULES,
    *closing.RULES,
    *datagrams.RULES,
    *streams.RULES,
)
"""Every rule, in the order in which they are asked."""
