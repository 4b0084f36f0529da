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
from socketserver import StreamRequestHandler, ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.outbox import Outbox, SendingMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from typing import ClassVar, Final

    from socketserver_trace.serving import Served

LONGEST: Final = 1_000
"""How many bytes a line may have, with its end."""

NAME: Final = re.compile(r"\w[\w-]{0,19}")

GROUPS: Final = 20
"""In how many groups a member can be."""

UNDERSTOOD: Final = "/who, /msg NAME TEXT, /join GROUP, /leave GROUP, /say GROUP TEXT and /quit"


class RefusedError(Exception):
    """A sentence for a member that asked for something that cannot be."""


class Member(Outbox):
    """One who is connected. `name` is empty until it has said one."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.name = ""
        self.groups: set[str] = set()


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
                member.tell(line)

    def everybody(self) -> list[str]:
        """Who is here, a line for each."""
        with self._lock:
            return [" ".join(["*", one.name, *sorted(one.groups)]) for one in self._members.values()]

    def members(self) -> list[Member]:
        """Everybody who has a name. A copy: while one walks through it, members come and go."""
        with self._lock:
            return list(self._members.values())


class ChatHandler(StreamRequestHandler):
    """One member, from the name to the good-bye."""

    server: ChatServer

    def setup(self) -> None:
        """Be there, without a name."""
        super().setup()
        self.member = Member(self.connection)

    def handle(self) -> None:
        """Hear a name, and then line after line."""
        self.member.tell("* what is your name?")
        try:
            for line in self.lines():
                if line == "/quit":
                    return
                try:
                    self.obey(line)
                except RefusedError as refused:
                    self.member.tell(f"! {refused}")
        except ConnectionError:
            pass  # it has gone without a word

    def finish(self) -> None:
        """The room first: nobody shall talk to who is gone."""
        self.server.room.leave(self.member)
        self.member.close()
        super().finish()

    def lines(self) -> Iterator[str]:
        """What the client says, a line at a time. What is cut off by its end was not said."""
        while (line := self.rfile.readline(LONGEST + 1)).endswith(b"\n"):
            yield "".join(letter if letter.isprintable() else " " for letter in line.decode(errors="replace")).strip()
        if len(line) > LONGEST:
            self.member.tell(f"! a line has at most {LONGEST:,} bytes; good-bye")

    def obey(self, line: str) -> None:
        """Do what one line asks for. RefusedError, with a sentence, when that cannot be."""
        room, member = self.server.room, self.member
        if not member.name:
            room.enter(member, line)
            member.tell(f"* welcome, {member.name}; /who tells who is here")
        elif line.startswith("/"):
            word, _, rest = line.partition(" ")
            name, _, text = rest.partition(" ")
            needs, act = self.commands.get(word, (3, None))
            if act is None or needs > bool(name) + bool(text):
                raise RefusedError(f"{UNDERSTOOD} are understood")
            act(self, name, text)
        elif line:
            room.tell(f"<{member.name}> {line}")

    def who(self, _name: str, _text: str) -> None:
        """Tell who is here."""
        for one in self.server.room.everybody():
            self.member.tell(one)

    def message(self, name: str, text: str) -> None:
        """Tell one member something."""
        self.server.room.member(name).tell(f"<{self.member.name} to you> {text}")

    def join(self, group: str, _text: str) -> None:
        """Be in a group."""
        self.server.room.join(self.member, group)
        self.server.room.tell(f"* {self.member.name} is in {group}", group=group)

    def leave(self, group: str, _text: str) -> None:
        """Be in a group no more."""
        self.server.room.part(self.member, group)
        self.member.tell(f"* you have left {group}")

    def say(self, group: str, text: str) -> None:
        """Tell a group something."""
        if group not in self.member.groups:
            raise RefusedError(f"you are not in {group}; /join {group} first")
        self.server.room.tell(f"<{self.member.name} in {group}> {text}", group=group)

    # What each command is called, and how many words it needs.
    commands: ClassVar = {
        "/who": (0, who),
        "/msg": (2, message),
        "/join": (1, join),
        "/leave": (1, leave),
        "/say": (2, say),
    }


class ChatServer(LettingGoMixIn, SendingMixIn, ThreadingTCPServer):
    """A room, and a thread for each who is in it."""

    allow_reuse_address = True
    request_queue_size = 128  # "ten clients at once" shall not wait for a second try

    def __init__(self, address: tuple[str, int], handler: type[ChatHandler] = ChatHandler) -> None:
        self.room = Room()
        super().__init__(address, handler)

    def outboxes(self) -> list[Member]:
        """Those of who is in the room."""
        return self.room.members()


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
