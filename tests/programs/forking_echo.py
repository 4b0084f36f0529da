"""A forking server made by hand from the mix-in; the answer says whether another process made it."""

import os
import socketserver
import threading

parent = os.getpid()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(1024)
        self.request.send(b"%s: %s" % (b"child" if os.getpid() != parent else b"parent", data))


class Server(socketserver.ForkingMixIn, socketserver.TCPServer):
    pass


def main(talk):
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    answer = talk(server.server_address, b"hello")
    server.shutdown()
    thread.join()
    server.server_close()
    return server, [answer]
