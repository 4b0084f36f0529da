"""Classes made by `type(...)` and by functions, with names that are no names, and mix-ins behind and before."""

import socketserver
import types

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "process_request_thread", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
]


def handle(self):
    self.wfile.write(self.rfile.readline() + type(self).__name__.encode())


Handler = type("a handler\n<b>", (socketserver.StreamRequestHandler,), {"handle": handle, "__module__": None})
Server = types.new_class(
    "Server 1",
    (socketserver.ThreadingMixIn, socketserver.TCPServer),
    {},
    lambda names: names.update(daemon_threads=True),
)


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"a\n"), type(server).__name__, server.daemon_threads
