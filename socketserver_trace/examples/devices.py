"""A registry of devices: they say over TCP that they are there, and by UDP, again and again, how they are.

Over TCP everything is lines of UTF-8. A device says, and is answered,

    HELLO kettle-1 kettle             WELCOME 1f0c9a61b2d3e4f5 49152
    DONE 7   or   FAILED 7 why        what has become of command 7

where the answer has the device's token and the port for its datagrams. An operator says

    LIST                              OK 1, and a line for each device: kettle-1 kettle online water=81
    SEND kettle-1 boil now            SENT 7
    QUIT                              OK

and is told from then on what happens, whoever caused it: ONLINE kettle-1, OFFLINE kettle-1, DONE 7, FAILED 7 why. To
the device the command is "DO 7 boil now". Whatever cannot be done is answered with ERROR and a sentence.

A datagram is "TOKEN NUMBER" with, if there is something to tell, " NAME=VALUE" as often as needed. It is a heartbeat in
any case. Nobody answers it: a datagram may be lost, come twice or come late, and the next one makes up for it. So its
number must be larger than the last one's, and otherwise it is ignored, like those with a token that nobody has.

The law: a device is online while it beats, whatever its connection says: a cable that is cut says nothing. The server's
loop looks at the clocks in its pauses (`service_actions`). All that is known is guarded by one lock, and told under it.
"""

from __future__ import annotations

import functools
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from socketserver import DatagramRequestHandler, ThreadingTCPServer, UDPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import OutboxHandler, RefusedError
from socketserver_trace.examples.outbox import SendingMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from socketserver_trace.examples.outbox import Outbox
    from socketserver_trace.serving import Served

DATAGRAM: Final = 500
"""How many bytes of a datagram are looked at; what is longer is ignored."""

DEVICES: Final = 500
"""How many devices are known at most. An outbox holds a line for each of them."""

VALUES: Final = 20
"""How many values a device may tell."""

WAITING: Final = 100
"""How many commands a device may have to do."""

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}")
BEAT: Final = re.compile(r"([0-9a-f]{16}) ([0-9]{1,15})((?: [A-Za-z0-9_]{1,20}=[!-~]{1,40})*)")


@dataclass
class Device:
    """What is known of a device. `seen` is when it has beaten last."""

    name: str
    kind: str
    outbox: Outbox | None
    seen: float
    number: int = -1
    is_online: bool = True
    values: dict[str, str] = field(default_factory=dict)
    to_do: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        values = (f"{name}={value}" for name, value in self.values.items())
        return " ".join([self.name, self.kind, "online" if self.is_online else "offline", *values])


class Registry:
    """All devices, and the operators who want to know of them. May be used from any thread."""

    def __init__(self, patience: float, clock: Callable[[], float]) -> None:
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}  # by name
        self._tokens: dict[str, Device] = {}
        self._operators: list[Outbox] = []
        self._commands = 0

    def hello(self, outbox: Outbox, name: str, kind: str, port: int) -> Device:
        """A device is there, perhaps again. It gets a token, and a former one is worth nothing any more."""
        if not NAME.fullmatch(name) or not NAME.fullmatch(kind):
            raise RefusedError("a name and a kind have 1 to 40 letters, digits, _, - and dots")
        with self._lock:
            known = self._devices.get(name)
            if known is not None and known.outbox is not None:
                raise RefusedError(f"{name} is connected already")
            if known is None and len(self._devices) >= DEVICES:
                raise RefusedError("there are too many devices")
            self._tokens = {token: one for token, one in self._tokens.items() if one is not known}
            device = self._devices[name] = Device(name, kind, outbox, self._clock())
            token = secrets.token_hex(8)
            self._tokens[token] = device
            self._forget(outbox)
            outbox.tell(f"WELCOME {token} {port}")
            self._tell(f"ONLINE {name}")
            return device

    def bye(self, device: Device) -> None:
        """The connection of a device is lost. Its commands have failed; it is online as long as it beats."""
        with self._lock:
            device.outbox = None
            for command in sorted(device.to_do, key=int):
                self._tell(f"FAILED {command} {device.name} is not connected any more")
            device.to_do.clear()

    def beat(self, token: str, number: int, values: dict[str, str]) -> None:
        """A datagram of a device has come. Ignored when nobody has that token, or the device has said more since."""
        with self._lock:
            device = self._tokens.get(token)
            if device is None or number <= device.number:
                return
            device.number, device.seen = number, self._clock()
            device.values = dict(list((device.values | values).items())[:VALUES])
            if not device.is_online:
                device.is_online = True
                self._tell(f"ONLINE {device.name}")

    def look_at_the_clocks(self) -> None:
        """Find out who beats no more."""
        with self._lock:
            too_long_ago = self._clock() - self._patience
            for device in self._devices.values():
                if device.is_online and device.seen < too_long_ago:
                    device.is_online = False
                    self._tell(f"OFFLINE {device.name}")

    def listen(self, outbox: Outbox) -> None:
        """An operator wants to know what happens from now on."""
        with self._lock:
            self._forget(outbox)
            self._operators.append(outbox)

    def leave(self, outbox: Outbox) -> None:
        """An operator has gone."""
        with self._lock:
            self._forget(outbox)

    def devices(self) -> list[str]:
        """A line for each device, in the order of their names."""
        with self._lock:
            return [str(device) for _, device in sorted(self._devices.items())]

    def send(self, operator: Outbox, name: str, words: Sequence[str]) -> None:
        """Have a device do something. The operator is told the number of the command first."""
        with self._lock:
            device = self._devices.get(name)
            if device is None or device.outbox is None:
                raise RefusedError(f"{name} is not connected")
            if len(device.to_do) >= WAITING:
                raise RefusedError(f"{name} has {WAITING} commands to do already")
            self._commands += 1
            device.to_do.add(str(self._commands))
            operator.tell(f"SENT {self._commands}")
            device.outbox.tell(" ".join(["DO", str(self._commands), *words]))

    def done(self, device: Device, word: str, command: str, *why: str) -> None:
        """A device has done what it was to do (DONE), or says why not (FAILED)."""
        with self._lock:
            if command not in device.to_do:
                raise RefusedError(f"{command} is no command that you have to do")
            device.to_do.remove(command)
            self._tell(" ".join([word, command, *why]))

    def outboxes(self) -> list[Outbox]:
        """Of everybody."""
        with self._lock:
            devices = [device.outbox for device in self._devices.values() if device.outbox is not None]
            return [*devices, *self._operators]

    def _forget(self, operator: Outbox) -> None:
        self._operators = [one for one in self._operators if one is not operator]

    def _tell(self, line: str) -> None:
        for operator in self._operators:
            operator.tell(line)


