"""A program of a user, for the type checker: the public names have the types that its author would expect."""

from socketserver import StreamRequestHandler, ThreadingTCPServer

import socketserver_trace
from socketserver_trace import Event, Trace, load, serve, trace_of, traced


class Shout(StreamRequestHandler):
    """A handler as anybody writes it."""

    def handle(self) -> None:
        """Answer in capitals."""
        self.wfile.write(self.rfile.readline().upper())


class Mine(socketserver_trace.ThreadingTCPServer):
    """A server made from a drop-in name is a server of the standard library to the type checker."""

    daemon_threads = True


def use() -> None:
    """Everything of the public face, once."""
    with serve(ThreadingTCPServer, Shout, timeout=3.0, cap=None) as served:
        with served.client("alice") as alice:
            alice.send(b"hello\n")
            answer: bytes = alice.receive()
        assert answer
    trace: Trace = served.trace
    names: list[str] = trace.hooks(connection=1)
    first: Event = trace[0]
    drawings: tuple[str, str, str] = (str(trace), trace.svg(), trace.mermaid())
    trace.save("hello.jsonl")
    again: Trace = load("hello.jsonl").select(lane="alice").arrival()
    kind: type[ThreadingTCPServer] = traced(ThreadingTCPServer)
    with kind(("127.0.0.1", 0), traced(Shout)) as server:
        now: Trace = trace_of(server)
    print(names, first, drawings, again, now)
