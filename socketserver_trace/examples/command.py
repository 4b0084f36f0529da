"""The command line of every example: serve until Ctrl-C, or show the trace of a short conversation.

The law: it listens on loopback unless somebody says otherwise, and what goes wrong is one sentence.
"""

from __future__ import annotations

import argparse
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from socketserver import BaseServer

    from socketserver_trace.serving import Served

    Options = argparse.Namespace


class Command:
    """What an example can do from a terminal.

    `make` gets the options, with `host` and `port` among them, and returns a server that listens. `converse` is given
    that server, traced and running, and talks to it as its clients would.
    """

    def __init__(
        self, about: str | None, make: Callable[[Options], BaseServer], converse: Callable[[Served], object]
    ) -> None:
        first, _, rest = (about or "").partition("\n")
        self.parser = argparse.ArgumentParser(
            description=first, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        self.parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
        self.parser.add_argument("--port", type=int, default=0, help="at which port (default: a free one)")
        self.parser.add_argument("--trace", action="store_true", help="talk to it for a moment, and show the trace")
        self._make = make
        self._converse = converse

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Do what the arguments say, those of the command line by default. Returns the status of the process."""
        options = self.parser.parse_args(arguments)
        try:
            return self._show(options) if options.trace else self._serve(options)
        except (OSError, OverflowError, ValueError) as error:
            print(f"{self.parser.prog}: {error}", file=sys.stderr)
            return 2

    def _serve(self, options: Options) -> int:
        with self._make(options) as server:
            print(f"{type(server).__name__} listens at {_place(server)}; Ctrl-C ends it.", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print()
        return 0

    def _show(self, options: Options) -> int:
        from socketserver_trace import serve

        options.port = 0
        with serve(lambda: self._make(options)) as served:
            self._converse(served)
        print(served.trace)
        return 0


def _place(server: BaseServer) -> str:
    address = server.server_address
    return f"{address[0]!s}:{address[1]}" if isinstance(address, tuple) else str(address)
