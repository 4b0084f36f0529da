"""Classes that cannot be hashed, because their metaclass says what equals what."""

import socketserver

from tests.helpers import ask, serving


class Comparing(type):
    def __eq__(cls, other):
        return cls.__name__ == getattr(other, "__name__", None)

    __hash__ = None


class Server(socketserver.TCPServer, metaclass=Comparing):
    pass


class Handler(socketserver.StreamRequestHandler, metaclass=Comparing):
    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"a\n"), Server == Handler
