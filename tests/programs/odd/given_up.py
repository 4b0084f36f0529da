"""Handlers that fail in ways of their own: an exception without a text, a missing attribute, a null in a path."""

import http.client
import http.server
import socketserver

from tests.helpers import ask, serving

FAILED = (
    *("get_request", "verify_request", "process_request", "finish_request", "__init__", "setup", "handle", "finish"),
    *("handle_error", "shutdown_request", "close_request"),
)
CONNECTIONS = [FAILED] * 3


class Server(socketserver.TCPServer):
    pass


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/raise":
            raise SeveralError("several", [ValueError("one"), KeyError("two")])
        super().do_GET()

    def do_POST(self):
        self.server.nothing_of_this_name()


class SeveralError(Exception):
    """An exception whose text is code of the program."""

    def __str__(self):
        raise RuntimeError("no text")


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        lines = (b"GET /raise HTTP/1.0\r\n\r\n", b"POST / HTTP/1.0\r\n\r\n", b"GET /%00 HTTP/1.0\r\n\r\n")
        return [ask(server, line) for line in lines]
