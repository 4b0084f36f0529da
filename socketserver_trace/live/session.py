"""A lab: what a page and a running server say to each other.

One pump looks at the recorder, the breakpoints and the clients about sixty times a second, and tells the page what is
new since the last look, in one message for each. What the page asks is done by the pump as well, but for what must not
wait for it: a thread is stepped at once. So nothing is ever sent from a thread of the server, and nothing is sent twice
but to a page that says that it knows nothing.

While the server runs the rows stand as they came. In causal order, on request, they are laid out anew whenever the
server is at rest.

The law: whatever a page asks is data. What is wrong with it is said in a sentence, and no exception gets out.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress

from socketserver_trace.live.difference import difference
from socketserver_trace.live.growing import Growing
from socketserver_trace.live.pump import Pump
from socketserver_trace.live.reading import Reader
from socketserver_trace.live.status import Status
from socketserver_trace.paint.scene import scene
from socketserver_trace.panel import Panel
from socketserver_trace.providers import classes_by_name
from socketserver_trace.sentences import Sentence
from socketserver_trace.stories import Storyteller
from socketserver_trace.trace import ARRIVAL, CAUSAL, Trace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Final

    from socketserver_trace.serving import Served

    Message = dict[str, Any]

PORTION: Final = 250
"""How many events are drawn in one look."""

MOST: Final = 20_000
"""Up to how many events everything is looked at anew: the causal order, who waits for whom."""

ROWS: Final = 250_000
"""At how many rows a drawing is begun anew, with the newest half of as many events."""

REST: Final = 0.15
"""After how many seconds without an event a server is at rest."""

LOOK: Final = 0.5
"""How often the kernel is asked, in seconds."""


COUNT: Final = 0.2
"""How often a page is told how many events there are, in seconds."""


class Session:
    """The lab of one server. `tell` sends a message to every page that shows it."""

    def __init__(self, served: Served, tell: Callable[[Message], object]) -> None:
        self.panel = Panel(served)
        self._served = served
        self._tell = tell
        self._lock = threading.RLock()
        self._asked: deque[Message] = deque()
        self._order = ARRIVAL
        self._status = Status(served)
        self._sentence: str | None = None
        self._begin()
        self._scene: dict[str, Any] | None = None
        self._tail: list[list[Any]] | None = None
        self._storyteller: tuple[object, Storyteller] | None = None
        self._told_status: Message = {}
        self._told_counts: dict[str, int] = {}
        self._counted = 0.0
        self._told_clients: tuple[int, dict[str, int]] = (-1, {})
        self._moved, self._looked, self._settled = time.monotonic(), 0.0, False
        self._clients: list[Message] = []
        self._pump: Pump | None = None

    def start(self) -> None:
        """Begin to look, in a thread of its own."""
        self._pump = self._pump or Pump(self._look, lambda: self._served.recorder.total)

    def ask(self, message: object) -> None:
        """What a page says. From any thread; returns at once while the lab is running."""
        if not isinstance(message, dict) or not isinstance(message.get("ask"), str):
            return
        if message.get("ask") in {"step", "step_over", "resume", "release"}:
            with self._lock:  # what was asked for before comes before: a pause that was removed pauses nobody any more
                self._answer_all()
            with self._sentences():
                self._send_on(message)
        elif self._pump is not None and self._pump.is_running:
            self._asked.append(message)
        else:
            with self._lock:
                self._answer(message)

    def let_go(self) -> None:
        """The server is about to stop: its clients in this lab are closed, and shown as they were."""
        with self._lock:
            self._clients = [client | {"state": "closed", "busy": "", "can": []} for client in self.panel.state()]
        self.panel.close()

    def rest(self) -> None:
        """Look no more."""
        if self._pump is not None:
            self._pump.close()

    def finish(self) -> None:
        """Tell what is left to tell, and look no more. What a page asks later is still answered."""
        self.rest()
        with self._lock, suppress(Exception):  # nobody may be listening any more
            if self._reader.behind > ROWS // 2:
                self._begin(ROWS // 2)  # more than anybody waits for
                self._tell_all()
            self._reader.ends = True
            while self._reader.is_behind and self._grow():
                pass
            self._status.look(self._growing.recording())
            self._tell_status()
            self._tell_clients()

    # --- Looking ----------------------------------------------------------------------------------

    def _look(self) -> None:
        with self._lock:
            self._answer_all()
            if self._reader.is_behind and self._grow():
                self._moved, self._settled = time.monotonic(), False
            self._at_rest()
            self._tell_status()
            self._tell_clients()

    def _begin(self, newest: int | None = None) -> None:
        self._reader = Reader(self._served.recorder, newest=newest)
        self._growing = Growing(self._reader.lanes)

    def _grow(self) -> bool:
        """Draw what is new, and tell it; whether there was anything."""
        events = self._reader.read(PORTION)
        if not events:
            return False
        self._growing.add(events)
        if self._growing.rows > ROWS:
            self._begin(ROWS // 2)
            self._tell_all()
        elif self._order == ARRIVAL:
            self._tell_scene(self._growing.increment() | self._new_tail([]))
        return True

    def _at_rest(self) -> None:
        """What is looked at anew when nothing has happened for a moment, or while a thread is paused."""
        now = time.monotonic()
        parked = bool(self._served.breakpoints.parked)
        if now - self._looked < LOOK or now - self._moved < REST or (self._settled and not parked):
            return
        self._looked, self._settled = now, True
        few = len(self._growing.events) <= MOST
        recording = self._growing.recording() if few else None
        self._status.look(recording)
        if recording is None:
            return
        if self._order == ARRIVAL:
            self._tell_scene(self._new_tail(self._growing.tail()))
        else:
            self._tell_causal()

    # --- Answering --------------------------------------------------------------------------------

    def _answer_all(self) -> None:
        while self._asked:
            self._answer(self._asked.popleft())

    def _answer(self, message: Mapping[str, Any]) -> None:
        answers: dict[object, Callable[[Mapping[str, Any]], object]] = {
            "ready": lambda _message: self._tell_all(),
            "order": self._reorder,
            "story": self._tell_story,
            "pause": self._pause,
            "unpause": self._unpause,
            "client": lambda message: self.panel.do(message.get("command")),
        }
        answer = answers.get(message.get("ask"))
        if answer is not None:
            with self._sentences():
                answer(message)

    def _sentences(self) -> _Sentences:
        return _Sentences(self._say)

    def _say(self, sentence: str | None) -> None:
        self._sentence = sentence

    def _send_on(self, message: Mapping[str, Any]) -> None:
        if message["ask"] == "release":
            self._served.breakpoints.release()
            return
        parked = self._status.parked(message.get("parked"))
        if parked is not None:
            {"step": parked.step, "step_over": parked.step_over, "resume": parked.resume}[message["ask"]]()

    def _pause(self, message: Mapping[str, Any]) -> None:
        self._served.breakpoints.add(
            str(message.get("hook")), phase=str(message.get("phase")), connection=message.get("connection")
        )

    def _unpause(self, message: Mapping[str, Any]) -> None:
        found = self._status.breakpoint(message.get("breakpoint"))
        if found is not None:
            self._served.breakpoints.remove(found)

    def _reorder(self, message: Mapping[str, Any]) -> None:
        self._order = CAUSAL if message.get("order") == CAUSAL else ARRIVAL
        self._tail = None
        self._tell_drawing()

    # --- Telling ----------------------------------------------------------------------------------

    def _tell_all(self) -> None:
        """A page knows nothing."""
        self._tail = None
        self._tell_drawing()
        self._told_status, self._told_clients = {}, (-1, {})
        self._tell_status()
        self._tell_clients()

    def _tell_drawing(self) -> None:
        self._scene = None
        if self._order == CAUSAL and len(self._growing.events) <= MOST:
            self._tell_causal()
        else:
            self._order = ARRIVAL
            tail = self._growing.tail() if len(self._growing.events) <= MOST else []
            self._tell_scene(self._growing.whole() | self._new_tail(tail))

    def _tell_causal(self) -> None:
        now = scene(self._causal().diagram(), self._growing.more)
        news = difference(self._scene, now)
        self._scene = now
        self._tell_scene(news | self._new_tail([]))

    def _causal(self) -> Trace:
        return Trace(self._served.recorded())

    def _new_tail(self, tail: list[list[Any]]) -> Message:
        if tail == self._tail:
            return {}
        self._tail = tail
        return {"tail": tail}

    def _tell_scene(self, news: Message) -> None:
        if news:
            self._tell({"type": "scene", "order": self._order, "start": self._growing.start, "reset": False} | news)

    def _tell_status(self) -> None:
        """All of it, when something has changed; how many events there are is not worth a message at each look."""
        told = self._status.told(self._growing.recording, self._sentence)
        counts = {"events": len(self._growing.events), "dropped": self._reader.missed, "behind": self._reader.behind}
        now = time.monotonic()
        if told != self._told_status or (counts != self._told_counts and now - self._counted > COUNT):
            self._told_status, self._told_counts, self._counted = told, counts, now
            self._tell(told | counts)

    def _tell_clients(self) -> None:
        version, counts = self._told_clients
        if self.panel.version == version:
            return
        version = self.panel.version
        clients = self.panel.state() or self._clients
        news = {}
        for name in ("", *(client["name"] for client in clients)):
            entries = self.panel.said(name, counts.get(name, 0))
            if entries:
                news[name] = {"from": entries[0]["n"], "entries": entries}
                counts[name] = entries[-1]["n"] + 1
        self._told_clients = version, counts
        self._tell({"type": "clients", "clients": clients, "news": news})

    def _tell_story(self, message: Mapping[str, Any]) -> None:
        event, order = message.get("event"), self._order
        if type(event) is not int:
            return
        with suppress(LookupError):  # it was let go meanwhile
            story = self._stories(order).story(event).as_json()
            if any(pause["event"] == event for pause in self._told_status.get("parked", ())):
                story["moment"] = "it is paused here"
            self._tell({"type": "story", "row": message.get("row"), "event": event, "story": story})

    def _stories(self, order: str) -> Storyteller:
        """The teller of the drawing that is shown, kept until the drawing is another one."""
        known = order, self._reader.position
        if self._storyteller is None or self._storyteller[0] != known:
            recording = self._growing.recording() if order == ARRIVAL else self._causal().whole
            self._storyteller = known, Storyteller(recording, classes=classes_by_name(self._served.server))
        return self._storyteller[1]


class _Sentences:
    """What goes wrong with something that a page has asked is a sentence, and is said."""

    def __init__(self, say: Callable[[str | None], object]) -> None:
        self._say = say

    def __enter__(self) -> None:
        self._say(None)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _where: object) -> bool:
        if isinstance(error, Exception):
            self._say(str(error) if isinstance(error, Sentence) else f"{type(error).__name__}: {error}")
        return isinstance(error, Exception)
