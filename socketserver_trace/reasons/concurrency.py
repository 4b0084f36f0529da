"""Rules about threads and children: why there is one, why there is none, and who waits for their end.

The theory: `process_request` decides where the work is done, and the MRO decides which `process_request` runs. The
mix-ins put theirs in front of the one of BaseServer, and so they must stand in front of the server class. A forked
child is a copy: what it does happens in a lane of its own, and nothing of it comes back but its end.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import HALF_CLOSE
from socketserver_trace.reasons.rule import (
    GOODBYE,
    HANDLER,
    WORK,
    classes,
    raised,
    request_rule,
    server_class,
)
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Applies, Rule

THREADING: Final = "ThreadingMixIn"
FORKING: Final = "ForkingMixIn"
OF_THE_MIX_IN: Final = {
    "process_request_thread": THREADING,
    "child": FORKING,
    "collect_children": FORKING,
}
"""The hooks that there are with a mix-in only."""


def _behind(case: Case) -> str | None:
    """The mix-in that stands too far behind to be heard."""
    for mix_in in (THREADING, FORKING):
        if mix_in in case.mro and "BaseServer" in case.mro and case.mro.index("BaseServer") < case.mro.index(mix_in):
            return mix_in
    return None


def _mix_in_behind(case: Case) -> str | None:
    mix_in = _behind(case)
    if mix_in is None or (case.hook in OF_THE_MIX_IN and OF_THE_MIX_IN[case.hook] != mix_in):
        return None
    if case.hook == "server_close" and not case.ran("server_close"):
        return None
    return (
        f"{mix_in} stands behind the server class: {server_class(case)} looks for its methods in {classes(case.mro)}, "
        f"in this order, and finds those of BaseServer and TCPServer first. "
        f"Write class {server_class(case)}({mix_in}, ...), with the mix-in in front."
    )


def _without_mix_in(case: Case) -> str | None:
    mix_in, others = OF_THE_MIX_IN[case.hook], {THREADING, FORKING} & set(case.mro)
    if not case.mro or others or case.ran(case.hook):
        return None
    if any(call.provider != "BaseServer" for call in case.calls("process_request")):
        return None
    return (
        f"{server_class(case)} is built without {mix_in}, so BaseServer.process_request does the work in the serving "
        "thread itself, one request after the other."
    )


def _other_mix_in(mix_in: str, how: str) -> Applies:
    def other(case: Case) -> str | None:
        wanted = OF_THE_MIX_IN[case.hook]
        if mix_in == wanted or mix_in not in case.mro or wanted in case.mro:
            return None
        return f"{server_class(case)} is built with {mix_in} and not with {wanted}: each request gets {how}."

    return other


def _in_a_copy(case: Case) -> str | None:
    call = next((call for call in case.asked if call.lane in case.children), None)
    if call is None:
        return None
    return (
        f"It ran in {safe(call.lane)}, a copy of the whole process: what it changes there, in the server or anywhere "
        "else, is lost with it."
    )


def _own_thread(case: Case) -> str | None:
    process, thread = case.call("process_request"), case.call("process_request_thread")
    if process is None or process.provider != THREADING or not process.returned or thread is None:
        return None
    return (
        "ThreadingMixIn.process_request starts a new thread for each request, as many as there are requests, and this "
        "is what the thread runs."
    )


def _own_child(case: Case) -> str | None:
    process = case.call("process_request")
    if process is None or process.provider != FORKING or not case.forked:
        return None
    return (
        "ForkingMixIn.process_request forks: from here on there are two processes, and the child handles the request. "
        "It works on a copy of the server, so what it changes there is lost with it."
    )


def _could_not(mix_in: str, why: str) -> Applies:
    def could_not(case: Case) -> str | None:
        process = case.raising("process_request")
        if process is None or process.provider != mix_in or process.culprit is not process:
            return None
        return f"{raised(process)}: {why}. The client is told nothing, handle_error() is."

    return could_not


def _closed_twice(case: Case) -> str | None:
    closes = case.calls("close_request")
    process = case.call("process_request")
    if process is None or process.provider != FORKING or len({call.lane for call in closes}) < 2:  # noqa: PLR2004 - twice
        return None
    return (
        "The fork has made a copy of the connection. The parent closes its own copy at once, the child closes the "
        "other when it is done, and the client sees the end only then."
    )


def _parent_hung_up(case: Case) -> str | None:
    process = case.call("process_request")
    if process is None or process.provider != FORKING:
        return None
    closes = [call for call in process.children if call.hook == "close_request" and call.own]
    cut = any(call in closes for _event, call in case.steps(HALF_CLOSE))
    return f"{_hung_up(closes[0])}" if closes and cut else None


def _hung_up(close: Call) -> str:
    return (
        f"The parent calls close_request() as well, and your {safe(close.provider)}.close_request shuts the connection "
        "down for both processes: the child cannot reply any more. That belongs into shutdown_request()."
    )


FORKED: Final = Place("ForkingMixIn.process_request", "pid = os.fork()")
STARTED: Final = Place("ThreadingMixIn.process_request", "t.start()")
HERE: Final = Place("BaseServer.process_request", "self.finish_request(")
RULES: Final[tuple[Rule, ...]] = (
    request_rule("mix-in behind", "process_request_thread child collect_children process_request server_close",
                _mix_in_behind, HERE),
    request_rule("other mix-in: threads", "child collect_children", _other_mix_in(THREADING, "a thread"), STARTED),
    request_rule("other mix-in: children", "process_request_thread", _other_mix_in(FORKING, "a process"), FORKED),
    request_rule("in a copy", "finish_request handle finish handle_error", _in_a_copy, FORKED, remark=True),
    request_rule("no mix-in", "process_request_thread child collect_children", _without_mix_in, HERE),
    request_rule("own thread", "process_request_thread", _own_thread, STARTED),
    request_rule("own child", "child", _own_child, FORKED),
    request_rule("no thread to be had", f"process_request {WORK}",
                 _could_not(THREADING, "the system would not start one more thread"), STARTED),
    request_rule("no fork to be had", f"process_request {WORK}",
                 _could_not(FORKING, "the system would not make one more process"), FORKED),
    request_rule("parent and child", "close_request", _closed_twice,
                 Place("ForkingMixIn.process_request", "self.close_request(request)")),
    request_rule("parent hung up", f"{HANDLER} handle_error {GOODBYE}", _parent_hung_up,
                 Place("ForkingMixIn.process_request", "self.close_request(request)"), remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
