"""A chat: everybody hears what anybody says, in one room, in groups, and in private.

The protocol is lines of UTF-8, of at most 1,000 bytes. The first line is a name. After that a line is said to all,
unless it begins with a slash:

    /who                   who is here, and in which groups
    /msg NAME TEXT         to one member
    /join GROUP            be in a group, which begins to exist with its first member
    /leave GROUP           be in it no more
    /say GROUP TEXT        to a group
    /quit                  good-bye

The server answers in lines, too: "<alice> hello" to all, "<alice to you> hello", "<alice in tea> hello"; "* bob is
here" and "* bob has gone"; and "! " with a sentence when it could not do what was asked.

The law: nobody waits for another. What is said is sent by whoever says it, through an outbox for each member
(`outbox`). So one that is slow or dead stalls nobody, and costs nobody else the connection. `chat_naive` has the chat
that most people write first, and what becomes of it.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from socketserver import ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import OutboxHandler, RefusedError
from socketserver_trace.examples.outbox import SendingMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from socketserver_trace.examples.outbox import Outbox
    from socketserver_trace.serving import Served

MEMBERS: Final = 500
"""How many may be here at once. An outbox holds a line for each of them."""

NAME: Final = re.compile(r"\w[\w-]{0,19}")

GROUPS: Final = 20
"""In how many groups a member can be."""


@dataclass(eq=False)
class Member:
    """One who is connected. `name` is empty until it has said one."""

    outbox: Outbox
    name: str = ""
    groups: set[str] = field(default_factory=set)


class Room:
    """Who is here. It may be asked from any thread; the lock is held to look and to change, and never to send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: dict[str, Member] = {}

    def enter(self, member: Member, name: str) -> None:
        """Take a member in under a name, and tell the others. RefusedError when it is no name, or another's."""
        if not NAME.fullmatch(name):
            raise RefusedError("a name has 1 to 20 letters, digits, _ or -; say another one")
        with self._lock:
            if len(self._members) >= MEMBERS:
                raise RefusedError("the room is full; try again later")
            if name.casefold() in self._members:
                raise RefusedError(f"{name} is here already; say another name")
            self._members[name.casefold()] = member
            member.name = name
        self.tell(f"* {name} is here", but=member)

    def leave(self, member: Member) -> None:
        """Let a member go, and tell the others when it had a name."""
        with self._lock:
            here = self._members.pop(member.name.casefold(), None)
        if here is not None:
            self.tell(f"* {member.name} has gone")

    def member(self, name: str) -> Member:
        """The member of that name. RefusedError when there is none."""
        with self._lock:
            found = self._members.get(name.casefold())
        if found is None:
            raise RefusedError(f"nobody here is called {name}")
        return found

    def join(self, member: Member, group: str) -> None:
        """Put a member into a group."""
        if not NAME.fullmatch(group):
            raise RefusedError("a group has a name of 1 to 20 letters, digits, _ or -")
        with self._lock:
            if len(member.groups) >= GROUPS:
                raise RefusedError(f"you are in {GROUPS} groups already; leave one first")
            member.groups.add(group)

    def part(self, member: Member, group: str) -> None:
        """Take a member out of a group."""
        with self._lock:
            member.groups.discard(group)

    def tell(self, line: str, *, group: str | None = None, but: Member | None = None) -> None:
        """Tell everybody, or everybody in a group, but for one."""
        for member in self.members():
            if member is not but and (group is None or group in member.groups):
                member.outbox.tell(line)

    def everybody(self) -> list[str]:
        """Who is here, a line for each."""
        with self._lock:
            return [" ".join(["*", one.name, *sorted(one.groups)]) for one in self._members.values()]

    def members(self) -> list[Member]:
        """Everybody who has a name. A copy: while one walks through it, members come and go."""
        with self._lock:
            return list(self._members.values())


class ChatHandler(OutboxHandler):
    """One member, from the name to the good-bye."""

    server: ChatServer
    refusal = "!"

    def commands(self) -> dict[str, Callable[..., object]]:
        """What a line may begin with."""
        return {
            "/who": self.who,
            "/msg NAME TEXT...": self.message,
            "/join GROUP": self.join,
            "/leave GROUP": self.leave,
            "/say GROUP TEXT...": self.say,
            "/quit": self.quit,
        }

    def setup(self) -> None:
        """Be there, without a name."""
        super().setup()
        self.member = Member(self.outbox)

    def handle(self) -> None:
        """Hear a name, and then line after line."""
        self.tell("* what is your name?")
        super().handle()

    def finish(self) -> None:
        """The room first: nobody shall talk to who is gone."""
        self.server.room.leave(self.member)
        super().finish()

    def obey(self, line: str) -> None:
        """Take a name, do what a command says, or say the line to all."""
        if line.startswith("/"):
            super().obey(line)
        elif not self.member.name:
            self.server.room.enter(self.member, line)
            self.tell(f"* welcome, {self.member.name}; /who tells who is here")
        elif line:
            self.server.room.tell(f"<{self.member.name}> {line}")

    def who(self) -> None:
        """Tell who is here."""
        for one in self.server.room.everybody():
            self.tell(one)

    def message(self, name: str, *words: str) -> None:
        """Tell one member something."""
        self.server.room.member(name).outbox.tell(f"<{self.named()} to you> {' '.join(words)}")

    def join(self, group: str) -> None:
        """Be in a group."""
        name = self.named()
        self.server.room.join(self.member, group)
        self.server.room.tell(f"* {name} is in {group}", group=group)

    def leave(self, group: str) -> None:
        """Be in a group no more."""
        self.server.room.part(self.member, group)
        self.tell(f"* you have left {group}")

    def say(self, group: str, *words: str) -> None:
        """Tell a group something."""
        if group not in self.member.groups:
            raise RefusedError(f"you are not in {group}; /join {group} first")
        self.server.room.tell(f"<{self.member.name} in {group}> {' '.join(words)}", group=group)

    def named(self) -> str:
        """The member's name. RefusedError as long as it has none."""
        if not self.member.name:
            raise RefusedError("say your name first")
        return self.member.name


class ChatServer(LettingGoMixIn, SendingMixIn, ThreadingTCPServer):
    """A room, and a thread for each who is in it."""

    allow_reuse_address = True
    request_queue_size = 128  # "ten clients at once" shall not wait for a second try

    def __init__(self, address: tuple[str, int], handler: type[ChatHandler] = ChatHandler) -> None:
        self.room = Room()
        super().__init__(address, handler)

    def outboxes(self) -> list[Outbox]:
        """Those of who is in the room."""
        return [member.outbox for member in self.room.members()]


def converse(served: Served) -> None:
    """Alice and bob come, bob says something in private, and alice goes."""
    with served.client("alice") as alice, served.client("bob") as bob:
        alice.receive_line()
        alice.send(b"alice\n")
        alice.receive_line()
        bob.receive_line()
        bob.send(b"bob\n")
        bob.receive_line()
        alice.receive_line()
        bob.send(b"/msg alice are you there?\n")
        alice.receive_line()
        alice.send(b"/quit\n")
        alice.receive_all()
        bob.receive_line()
        bob.send(b"/quit\n")
        bob.receive_all()


if __name__ == "__main__":
    raise SystemExit(Command(__doc__, lambda options: ChatServer((options.host, options.port)), converse).run())
