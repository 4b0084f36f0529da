"""A server that is given its listening socket, as systemd does it, so that a restart loses no connection.

    class MyServer(ActivationMixIn, ThreadingTCPServer): ...
    MyServer(address, MyHandler, given=passed_socket())

Who starts the server has bound the socket and listens already: systemd for a socket unit, or --launch here. The server
finds it as descriptor 3 (sd_listen_fds(3)):

    LISTEN_PID=4711          for whom it is; whoever has another pid has inherited the variables and not the sockets
    LISTEN_FDS=1             how many there are, from descriptor 3 on
    LISTEN_FDNAMES=shout     what they are called, with a colon between the names

The variables are removed from the environment and the descriptors are not inherited any more, so that no program that
the server starts takes them for its own. Without the variables the server makes its socket itself, as always.

The queue of connections belongs to the socket, and the socket to all who have it open. Who connects before the server
has started, or while it is started again, waits in the queue: the launcher has the socket still. So a server may start
when the first client has come, be replaced by a new version, or crash, and nobody is refused. And the launcher may be
root and the server not, for port 80 say.

In the words of `socketserver`: server_bind() takes the socket that was given and asks it where it listens, of whatever
family it is. server_activate() calls listen() as always, which on a socket that listens changes the length of its
queue, and nothing else. The launcher and a second server may accept from the same queue; so accept() does not wait.

The law: what is no listening stream socket is refused in one sentence. server_close() closes the server's copy, and
never shuts down what others have open. The service here is that of `shout`.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from selectors import EVENT_READ, DefaultSelector
from socketserver import BaseRequestHandler, TCPServer, ThreadingTCPServer

from socketserver_trace.examples import shout
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

    from socketserver_trace.examples.command import Options

FIRST: Final = 3
"""The first descriptor that is passed; before it are standard input, output and error."""

VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

UNNAMED: Final = "unknown"
"""What systemd calls a socket that nobody has named."""


def passed_sockets() -> list[tuple[str, socket.socket]]:
    """The sockets that this process was given, with their names; none if it was not. The second time there are none.

    ValueError when the variables make no sense, OSError when a descriptor is not there, or no listening stream socket.
    """
    said = {name: os.environ.pop(name, "") for name in VARIABLES}
    if said["LISTEN_PID"] != str(os.getpid()):
        return []
    if not said["LISTEN_FDS"].isdecimal():
        raise ValueError(f"LISTEN_FDS is to say how many sockets are passed, and says {said['LISTEN_FDS']!r}")
    names = said["LISTEN_FDNAMES"].split(":") if said["LISTEN_FDNAMES"] else []
    count = int(said["LISTEN_FDS"])
    passed: list[tuple[str, socket.socket]] = []
    try:
        for place in range(count):
            listening = _listening(FIRST + place)
            passed.append((names[place] if place < len(names) else UNNAMED, listening))
    except OSError:
        for _name, listening in passed:
            listening.close()
        raise
    return passed


def passed_socket() -> socket.socket | None:
    """The one socket that this process was given; None if it was not. ValueError when there are more."""
    passed = passed_sockets()
    if len(passed) > 1:
        for _name, listening in passed:
            listening.close()
        raise ValueError(
            f"one socket is expected, and {len(passed)} are passed: {', '.join(name for name, _ in passed)}"
        )
    return passed[0][1] if passed else None


def _listening(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - it takes no keywords
        given = socket.socket(fileno=descriptor)  # asks the system for the family and the type
    except OSError as error:
        raise OSError(f"descriptor {descriptor} is to be a socket, and is none: {error.strerror}") from None
    if given.type != socket.SOCK_STREAM or not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        given.close()
        raise OSError(f"descriptor {descriptor} is to be a stream socket that listens, and is none")
    return given


class ActivationMixIn(TCPServer):
    """Takes a socket that listens already, if one is given; else it is as without this."""

    def __init__(
        self,
        server_address: Any,
        handler: type[BaseRequestHandler],
        *,
        given: socket.socket | None = None,
        **options: Any,
    ) -> None:
        self._given = given
        super().__init__(server_address, handler, **options)

    def server_bind(self) -> None:
        """Take the given socket in place of the new one, or do what `super()` does."""
        if self._given is None:
            super().server_bind()
            return
        self.socket.close()
        self.socket = self._given
        self.socket.settimeout(0)  # somebody else may have accepted whom the selector saw
        self.address_family = self.socket.family
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[Any, Any]:
        """Do what `super()` does; reading from the connection waits, although accept() does not."""
        request, client_address = super().get_request()
        request.settimeout(socket.getdefaulttimeout())  # not every system lets it begin so
        return request, client_address


class ActivatedShoutServer(ActivationMixIn, LettingGoMixIn, ThreadingTCPServer):
    """The service of `shout`, at a socket that was there before."""

    allow_reuse_address = True
    request_queue_size = 128


class Launcher(TCPServer):
    """What systemd does for a socket: listens, and starts a program when the first client has come.

    When the program has ended it is started again for the next one who waits. ChildProcessError when it has failed.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], program: list[str]) -> None:
        self.program = program
        super().__init__(address, BaseRequestHandler)

    def serve_forever(self, poll_interval: float | None = None) -> None:
        """Start the program whenever somebody waits and it does not run."""
        with DefaultSelector() as selector:
            selector.register(self, EVENT_READ)
            while True:
                if selector.select(poll_interval):
                    self._run_once()

    def _run_once(self) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_the_program()
        print(f"{pid} is started.", flush=True)
        try:
            _, status = os.waitpid(pid, 0)
        except KeyboardInterrupt:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
            raise
        if (code := os.waitstatus_to_exitcode(status)) > 0:
            raise ChildProcessError(f"the program has failed with status {code}")

    def _become_the_program(self) -> NoReturn:
        try:
            os.setpgid(0, 0)  # Ctrl-C is for the launcher, which ends the program by one signal, and not for both
            os.dup2(self.fileno(), FIRST)
            os.set_inheritable(FIRST, True)  # noqa: FBT003 - it takes no keywords
            os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="shout")
            os.execv(self.program[0], self.program)  # noqa: S606 - a shell would add nothing
        finally:
            os._exit(127)  # as a shell does when there is no such program


def _made(options: Options) -> TCPServer:
    address = (options.host, options.port)
    if options.launch:
        return Launcher(address, [sys.executable, "-m", "socketserver_trace.examples.server_activation"])
    # For a trace somebody else has made the socket as well.
    given = socket.create_server(address) if options.trace else passed_socket()
    return ActivatedShoutServer(address, shout.ShoutHandler, given=given)


COMMAND = Command(__doc__, _made, shout.converse, beside=shout.stock)
COMMAND.parser.add_argument("--launch", action="store_true", help="listen, and start the server for who has come")

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it is a service manager's Ctrl-C
    raise SystemExit(COMMAND.run())
