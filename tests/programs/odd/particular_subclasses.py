"""Classes that say who may be derived from them, by keyword, by exception and by `__set_name__`."""

import socketserver

from tests.helpers import ask, serving

derived = []


class Named:
    def __set_name__(self, owner, name):
        derived.append((owner.__name__, name))


class Plugin(socketserver.TCPServer):
    named = Named()

    def __init_subclass__(cls, *, flavour, **options):
        super().__init_subclass__(**options)
        derived.append((cls.__name__, flavour))


class Server(Plugin, flavour="sweet"):
    pass


class Handler(socketserver.StreamRequestHandler):
    def __init_subclass__(cls):
        raise TypeError("this class is final")

    def handle(self):
        self.wfile.write(self.rfile.readline())


def main(Server):
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told = ask(server, b"a\n")
    try:
        type("Sour", (Server,), {})
    except TypeError:
        told += b" no flavour"
    return told, list(derived), [kind.__name__ for kind in Handler.__subclasses__() if "handle" in vars(kind)]
