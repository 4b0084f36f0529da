"""A handler that asks its server to finish its own request once more, which makes another handler inside it."""

import socketserver

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "setup", "handle", "finish_request"),
        *("__init__", "setup", "handle", "finish", "finish", "shutdown_request", "close_request"),
    )
]


class Server(socketserver.TCPServer):
    depth = 0

    def finish_request(self, request, client_address):
        self.depth += 1
        result = super().finish_request(request, client_address)
        self.depth -= 1
        return result


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"outer %d " % self.server.depth)
        if self.server.depth == 1:
            self.server.finish_request(self.request, self.client_address)


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"")
