"""Handlers for conversations in lines: they take line after line, and do what it asks for.

The law: a line has a greatest length and is looked at when its end has come; what is cut off was not said. What it asks
for is done, or it is refused in one sentence. A client that goes without a word is nothing unusual.
"""

from __future__ import annotations

from socketserver import StreamRequestHandler

from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.outbox import Outbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class RefusedError(Exception):
    """A sentence for a client that asked for something that cannot be."""


class LineHandler(StreamRequestHandler):
    """One client. A subclass says in `commands` what there is to ask for."""

    longest = 1_000
    """How many bytes a line may have, with its end."""

    refusal = "ERROR"
    """What stands before the sentence when something cannot be done."""

    parting = 2.0
    """How many seconds a client has that is sent away while it still talks, to read why."""

    is_over = False
    """Whether the client has said good-bye."""

    def commands(self) -> Mapping[str, Callable[..., object]]:
        """What each command does: "PUT NAME TEXT..." is called with one word and then with one or more."""
        return {}

    def tell(self, line: str) -> None:
        """Say a line to this client, and wait until there is room for it."""
        self.wfile.write(f"{line}\n".encode())

    def handle(self) -> None:
        """Do what line after line asks for, until `is_over` is true or the client has gone."""
        try:
            for line in self.lines():
                try:
                    self.obey(line)
                except RefusedError as refused:
                    self.tell(f"{self.refusal} {refused}")
                if self.is_over:
                    return
        except ConnectionError:
            pass  # it has gone without a word

    def lines(self) -> Iterator[str]:
        """What the client says, as text without controls."""
        while (line := self.readline()).endswith(b"\n"):
            yield "".join(letter if letter.isprintable() else " " for letter in line.decode(errors="replace")).strip()
        if len(line) > self.longest:
            self.tell(f"{self.refusal} a line has at most {self.longest:,} bytes; good-bye")
            self.part()

    def readline(self) -> bytes:
        """The next line with its end; without one, what came before the end of the stream, or one byte too many."""
        return self.rfile.readline(self.longest + 1)

    def part(self) -> None:
        """Let what was told last arrive, though more has come than was read."""
        hear_out(self.connection, self.parting)

    def obey(self, line: str) -> None:
        """Do what a line asks for. RefusedError when that cannot be."""
        words, commands = line.split(), self.commands()
        for usage, act in commands.items():
            word, *names = usage.split()
            if words[:1] == [word] and (
                len(words) - 1 == len(names) or (usage.endswith("...") and len(words) > len(names))
            ):
                act(*words[1:])
                return
        raise RefusedError(f"{', '.join(commands)} are understood")

    def quit(self) -> None:
        """Good-bye."""
        self.is_over = True


class OutboxHandler(LineHandler):
    """One client that others talk to as well: through an outbox, and from `setup` on nobody sends in another way."""

    def setup(self) -> None:
        """Have an outbox."""
        super().setup()
        self.outbox = Outbox(self.connection)

    def tell(self, line: str) -> None:
        """Say a line to this client, now or later."""
        self.outbox.tell(line)

    def finish(self) -> None:
        """Send nothing more: the socket is about to be closed."""
        self.outbox.close()
        super().finish()
