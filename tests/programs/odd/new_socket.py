"""A server that closes its own socket and opens another one between two requests."""

import socket
import socketserver
import threading

from tests.helpers import ask

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
] * 2


class Server(socketserver.TCPServer):
    def move(self):
        self.socket.close()
        self.socket = socket.socket(self.address_family, self.socket_type)
        self.server_address = ("127.0.0.1", 0)
        self.server_bind()
        self.server_activate()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    told = []
    with Server(("127.0.0.1", 0), Handler) as server:
        for line in (b"a\n", b"b\n"):
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            told.append(ask(server, line))
            thread.join()
            server.move()
    return told
