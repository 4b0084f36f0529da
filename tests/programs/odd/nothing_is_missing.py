"""A server that fails loudly when asked for what it does not have, and counts how often its handler is asked for."""

import socketserver

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
] * 2


class Server(socketserver.TCPServer):
    asked = 0

    def __getattr__(self, name):
        raise LookupError(f"who asks for {name}?")

    @property
    def RequestHandlerClass(self):  # noqa: N802 - the name is socketserver's
        self.asked += 1
        return Handler

    @RequestHandlerClass.setter
    def RequestHandlerClass(self, given):  # noqa: N802 - as above
        pass

    def process_request(self, request, client_address):
        self.finish_request(request, client_address)
        self.shutdown_request(request)


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    told = []
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told += [ask(server, line) for line in (b"a\n", b"b\n")]
    return told, server.asked
