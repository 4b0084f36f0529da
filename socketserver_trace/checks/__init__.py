"""The trace as a judge: what was expected of it, and whether any server could have made it.

The theory: a *step* is what is looked for, a *scope* is where, a *claim* is what is said of it, and a *verdict* what it
comes to. `expect` is claims that raise, one after the other; `well_formed` is one claim about the whole.

The law: pure, from a trace to verdicts.
"""

from __future__ import annotations

from socketserver_trace.checks.claim import Claim
from socketserver_trace.checks.claims import (
    count,
    exactly,
    happens,
    inside,
    never,
    order,
    other_lane,
    provider,
    raised,
    receives,
    result,
    same_lane,
    sends,
)
from socketserver_trace.checks.combined import each_connection, either, every, in_connection, opposite, when
from socketserver_trace.checks.expectation import Expectation, expect
from socketserver_trace.checks.forms import well_formed
from socketserver_trace.checks.steps import Step, step
from socketserver_trace.checks.verdicts import Verdict

__all__ = [
    "Claim",
    "Expectation",
    "Step",
    "Verdict",
    "count",
    "each_connection",
    "either",
    "every",
    "exactly",
    "expect",
    "happens",
    "in_connection",
    "inside",
    "never",
    "opposite",
    "order",
    "other_lane",
    "provider",
    "raised",
    "receives",
    "result",
    "same_lane",
    "sends",
    "step",
    "well_formed",
    "when",
]
