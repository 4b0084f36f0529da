r"""The clients of the live lab, moved by orders that come from a page, without a page in it.

An order is a plain mapping, and `do` returns at once, because each client has a thread of its own (`remote`):

    {"do": "add"}  {"do": "add", "name": "alice"}       a client that is not connected yet
    {"do": "add", "count": 10}                          ten clients, which connect at the same moment
    {"do": "connect", "client": "alice"}                again after a close, as a new client, drawn as "alice 2"
    {"do": "send", "client": "alice", "text": "hello\\n", "as": "text"}         or "68 69 0a" as "hex"
    {"do": "send", "client": "alice", "pieces": ["he", "llo\\n"], "pause": 0.2}  with pauses of seconds in between
    {"do": "receive", "client": "alice"}                likewise receive_line, half_close, close, reset, remove

The law: what comes from the page is data. An order that means nothing, or too much, becomes a sentence in a transcript,
never an exception, and nothing of it is done.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Mapping

from socketserver_trace.panel.news import News
from socketserver_trace.panel.orders import STREAMS_ONLY, Order
from socketserver_trace.panel.remote import Remote
from socketserver_trace.panel.transcript import NOTE, SERVER, Transcript
from socketserver_trace.panel.typed import LARGEST, Mistyped, bytes_of
from socketserver_trace.sentences import Sentence
from socketserver_trace.wording import plural, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from socketserver_trace.serving import Served

NAMES: Final = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy")
LONGEST_NAME: Final = 32
MOST_CLIENTS: Final = 100
MOST_PIECES: Final = 1_000
LONGEST_PAUSE: Final = 10.0
"""Seconds."""

ENDING: Final = 10.0
"""How many seconds the end of the panel waits for all its clients together."""

ORDERS: Final = ("connect", "send", "receive", "close", "remove", *STREAMS_ONLY)
"""What a client can be told to do."""


class Refused(Sentence, ValueError):  # noqa: N818 - its name is a sentence, like those of its kind
    """An order that means nothing. The message says why."""


class Panel:
    """The clients of one running server. `served` is what `serve()` gave. Any thread may call its methods."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._news = News()
        self._remotes: dict[str, Remote] = {}
        self._notes = Transcript()
        self._drawn: set[str] = set()
        self._names = itertools.chain(NAMES, (f"client {number}" for number in itertools.count(len(NAMES) + 1)))
        self._ending: list[Remote] = []
        self._closed = False

    @property
    def version(self) -> int:
        """How often anything has changed so far: when it is the same, there is no news."""
        return self._news.version

    def do(self, command: object) -> None:
        """Take an order from the page. What is wrong with it is said in the client's transcript, or in the panel's."""
        remote: Remote | None = None
        try:
            asked = _mapping(command)
            if asked.get("do") == "add":
                self._add(asked)
                return
            remote = self._remote(asked)
            remote.order(_send(asked) if asked["do"] == "send" else Order(asked["do"]))
        except (Refused, Mistyped) as sentence:
            self._say(remote, str(sentence))

    def state(self) -> list[dict[str, Any]]:
        """Each client as plain values, in the order in which they were added.

        `name`, `state`, `busy` (empty, or what is under way), `kind`, `can` (the orders that make sense now), `said`
        (how many entries its transcript has had).
        """
        with self._news.look():
            return [
                {
                    "name": remote.name,
                    "state": remote.state,
                    "busy": remote.busy,
                    "kind": remote.kind,
                    "can": list(remote.can),
                    "said": len(remote.transcript),
                }
                for remote in self._remotes.values()
            ]

    def said(self, client: object = "", since: int = 0) -> list[dict[str, Any]]:
        """The entries of a client's transcript from a number on; the panel's own for "", none for an unknown client."""
        with self._news.look():
            remote = self._remotes.get(client) if isinstance(client, str) else None
            if remote is not None:
                return remote.transcript.since(since)
            return self._notes.since(since) if client == "" else []

    def wait_for(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Wait until the condition holds, asked after each change of the panel. Returns whether it does."""
        return self._news.wait_for(condition, timeout)

    def close(self) -> None:
        """Close all clients and end their threads. Closing twice is harmless."""
        with self._news.change():
            self._closed = True
            self._ending.extend(self._remotes.values())
            self._remotes.clear()
            ending = list(self._ending)
        for remote in ending:
            remote.end()
        deadline = time.monotonic() + ENDING
        for remote in ending:
            remote.thread.join(max(deadline - time.monotonic(), 0))

    def _say(self, remote: Remote | None, sentence: str) -> None:
        if remote is not None:
            remote.note(sentence)
            return
        with self._news.change():
            self._notes.note(sentence)

    # --- Clients ------------------------------------------------------------------------------------------------------

    def _add(self, asked: Mapping[Any, Any]) -> None:
        count = asked.get("count", 1)
        if type(count) is not int or not 1 <= count <= MOST_CLIENTS:
            raise Refused(f"the number of clients to add is 1 to {MOST_CLIENTS}, not {_named(count)}.")
        with self._news.change():
            self._ending = [remote for remote in self._ending if remote.thread.is_alive()]
            if self._closed:
                raise Refused("this panel is closed.")
            if len(self._remotes) + count > MOST_CLIENTS:
                raise Refused(f"the panel has room for {plural(MOST_CLIENTS, 'client')}: remove some first.")
            added = [self._new(name) for name in self._new_names(asked, count)]
        if "count" in asked:
            together = threading.Barrier(count)
            for remote in added:
                remote.order(Order("connect", together=together))

    def _new(self, name: str) -> Remote:
        remote = Remote(self._served, name, self._news, lambda: self._draw_as(name), self._forget)
        self._remotes[name] = remote
        return remote

    def _new_names(self, asked: Mapping[Any, Any], count: int) -> list[str]:
        name = asked.get("name") or ""
        if not isinstance(name, str):
            raise Refused(f"the name of a client is text, not {_named(name)}.")
        name = safe(name.strip(), LONGEST_NAME)
        if not name or "count" in asked:
            return list(itertools.islice(self._free_names(), count))
        if name in {*self._remotes, SERVER, NOTE}:
            raise Refused(f"there is a {name} already: take another name.")
        return [name]

    def _free_names(self) -> Iterator[str]:
        return (name for name in self._names if name not in self._remotes)

    def _draw_as(self, name: str) -> str:
        """The name of a connection in the drawing: alice, then alice 2, alice 3."""
        with self._news.change():
            names = itertools.chain([name], (f"{name} {number}" for number in itertools.count(2)))
            drawn = next(free for free in names if free not in self._drawn)
            self._drawn.add(drawn)
            return drawn

    def _forget(self, remote: Remote) -> None:
        with self._news.change():
            if self._remotes.get(remote.name) is remote:
                del self._remotes[remote.name]
                self._ending.append(remote)
                self._notes.note(f"{remote.name} was removed.")

    def _remote(self, asked: Mapping[Any, Any]) -> Remote:
        """The client that is to do something that a client can do."""
        if asked.get("do") not in ORDERS:
            raise Refused(f"{_named(asked.get('do'))} is nothing that a client can do.")
        name = asked.get("client")
        with self._news.look():
            remote = self._remotes.get(name) if isinstance(name, str) else None
        if remote is None:
            raise Refused(f"there is no client {_named(name)} in this panel.")
        return remote


def _mapping(command: object) -> Mapping[Any, Any]:
    if not isinstance(command, Mapping):
        raise Refused(f"an order is a mapping, not {_named(command)}.")
    return command


def _send(asked: Mapping[Any, Any]) -> Order:
    typed, form = asked.get("pieces", [asked.get("text")]), asked.get("as", "text")
    if not isinstance(typed, list) or not all(isinstance(piece, str) for piece in [*typed, form]):
        raise Refused("what is sent is text, or a list of texts as pieces, and its form is 'text' or 'hex'.")
    if not 1 <= len(typed) <= MOST_PIECES or sum(map(len, typed)) > LARGEST:
        raise Refused(f"that is too much, or nothing: 1 to {MOST_PIECES:,} pieces, {LARGEST:,} characters in all.")
    pause = asked.get("pause", 0)
    if type(pause) not in {int, float} or not 0 <= pause <= LONGEST_PAUSE:
        raise Refused(f"a pause lasts 0 to {LONGEST_PAUSE:g} seconds, not {_named(pause)}.")
    return Order("send", deque(_piece(piece, form, typed) for piece in typed), float(pause))


def _piece(piece: str, form: str, typed: list[str]) -> bytes:
    try:
        return bytes_of(piece, form)
    except Mistyped as sentence:
        where = f"piece {typed.index(piece) + 1}: " if len(typed) > 1 else ""
        raise Mistyped(f"{where}{sentence} Nothing was sent.") from None


def _named(value: object) -> str:
    """A value of the page in a sentence: a short one as it is written, of any other its type."""
    if isinstance(value, str):
        return safe(repr(value[: LONGEST_NAME + 1]), LONGEST_NAME)
    if value is None or isinstance(value, float) or (isinstance(value, int) and abs(value) <= LARGEST):
        return repr(value)
    return type(value).__name__
