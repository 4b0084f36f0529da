"""Server and handler keep what they can in slots, with a slot in the middle of the family."""

import socketserver

from tests.helpers import ask, serving


class Counting:
    __slots__ = ()

    def verify_request(self, request, client_address):
        self.count = getattr(self, "count", 0) + 1
        return super().verify_request(request, client_address)


class Server(Counting, socketserver.TCPServer):
    __slots__ = ("__weakref__", "count")


class Handler(socketserver.StreamRequestHandler):
    __slots__ = ("line", "weights")

    def handle(self):
        self.line = self.rfile.readline()
        self.wfile.write(self.line)
        self.server.seen = sorted(vars(self))


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told = ask(server, b"a\n")
    return told, server.count, "count" in vars(server), server.seen
