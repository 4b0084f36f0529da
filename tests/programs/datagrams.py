"""A datagram server whose handler sends its answer by the socket that comes with the request."""

import socketserver
import threading


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(data.strip().upper(), self.client_address)


def main(talk):
    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        answers = [talk(server.server_address, word, datagram=True) for word in (b"one ", b" two")]
        server.shutdown()
        thread.join()
    return server, answers
