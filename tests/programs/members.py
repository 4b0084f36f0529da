"""State on the server: each handler enters itself in a dictionary that the server's own constructor makes last."""

import socketserver
import threading


class Handler(socketserver.BaseRequestHandler):
    def setup(self):
        self.nickname = None
        self.server.members[self.client_address] = self

    def handle(self):
        while True:
            data = self.request.recv(1024).strip().decode("utf-8")
            if not data:
                break
            self.nickname = data
            self.request.sendall(f"Welcome, {self.nickname}!\n".encode("utf-8"))
            return

    def finish(self):
        del self.server.members[self.client_address]


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    def __init__(self, server_address, RequestHandlerClass):
        super().__init__(server_address, RequestHandlerClass)
        self.members = {}


def main(talk):
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        answers = [talk(server.server_address, name) for name in (b"ann", b"bob")]
        server.shutdown()
        thread.join()
    return server, [*answers, server.members]
