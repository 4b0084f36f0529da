"""A server that listens nowhere: each request is one end of a pair of sockets, handed over by another socket."""

import socket
import socketserver

from tests.helpers import serving


class Server(socketserver.BaseServer):
    def __init__(self, handler):
        super().__init__("pairs", handler)
        self.waiting = []
        self.bell, self.ringing = socket.socketpair()

    def dial(self):
        mine, yours = socket.socketpair()
        self.waiting.append(mine)
        self.ringing.send(b"!")
        return yours

    def fileno(self):
        return self.bell.fileno()

    def get_request(self):
        self.bell.recv(1)
        return self.waiting.pop(0), None

    def close_request(self, request):
        request.close()

    def server_close(self):
        self.bell.close()
        self.ringing.close()


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line[::-1])


def main(Server):
    with serving(Server(Handler)) as server, server.dial() as client, client.makefile("rwb") as talk:
        talk.write(b"one\ntwo\n")
        talk.flush()
        client.shutdown(socket.SHUT_WR)
        return talk.read()
