"""A server that equals others of its address, and so has no hash, that is empty and false, and reckons with itself."""

import socketserver

from tests.helpers import ask, serving


class Server(socketserver.TCPServer):
    def __eq__(self, other):
        return self.server_address == getattr(other, "server_address", None)

    __hash__ = None

    def __len__(self):
        return 0

    def __bool__(self):
        return False

    def __iter__(self):
        raise NotImplementedError

    def __contains__(self, anything):
        raise NotImplementedError


class Handler(socketserver.StreamRequestHandler):
    __hash__ = None

    def __eq__(self, other):
        raise NotImplementedError

    def __bool__(self):
        return False

    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"a\n"), Server.__eq__(server, server), bool(server), len(server)
