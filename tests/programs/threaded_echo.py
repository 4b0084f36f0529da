"""A threading server made by hand from the mix-in; the answer carries the kind of thread that made it."""

import socketserver
import threading


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        data = self.request.recv(1024)
        is_worker = threading.current_thread() is not threading.main_thread()
        self.request.sendall(b"%s: %s" % (b"worker" if is_worker else b"main", data))


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    pass


def main(talk):
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.daemon = True
    thread.start()
    answers = [talk(server.server_address, b"hello") for _ in range(3)]
    server.shutdown()
    server.server_close()
    thread.join()
    return server, answers
