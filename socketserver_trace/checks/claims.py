"""What can be claimed of a trace, one function for each. Steps are given by their names, or made by `step`.

    happens("handle")                                   never("handle_error")             count("handle", 2)
    order("setup", "handle", "finish")                  order("bind", {"one", "the other"})
    exactly("get_request", "verify_request")            inside("handle", "process_request")
    same_lane("get_request", "handle")                  other_lane("get_request", "handle")
    provider("process_request", "ThreadingMixIn")       result("verify_request", False)
    raised("handle", ValueError)                        receives(b"hello")                sends(b"HELLO")

The law: names are refused here when nothing could ever have them, and not when the claim is judged.
"""

from __future__ import annotations

from socketserver_trace.checks.combined import every
from socketserver_trace.checks.occurrences import All, Happens, Raises
from socketserver_trace.checks.relations import Inside, Lanes, Moves
from socketserver_trace.checks.sequences import Exactly, Order
from socketserver_trace.checks.steps import Step, as_step
from socketserver_trace.events import RECEIVE, SEND

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from socketserver_trace.checks.claim import Claim

    Asked = Step | str


def happens(*asked: Asked) -> Claim:
    """Each of these happens, at least once."""
    return every(*(Happens(as_step(one)) for one in _some("happens", asked)))


def never(*asked: Asked) -> Claim:
    """None of these happens."""
    return every(*(Happens(as_step(one), 0, 0) for one in _some("never", asked)))


def count(asked: Asked, exactly: int | None = None, *, least: int | None = None, most: int | None = None) -> Claim:
    """It happens exactly so often; or at least, or at most. ValueError when no number is given."""
    if exactly is not None:
        return Happens(as_step(asked), exactly, exactly)
    if least is None and most is None:
        raise ValueError("count() takes how often: count('handle', 2), or least= or most=.")
    return Happens(as_step(asked), least or 0, most)


def order(*asked: Asked | Collection[Asked]) -> Claim:
    """One after the other, with anything in between. Of the steps in a set the order is free."""
    parts = [
        frozenset([as_step(one)]) if isinstance(one, (str, Step)) else frozenset(map(as_step, _some("order", one)))
        for one in _some("order", asked)
    ]
    return Order(tuple(parts))


def exactly(*hooks: str) -> Claim:
    """These hooks run, in this order, and no others do."""
    return Exactly(tuple(as_step(hook).name for hook in _some("exactly", hooks)))


def inside(inner: Asked, outer: Asked) -> Claim:
    """Each call of `inner` is made in the course of a call of `outer`, in the same lane."""
    return Inside(as_step(inner), as_step(outer))


def same_lane(one: Asked, other: Asked) -> Claim:
    """For each connection that has both, they happen in the same thread or process."""
    return Lanes(as_step(one), as_step(other), same=True)


def other_lane(one: Asked, other: Asked) -> Claim:
    """For each connection that has both, they happen in different threads or processes."""
    return Lanes(as_step(one), as_step(other), same=False)


def provider(asked: Asked, name: str) -> Claim:
    """Whenever it runs, it is the method of the class of this name."""
    return All(as_step(asked), provider=name)


def result(asked: Asked, value: object) -> Claim:
    """Whenever it runs, it returns this; what is no plain value is known by the name of its type, "<Thing>"."""
    return All(as_step(asked), result=value)


def raised(asked: Asked, error: str | type[BaseException] | None = None) -> Claim:
    """It raises an exception of this type, whose name is what counts (whatever type, without one), at least once."""
    return Raises(as_step(asked), error.__name__ if isinstance(error, type) else error)


def receives(data: bytes, *, whole: bool = False) -> Claim:
    """The server receives these bytes on one connection, in however many pieces; `whole`: and no others."""
    return Moves(RECEIVE, data, whole)


def sends(data: bytes, *, whole: bool = False) -> Claim:
    """The server sends these bytes on one connection, in however many pieces; `whole`: and no others."""
    return Moves(SEND, data, whole)


def _some(claim: str, asked: Collection[Any]) -> Collection[Any]:
    """What was asked for. Nothing at all would hold always."""
    if not asked:
        raise ValueError(f"{claim}() takes at least one name.")
    return asked
