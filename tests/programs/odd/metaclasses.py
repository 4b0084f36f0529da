"""Metaclasses that keep a register, answer for their classes, and make each call of a class an event."""

import socketserver

from tests.helpers import ask, serving

register = []
made = []


class Registering(type):
    def __init__(cls, name, bases, namespace):
        super().__init__(name, bases, namespace)
        register.append(name)

    def __call__(cls, *arguments, **options):
        made.append(cls.__name__)
        return super().__call__(*arguments, **options)

    def __len__(cls):
        return len(cls.__name__)

    def __instancecheck__(cls, instance):
        return hasattr(instance, "quacks") or super().__instancecheck__(instance)

    @property
    def motto(cls):
        return f"{cls.__name__} serves"


class Server(socketserver.TCPServer, metaclass=Registering):
    pass


class Handler(socketserver.StreamRequestHandler, metaclass=Registering):
    def handle(self):
        kind = type(self)
        self.wfile.write(f"{kind.motto}, {len(kind)}, {type(kind).__name__}, {isinstance(self, kind)}".encode())


def main(Server):
    register.clear()
    made.clear()
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        told = ask(server, b"")
    return told, register, made, Server.motto, isinstance(server, Server), type(server).motto
