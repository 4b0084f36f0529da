"""Old habits: `super(self.__class__, self)`, the base class by name, `self.__class__.__bases__`, name mangling."""

import socketserver

from tests.helpers import ask, serving


class Server(socketserver.TCPServer):
    def __init__(self, *arguments):
        super(self.__class__, self).__init__(*arguments)
        self.__mark = "kept"

    def verify_request(self, request, client_address):
        base = self.__class__.__bases__[0]
        return base.verify_request(self, request, client_address) and self.__mark == "kept"

    def server_close(self):
        socketserver.TCPServer.server_close(self)


class Handler(socketserver.StreamRequestHandler):
    def setup(self):
        super(self.__class__, self).setup()

    def handle(self):
        names = [kind.__name__ for kind in (self.__class__, *self.__class__.__bases__)]
        self.wfile.write(self.rfile.readline() + repr(names).encode())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"a\n"), server.__class__.__name__
