"""What a recording is: a finished sequence of events, and the lanes they belong to.

A recording is a plain value. Nothing in it refers to the program that was recorded, so it can be kept after the
server is gone, written to a file, and read on another machine. Its events stand in the order of arrival; every other
order, and every selection, is a new recording made from it.

The law: no input or output, no threads, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from socketserver_trace.events import NO_DETAIL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Final

    from socketserver_trace.events import Event, Scalar

CLIENT: Final = "client"
MAIN: Final = "main"
SERVER: Final = "server"
THREAD: Final = "thread"
CHILD: Final = "child"
LANE_KINDS: Final = (MAIN, CLIENT, SERVER, THREAD, CHILD)
"""The kinds of lanes, in the order in which they are drawn."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One flow of control, never reused: a client, the main thread, the serving thread, another thread, a forked child.

    `inferred` marks a client that was not recorded itself: it is known from what the server saw of it. `detail`
    holds what the system calls the lane (a thread's ident, a process's pid), which no default drawing shows.
    """

    name: str
    kind: str
    inferred: bool = False
    detail: Mapping[str, Scalar] = field(default_factory=lambda: NO_DETAIL, hash=False)


@dataclass(frozen=True, slots=True)
class Recording:
    """The events in order, the lanes in the order in which they are drawn, and what is missing.

    `dropped` is the number of the oldest events that a capped recorder let go. `cut_off` says that the recording was
    read from a file that ends in the middle. `raced` says that the order of some clients was decided by their names.
    """

    events: tuple[Event, ...] = ()
    lanes: tuple[Lane, ...] = ()
    dropped: int = 0
    cut_off: bool = False
    raced: bool = False

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def keep(self, wanted: Callable[[Event], bool]) -> Recording:
        """The same recording with only the wanted events."""
        return replace(self, events=tuple(event for event in self.events if wanted(event)))

    def with_events(self, events: Iterable[Event]) -> Recording:
        """The same recording with other events."""
        return replace(self, events=tuple(events))

    def lane(self, name: str) -> Lane:
        """The lane of that name; LookupError when there is none."""
        for lane in self.lanes:
            if lane.name == name:
                return lane
        raise LookupError(
            f"there is no lane named {name!r}; the lanes are {', '.join(lane.name for lane in self.lanes)}"
        )

    def relabel(self, names: Mapping[str, str]) -> Recording:
        """The same recording with other names for its lanes; lanes that are not named keep theirs."""
        return replace(
            self,
            lanes=tuple(replace(lane, name=names.get(lane.name, lane.name)) for lane in self.lanes),
            events=tuple(_relabelled(event, names) for event in self.events),
        )


def strand(event: Event) -> str:
    """The thread that really ran the event: its lane, or for a client the lane of the thread that moved the client."""
    thread = event.detail.get("thread")
    return thread if isinstance(thread, str) else event.lane


class Names:
    """Names that are given once: the second alice is alice 2."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._last: dict[str, int] = {}

    def new(self, name: str, *, numbered: bool = False) -> str:
        """The name, or the name with the first number that makes it new; `numbered` names have one from 1 on."""
        number = self._last.get(name, 0) + 1
        while (made := f"{name} {number}" if numbered or number > 1 else name) in self._taken:
            number += 1
        self._last[name] = number
        self._taken.add(made)
        return made


def _relabelled(event: Event, names: Mapping[str, str]) -> Event:
    detail = {
        key: names.get(value, value) if key in {"thread", "starts", "joins"} and isinstance(value, str) else value
        for key, value in event.detail.items()
    }
    return replace(event, lane=names.get(event.lane, event.lane), detail=detail)
