"""`RequestHandlerClass` is a bound method, an object that can be called, a partial, a lambda, a class method."""

import functools
import socketserver

from tests.helpers import ask, serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 6


class Handler(socketserver.StreamRequestHandler):
    def __init__(self, request, client_address, server, *, word=b"none", more=()):
        self.word, self.more = word, more
        super().__init__(request=request, client_address=client_address, server=server)

    def handle(self):
        self.wfile.write(self.word + self.rfile.readline())

    @classmethod
    def made(cls, *arguments):
        return cls(*arguments, word=b"class method ")


class Factory:
    def __init__(self, word):
        self.word = word

    def make(self, *arguments):
        return Handler(*arguments, word=self.word)

    __call__ = make

    def __getattr__(self, name):
        raise AttributeError(name)


class Server(socketserver.TCPServer):
    pass


HANDLERS = (
    Factory(b"bound method ").make,
    Factory(b"instance "),
    functools.partial(Handler, word=b"partial ", more=(1, 2)),
    lambda *arguments, **options: Handler(*arguments, **options, word=b"lambda "),
    Handler.made,
    Handler,
)


def main(Server):
    told = []
    for handler in HANDLERS:
        with serving(Server(("127.0.0.1", 0), handler)) as server:
            told += [
                ask(server, b"a\n"),
                server.RequestHandlerClass is handler or server.RequestHandlerClass == handler,
            ]
    return told
