"""Rules about the end of threads and children: who waits for them, who does not, and what is lost.

The theory: somebody has to ask for the end of what was started. Threads are joined by `server_close`, children are
collected by `service_actions`, `handle_timeout` and `server_close`, and a few settings of the class say how patiently.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import END, JOIN, START
from socketserver_trace.reasons.concurrency import FORKING, STARTED, THREADING
from socketserver_trace.reasons.rule import raised, request_rule, server_rule, what
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule


def _never_started(case: Case) -> str | None:
    close = next((call for call in case.of_server("server_close") if call.raised and "join" in call.message), None)
    failed = any(call.raised and call.provider == THREADING for call in case.of_server("process_request"))
    if close is None or not failed:
        return None
    return f"{raised(close)}: a thread that could not start stands in the list all the same, and is now to be joined."


def _nobody_collects(case: Case) -> str | None:
    if FORKING not in case.mro or case.ran("collect_children") or not case.ran("handle_request"):
        return None
    return (
        "handle_request() does not call service_actions(), so nobody asks for children that have ended: they stay "
        "zombies until handle_timeout() or server_close()."
    )


def _at_the_limit(case: Case) -> str | None:
    limit = case.settings.get("max_children", "")
    collects = [call for call in case.of_server("collect_children") if not call.inside("server_close")]
    if not limit.isdecimal() or not any(len(_alive(case, call)) >= int(limit) for call in collects):
        return None
    return (
        f"There were as many children as max_children allows ({limit}): the loop itself waits until any child of this "
        "process ends, and serves nobody meanwhile."
    )


def _alive(case: Case, call: Call) -> set[str]:
    """The children that had been forked when the call began, and had not ended."""
    before = [event for kind in (START, END) for event, _ in case.steps(kind) if event.seq < call.enter.seq]
    ended = {event.lane for event in before if event.kind == END}
    return {str(event.detail.get("starts")) for event in before if event.hook == "fork"} - ended


def _joins(case: Case, hook: str) -> list[Call]:
    return [call for call in case.operations(JOIN) if call.hook == hook and call.inside("server_close")]


def _waits_for_threads(case: Case) -> str | None:
    if not (_joins(case, "join") or _ended_before(case)) or any(call.raised for call in case.of_server("server_close")):
        return None
    return "server_close() joins every thread that is not a daemon: it returns when their requests are done."


def _ended_before(case: Case) -> bool:
    return any(event.hook == "join" and call and call.hook == "server_close" for event, call in case.steps(JOIN))


def _daemons(case: Case) -> str | None:
    if THREADING not in case.mro or case.settings.get("daemon_threads") != "True":
        return None
    return (
        "daemon_threads is True: such threads are not put into the list, server_close() does not wait for them, and "
        "they are cut off when the program ends."
    )


def _not_joined(case: Case) -> str | None:
    if THREADING not in case.mro or case.settings.get("block_on_close") != "False":
        return None
    return "block_on_close is False: no list of the threads is kept, and server_close() waits for none of them."


def _waits_for_children(case: Case) -> str | None:
    closes = [call for call in case.of_server("server_close") if call.provider == FORKING]
    if not closes or "block_on_close" not in case.settings:
        return None
    if case.settings["block_on_close"] == "False":
        return "block_on_close is False: server_close() looks which children have ended, and waits for none."
    return "server_close() waits until every child has ended."


def _in_the_child(case: Case) -> str | None:
    call = next((call for call in case.of_server("shutdown") if call.lane in case.children), None)
    if call is None:
        return None
    return (
        f"{safe(call.lane)} called shutdown(), and a child has a copy of the server: the flag is set in the copy, "
        "whoever serves in the parent goes on, and the child waits for ever."
    )


def _took_the_socket(case: Case) -> str | None:
    failed = case.raising("handle", "handler") or case.raising("finish", "handler")
    if failed is None or not case.is_datagram or THREADING not in case.mro:
        return None
    closed = any(close.enter.seq < failed.ended_at for close in case.of_server("server_close"))
    if not closed or failed.error != "OSError":
        return None
    return (
        f"{what(failed)}: all datagrams share the server's one socket, and server_close() closes it before it waits "
        "for the threads. The reply is lost."
    )


RULES: Final[tuple[Rule, ...]] = (
    server_rule("never started", "server_close", _never_started,
                Place("ThreadingMixIn.process_request", "self._threads.append(t)"), STARTED),
    server_rule("nobody collects", "collect_children service_actions", _nobody_collects,
                Place("ForkingMixIn.service_actions", "self.collect_children()")),
    server_rule("too many children", "collect_children service_actions get_request shutdown", _at_the_limit,
                Place("ForkingMixIn.collect_children", "while len(self.active_children) >= self.max_children:"),
                remark=True),
    server_rule("joins threads", "server_close", _waits_for_threads,
                Place("ThreadingMixIn.server_close", "self._threads.join()"), remark=True),
    server_rule("daemon threads", "server_close", _daemons, Place("_Threads.append", "if thread.daemon:"), remark=True),
    server_rule("threads not joined", "server_close", _not_joined,
                Place("ThreadingMixIn.process_request", "if self.block_on_close:"), remark=True),
    server_rule("joins children", "server_close", _waits_for_children,
                Place("ForkingMixIn.server_close", "self.collect_children(blocking=self.block_on_close)"), remark=True),
    server_rule("shutdown in a child", "shutdown serve_forever", _in_the_child,
                Place("BaseServer.shutdown", "self.__is_shut_down.wait()")),
    request_rule("socket was closed", "handle finish handle_error", _took_the_socket,
                 Place("ThreadingMixIn.server_close", "super().server_close()"), remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
