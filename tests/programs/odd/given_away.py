"""The connection is given away: the handler duplicates it, detaches it, and another object talks on it."""

import socket
import socketserver

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
] * 3


class Server(socketserver.TCPServer):
    allow_reuse_address = True


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        word = self.request.recv(100)
        if word == b"duplicate":
            with self.request.dup() as other:
                other.sendall(type(other).__name__.encode())
        elif word == b"detach":
            with socket.socket(fileno=self.request.detach()) as other:
                other.sendall(b"detached")
        else:
            with self.request:
                self.request.sendall(b"closed twice")


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return [ask(server, word) for word in (b"duplicate", b"detach", b"close")]
