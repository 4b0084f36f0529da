"""Dispatch as programs do it: by names found in the class, by `getattr`, and by singledispatchmethod."""

import functools
import socketserver

from tests.helpers import ask, serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)
CONNECTIONS = [USUAL] * 3


class Server(socketserver.TCPServer):
    pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word = self.rfile.readline().strip().decode()
        found = {
            name: method for kind in type(self).__mro__ for name, method in vars(kind).items() if name[:3] == "do_"
        }
        answer = found[f"do_{word}"](self) if f"do_{word}" in found else getattr(self, "do_" + word, self.unknown)()
        self.reply(answer)

    def do_name(self):
        return type(self).__name__

    def do_number(self):
        return len([name for name in dir(self) if name.startswith("do_")])

    def unknown(self):
        return None

    @functools.singledispatchmethod
    def reply(self, answer):
        self.wfile.write(b"?")

    @reply.register
    def _(self, answer: str):
        self.wfile.write(answer.encode())

    @reply.register
    def _(self, answer: int):
        self.wfile.write(b"%d" % answer)


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        return [ask(server, line) for line in (b"name\n", b"number\n", b"other\n")]
