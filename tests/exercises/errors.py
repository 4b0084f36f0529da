"""What learners write in lesson 15."""

from __future__ import annotations

import contextlib
import select
import sys
import traceback
from socketserver import BaseRequestHandler, StreamRequestHandler, TCPServer, ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from socketserver_trace import ServingEnded, WaitedInVain, serve
from tests.samples import CALM

if TYPE_CHECKING:
    from collections.abc import Callable


PATIENCE = 2
"""How many seconds a client waits for a server whose loop has ended."""


# --- Tell both ----------------------------------------------------------------------------------------------------


def divided(handle: Callable[[Any], object]) -> Any:
    """Three clients of a handler, of whom two make it fail."""
    made = type("Divider", (StreamRequestHandler,), {"handle": handle})
    with serve(ThreadingTCPServer, made, timeout=CALM) as served:
        for name, lines in (("alice", b"12 4\n1 0\n"), ("bob", b"twelve four\n"), ("carol", b"35 7\n")):
            with served.client(name) as client:
                client.send(lines)
                client.half_close()
                client.receive_all()
            served.settle(CALM)
    return served


def divide(handler: Any, line: bytes) -> None:
    """Answer one line."""
    dividend, divisor = line.split()
    handler.wfile.write(b"%d\n" % (int(dividend) // int(divisor)))


def each(handler: Any) -> None:
    """Answer each line."""
    for line in handler.rfile:
        divide(handler, line)


def told(handler: Any, *, words: Any = b"sorry\n", errors: Any = Exception, again: bool = True) -> None:
    """Answer each line, and tell the client of what goes wrong."""
    try:
        each(handler)
    except errors:
        handler.wfile.write(traceback.format_exc().encode() if words is None else words)
        if again:
            raise


def _line_by_line(handler: Any) -> None:
    for line in handler.rfile:
        try:
            divide(handler, line)
        except (ValueError, ArithmeticError) as error:
            handler.wfile.write(b"sorry\n")
            raise RuntimeError("this line") from error


def _sorry_anyway(handler: Any) -> None:
    try:
        each(handler)
    finally:
        handler.wfile.write(b"sorry\n")


# --- A careful report ---------------------------------------------------------------------------------------------


class Worker(StreamRequestHandler):
    """The handler of the lesson."""

    said = b""

    def handle(self) -> None:
        self.said = self.rfile.readline()
        if self.said == b"divide\n":
            raise ZeroDivisionError("division by zero")
        if self.said == b"report\n":
            report: Any = self.server.report  # type: ignore[attr-defined]
            self.wfile.write(" ".join(report).encode() + b"\n")

    def finish(self) -> None:
        super().finish()
        if self.said == b"finish\n":
            raise LookupError("at the very end")


class Hiding(Worker):
    """Keeps its errors to itself."""

    def handle(self) -> None:
        with contextlib.suppress(ArithmeticError, OSError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(LookupError):
            super().finish()


def reported(keep: Callable[[Any], object], handler: type[StreamRequestHandler] = Worker) -> Any:
    """Four clients of a server that keeps its errors by `keep(server)`."""

    class Reporting(TCPServer):
        def __init__(self, *arguments: Any) -> None:
            self.report: list[Any] = []
            super().__init__(*arguments)

        def handle_error(self, request: Any, _client_address: Any) -> None:
            try:
                keep(self)
            except AttributeError:
                request.close()  # which nobody else does, because the loop ends
                raise

    served = serve(Reporting, handler, timeout=CALM)
    with contextlib.suppress(ServingEnded, WaitedInVain), served:
        for name, line in (("alice", b"divide\n"), ("bob", b"finish\n"), ("carol", None), ("dave", b"report\n")):
            client = served.client(name, timeout=PATIENCE)
            served.settle(PATIENCE)
            if line is None:
                client.reset()
            else:
                client.send(line)
                client.receive_all()
    return served


def _error() -> Any:
    return sys.exc_info()[1]


def _only_the_last(server: Any) -> None:
    server.report = [type(_error()).__name__]


SOLUTIONS: list[tuple[str, Callable[[], Any]]] = [
    ("15-tell-both", lambda: divided(told)),
    ("15-tell-both", lambda: divided(_line_by_line)),
    ("15-a-careful-report", lambda: reported(lambda server: server.report.append(type(_error()).__name__))),
    (
        "15-a-careful-report",
        lambda: reported(lambda server: server.report.extend([traceback.format_exc().splitlines()[-1].split(":")[0]])),
    ),
]

WRONG: list[tuple[str, str, Callable[[], Any], str]] = [
    ("15-tell-both", "nobody is told", lambda: divided(each), "may guess"),
    ("15-tell-both", "hidden", lambda: divided(lambda h: told(h, again=False)), "raise alone"),
    ("15-tell-both", "says too much", lambda: divided(lambda h: told(h, words=None)), "about the inside"),
    ("15-tell-both", "as text", lambda: divided(lambda h: told(h, words="sorry\n")), "with a b in front"),
    ("15-tell-both", "one of two", lambda: divided(lambda h: told(h, errors=ValueError)), "One kind of error"),
    ("15-tell-both", "everybody is sorry", lambda: divided(_sorry_anyway), "only an error"),
    ("15-a-careful-report", "nothing is kept", lambda: reported(lambda _server: None), "put nothing into"),
    ("15-a-careful-report", "it fails", lambda: reported(lambda s: s.reports.append(1)), "the end of the server"),
    ("15-a-careful-report", "only one", lambda: reported(_only_the_last), "append to the list"),
    (
        "15-a-careful-report",
        "what it says",
        lambda: reported(lambda s: s.report.append(str(_error()))),
        "what they are",
    ),
    (
        "15-a-careful-report",
        "other names",
        lambda: reported(lambda s: s.report.append(str(type(_error())))),
        "with their brackets",
    ),
    (
        "15-a-careful-report",
        "the report cannot be joined",
        lambda: reported(lambda s: s.report.append(type(_error()))),
        "something that is no text",
    ),
    ("15-a-careful-report", "errors are hidden", lambda: reported(lambda _server: None, Hiding), "with all its errors"),
]


class _Insistent(BaseRequestHandler):
    """Sends three times to somebody who has gone, and waits for the system's answer to each."""

    def handle(self) -> None:
        self.request.recv(1024)
        for _ in range(3):
            try:
                self.request.sendall(b"are you there?\n")
            except OSError:
                self.server.results.append("failed")  # type: ignore[attr-defined]
            else:
                self.server.results.append("sent")  # type: ignore[attr-defined]
            poll = select.poll()
            poll.register(self.request, 0)
            poll.poll(CALM * 1000)


def _three_sends() -> str:
    """What becomes of them."""
    with serve(TCPServer, _Insistent, timeout=CALM) as served:
        served.server.results = results = []
        served.client("alice").close()
        served.wait_for("close_request", connection=1, timeout=CALM)
    happened = {
        ("sent", "sent", "sent"): "none of them",
        ("sent", "failed", "failed"): "not the first one, but the two others",
    }
    return happened.get(tuple(results), "all of them")


ANSWERS: list[tuple[str, Callable[[], Any]]] = [("15-three-sends", _three_sends)]
