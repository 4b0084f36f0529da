"""A handler that is a bridge to asyncio: it runs a loop of its own in the thread that handles the request."""

import asyncio
import socketserver

from tests.helpers import ask, serving

CONNECTIONS = [
    (
        *("get_request", "verify_request", "process_request", "process_request_thread", "finish_request"),
        *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
    )
] * 2


class Server(socketserver.ThreadingTCPServer):
    pass


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        asyncio.run(self.converse())

    async def converse(self):
        self.request.setblocking(False)
        loop = asyncio.get_running_loop()
        data = await loop.sock_recv(self.request, 100)
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        await loop.sock_sendall(self.request, data.upper())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return [ask(server, line) for line in (b"a\n", b"b\n")]
