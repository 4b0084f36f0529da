"""`get_request` returns what is no socket: a text, a tuple of three, an object with files only, a mock."""

import io
import socketserver
from unittest import mock

from tests.helpers import plain_client

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 4


class Files:
    """The least that a StreamRequestHandler needs."""

    def __init__(self):
        self.sent = []

    def makefile(self, mode, size):
        return io.BytesIO(b"from a file\n")

    def sendall(self, data):
        self.sent.append(bytes(data))

    def __eq__(self, other):
        raise NotImplementedError

    __hash__ = None


class Server(socketserver.TCPServer):
    def get_request(self):
        super().get_request()[0].close()
        return self.next, ("nobody", 0)

    def shutdown_request(self, request):
        self.close_request(request)

    def close_request(self, request):
        self.closed.append(type(request).__name__)


class Bare(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.closed.append(("handled", type(self.request).__name__))


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    files, mocked = Files(), mock.MagicMock()
    with Server(("127.0.0.1", 0), Bare) as server:
        server.closed = []
        for request, handler in (("text", Bare), ((1, 2, 3), Bare), (files, Stream), (mocked, Bare)):
            server.next, server.RequestHandlerClass = request, handler
            with plain_client(server):
                server.handle_request()
    return server.closed, files.sent, mocked.mock_calls
