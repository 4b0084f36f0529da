"""A finished trace in the page of the live lab, in one file or in the output of a notebook's cell.

The file holds the drawing in both orders and the stories as data, and the page as a script. Without a script, and on
paper, the static figure stands there instead. Equal stories, and equal parts of them, are kept once; what is large is
compressed.

The law: nothing is fetched, and nothing that a peer sent can run. The policy of the file allows one script, by its
checksum, and no connection at all; the data is JSON in which no tag can begin or end.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict
from dataclasses import replace
from hashlib import sha256

from socketserver_trace.assets import javascript
from socketserver_trace.paint import html
from socketserver_trace.paint.markup import escape
from socketserver_trace.paint.scene import scene
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Final, Protocol

    from socketserver_trace.diagram import Diagram
    from socketserver_trace.events import Event
    from socketserver_trace.stories import Story

    class Playable(Protocol):
        """What can be played: a trace, or two that are compared."""

        @property
        def order(self) -> str:
            """In which order it stands."""

        def __iter__(self) -> Iterator[Event]:
            """Its events, numbered as in its drawing."""

        def arrival(self) -> Playable:
            """The same as the clock saw it."""

        def diagram(self) -> Diagram:
            """Its drawing."""

        def story(self, seq: int, /) -> Story:
            """The story of one of its events."""

        def text(self) -> str:
            """Its drawing as text."""


FIGURE_ROWS: Final = 500
"""How many rows the static figure shows."""

STORIES_SIZE: Final = 5_000_000
"""How many characters the stories of a file may have, beside those of the first 2,000 events."""

STORIES: Final = 2_000
SEARCHED: Final = 512
PACKED: Final = 200_000
"""From how many characters on the data is compressed."""

SHARED: Final = ("purpose", "contract", "mro", "sources", "why")
"""The parts of a story that many stories have in common."""

TAGS: Final = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}
"""What could begin or end a tag, as JSON writes it in other words."""

START: Final = "playAll();"

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; script-src "
)

PAGE_STYLE: Final = """
body { margin: 0; font: 15px/1.5 system-ui, sans-serif }
body { --player-height: 100vh; --player-border: 0; --player-radius: 0; --player-resize: none }
h1 { font-size: 1.25rem } .static { margin: 2rem }
.socketserver-trace-player[data-played] > .static { display: none }
@media print { .socketserver-trace-player[data-played] > .static { display: block } }
"""


def document(trace: Playable, title: str | None = None) -> str:
    """A whole page with the trace in it, ending in a newline. `title` stands above it instead of the trace's own."""
    diagram = trace.diagram()
    named = escape(safe(title, SEARCHED)) if title is not None else escape(diagram.title)
    script = javascript() + START
    place = _place(trace, diagram, f"<h1>{named}</h1>", title, " data-alone")
    checksum = base64.b64encode(sha256(script.encode()).digest()).decode()
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}\'sha256-{checksum}\'">\n'
        '<meta name="viewport" content="width=device-width">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{named}</title>\n<style>{PAGE_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'{place}</main>\n<script type="module">{script}</script>\n</body>\n</html>\n'
    )


class Player:
    """A trace that a notebook shows as a player; where no script may run, as the static drawing."""

    def __init__(self, trace: Playable) -> None:
        self.trace = trace

    def __repr__(self) -> str:
        return f"<Player of {self.trace!r}>"

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """The text drawing; the figure, and the script that puts the player in its place."""
        style = ".socketserver-trace-player[data-played] > .static { display: none }"
        place = _place(self.trace, self.trace.diagram())
        shown = f'<style>{style}</style>\n{place}<script type="module">{javascript()}{START}</script>\n'
        return {"text/plain": self.trace.text(), "text/html": shown}


def playable(trace: Playable) -> str:
    """The figure with its data beside it, for a page of several that has `script()`, and decides when they play."""
    return _place(trace, trace.diagram())


def script() -> str:
    """What such a page runs, a plain script: it leaves `SocketserverTrace.playOne(place)`."""
    plain = javascript().replace("export default ", "const exported = ")
    return f"const SocketserverTrace = (() => {{\n{plain}return {{ playOne, playAll }};\n}})();\n"


