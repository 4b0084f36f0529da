"""Two servers, one of streams and one of datagrams, in one thread, by a selector of the program's own."""

import selectors
import socketserver
import threading

from tests.helpers import ask

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 4


class Server(socketserver.TCPServer):
    timeout = 5


class Datagrams(socketserver.UDPServer):
    timeout = 5


class Stream(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"stream " + self.rfile.readline())


class Datagram(socketserver.DatagramRequestHandler):
    def handle(self):
        self.wfile.write(b"datagram " + self.rfile.read())


def main(Server):
    from socketserver_trace.fronts import Shell, traced

    second = traced(Datagrams) if issubclass(Server, Shell) else Datagrams
    with Server(("127.0.0.1", 0), Stream) as one, second(("127.0.0.1", 0), Datagram) as two:

        def serve(requests):
            with selectors.DefaultSelector() as selector:
                for server in (one, two):
                    selector.register(server, selectors.EVENT_READ, server)
                while requests:
                    for key, _ in selector.select():
                        key.data.handle_request()
                        requests -= 1

        thread = threading.Thread(target=serve, args=(4,))
        thread.start()
        told = [ask(server, word) for word in (b"a\n", b"b\n") for server in (one, two)]
        thread.join()
    return told
