"""The servers of the benchmark: one echo server, untraced and seen in several ways.

A variant is a pair of classes, server and handler, which do the same work. They are run by `measure` in a process of
their own, so that one cannot slow another down.
"""

from __future__ import annotations

import logging
import os
import socketserver
from collections.abc import Callable
from typing import Any

from socketserver_trace import traced

Classes = tuple[type[socketserver.BaseServer], Callable[..., Any]]


class Echo(socketserver.BaseRequestHandler):
    """The work: send back what came."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(1024))


def untraced(server: type[socketserver.BaseServer]) -> Classes:
    """The server as it is."""
    return server, Echo


def with_trace(server: type[socketserver.BaseServer]) -> Classes:
    """The server traced by this package."""
    return traced(server), Echo


def with_logging(server: type[socketserver.BaseServer]) -> Classes:
    """Every hook overridden to log its name, as tutorials do, into a file that forgets."""
    log = logging.getLogger("benchmark")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.handlers = [logging.StreamHandler(open(os.devnull, "w", encoding="utf-8"))]  # noqa: PTH123, SIM115 - for the whole process
    hooks = (
        "get_request", "verify_request", "process_request", "process_request_thread", "finish_request",
        "shutdown_request", "close_request", "service_actions",
    )  # fmt: skip
    return _logged(server, hooks, log), _logged(Echo, ("__init__", "setup", "handle", "finish"), log)


def _logged(kind: Any, hooks: tuple[str, ...], log: logging.Logger) -> Any:
    def override(name: str) -> Callable[..., Any]:
        original = getattr(kind, name)

        def hook(self: Any, *arguments: Any) -> Any:
            log.debug("%s", name)
            return original(self, *arguments)

        return hook

    return type(kind.__name__, (kind,), {name: override(name) for name in hooks if hasattr(kind, name)})


VARIANTS: dict[str, Callable[[type[socketserver.BaseServer]], Classes]] = {
    "untraced": untraced,
    "traced": with_trace,
    "logging": with_logging,
}
KINDS: dict[str, type[socketserver.BaseServer]] = {
    "TCPServer": socketserver.TCPServer,
    "ThreadingTCPServer": socketserver.ThreadingTCPServer,
    **({"ForkingTCPServer": socketserver.ForkingTCPServer} if hasattr(socketserver, "ForkingTCPServer") else {}),
}
