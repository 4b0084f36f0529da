"""Rules about the way in: the line in which clients wait, `get_request` and `verify_request`.

The theory: what happens before a request has a handler stands outside of every net that `socketserver` spreads. An
error here is either passed over without a word, or it ends the loop; `handle_error` hears of neither.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import CONNECT, SEND
from socketserver_trace.reasons.rule import (
    GOODBYE,
    REQUEST,
    WORK,
    listed,
    raised,
    request_rule,
    server_rule,
    what,
    whose,
)
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule

LATE: Final = frozenset({"TimeoutError", "WaitedInVain", "BlockingIOError"})
NOBLOCK: Final = "BaseServer._handle_request_noblock"
VERIFYING: Final = Place(NOBLOCK, "if self.verify_request(")


def _refusal(case: Case) -> Call | None:
    verify = case.call("verify_request")
    refused = verify is not None and verify.returned and not verify.result and not case.ran("process_request")
    return verify if refused and case.ran("shutdown_request") else None


def _refused(case: Case) -> str | None:
    verify = _refusal(case)
    if verify is None:
        return None
    more = "; a method that ends without return returns None" if verify.result is None and verify.own else ""
    return (
        f"{whose(verify)} returned {safe(str(verify.result))}, and that counts as no{more}. "
        "The request is closed without a word, and nobody handles it."
    )


def _verify_raised(case: Case) -> str | None:
    verify = case.raising("verify_request")
    if verify is None:
        return None
    return (
        f"{raised(verify)}. It is called outside of the try, so handle_error() is not asked, no hook closes the "
        "connection, and the exception leaves serve_forever() or handle_request()."
    )


def _failing(case: Case) -> list[Call]:
    """The calls of get_request that raised what is passed over."""
    return [call for call in case.of_server("get_request") if call.raised and not _passed_on(call)]


def _passed_on(call: Call) -> bool:
    above = call.parent
    return above is not None and above.raised and above.children[-1] is call and above.error == call.error


def _get_request_failed(case: Case) -> str | None:
    failing = [call for call in _failing(case) if not is_closed(case, call)]
    if not failing:
        return None
    times = "again and again, last " if len(failing) > 1 else ""
    return (
        f"{whose(failing[-1])} raised {times}{what(failing[-1])}. An OSError is passed over here: "
        "there is no request, handle_error() is not asked, and the loop goes on as if nobody had come."
    )


def is_closed(case: Case, call: Call) -> bool:
    """Whether the server's socket had been closed before a call of get_request failed."""
    return any(close.enter.seq < call.ended_at for close in case.of_server("server_close"))


def _get_request_raised(case: Case) -> str | None:
    call = next((call for call in case.of_server("get_request") if call.raised and _passed_on(call)), None)
    if call is None:
        return None
    return (
        f"{raised(call)}. Only an OSError is passed over here; any other exception leaves the loop, "
        "and handle_error() is not asked."
    )


def _no_pair(case: Case) -> str | None:
    call = next((call for call in case.of_server("get_request") if call.returned), None)
    if call is None or call.parent is None or not call.parent.raised or call.parent.children[-1] is not call:
        return None
    return f"{whose(call)} returned something that is no pair of a request and an address, and that ended the loop."


def untaken(case: Case) -> list[str]:
    """The clients that have connected, or have sent a datagram, and that no get_request has returned."""
    waiting = [call for call in case.of_clients(CONNECT) if call.returned]
    waiting += [call for call in case.of_clients(SEND) if "address" in call.enter.detail]
    return list(dict.fromkeys(safe(call.lane) for call in waiting if call.connection is None))


def _waiting(case: Case, why: str) -> str | None:
    names = untaken(case)
    if not names:
        return None
    one = len(names) == 1
    return (
        f"{listed(names)} {'is' if one else 'are'} still waiting in the line that server_activate() made, where a "
        f"client waits without knowing it: {why}."
    )


def _nobody_serves(case: Case) -> str | None:
    if case.loop is not None or case.ran("handle_request"):
        return None
    return _waiting(case, "nobody has called serve_forever() or handle_request() yet")


