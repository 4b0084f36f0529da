"""Hooks that are set on the class, on the object and by a mock while the server runs, and taken away again."""

import socketserver
import threading
from unittest import mock

from tests.helpers import ask, serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 5


class Server(socketserver.TCPServer):
    pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"old " + self.rfile.readline())


def handle_anew(self):
    self.wfile.write(b"new " + self.rfile.readline())


def main(Server):
    acted = threading.Event()
    told = []
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told.append(ask(server, b"1\n"))
        type(server).service_actions = lambda self: acted.set()
        told.append(acted.wait(30))
        del type(server).service_actions
        with mock.patch.object(Handler, "handle", handle_anew):
            told.append(ask(server, b"2\n"))
        with mock.patch.object(Server, "verify_request", autospec=True, return_value=True) as verify:
            told += [
                ask(server, b"3\n"),
                verify.call_count,
                len(verify.call_args.args),
                verify.call_args.args[0] is server,
            ]
        with mock.patch.object(server, "finish_request", wraps=server.finish_request) as finish:
            told += [ask(server, b"4\n"), finish.call_count, len(finish.call_args.args)]
        with mock.patch.object(server, "RequestHandlerClass", new=type("Other", (Handler,), {"handle": handle_anew})):
            told.append(ask(server, b"5\n"))
    return told, "verify_request" in vars(Server), "service_actions" in vars(Server), "finish_request" in vars(server)
