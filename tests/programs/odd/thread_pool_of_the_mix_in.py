"""The mix-in's own `process_request_thread`, run by a pool: one worker serves many connections."""

import concurrent.futures
import socketserver

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "process_request_thread", "finish_request"),
        *("__init__", "setup", "handle", "finish", "handle_error", "shutdown_request", "close_request"),
    )
] * 2


class PoolMixIn(socketserver.ThreadingMixIn):
    pool = None

    def process_request(self, request, client_address):
        self.pool.submit(self.process_request_thread, request, client_address)

    def handle_error(self, request, client_address):
        self.errors += 1


class Server(PoolMixIn, socketserver.TCPServer):
    errors = 0


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline())
        raise ValueError("after the reply")


def main(Server):
    with concurrent.futures.ThreadPoolExecutor(1) as pool, serving(Server(("127.0.0.1", 0), Handler)) as server:
        server.pool = pool
        told = [ask(server, line) for line in (b"a\n", b"b\n")]
    return told, server.errors, "errors" in vars(server)
