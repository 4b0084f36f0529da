"""A naive chat shows its own mistakes: a dictionary that changes while it is iterated, a member removed twice."""

from __future__ import annotations

import functools
import select
import socket
import struct
import threading

from socketserver_trace import Trace, explain, serve
from tests.naive_chat import Chat, Member

CALM = 30


class Busy(Member):
    """A member whose handler is at work when its client vanishes, as any may be."""

    vanished = threading.Event()
    go_on = threading.Event()

    def handle(self) -> None:
        if self.name == "bob":
            select.select([self.request], [], [], CALM)
            self.vanished.set()
            assert self.go_on.wait(CALM)
        super().handle()


@functools.cache
def _traced() -> Trace:
    """Ann, bob and cleo join; bob vanishes; ann says hello."""
    Busy.go_on.clear()
    Busy.vanished.clear()
    with serve(Chat, Busy, timeout=CALM) as served:
        people = [served.client(name) for name in ("ann", "bob", "cleo")]
        for number, person in enumerate(people, start=1):
            person.send(person.name.encode() + b"\n")
            served.wait_for("handle", phase="enter", connection=number, timeout=CALM)
        people[1].socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        people[1].close()
        assert Busy.vanished.wait(CALM)
        people[0].send(b"hello\n")
        served.wait_for("close_request", connection=1, timeout=CALM)
        Busy.go_on.set()
        served.wait_for("close_request", connection=2, timeout=CALM)
    return served.trace


def _raised(hook: str, connection: int) -> list[tuple[object, object]]:
    events = _traced().select(hook=hook, connection=connection, phase="raise")
    return [(event.detail["error"], event.detail["message"]) for event in events]


def test_the_dictionary_that_changes_while_it_is_iterated_is_seen() -> None:
    """The speaker's own handler fails, because it took out a member in the middle of the loop."""
    assert _raised("handle", 1) == [("RuntimeError", "dictionary changed size during iteration")]
    assert [event.hook for event in _traced().select(connection=1) if event.hook == "handle_error"]
    assert "✗ RuntimeError  dictionary changed size during iteration" in _traced().text()


def test_the_member_that_is_removed_twice_is_seen() -> None:
    """The lost member's finish() removes what is removed already, though its handle() has ended well."""
    assert _raised("finish", 2) == [("KeyError", "bob")]
    assert _raised("handle", 2) == []
    assert "finish raised" in explain(_traced(), "finish", connection=2).rules


def test_the_member_in_between_is_heard_by_nobody() -> None:
    """Cleo is behind bob in the dictionary, so the broken loop never comes to her."""
    assert not [event for event in _traced() if event.lane == "cleo" and event.kind == "receive" and event.size]
