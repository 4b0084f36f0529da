"""Server and handler that see every attribute that is asked of them in the loop, and hide some."""

import socketserver
import threading

from tests.helpers import ask, serving

asked = []


class Watched:
    def __getattribute__(self, name):
        if not name.startswith("_") and threading.current_thread() is not threading.main_thread():
            asked.append((super().__getattribute__("__class__").__name__, name))
        return super().__getattribute__(name)

    def __delattr__(self, name):
        asked.append(("del", name))
        super().__delattr__(name)

    def __dir__(self):
        return ["nothing"]


class Server(Watched, socketserver.TCPServer):
    pass


class Handler(Watched, socketserver.StreamRequestHandler):
    def handle(self):
        self.line = self.rfile.readline()
        self.wfile.write(self.line)
        del self.line


def main(Server):
    asked.clear()
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told = ask(server, b"a\n")
    # An idle loop asks for its actions as often as it likes.
    return told, [pair for pair in asked if pair[1] != "service_actions"], dir(server)
