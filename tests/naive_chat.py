"""A chat as it is often written first: everybody in one dictionary, and two mistakes that only a crowd shows."""

from __future__ import annotations

import socketserver
from typing import Any


class Member(socketserver.StreamRequestHandler):
    """Somebody who says a name first, and is then heard by all others."""

    server: Any

    def setup(self) -> None:
        super().setup()
        self.name = self.rfile.readline().strip().decode()
        self.server.members[self.name] = self

    def handle(self) -> None:
        for line in self.rfile:
            self.broadcast(self.name.encode() + b": " + line)

    def broadcast(self, line: bytes) -> None:
        """Say it to everybody else."""
        for name, member in self.server.members.items():
            try:
                if member is not self:
                    member.wfile.write(line)
            except OSError:
                # Whoever has gone is taken out, in the middle of the loop over all that are there ...
                del self.server.members[name]

    def finish(self) -> None:
        super().finish()
        # ... and once more when its own handler comes to its end.
        del self.server.members[self.name]


class Chat(socketserver.ThreadingTCPServer):
    """Has the members by their names."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.members: dict[str, Member] = {}
        super().__init__(*arguments, **options)
