"""A server without a socket: requests come through a queue, and a pipe says that there is one."""

import os
import queue
import socketserver

from tests.helpers import serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 4


class Server(socketserver.BaseServer):
    def __init__(self, handler):
        super().__init__("a queue", handler)
        self.waiting, self.answers = queue.Queue(), queue.Queue()
        self.reading, self.writing = os.pipe()

    def put(self, request):
        self.waiting.put(request)
        os.write(self.writing, b".")

    def fileno(self):
        return self.reading

    def get_request(self):
        os.read(self.reading, 1)
        return self.waiting.get_nowait(), "somebody"

    def server_close(self):
        os.close(self.reading)
        os.close(self.writing)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.answers.put((type(self.request).__name__, self.request, self.client_address))


def main(Server):
    told = []
    with serving(Server(Handler)) as server:
        for request in ("text", None, {"a": 1}, ("a", "pair")):
            server.put(request)
            told.append(server.answers.get(timeout=30))
    return told, server.server_address
