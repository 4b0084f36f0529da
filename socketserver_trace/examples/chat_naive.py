"""The chat that most people write first, with the two mistakes that most people make. Compare it with `chat`.

It keeps its members in a dictionary that every thread reads and writes, and whoever says something sends it to all of
them, one after the other. That works as long as one tries it at home. But:

1. *A slow member stalls everybody.* A member that does not read fills the buffers between it and the server; then
   `sendall` waits, in the thread of whoever has just said something.
2. *The dictionary changes while it is walked through.* If somebody comes meanwhile, the loop goes on with
   "RuntimeError: dictionary changed size during iteration", and who had said something loses the connection.
3. *A lost member takes others along.* When one has gone without a word, `sendall` to it raises BrokenPipeError or
   ConnectionResetError, again in the thread of whoever has just said something: that one is thrown out, and the members
   after the lost one hear nothing.

`chat` mends all three: it walks through a copy, waits for nobody, and lets go who is lost. Here the mistakes are kept,
to be looked at in a trace.
"""

from __future__ import annotations

from socketserver import StreamRequestHandler, ThreadingTCPServer

from socketserver_trace.examples.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from socketserver_trace.serving import Served


class NaiveChatHandler(StreamRequestHandler):
    """One member: the first line is its name, and what it says goes to all."""

    server: NaiveChatServer

    def handle(self) -> None:
        """Say every line to everybody."""
        name = self.rfile.readline().decode().strip()
        self.server.members[name] = self.connection
        for line in self.rfile:
            for member in self.server.members.values():
                member.sendall(f"<{name}> ".encode() + line)
        del self.server.members[name]


class NaiveChatServer(ThreadingTCPServer):
    """A dictionary, and a thread for each who is in it."""

    allow_reuse_address = True
    daemon_threads = True  # the others are never told to go, so nobody can wait for them

    def __init__(self, address: tuple[str, int], handler: type[NaiveChatHandler] = NaiveChatHandler) -> None:
        self.members: dict[str, socket.socket] = {}
        super().__init__(address, handler)


def converse(served: Served) -> None:
    """Bob goes without a word; when alice says something, it is she who is thrown out."""
    with served.client("bob") as bob, served.client("alice") as alice:
        for client, name in ((bob, b"bob"), (alice, b"alice")):
            client.send(name + b"\nhello\n")
            client.receive_line()
        bob.receive_line()
        bob.reset()
        alice.send(b"are you there?\n")
        alice.receive_all()


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: NaiveChatServer((options.host, options.port)), converse).run())
