"""A server that is a dataclass, abstract and generic at once; its handler is a frozen dataclass."""

import abc
import dataclasses
import socketserver
from typing import Any, ClassVar, Generic, TypeVar

from tests.helpers import ask, serving

Word = TypeVar("Word")


class Greeting(abc.ABC, Generic[Word]):
    @abc.abstractmethod
    def greet(self, word: Word) -> Word: ...


@dataclasses.dataclass(eq=False)
class Server(socketserver.TCPServer, Greeting[Word]):
    greeting: bytes = b"hello, "
    names: list = dataclasses.field(default_factory=list)
    made: ClassVar[int] = 0

    def __post_init__(self):
        type(self).made += 1
        super().__init__(("127.0.0.1", 0), Handler)

    def greet(self, word):
        self.names.append(word)
        return self.greeting + word


@dataclasses.dataclass(frozen=True)
class Handler(socketserver.BaseRequestHandler):
    request: Any
    client_address: Any
    server: Any

    def __post_init__(self):
        self.setup()
        try:
            self.handle()
        finally:
            self.finish()

    def handle(self):
        self.request.sendall(self.server.greet(self.request.recv(100)))


def main(Server):
    with serving(Server[bytes](greeting=b"good day, ")) as server:
        told = ask(server, b"ann")
    shown = {field.name: getattr(server, field.name) for field in dataclasses.fields(server)}
    return told, shown, dataclasses.asdict(server), repr(server), Server.__abstractmethods__