def _place(trace: Playable, diagram: Diagram, heading: str = "", title: str | None = None, alone: str = "") -> str:
    """The figure, which a player takes the place of, and the player's data."""
    text = json.dumps(data_of(trace, title), ensure_ascii=True, separators=(",", ":")).translate(TAGS)
    packed = ""
    if len(text) > PACKED:
        text, packed = base64.b64encode(zlib.compress(text.encode(), 9)).decode(), " data-packed"
    figure = html.paint(first_rows(diagram))
    return (
        f'<div class="socketserver-trace-player"{alone}><div class="static">{heading}\n{figure}</div>\n'
        f'<script type="application/json"{packed}>{text}</script></div>\n'
    )


def data_of(trace: Playable, title: str | None = None) -> dict[str, Any]:
    """What the page is told: the scenes by their order, the order to begin with, the stories, and a note on them."""
    traces: dict[str, Playable] = {trace.order: trace, "arrival": trace.arrival()}
    scenes = {order: _scene(one, title) for order, one in traces.items()}
    stories = _Stories()
    for place, (order, one) in enumerate(_in_turns(scenes)):
        if place >= STORIES * len(traces) and stories.size > STORIES_SIZE:
            break
        stories.add(order, one, traces[order])
    told = max(map(len, stories.known.values()), default=0)
    rows = max(len({row[0] for row in one["rows"]}) for one in scenes.values())
    note = f"This file holds the stories of {told:,} of {rows:,} events; the others have none." if told < rows else None
    return {"scenes": scenes, "order": trace.order, "stories": stories.as_json(), "note": note}


def _in_turns(scenes: dict[str, dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """The events of the rows, from the first on, those of one order and of the other in turns."""
    numbers = {order: list(dict.fromkeys(row[0] for row in one["rows"])) for order, one in scenes.items()}
    for place in range(max(map(len, numbers.values()))):
        yield from ((order, events[place]) for order, events in numbers.items() if place < len(events))


def _scene(trace: Playable, title: str | None) -> dict[str, Any]:
    more = {event.seq: safe(repr(event.data[:SEARCHED])[2:-1], SEARCHED) for event in trace if event.data}
    told = scene(trace.diagram(), more)
    return told if title is None else {**told, "title": safe(title, SEARCHED)}


class _Stories:
    """The stories of a file: each part that several have is kept once, and so is a story that both orders have."""

    def __init__(self) -> None:
        self.size = 0
        self.known: dict[str, dict[int, int]] = defaultdict(dict)
        self._stories: dict[str, int] = {}
        self._parts: dict[str, int] = {}

    def add(self, order: str, event: int, trace: Playable) -> None:
        """Keep the story of an event, as it is told in an order."""
        story = trace.story(event).as_json()
        shared = {name: self._place(self._parts, story.pop(name)) for name in SHARED if story.get(name)}
        own = {name: part for name, part in story.items() if part not in (None, "", [], ())}
        self.known[order][event] = self._place(self._stories, {"own": own, "shared": shared})

    def as_json(self) -> dict[str, Any]:
        """The stories, the parts that they share, and the places of the stories by order and event."""
        texts = {"stories": self._stories, "parts": self._parts}
        return {name: [json.loads(text) for text in kept] for name, kept in texts.items()} | {"known": self.known}

    def _place(self, kept: dict[str, int], value: object) -> int:
        text = json.dumps(value)
        if text not in kept:
            kept[text] = len(kept)
            self.size += len(text)
        return kept[text]


def first_rows(diagram: Diagram, most: int = FIGURE_ROWS) -> Diagram:
    """The first rows of a diagram, with a remark when there are more."""
    if len(diagram.rows) <= most:
        return diagram
    arrows = (arrow for arrow in diagram.arrows if arrow.row < most)
    bars = (bar for bar in diagram.bars if bar.first < most - 1)
    remark = f"These are the first {most:,} of {len(diagram.rows):,} rows."
    return replace(
        diagram,
        rows=diagram.rows[:most],
        steps=tuple(step for step in diagram.steps if step.row < most),
        arrows=tuple(a if a.target_row < most else replace(a, target=None, away="later") for a in arrows),
        bars=tuple(bar if bar.last < most else replace(bar, last=most - 1, open=True) for bar in bars),
        remarks=(remark, *diagram.remarks),
    )
