"""Servers and handlers that are pickled and copied: they say themselves what of them can be."""

import copy
import pickle
import socketserver

from tests.helpers import ask, serving

UNPICKLED = ("socket", "_BaseServer__is_shut_down", "RequestHandlerClass", "threads")
kept = []


class Server(socketserver.TCPServer):
    word = b"word"

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in UNPICKLED}

    def __setstate__(self, state):
        vars(self).update(state)


class Handler(socketserver.StreamRequestHandler):
    def __getstate__(self):
        return {"line": self.line}

    def handle(self):
        self.line = self.rfile.readline()
        self.wfile.write(self.line)
        kept.extend([pickle.dumps(self), copy.copy(self), copy.deepcopy(self)])


def main(Server):
    kept.clear()
    with serving(Server(("127.0.0.1", 0), Handler)) as server:
        server.mark = [1]
        told = ask(server, b"a\n")
    shallow, deep, thawed = copy.copy(server), copy.deepcopy(server), pickle.loads(pickle.dumps(server))  # noqa: S301 - our own
    again = [pickle.loads(kept[0]), *kept[1:]]  # noqa: S301 - as above
    return (
        told,
        [one.mark for one in (shallow, deep, thawed)],
        [shallow.mark is server.mark, deep.mark is server.mark],
        [one.__class__.__name__ for one in (shallow, deep, thawed)],
        [isinstance(one, globals()["Server"]) for one in (shallow, deep, thawed)],
        [sorted(set(vars(one)) - {"_socketserver_trace_source"}) for one in (shallow, deep, thawed)],
        [(type(one).__name__, isinstance(one, Handler), vars(one)) for one in again],
    )
