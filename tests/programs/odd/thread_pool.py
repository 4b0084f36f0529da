"""A server with a fixed number of workers, which take the requests from `concurrent.futures`."""

import concurrent.futures
import socketserver
import threading

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
] * 3


class Server(socketserver.TCPServer):
    def __init__(self, *arguments):
        self.pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="worker")
        self.done = []
        super().__init__(*arguments)

    def process_request(self, request, client_address):
        self.done.append(self.pool.submit(self.work, request, client_address))

    def work(self, request, client_address):
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)
        return threading.current_thread().name

    def server_close(self):
        super().server_close()
        self.pool.shutdown()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(self.rfile.readline() + threading.current_thread().name.encode())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told = [ask(server, line) for line in (b"a\n", b"b\n", b"c\n")]
    return told, [future.result() for future in server.done]
