"""Rules about the handler: `setup`, `handle` and `finish`, what they raise, and who hears of it.

The theory: a handler's constructor is its whole life, and one `try` with a `finally` inside of it decides which of
the three run. Whatever they raise goes up to where the request is processed; there an `Exception` is told to
`handle_error`, and what is none (`SystemExit`, `KeyboardInterrupt`) is not.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.events import CONNECT, RECEIVE, SEND
from socketserver_trace.reasons.rule import (
    GOODBYE,
    HANDLER,
    raised,
    request_rule,
    what,
    whose,
)
from socketserver_trace.reasons.source import Place
from socketserver_trace.wording import plural

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Applies, Rule

LIFE: Final = "BaseRequestHandler.__init__"
NOBLOCK: Final = "BaseServer._handle_request_noblock"
THREAD: Final = "ThreadingMixIn.process_request_thread"
FORK: Final = "ForkingMixIn.process_request"


def _setup_raised(case: Case) -> str | None:
    setup = case.raising("setup", "handler")
    if setup is None:
        return None
    return f"{raised(setup)}. setup() stands before the try, so neither handle() nor finish() is called after that."


def _handle_raised(case: Case) -> str | None:
    handle = case.raising("handle", "handler")
    if handle is None or not case.ran("finish", "handler"):
        return None
    return f"{raised(handle)}, and finish() stands in the finally: it runs whatever handle() does."


def _finish_raised(case: Case) -> str | None:
    finish = case.raising("finish", "handler")
    if finish is None:
        return None
    handle = case.raising("handle", "handler")
    if handle is None:
        return f"{raised(finish)} after handle() had done its work: what was sent by then has been sent."
    return f"{raised(finish)}, after handle() had raised {what(handle)}: only the last of the two goes on."


def _failed(case: Case) -> Call | None:
    """The outermost call that raised while the request was worked on, and was caught."""
    for hook in ("finish_request", "process_request"):
        call = case.raising(hook)
        if call is not None:
            return call
    return None


def place_of_work(case: Case) -> str:
    """Where the request was worked on: the function that catches what it raises."""
    if case.ran("process_request_thread"):
        return THREAD
    finish = case.call("finish_request")
    process = case.call("process_request")
    in_child = case.forked and finish is not None and (process is None or finish.lane != process.lane)
    return FORK if in_child else NOBLOCK


def _told(where: str) -> Applies:
    def told(case: Case) -> str | None:
        failed = _failed(case)
        if failed is None or not case.ran("handle_error") or place_of_work(case) != where:
            return None
        return f"{raised(failed.culprit)}, and handle_error() is told of every Exception that a request raises."

    return told


def _untold(where: str) -> Applies:
    def untold(case: Case) -> str | None:
        failed = _failed(case)
        if failed is None or case.ran("handle_error") or not case.ran("shutdown_request"):
            return None
        if place_of_work(case) != where:
            return None
        return (
            f"{raised(failed.culprit)}. That is no Exception but a BaseException: handle_error() is not told of it, "
            "though the request is closed all the same."
        )

    return untold


def _nothing_raised(case: Case) -> str | None:
    if _failed(case) is not None or case.ran("handle_error") or not case.ran("finish_request"):
        return None
    if not case.ran("shutdown_request"):
        return None
    return "Nothing that belongs to this request raised. What your handle() catches by itself goes no further."


def _handle_error_raised(case: Case) -> str | None:
    error = case.raising("handle_error")
    if error is None or case.ran("shutdown_request"):
        return None
    return f"{raised(error)}, so what stands after it is never reached: no hook closes the request, and the loop ends."


def _closed_all_the_same(where: str) -> Applies:
    def closed(case: Case) -> str | None:
        error = case.raising("handle_error")
        if error is None or not case.ran("shutdown_request") or place_of_work(case) != where:
            return None
        return f"{raised(error)}, and shutdown_request() stands in the finally: the request is closed whatever happens."

    return closed


def _not_callable(case: Case) -> str | None:
    finish = case.raising("finish_request")
    if finish is None or case.ran("__init__", "handler") or "not callable" not in finish.message:
        return None
    return (
        f"{raised(finish)}: what was given as the handler class cannot be called. "
        "Give the class itself, and neither its name nor an instance; the server finds out at the first request."
    )


def _maker_raised(case: Case) -> str | None:
    finish = case.raising("finish_request")
    if finish is None or finish.children or finish.own or "not callable" in finish.message:
        return None
    return f"RequestHandlerClass raised {what(finish)} before it had made a handler."


def _no_handler(case: Case) -> str | None:
    finish = case.call("finish_request")
    if finish is None or not finish.returned or finish.own or case.ran("__init__", "handler"):
        return None
    return (
        "RequestHandlerClass may be anything that can be called. This one did its work by itself and made no handler, "
        "so there is nothing to set up, to handle or to finish."
    )


def _does_nothing(case: Case) -> str | None:
    handle = case.call("handle", "handler")
    if handle is None or handle.provider != "BaseRequestHandler":
        return None
    return "No class of yours defines handle(), and that of BaseRequestHandler does nothing: the client gets no reply."


def _too_early(case: Case) -> str | None:
    made, failed = case.call("__init__", "handler"), _failed(case)
    if made is None or not made.own or failed is None or failed.culprit.error != "AttributeError":
        return None
    if failed.culprit.hook not in {"setup", "handle", "finish"}:
        return None
    return (
        f"super().__init__() is all of a handler's life. What {whose(made)} sets after it is not there yet when "
        f"{failed.culprit.hook}() runs: set it before, or in setup()."
    )


def _attribute_missing(case: Case) -> str | None:
    handle = case.raising("handle", "handler")
    if handle is None or handle.error != "AttributeError" or "object has no attribute" not in handle.message:
        return None
    made = case.call("__init__", "handler")
    if "'tuple' object" in handle.message or (made is not None and made.own):
        return None
    return (
        "A handler has request, client_address and server, and what its class adds. recv() and sendall() belong to "
        "self.request, strip() and upper() to the bytes."
    )


def _once(case: Case) -> str | None:
    handle = case.call("handle", "handler")
    sends = case.of_clients(SEND)
    if handle is None or not handle.returned or case.is_datagram or not case.of_clients(CONNECT):
        return None
    sent, taken = sum(call.size for call in sends), sum(call.size for call in case.operations(RECEIVE))
    if sent <= taken:
        return None
    return (
        f"handle() is called once for each connection, and its end is the end of the connection: "
        f"{plural(sent - taken, 'byte')} of the client's were never read. Who wants them all reads in a loop."
    )


AFTER_SETUP: Final = "handle finish"
ERROR: Final = "self.handle_error("
RULES: Final[tuple[Rule, ...]] = (
    request_rule("setup raised", f"{AFTER_SETUP} setup", _setup_raised, Place(LIFE, "self.setup()")),
    request_rule("handle raised", "finish", _handle_raised, Place(LIFE, "finally:", "self.finish()")),
    request_rule("finish raised", "finish", _finish_raised, Place(LIFE, "finally:", "self.finish()")),
    request_rule("handle_error raised", f"{GOODBYE} handle_error", _handle_error_raised,
                 Place(NOBLOCK, "except Exception:", ERROR)),
    request_rule("told in the loop", "handle_error", _told(NOBLOCK), Place(NOBLOCK, "except Exception:", ERROR)),
    request_rule("told in the thread", "handle_error", _told(THREAD), Place(THREAD, "except Exception:", ERROR)),
    request_rule("told in the child", "handle_error", _told(FORK), Place(FORK, "except Exception:", ERROR)),
    request_rule("no Exception in the loop", "handle_error", _untold(NOBLOCK),
                 Place(NOBLOCK, " except:"), Place(NOBLOCK, " except:", "raise")),
    request_rule("no Exception in the thread", "handle_error", _untold(THREAD), Place(THREAD, "except Exception:")),
    request_rule("no Exception in the child", "handle_error", _untold(FORK), Place(FORK, "except Exception:")),
    request_rule("nothing raised", "handle_error", _nothing_raised, Place(NOBLOCK, "except Exception:")),
    request_rule("closed in the thread", GOODBYE, _closed_all_the_same(THREAD),
                 Place(THREAD, "finally:", "self.shutdown_request(request)")),
    request_rule("closed in the child", GOODBYE, _closed_all_the_same(FORK),
                 Place(FORK, "finally:", "self.shutdown_request(request)")),
    request_rule("not callable", f"{HANDLER} finish_request handle_error", _not_callable,
                 Place("BaseServer.finish_request", "self.RequestHandlerClass(")),
    request_rule("maker raised", f"{HANDLER} finish_request", _maker_raised,
                 Place("BaseServer.finish_request", "self.RequestHandlerClass(")),
    request_rule("no handler", HANDLER, _no_handler, Place("BaseServer.finish_request", "self.RequestHandlerClass(")),
    request_rule("does nothing", "handle", _does_nothing, Place("BaseRequestHandler.handle", "pass"), remark=True),
    request_rule("too early", "handler.__init__ setup handle finish handle_error", _too_early,
                 Place(LIFE, "self.handle()"), remark=True),
    request_rule("attribute missing", "handle handle_error", _attribute_missing, Place(LIFE, "self.request = request"),
                 remark=True),
    request_rule("called once", "handle", _once, Place(LIFE, "self.handle()"), remark=True),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