class TelemetryHandler(DatagramRequestHandler):
    """One datagram. `DatagramRequestHandler` would answer with what is written to `wfile`; nothing is."""

    server: TelemetryServer

    def handle(self) -> None:
        """Take note of it, or ignore it."""
        said = BEAT.fullmatch(self.rfile.read(DATAGRAM + 1).decode("ascii", "replace"))
        if said is not None:
            values = dict(word.split("=", 1) for word in said[3].split())
            self.server.registry.beat(said[1], int(said[2]), values)

    def finish(self) -> None:
        """Answer nothing, not even with an empty datagram."""


class TelemetryServer(UDPServer):
    """Takes datagrams, one by one: none takes long."""

    max_packet_size = DATAGRAM + 1

    def __init__(self, address: tuple[str, int], registry: Registry) -> None:
        self.registry = registry
        super().__init__(address, TelemetryHandler)


class DeviceHandler(OutboxHandler):
    """One connection: of a device from its HELLO on, of an operator from its first LIST or SEND on."""

    server: DeviceServer
    longest = 500
    device: Device | None = None

    def commands(self) -> dict[str, Callable[..., object]]:
        """What a device may say, or everybody else."""
        if self.device is not None:
            done = functools.partial(self.server.registry.done, self.device)
            return {
                "DONE NUMBER": functools.partial(done, "DONE"),
                "FAILED NUMBER WHY...": functools.partial(done, "FAILED"),
                "QUIT": self.quit,
            }
        return {
            "HELLO NAME KIND": self.hello,
            "LIST": self.list_devices,
            "SEND NAME COMMAND...": self.send,
            "QUIT": self.quit,
        }

    def finish(self) -> None:
        """Be nobody any more."""
        if self.device is None:
            self.server.registry.leave(self.outbox)
        else:
            self.server.registry.bye(self.device)
        super().finish()

    def hello(self, name: str, kind: str) -> None:
        """It is a device."""
        port = self.server.telemetry.server_address[1]
        self.device = self.server.registry.hello(self.outbox, name, kind, port)

    def list_devices(self) -> None:
        """Tell which devices there are."""
        self.server.registry.listen(self.outbox)
        lines = self.server.registry.devices()
        for line in (f"OK {len(lines)}", *lines):
            self.tell(line)

    def send(self, name: str, *words: str) -> None:
        """Have a device do something."""
        self.server.registry.listen(self.outbox)
        self.server.registry.send(self.outbox, name, words)

    def quit(self) -> None:
        """Good-bye, with an answer."""
        super().quit()
        self.tell("OK")


class DeviceServer(LettingGoMixIn, SendingMixIn, ThreadingTCPServer):
    """The registry, with a thread for each connection and one for all datagrams."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], *, patience: float = 10, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.registry = Registry(patience, clock)
        self.telemetry = TelemetryServer((address[0], 0), self.registry)
        self._taking = threading.Thread(target=self.telemetry.serve_forever, args=(0.05,), name="telemetry")
        self._taking.start()
        super().__init__(address, DeviceHandler)  # which calls server_close() when it can't listen

    def outboxes(self) -> list[Outbox]:
        """Of everybody who is connected."""
        return self.registry.outboxes()

    def service_actions(self) -> None:
        """Look at the clocks."""
        self.registry.look_at_the_clocks()
        super().service_actions()

    def server_close(self) -> None:
        """Take no more datagrams, and let everybody go."""
        self.telemetry.shutdown()
        self._taking.join()
        self.telemetry.server_close()
        super().server_close()


def converse(served: Served) -> None:
    """A kettle is there, tells how warm it is, and boils when somebody wants it."""
    with served.client("operator") as operator, served.client("kettle") as kettle:
        operator.send(b"LIST\n")
        operator.receive_line()
        kettle.send(b"HELLO kettle-1 kettle\n")
        kettle.receive_line()
        operator.receive_line()
        operator.send(b"SEND kettle-1 boil now\n")
        operator.receive_line()
        kettle.receive_line()
        kettle.send(b"DONE 1\n")
        operator.receive_line()


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: DeviceServer((options.host, options.port)), converse).run())
