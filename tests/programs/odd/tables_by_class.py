"""Tables whose keys are classes: what an object is looked up by `type(self)`."""

import socketserver

from tests.helpers import ask, serving

words = {}


def word(text):
    def enter(kind):
        words[kind] = text
        return kind

    return enter


@word(b"a server, ")
class Server(socketserver.TCPServer):
    pass


@word(b"a handler, ")
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        known = type(self) in {int, Handler} and [int, Handler].index(type(self)) == 1
        self.wfile.write(words[type(self.server)] + words[type(self)] + repr(known).encode())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return ask(server, b"")
