"""Rules about the end: of a request, of the server, and what the client sees of either.

The theory: a request has two goodbyes. `shutdown_request` tells the client, `close_request` lets go of the socket, and
the first calls the second. `server_close` is neither: it closes the door, and not the rooms behind it.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import HALF_CLOSE, HOOK, RECEIVE, SEND
from socketserver_trace.reasons.rule import GOODBYE, HANDLER, listed, request_rule, server_rule, whose
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Applies, Rule

PROCESSING: Final = Place("BaseServer._handle_request_noblock", "self.process_request(request, client_address)")
CLOSING: Final = Place("TCPServer.server_close", "self.socket.close()")


def _end_of_file(case: Case) -> str | None:
    said = any(call is not None and call.hook == "shutdown_request" for _event, call in case.steps(HALF_CLOSE))
    if not said or case.is_datagram:
        return None
    replied = " A reply comes when handle() sends it; the end of the stream comes only now." if _replies(case) else ""
    return f"shutdown_request() tells the client that no more bytes will come: its stream ends.{replied}"


def _replies(case: Case) -> bool:
    return any(call.inside("handle") or call.inside("finish") for call in case.operations(SEND))


def _unread(case: Case) -> str | None:
    reset = [call for call in case.of_clients(RECEIVE) if call.raised and call.error == "ConnectionResetError"]
    sent = sum(call.size for call in case.of_clients(SEND))
    if not reset or sent <= sum(call.size for call in case.operations(RECEIVE)):
        return None
    return (
        f"{safe(reset[0].lane)} was reset: the connection was closed with bytes in it that nobody had read, and then "
        "the system breaks it off instead of ending it."
    )


def _several_closes(case: Case) -> str | None:
    closes = [call for call in case.of_server("server_close") if not _is_inside_itself(call)]
    if len(closes) < 2:  # noqa: PLR2004 - more than once
        return None
    by = ["__exit__()" if call.inside("__exit__") else "the program itself" for call in closes]
    return f"It was called by {listed(by)}. Closing what is closed does nothing, so a second call is harmless."


def _is_inside_itself(call: Call) -> bool:
    return call.inside("server_close")


def _never_closed(case: Case) -> str | None:
    if case.ran("server_close"):
        return None
    left = ""
    if case.ran("process_request_thread"):
        left = " Nobody joins the threads either."
    elif case.forked:
        left = " Nobody waits for the children either."
    return f"Nobody has called it, and no with block of the server has ended: the port is still open.{left}"


def _they_live_on(case: Case) -> str | None:
    close = next((call for call in case.of_server("server_close") if call.returned), None)
    if close is None:
        return None
    later = [call for call in case.facts.calls if call.enter.kind == HOOK and call.owner == "handler"]
    if not any(call.enter.server == case.server and call.ended_at > close.ended_at for call in later):
        return None
    return "It closes the server's own socket and no connection: whoever was accepted before is served to the end."


def _not_yet(case: Case) -> str | None:
    if case.ran(case.hook, case.owner):
        return None
    running = [
        call
        for hook in ("handle", "setup", "finish", "finish_request", "process_request")
        for call in case.calls(hook)
        if call.end is None
    ]
    if not running or (running[0].hook == "process_request" and case.forked):
        return None
    call = running[0]
    if call.hook in {"finish_request", "process_request"} and not call.own:
        return None
    waits = [inner for inner in call.below() if inner.end is None and inner.enter.kind == RECEIVE]
    why = " It waits for bytes from the client." if waits else ""
    return f"{whose(call)} has not ended yet, and {_label(case)} comes after it.{why}"


def _label(case: Case) -> str:
    return {"child": "the child", "process_request_thread": "the thread"}.get(case.hook, f"{case.hook}()")


ABOVE: Final = {
    "process_request": f"process_request_thread child finish_request {HANDLER}",
    "finish_request": HANDLER,
    "handler.__init__": "setup handle finish",
    "shutdown_request": "close_request",
    "service_actions": "collect_children",
}
"""What comes to nothing when a program puts a method of its own in the place of another one."""


def _yours(hook: str, owner: str) -> Applies:
    def yours(case: Case) -> str | None:
        callers = [call for call in case.calls(hook, owner) if call.own and call.returned]
        if not callers or case.ran(case.hook, case.owner) or any(call.raised for call in callers[0].below()):
            return None
        missing = "made no handler" if case.hook == "__init__" else f"did not come to {_label(case)}"
        return f"{whose(callers[0])} ran in the place of the standard library's method, and {missing}."

    return yours


def _handed_on(case: Case) -> str | None:
    process, finish = case.call("process_request"), case.call("finish_request")
    if process is None or finish is None or not process.own or process.lane == finish.lane:
        return None
    return (
        f"{whose(process)} has handed the request on: the work was done in {safe(finish.lane)}, "
        f"and not in {safe(process.lane)}."
    )


def _outside(case: Case) -> str | None:
    process = case.raising("process_request")
    if process is None or not process.own or process.culprit is not process or case.ran(case.hook, case.owner):
        return None
    return f"{whose(process)} raised before it got so far."


LATER: Final = f"{HANDLER} finish_request {GOODBYE} handle_error"
RULES: Final[tuple[Rule, ...]] = (
    request_rule("not yet", LATER, _not_yet, Place("BaseRequestHandler.__init__", "self.handle()")),
    request_rule("your constructor", ABOVE["handler.__init__"], _yours("__init__", "handler"),
                 Place("BaseServer.finish_request", "self.RequestHandlerClass(")),
    request_rule("your finish_request", ABOVE["finish_request"], _yours("finish_request", "server"),
                 Place("BaseServer.process_request", "self.finish_request(")),
    request_rule("your process_request", ABOVE["process_request"], _yours("process_request", "server"), PROCESSING),
    request_rule("your shutdown_request", ABOVE["shutdown_request"], _yours("shutdown_request", "server"),
                 Place("BaseServer.process_request", "self.shutdown_request(")),
    server_rule("your service_actions", ABOVE["service_actions"], _yours("service_actions", "server"),
                Place("BaseServer.serve_forever", "self.service_actions()")),
    request_rule("yours raised", f"{HANDLER} finish_request process_request_thread child", _outside,
                 PROCESSING),
    request_rule("handed on", "process_request finish_request", _handed_on,
                 PROCESSING, remark=True),
    request_rule("end of the stream", "shutdown_request", _end_of_file,
                 Place("TCPServer.shutdown_request", "request.shutdown(socket.SHUT_WR)"), remark=True),
    request_rule("unread bytes", f"{GOODBYE} handle", _unread, Place("TCPServer.close_request", "request.close()"),
                 remark=True),
    server_rule("closed more than once", "server_close", _several_closes, CLOSING),
    server_rule("never closed", "server_close", _never_closed, Place("BaseServer.__exit__", "self.server_close()")),
    server_rule("connections live on", "server_close", _they_live_on, CLOSING, remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
