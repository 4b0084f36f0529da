"""Rules about the loop: `serve_forever` and `handle_request`, what each of them calls, and how the loop ends.

The theory: there are two ways to take requests, and they have less in common than it seems. `serve_forever` looks at
its flag on every turn, calls `service_actions` and knows no timeout; `handle_request` takes one request, knows the
timeout and calls no `service_actions`. `shutdown` only sets the flag of the first, and waits for it to be seen.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.reasons.accepting import is_closed
from socketserver_trace.reasons.rule import classes, raised, server_class, server_rule, what
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule

LOOP: Final = "BaseServer.serve_forever"
ONE: Final = "BaseServer.handle_request"
SHUTDOWN: Final = "BaseServer.shutdown"


def _timeout_ignored(case: Case) -> str | None:
    if case.loop is None or case.ran("handle_timeout") or case.ran("handle_request"):
        return None
    timeout = case.settings.get("timeout", "None")
    has = "" if timeout == "None" else f" {server_class(case)} has timeout={safe(timeout)}, and nobody looks at it."
    return f"serve_forever() ignores timeout: it waits for its poll_interval only.{has} handle_request() would call it."


def _in_time(case: Case) -> str | None:
    requests = [call for call in case.of_server("handle_request") if call.first("get_request")]
    if not requests or case.ran("handle_timeout"):
        return None
    return "Somebody came before the timeout, so handle_request() took that request and returned."


def _waits_without_timeout(case: Case) -> str | None:
    waiting = [call for call in case.of_server("handle_request") if call.end is None and not call.children]
    if not waiting or case.ran("handle_timeout"):
        return None
    return (
        f"handle_request() still waits, and timeout is {safe(case.settings.get('timeout', 'not known'))} in the class: "
        "with None it waits for ever."
    )


def _timed_out(case: Case) -> str | None:
    if not case.ran("handle_timeout") or (case.hook != "handle_timeout" and case.ran(case.hook)):
        return None
    return "Nobody came within the timeout of handle_request(), which then calls handle_timeout() and returns."


def _not_by_the_loop(case: Case) -> str | None:
    if case.loop is None or case.ran("handle_request"):
        return None
    return "serve_forever() does not call handle_request(): both of them call _handle_request_noblock() themselves."


def _one_at_a_time(case: Case) -> str | None:
    if case.loop is not None or not case.ran("handle_request") or case.ran(case.hook):
        return None
    return f"{case.hook}() is called by the loop of serve_forever() only, and here handle_request() took each request."


def _idle(case: Case) -> str | None:
    if not case.ran("service_actions"):
        return None
    return "It is called on each turn of the loop. The turns in which nobody came are left out of a trace."


def _skipped(case: Case) -> str | None:
    loop = case.loop
    if loop is None or case.ran("service_actions"):
        return None
    if loop.raised:
        return f"The loop was left before it got there, by {what(loop)}."
    return "No turn of the loop has got so far; the turns in which nobody came are left out of a trace."


def _from_within(case: Case) -> str | None:
    call = next((call for call in case.of_server("shutdown") if _waits_for_itself(case, call)), None)
    if call is None:
        return None
    return (
        f"{safe(call.lane)} called shutdown() while it was in serve_forever() itself. shutdown() waits until the loop "
        "has ended, and the loop waits for shutdown() to return: neither ever does. Call it from another thread."
    )


def _waits_for_itself(case: Case, call: Call) -> bool:
    loops = [loop for loop in case.of_server("serve_forever") if loop.lane == call.lane]
    return not call.returned and any(
        loop.enter.seq < call.enter.seq and (loop.end is None or call.ended_at < loop.ended_at) for loop in loops
    )


def _without_a_loop(case: Case) -> str | None:
    call = next((call for call in case.of_server("shutdown") if not call.returned), None)
    if call is None or case.loop is not None or call.lane in case.children:
        return None
    return (
        "No serve_forever() has ever run, and shutdown() waits for a mark that only the end of serve_forever() sets. "
        "A server that does not serve needs server_close() only."
    )


def _runs_at(case: Case, moment: int) -> bool:
    return any(loop.enter.seq < moment < loop.ended_at for loop in case.of_server("serve_forever"))


def _already_told(case: Case) -> str | None:
    loops = case.of_server("serve_forever")
    empty = next((loop for loop in loops[1:] if loop.returned and not loop.children), None)
    if empty is None or _told_while(case, empty):
        return None
    told = [call for call in case.of_server("shutdown") if call.ended_at < empty.enter.seq]
    if not any(not _runs_at(case, call.enter.seq) for call in told):
        return None
    return (
        "shutdown() had been called once more when no loop was running. Its flag stayed set, so the next "
        "serve_forever() ended before its first turn; the one after that serves again."
    )


def _told_while(case: Case, loop: Call) -> bool:
    return any(loop.enter.seq < call.enter.seq < loop.ended_at for call in case.of_server("shutdown"))


def _stopped(case: Case) -> str | None:
    loop = next((loop for loop in case.of_server("serve_forever") if loop.returned and _told_while(case, loop)), None)
    if loop is None:
        return None
    return (
        "shutdown() set the flag that the loop looks at on each turn, so it may take a poll_interval until it is seen. "
        "Only the loop ends by it: the port stays open until server_close()."
    )


def _closed_while_serving(case: Case) -> str | None:
    failing = [call for call in case.of_server("get_request") if call.raised and is_closed(case, call)]
    if not failing:
        return None
    return (
        "The server was closed while its loop was still running. Now every turn of the loop finds something to read, "
        f"get_request() raises {what(failing[-1])}, and that is passed over: the loop spins until shutdown() is called."
    )


def _cause(case: Case) -> tuple[Call, Call] | None:
    """The loop that an exception has ended, and the call from which it came."""
    loop = next((loop for loop in case.of_server("serve_forever") if loop.raised), None)
    return None if loop is None else (loop, loop.culprit)


def _ended_by_request(case: Case) -> str | None:
    found = _cause(case)
    if found is None or found[1] is found[0] or _in_service_actions(found[1]):
        return None
    return (
        f"{raised(found[1])}, and nothing between it and the loop catches that: serve_forever() has ended. "
        "The port stays open until server_close(), so later clients connect and wait in vain."
    )


def _in_service_actions(call: Call) -> bool:
    return call.hook == "service_actions" or call.inside("service_actions")


def _ended_by_actions(case: Case) -> str | None:
    found = _cause(case)
    if found is None or not _in_service_actions(found[1]):
        return None
    return f"{raised(found[1])}: an exception in service_actions() leaves the loop, and serve_forever() has ended."


def _interrupted(case: Case) -> str | None:
    found = _cause(case)
    if found is None or found[1] is not found[0] or "TCPServer" not in case.mro:
        return None
    return f"{what(found[0])} came while the loop was waiting or between two of its calls, and ended serve_forever()."


def _with_block(case: Case) -> str | None:
    if not case.ran("__exit__") or case.ran("shutdown"):
        return None
    return (
        "A with block ends in __exit__(), and that calls server_close() and nothing else: it does not stop a loop "
        "that still runs in another thread."
    )


def _nobody_stops(case: Case) -> str | None:
    if case.ran("shutdown") or case.ran("__exit__"):
        return None
    if case.loop is None:
        return "Nobody has called it, and there is no loop that it could stop."
    end = "the loop still runs" if case.loop.end is None else "the loop has ended without it"
    return f"Nobody has called it: {end}."


def _cannot_wait(case: Case) -> str | None:
    loop = case.loop
    if loop is None or not loop.raised or not case.mro or "TCPServer" in case.mro:
        return None
    return f"{what(loop)}: the loop waits for a file descriptor, and {classes(case.mro[:1])} has no fileno()."


WAITING: Final = "get_request verify_request process_request finish_request handler.__init__ setup handle finish"
RULES: Final[tuple[Rule, ...]] = (
    server_rule("timeout ignored", "handle_timeout", _timeout_ignored, Place(LOOP, "selector.select(poll_interval)")),
    server_rule("in time", "handle_timeout", _in_time, Place(ONE, "return self._handle_request_noblock()")),
    server_rule("no timeout", "handle_timeout handle_request", _waits_without_timeout,
                Place(ONE, "timeout = self.timeout")),
    server_rule("timed out", f"handle_timeout {WAITING}", _timed_out, Place(ONE, "return self.handle_timeout()")),
    server_rule("not by the loop", "handle_request", _not_by_the_loop, Place(LOOP, "self._handle_request_noblock()")),
    server_rule("one at a time", "service_actions", _one_at_a_time,
                Place(ONE, "return self._handle_request_noblock()")),
    server_rule("skipped", "service_actions", _skipped, Place(LOOP, "self.service_actions()")),
    server_rule("idle turns", "service_actions", _idle, Place(LOOP, "self.service_actions()")),
    server_rule("shutdown from within", "shutdown serve_forever server_close", _from_within,
                Place(SHUTDOWN, "self.__is_shut_down.wait()")),
    server_rule("shutdown without a loop", "shutdown serve_forever", _without_a_loop,
                Place(SHUTDOWN, "self.__is_shut_down.wait()")),
    server_rule("told before it began", f"serve_forever shutdown service_actions {WAITING}", _already_told,
                Place(SHUTDOWN, "self.__shutdown_request = True"), Place(LOOP, "while not self.__shutdown_request:"),
                remark=True),
    server_rule("stopped", "serve_forever shutdown", _stopped, Place(LOOP, "while not self.__shutdown_request:"),
                remark=True),
    server_rule("closed while serving", "get_request serve_forever server_close service_actions handle_error",
                _closed_while_serving, Place("BaseServer._handle_request_noblock", "except OSError:")),
    server_rule("ended by a request", "serve_forever get_request shutdown", _ended_by_request,
                Place(LOOP, "self._handle_request_noblock()"), remark=True),
    server_rule("ended by service_actions", "serve_forever get_request service_actions shutdown", _ended_by_actions,
                Place(LOOP, "self.service_actions()"), remark=True),
    server_rule("interrupted", "serve_forever get_request shutdown", _interrupted,
                Place(LOOP, "selector.select(poll_interval)"), remark=True),
    server_rule("no descriptor", "serve_forever", _cannot_wait, Place(LOOP, "selector.register(")),
    server_rule("with does not stop", "shutdown", _with_block, Place("BaseServer.__exit__", "self.server_close()")),
    server_rule("nobody stops", "shutdown", _nobody_stops, Place(SHUTDOWN, "self.__shutdown_request = True")),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
