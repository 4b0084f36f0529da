"""A handler that is a frozen dataclass: it cannot take an attribute that is no field."""

import dataclasses
import socketserver
from typing import Any

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "handle", "shutdown_request", "close_request"),
    )
]


class Server(socketserver.TCPServer):
    pass


@dataclasses.dataclass(frozen=True)
class Handler(socketserver.BaseRequestHandler):
    request: Any
    client_address: Any
    server: Any

    def __post_init__(self):
        self.handle()

    def handle(self):
        try:
            self.other = 1
        except dataclasses.FrozenInstanceError:
            self.request.sendall(b"frozen")


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"")
