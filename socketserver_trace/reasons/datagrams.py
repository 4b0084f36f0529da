"""Rules about datagrams: no connection, no `accept`, one socket for all, and a reply that leaves at the end.

The theory: the datagram servers have the same hooks as the stream servers, and half of them have nothing to do. What a
handler is given is no socket but a pair: the bytes, and the server's own socket to answer by.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import RECEIVE, SEND
from socketserver_trace.reasons.rule import GOODBYE, raised, request_rule, server_rule, what
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule

RECEIVING: Final = Place("UDPServer.get_request", "self.socket.recvfrom(self.max_packet_size)")
SENDING: Final = Place("DatagramRequestHandler.finish", "self.socket.sendto(")


def _a_pair(case: Case) -> str | None:
    failed = case.raising("setup", "handler") or case.raising("handle", "handler")
    if failed is None or failed.error != "AttributeError" or "'tuple' object" not in failed.message:
        return None
    made_for = " and this handler is made for streams" if "StreamRequestHandler" in case.handler_mro else ""
    return (
        f"{raised(failed)}. For a datagram the request is no socket but a pair of the bytes and the server's socket"
        f"{made_for}: use DatagramRequestHandler."
    )


def _no_accept(case: Case) -> str | None:
    if not any(call.provider == "UDPServer" for call in case.calls("get_request")):
        return None
    return "There is no connection to accept: each datagram is a request of its own, with a handler of its own."


def _received(case: Case) -> Call | None:
    taken = [call for call in case.operations(RECEIVE) if call.inside("get_request") and call.returned]
    return taken[0] if taken and case.is_datagram else None


def _cut_short(case: Case) -> str | None:
    taken = _received(case)
    sent = next(iter(case.of_clients(SEND)), None)
    if taken is None or sent is None or sent.size <= taken.size:
        return None
    limit = safe(case.settings.get("max_packet_size", "max_packet_size"))
    return (
        f"{safe(sent.lane)} sent {plural(sent.size, 'byte')} and {plural(taken.size, 'byte')} were taken: a datagram "
        f"longer than max_packet_size ({limit}) is cut off without a word."
    )


def _empty(case: Case) -> str | None:
    taken = _received(case)
    if taken is None or taken.size:
        return None
    return "The datagram was empty, and that is a request like any other: for datagrams no bytes are no end."


def _reply_at_the_end(case: Case) -> str | None:
    finish = _sender(case)
    replies = [call for call in finish.children if call.enter.kind == SEND] if finish else []
    if finish is None or not replies or finish.raised:
        return None
    handle = case.raising("handle", "handler")
    size = replies[0].size
    how = "an empty datagram, because nothing was written" if not size else f"one datagram of {plural(size, 'byte')}"
    even = "" if handle is None else f" It does so even though handle() raised {what(handle)}."
    return f"wfile only collects what handle() writes; finish() sends it, as {how}.{even}"


def _sender(case: Case) -> Call | None:
    calls = [call for call in case.calls("finish", "handler") if call.provider == "DatagramRequestHandler"]
    return calls[0] if calls else None


def _could_not_reply(case: Case) -> str | None:
    finish = _sender(case)
    if finish is None or not finish.raised:
        return None
    if finish.error == "TypeError":
        return f"{raised(finish)}: the client's socket has no address of its own, so there is nowhere to send a reply."
    return f"{raised(finish)}: the whole reply must go as one datagram, and this one could not be sent."


def _nothing_to_close(case: Case) -> str | None:
    closes = [call for call in case.calls(case.hook) if call.provider == "UDPServer"]
    if not closes:
        return None
    return "A datagram leaves nothing that could be closed: the socket is the server's own, and goes on receiving."


def _nothing_to_activate(case: Case) -> str | None:
    if not any(call.provider == "UDPServer" for call in case.of_server("server_activate")):
        return None
    return "Without connections there is nothing to listen for: a datagram server is ready when it is bound."


RULES: Final[tuple[Rule, ...]] = (
    request_rule("request is a pair", "setup handle finish handle_error", _a_pair,
                 Place("UDPServer.get_request", "return (data, self.socket), client_addr"), remark=True),
    request_rule("no accept", "get_request handler.__init__", _no_accept, RECEIVING, remark=True),
    request_rule("cut short", "get_request handle", _cut_short, RECEIVING, remark=True),
    request_rule("empty datagram", "get_request handle", _empty, RECEIVING, remark=True),
    request_rule("reply at the end", "finish handle", _reply_at_the_end, SENDING, remark=True),
    request_rule("no reply could be sent", "finish handle_error", _could_not_reply, SENDING, remark=True),
    request_rule("nothing to close", GOODBYE, _nothing_to_close, Place("UDPServer.close_request", "pass"), remark=True),
    server_rule("nothing to activate", "server_activate", _nothing_to_activate,
                Place("UDPServer.server_activate", "pass"), remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
