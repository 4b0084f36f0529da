"""The command line of every example: serve until Ctrl-C, or show the trace of a short conversation.

An example that does in another way what the standard library does as well can be compared with that: the same
conversation with both, side by side.

The law: it listens on loopback unless somebody says otherwise, and what goes wrong is one sentence.
"""

from __future__ import annotations

import argparse
import errno
import socket
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from socketserver import BaseServer
    from typing import Final

    from socketserver_trace.serving import Served
    from socketserver_trace.trace import Trace

    Options = argparse.Namespace


class Command:
    """What an example can do from a terminal.

    `make` gets the options, with `host` and `port` among them, and returns a server that listens. `converse` is given
    that server, traced and running, and talks to it as its clients would. `beside` makes the server to compare with.
    """

    def __init__(
        self,
        about: str | None,
        make: Callable[[Options], BaseServer],
        converse: Callable[[Served], object],
        *,
        beside: Callable[[Options], BaseServer] | None = None,
    ) -> None:
        first, _, rest = (about or "").partition("\n")
        self.parser = argparse.ArgumentParser(
            description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
        self.parser.add_argument("--port", type=int, default=0, help="at which port (default: a free one)")
        self.parser.add_argument("--trace", action="store_true", help="talk to it for a moment, and show the trace")
        if beside is not None:
            self.parser.add_argument(
                "--compare", action="store_true", help="the same beside a server of the standard library"
            )
        self._make = make
        self._converse = converse
        self._beside = beside

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Do what the arguments say, those of the command line by default. Returns the status of the process."""
        options = self.parser.parse_args(arguments)
        try:
            if self._beside is not None and options.compare:
                return self._compare(options, self._beside)
            return self._show(options) if options.trace else self._serve(options)
        except (OSError, OverflowError, ValueError) as error:
            print(f"{self.parser.prog}: {_sentence(error, options)}", file=sys.stderr)
            return 2

    def _serve(self, options: Options) -> int:
        with self._make(options) as server:
            try:
                print(f"{type(server).__name__} listens at {_place(server)}; Ctrl-C ends it.", flush=True)
                server.serve_forever()
            except KeyboardInterrupt:
                print()
        return 0

    def _show(self, options: Options) -> int:
        print(self._traced(options, self._make))
        return 0

    def _compare(self, options: Options, beside: Callable[[Options], BaseServer]) -> int:
        from socketserver_trace import compare

        options.trace = True  # what is made for a trace is what is compared
        print(compare(self._traced(options, beside), self._traced(options, self._make)))
        return 0

    def _traced(self, options: Options, make: Callable[[Options], BaseServer]) -> Trace:
        from socketserver_trace import serve

        options.port = 0
        with serve(lambda: make(options)) as served:
            self._converse(served)
        return served.trace


CANNOT_LISTEN: Final = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}


def _sentence(error: Exception, options: Options) -> str:
    """What went wrong, and for the usual things what to do."""
    if not isinstance(error, OSError) or error.filename is not None:  # that would be about a file
        return str(error)
    if error.errno in CANNOT_LISTEN or isinstance(error, socket.gaierror):
        return f"it cannot listen at {options.host}:{options.port} ({error.strerror}); say another --host or --port"
    return str(error)


def _place(server: BaseServer) -> str:
    address = server.server_address
    return f"{address[0]!s}:{address[1]}" if isinstance(address, tuple) else str(address)
