"""Who tells the stories of a recording.

A `Storyteller` reads a recording once and tells the story of any of its events; `story_of` and `stories_of` make one
and let it go. A live view keeps it for as long as it shows the same recording.

The law: pure but for one thing, the source of the running classes, which is read for its lines.
"""

from __future__ import annotations

from socketserver_trace.events import HOOK
from socketserver_trace.stories.callers import sources_of
from socketserver_trace.stories.particulars import dump_of, facts_of
from socketserver_trace.stories.scene import NO_CLASSES, Scene
from socketserver_trace.stories.story import Story
from socketserver_trace.stories.words import contract_of, moment_of, owner_of, purpose_of, title_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from socketserver_trace.events import Event
    from socketserver_trace.recording import Recording


class Storyteller:
    """Tells the stories of one recording.

    `whole` is what the recording was selected from, where it is a selection: a story looks beyond it. `classes` are the
    classes of the running program by their names, from which its own lines are read; without them a story has those of
    the standard library only.
    """

    def __init__(
        self, recording: Recording, *, whole: Recording | None = None, classes: Mapping[str, type] | None = None
    ) -> None:
        self._scene = Scene(whole or recording, NO_CLASSES if classes is None else classes)
        self._events: dict[int, Event] = {}
        for event in recording.events:
            # An inferred event has the number of the one from which it was inferred, which goes first.
            if event.seq not in self._events or "inferred" in self._events[event.seq].detail:
                self._events[event.seq] = event

    def story(self, event: Event | int) -> Story:
        """The story of an event, or of the event of that number; LookupError when there is none of that number."""
        if isinstance(event, int):
            if event not in self._events:
                raise LookupError(f"there is no event {event} in this trace{self._numbers()}.")
            event = self._events[event]
        return self._told(event)

    def _told(self, event: Event) -> Story:
        scene, end = self._scene, self._scene.ends.get(event.call)
        call = scene.call_of(event)
        owner = owner_of(event) if call is None else call.owner
        of_hook = event.kind == HOOK and call is not None
        enter = scene.enters.get(event.call)
        return Story(
            seq=event.seq,
            kind=event.kind,
            title=title_of(event, owner, scene),
            moment=moment_of(event, end),
            purpose=purpose_of(event, owner, scene),
            contract=contract_of(event, owner),
            mro=scene.ancestors(call) if of_hook and call is not None else (),
            facts=tuple(facts_of(event, scene)),
            data=tuple(dump_of(event, scene)),
            sources=tuple(sources_of(event, scene)),
            why=scene.why(call) if of_hook and call is not None else None,
            waits=scene.waits(event.lane) if enter is not None and end is None else None,
            duration_ns=None if enter is None or end is None else end.time_ns - enter.time_ns,
        )

    def _numbers(self) -> str:
        return f"; the numbers go from {min(self._events)} to {max(self._events)}" if self._events else ""


def story_of(
    event: Event | int,
    recording: Recording,
    *,
    whole: Recording | None = None,
    classes: Mapping[str, type] | None = None,
) -> Story:
    """The story of an event of a recording, or of the event of that number.

    `whole` and `classes` are as for a `Storyteller`. LookupError when there is no event of that number.
    """
    return Storyteller(recording, whole=whole, classes=classes).story(event)


def stories_of(
    recording: Recording,
    seqs: Iterable[Event | int],
    *,
    whole: Recording | None = None,
    classes: Mapping[str, type] | None = None,
) -> Iterator[Story]:
    """The stories of several events of a recording, in that order. What they have in common is found once."""
    teller = Storyteller(recording, whole=whole, classes=classes)
    return map(teller.story, seqs)