def _busy(case: Case) -> str | None:
    loop = case.loop
    open_call = next((call for call in case.calls("process_request") if call.end is None), None)
    if loop is None or loop.end is not None or open_call is None:
        return None
    return _waiting(case, f"the loop is still busy with connection {open_call.connection}")


def _loop_over(case: Case) -> str | None:
    if case.loop is None or any(call.end is None for call in case.of_server("serve_forever")):
        return None
    return _waiting(case, "the loop has ended, and only server_close() ends the line")


def _one_was_taken(case: Case) -> str | None:
    if case.loop is not None or not case.ran("handle_request"):
        return None
    return _waiting(case, "each handle_request() takes one request and then returns")


def _had_to_wait(case: Case) -> str | None:
    taken, here = case.call("get_request"), case.connection
    connects = [call for call in case.of_clients(CONNECT) if call.returned]
    if taken is None or here is None or not connects:
        return None
    earlier = [call for call in case.of_server("process_request") if call.lane == taken.lane]
    busy = [call for call in earlier if call.connection != here and connects[0].ended_at < call.ended_at]
    busy = [call for call in busy if call.ended_at < taken.enter.seq and call.provider == "BaseServer"]
    if not busy:
        return None
    return (
        f"It had to wait for connection {busy[-1].connection}: BaseServer.process_request handles a request in the "
        "serving thread itself, and only then comes the next get_request()."
    )


def _nobody_came(case: Case) -> str | None:
    if case.loop is None or case.ran("get_request") or untaken(case) or not case.mro:
        return None
    if case.loop.raised or case.of_clients(CONNECT):
        return None
    return "Nobody has come: as long as no client connects or sends a datagram, the loop only waits."


def _not_listening(case: Case) -> str | None:
    refused = [call for call in case.of_clients(CONNECT) if call.error == "ConnectionRefusedError"]
    if not refused:
        return None
    why = "server_close() has closed it" if case.ran("server_close") else "server_activate() has not opened it"
    return f"{safe(refused[0].lane)} was refused by the system itself: nobody listens at that address, because {why}."


def _line_is_full(case: Case) -> str | None:
    late = [call for call in case.of_clients(CONNECT) if call.error in LATE]
    if not late:
        return None
    size = safe(case.settings.get("request_queue_size", "request_queue_size"))
    return (
        f"{safe(late[0].lane)} could not even connect: the line in which clients wait is full. It is as long as "
        f"request_queue_size says ({size}; some systems add one), and moves on only by get_request()."
    )


WAITING: Final = f"get_request {REQUEST}"
RULES: Final[tuple[Rule, ...]] = (
    request_rule("refused", f"process_request {WORK} handle_error {GOODBYE}", _refused, VERIFYING,
                 Place(NOBLOCK, "else:", "self.shutdown_request(request)")),
    request_rule("verify raised", f"process_request {WORK} handle_error {GOODBYE}", _verify_raised, VERIFYING),
    server_rule("get_request failed", WAITING, _get_request_failed, Place(NOBLOCK, "except OSError:")),
    server_rule("get_request raised", WAITING, _get_request_raised, Place(NOBLOCK, "except OSError:")),
    server_rule("no pair", WAITING, _no_pair, Place(NOBLOCK, "request, client_address = self.get_request()")),
    server_rule("nobody serves", WAITING, _nobody_serves, Place("TCPServer.server_activate", "self.socket.listen(")),
    server_rule("loop is busy", WAITING, _busy, Place("BaseServer.process_request", "self.finish_request(")),
    server_rule("loop is over", WAITING, _loop_over, Place("BaseServer.serve_forever", "while not ")),
    server_rule("one was taken", WAITING, _one_was_taken,
                Place("BaseServer.handle_request", "return self._handle_request_noblock()")),
    server_rule("nobody came", f"get_request {REQUEST}", _nobody_came, Place("BaseServer.serve_forever", "if ready:")),
    server_rule("nobody listens", WAITING, _not_listening, Place("TCPServer.server_activate", "self.socket.listen(")),
    server_rule("line is full", WAITING, _line_is_full, Place("TCPServer.server_activate", "self.socket.listen(")),
    request_rule("had to wait", "get_request verify_request process_request handler.__init__ setup handle",
                 _had_to_wait, Place("BaseServer.process_request", "self.finish_request("), remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
