"""Rules about streams: bytes without messages, the two files of a handler, and clients that wait or vanish.

The theory: a connection is two streams of bytes, one each way. Nothing in it says where a message ends; only the bytes
themselves do (a newline, say), or the end of the stream. Who reads waits until one of them comes.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import CLOSE, HALF_CLOSE, RECEIVE, SEND
from socketserver_trace.matching import is_client
from socketserver_trace.reasons.rule import listed, request_rule, what
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule

GONE: Final = frozenset({"BrokenPipeError", "ConnectionResetError", "ConnectionAbortedError"})


def _waiting(case: Case) -> Call | None:
    """The receive in which a handler of a stream waits at the end of the trace."""
    waits = [call for call in case.operations(RECEIVE) if call.end is None and not call.inside("get_request")]
    return waits[0] if waits and not case.is_datagram else None


def _half_a_line(case: Case) -> str | None:
    waiting = _waiting(case)
    taken = [call for call in case.operations(RECEIVE) if call.returned and call.size]
    if waiting is None or not taken or not _reads_by_file(case, waiting):
        return None
    if taken[-1].data.endswith(b"\n"):
        return None
    who = next((safe(call.lane) for call in case.of_clients(SEND)), "The client")
    return (
        f"{who} has sent {plural(sum(call.size for call in taken), 'byte')}, and neither a newline nor the end: "
        "rfile.readline() waits for a newline or for the end of the stream, and rfile.read() for its end."
    )


def _reads_by_file(case: Case, call: Call) -> bool:
    return call.hook == "recv_into" and "StreamRequestHandler" in case.handler_mro


def _waits_for_ever(case: Case) -> str | None:
    if _waiting(case) is None or case.handler_settings.get("timeout") != "None":
        return None
    return "timeout is None in the handler's class, so it waits as long as the client is silent."


def _both_wait(case: Case) -> str | None:
    waiting = _waiting(case)
    client = next((call for call in case.of_clients(RECEIVE) if not call.returned), None)
    sent = sum(call.size for call in case.of_clients(SEND))
    if waiting is None or client is None or sent > sum(call.size for call in case.operations(RECEIVE)):
        return None
    return (
        f"handle() waits for {safe(client.lane)}, and {safe(client.lane)} waited for handle(): who speaks first, and "
        "when the other one has said all, is for the two of them to agree on."
    )


def _no_message(case: Case) -> str | None:
    sizes = [call.size for call in case.of_clients(SEND)]
    taken = [call.size for call in case.operations(RECEIVE) if call.returned and call.size]
    if case.is_datagram or not sizes or not taken or _same_pieces(sizes, taken):
        return None
    return (
        f"The client sent pieces of {listed(map(str, sizes))} bytes, and pieces of {listed(map(str, taken))} came: "
        "a stream keeps its bytes in order, and forgets how they were sent. One recv() is not one message."
    )


def _same_pieces(sent: list[int], taken: list[int]) -> bool:
    return taken == sent[: len(taken)]


def _at_the_end(case: Case) -> str | None:
    finish = next((call for call in case.calls("finish", "handler") if call.provider == "StreamRequestHandler"), None)
    if finish is None or not any(call.enter.kind == SEND for call in finish.children):
        return None
    return (
        f"wbufsize is {safe(case.handler_settings.get('wbufsize', 'not 0'))}, so wfile keeps what is written, and "
        "finish() flushes it: the client gets the reply only now."
    )


def _client_gone(case: Case) -> str | None:
    failed = [call for kind in (SEND, RECEIVE) for call in case.operations(kind) if call.error in GONE]
    own_end = [event.seq for event, _ in case.steps(HALF_CLOSE) if not is_client(event)]
    if not failed or any(seq < failed[0].ended_at for seq in own_end):
        return None
    return (
        f"{what(failed[0])} in {failed[0].hook}(): the client had gone. The first send after a close still succeeds, "
        "because nobody has answered it yet; which error comes depends on how the client went."
    )


def _timed_out(case: Case) -> str | None:
    late = [call for kind in (RECEIVE, SEND) for call in case.operations(kind) if call.error == "TimeoutError"]
    if not late:
        return None
    value = case.handler_settings.get("timeout", "None")
    of = "" if value == "None" else f" The handler's class has timeout={safe(value)}."
    return f"{late[0].hook}() waited too long and raised TimeoutError.{of} It is an error of this request only."


def _no_nagle(case: Case) -> str | None:
    setup = case.raising("setup", "handler")
    if setup is None or setup.error != "OSError" or case.handler_settings.get("disable_nagle_algorithm") != "True":
        return None
    if setup.provider != "StreamRequestHandler":
        return None
    return "disable_nagle_algorithm is an option of TCP, and the socket of this server knows no such option."


def _already_read(case: Case) -> str | None:
    handle = case.call("handle", "handler")
    received = [call.hook for call in handle.below() if call.enter.kind == RECEIVE] if handle else []
    if "recv_into" not in received or "recv" not in received[received.index("recv_into") :]:
        return None
    if case.handler_settings.get("rbufsize") == "0":
        return None
    return (
        "rfile takes more from the socket than it was asked for and keeps the rest. Once you read by rfile, "
        "self.request.recv() does not see what it has kept."
    )


def _end_seen(case: Case) -> str | None:
    ends = [call for call in case.operations(RECEIVE) if call.returned and not call.size]
    said = [event for kind in (HALF_CLOSE, CLOSE) for event, _ in case.steps(kind) if is_client(event)]
    if not ends or not said or case.is_datagram:
        return None
    return "The server has read the end of the stream: the client had said that it will send no more."


MAKING: Final = "StreamRequestHandler.setup"
READING: Final = Place(MAKING, "self.rfile = self.connection.makefile(")
RULES: Final[tuple[Rule, ...]] = (
    request_rule("half a line", "handle finish shutdown_request close_request", _half_a_line, READING, remark=True),
    request_rule("waits for ever", "handle", _waits_for_ever, Place(MAKING, "if self.timeout is not None:"),
                 remark=True),
    request_rule("both wait", "handle finish", _both_wait, Place("BaseRequestHandler.__init__", "self.handle()"),
                 remark=True),
    request_rule("no messages", "handle", _no_message, Place("TCPServer.get_request", "return self.socket.accept()"),
                 remark=True),
    request_rule("sent at the end", "finish handle", _at_the_end,
                 Place("StreamRequestHandler.finish", "self.wfile.flush()"), remark=True),
    request_rule("client had gone", "handle finish handle_error", _client_gone,
                 Place("_SocketWriter.write", "self._sock.sendall(b)"), remark=True),
    request_rule("timed out", "handle finish handle_error", _timed_out,
                 Place(MAKING, "self.connection.settimeout(self.timeout)"), remark=True),
    request_rule("no such option", "setup handle finish handle_error", _no_nagle,
                 Place(MAKING, "if self.disable_nagle_algorithm:"), remark=True),
    request_rule("already read", "handle", _already_read, READING, remark=True),
    request_rule("end was read", "handle", _end_seen, READING, remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
