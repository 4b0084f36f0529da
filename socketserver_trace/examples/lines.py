"""A handler for conversations in lines: takes line after line, and answers through an outbox.

The law: a line has a greatest length and is looked at when its end has come; what is cut off was not said. What it asks
for is done, or it is refused in one sentence. A client that goes without a word is nothing unusual.
"""

from __future__ import annotations

from socketserver import StreamRequestHandler

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

    is_over = False
    """Whether the client has said good-bye."""

    def commands(self) -> Mapping[str, Callable[..., object]]:
        """What each command does: "PUT NAME TEXT..." is called with one word and then with one or more."""
        return {}

    def setup(self) -> None:
        """Have an outbox. From now on only that one sends."""
        super().setup()
        self.outbox = Outbox(self.connection)

    def handle(self) -> None:
        """Do what line after line asks for, until `is_over` is true or the client has gone."""
        try:
            for line in self.lines():
                try:
                    self.obey(line)
                except RefusedError as refused:
                    self.outbox.tell(f"{self.refusal} {refused}")
                if self.is_over:
                    return
        except ConnectionError:
            pass  # it has gone without a word

    def finish(self) -> None:
        """Send nothing more: the socket is about to be closed."""
        self.outbox.close()
        super().finish()

    def lines(self) -> Iterator[str]:
        """What the client says, as text without controls."""
        while (line := self.rfile.readline(self.longest + 1)).endswith(b"\n"):
            yield "".join(letter if letter.isprintable() else " " for letter in line.decode(errors="replace")).strip()
        if len(line) > self.longest:
            self.outbox.tell(f"{self.refusal} a line has at most {self.longest:,} bytes; good-bye")

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
