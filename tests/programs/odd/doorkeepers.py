"""`verify_request` as a property, a static, class or partial method, an attribute, and by singledispatch."""

import functools
import socket
import socketserver

from tests.helpers import ask, serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 6
asked = []


class Server(socketserver.TCPServer):
    @property
    def verify_request(self):
        asked.append("property")
        return lambda request, client_address: True


class Static(Server):
    @staticmethod
    def verify_request(request, client_address):
        asked.append(("static", type(request).__name__))
        return True


class ByClass(Server):
    @classmethod
    def verify_request(cls, request, client_address):
        asked.append(("class", cls.__name__))
        return True


class ByPart(Server):
    def _verify(self, answer, request, client_address):
        asked.append(("part", answer))
        return answer

    verify_request = functools.partialmethod(_verify, True)


class ByKind(Server):
    @functools.singledispatchmethod
    def verify_request(self, request, client_address):
        asked.append("anything")
        return False

    @verify_request.register
    def _(self, request: socket.socket, client_address):
        asked.append("a socket")
        return True


class OnTheInstance(Server):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        vars(self)["verify_request"] = asked.append

    def verify_request(self, request, client_address):
        asked.append("method")
        return True


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    from socketserver_trace.fronts import Shell, traced

    same = traced if Server is not globals()["Server"] and issubclass(Server, Shell) else (lambda kind: kind)
    asked.clear()
    told = []
    for kind in (Server, *map(same, (Static, ByClass, ByPart, ByKind, OnTheInstance))):
        with serving(kind(("127.0.0.1", 0), Handler)) as server:
            if kind.__name__ == "OnTheInstance":
                del server.verify_request  # an attribute of the instance alone, which is gone again
            told.append(ask(server, b"a\n"))
    return told, asked
