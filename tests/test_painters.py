"""Every painter on every sample, compared with golden files; and what no painter may let through.

`WRITE_GOLDEN=1 pytest tests/test_painters.py` writes the golden files again. Look at them before you commit.
"""

from __future__ import annotations

import base64
import html.parser
import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socketserver_trace import Trace
from socketserver_trace.diagram import Arrow, Column, Diagram, Group, Row, Step
from socketserver_trace.paint import html as html_painter
from socketserver_trace.paint import mermaid, svg, text
from tests.samples import SAMPLES, sample

GOLDEN = Path(__file__).parent / "golden"
SUFFIXES = {"txt": Trace.text, "svg": Trace.svg, "mmd": Trace.mermaid}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_is_painted_as_its_golden_file(name: str, suffix: str) -> None:
    """Each painter gives, for each sample, the very bytes of the golden file."""
    painted = SUFFIXES[suffix](sample(name))
    golden = GOLDEN / f"{name}.{suffix}"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(painted, encoding="utf-8")

    assert golden.read_text(encoding="utf-8") == painted


@pytest.mark.parametrize("name", SAMPLES)
def test_the_svg_is_well_formed_and_has_its_words(name: str) -> None:
    """An XML parser reads the SVG; it has a title, a description, and a focusable group with words for each row."""
    diagram = sample(name).diagram()
    root = ElementTree.fromstring(sample(name).svg())  # noqa: S314 - our own document
    space = {"svg": "http://www.w3.org/2000/svg"}
    rows = root.findall("svg:g[@tabindex='0']", space)

    assert root.findtext("svg:title", namespaces=space) == diagram.title
    assert root.find("svg:desc", space) is not None
    assert [row.get("aria-label") for row in rows] == [
        f"{number}. {row.actor}: {row.text}" for number, row in enumerate(diagram.rows, start=1)
    ]


def test_the_ids_of_two_drawings_differ_and_those_of_one_do_not() -> None:
    """Ids come from the content, so that several drawings can stand on one page and one is always the same bytes."""
    ids = [re.findall(r'id="([^"]+)"', sample(name).svg()) for name in ("one_request", "threads", "one_request")]

    assert ids[0] == ids[2]
    assert not set(ids[0]) & set(ids[1])


def test_the_html_is_a_figure_with_the_image_and_the_list() -> None:
    """The figure has the drawing as an image with words, and each row as an item of a list."""
    painted = html_painter.paint(sample("threads").diagram())
    image = re.search(r'src="data:image/svg\+xml;base64,([^"]+)"', painted)

    assert image is not None
    assert base64.b64decode(image[1]).decode() == sample("threads").svg()
    assert painted.count("<li>") == len(sample("threads").diagram().rows)
    assert re.search(r'alt="Sequence diagram: Choosy with alice and bob, \d+ steps, listed below."', painted)


@pytest.mark.parametrize("name", SAMPLES)
def test_every_row_is_in_every_form(name: str) -> None:
    """The text form says every row of the drawing, in order."""
    painted = sample(name).text()
    places = [painted.find(row.text) for row in sample(name).diagram().rows]

    assert -1 not in places
    assert painted.splitlines()[-1].strip()


def test_a_drawing_shows_nothing_that_changes_from_run_to_run() -> None:
    """No port, pid, ident, descriptor, memory address or time is in a default drawing."""
    trace = sample("threads")
    secret = {str(event.detail.get("address", "")).rpartition(":")[2] for event in trace} - {""}
    secret |= {str(value) for lane in trace.recording.lanes for value in lane.detail.values()}
    secret |= {str(event.time_ns) for event in trace}

    for painted in (trace.text(), trace.mermaid(), trace.svg()):
        words = set(re.findall(r"\w+", painted))
        assert not words & secret


HOSTILE = [
    "</text><script>alert(1)</script>",
    '" onload="alert(1)',
    "\x1b]0;owned\x07\x1b[2J",
    "\u202egnp.exe",
    "end\nactivate c0",
    "#59; %%{init: {}}%%",
    "\ud800",
]


def _diagram(words: str) -> Diagram:
    """A small diagram with the words wherever a text can stand."""
    step = Step(
        0,
        1,
        0,
        "server",
        words,
        words,
        own=True,
        failed=False,
        open=True,
        origin=0,
        origin_depth=0,
        starts=True,
        event=1,
    )
    return Diagram(
        words,
        (
            Column(words, words, words, "client", inferred=True, room=9, lane=words),
            Column(words, words, words, "server", inferred=False, room=9, lane=words),
        ),
        (Group(words, "client", 0, 0), Group(words, "server", 1, 1)),
        (),
        (step,),
        (
            Arrow("bytes", words, 1, 0, 0, 1, 1, 0, inferred=False, away="", event=2),
            Arrow("bytes", words, 2, 0, 0, 2, None, 0, inferred=True, away=words, event=3),
        ),
        (Row(words, 0, words, 1, None, 0),) * 3,
        (words,),
    )


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_becomes_markup(words: str) -> None:
    """Whatever a text says, HTML and SVG contain only their own tags and attributes, and SVG stays well formed."""
    diagram = _diagram(words)
    plain, hostile = _Tags(), _Tags()
    plain.feed(svg.paint(_diagram("harmless")) + html_painter.paint(_diagram("harmless")))
    hostile.feed(svg.paint(diagram) + html_painter.paint(diagram))

    assert hostile.tags == plain.tags
    assert hostile.attributes == plain.attributes
    ElementTree.fromstring(svg.paint(diagram))  # noqa: S314 - our own document


@pytest.mark.parametrize("words", HOSTILE)
def test_no_text_becomes_mermaid(words: str) -> None:
    """Whatever a text says, Mermaid sees as many statements as for a harmless one."""
    harmless = [line.split(":")[0].split(" as ")[0] for line in mermaid.paint(_diagram("harmless")).splitlines()]
    hostile = [line.split(":")[0].split(" as ")[0] for line in mermaid.paint(_diagram(words)).splitlines()]

    assert len(hostile) == len(harmless)
    assert not re.search(r"[;<>\x00-\x09\x0b-\x1f]", re.sub(r"#\d+;|->>|-->>|-x", "", mermaid.paint(_diagram(words))))


@given(st.text(max_size=60))
def test_a_text_is_one_line_of_visible_characters(words: str) -> None:
    """What comes from a peer or a program is shown on one line, printable, at most as long as it may be."""
    from socketserver_trace.wording import safe

    shown = safe(words)

    assert shown.isprintable()
    assert len(shown) <= 48


@given(st.binary(max_size=100), st.integers(0, 10**9))
def test_bytes_are_shown_as_python_writes_them(data: bytes, more: int) -> None:
    """Bytes become ASCII, cut short, with their number where not all are shown."""
    from socketserver_trace.wording import bytes_text

    shown = bytes_text(data, len(data) + more)

    assert shown.isascii() or "…" in shown
    assert shown.isprintable()
    if len(data) <= 24 and not more:
        assert shown == repr(data)


def test_many_lifelines_are_drawn_in_words_only() -> None:
    """A text drawing with more lifelines than fit has no graph, and still every row in words."""
    wide = _diagram("x" * 40)
    wide = replace(wide, columns=wide.columns * 20)

    assert "├" not in text.paint(wide)
    assert "├" in text.paint(_diagram("narrow"))


def test_the_size_of_the_svg_is_the_one_it_says() -> None:
    """The size that a page reserves is the size of the document."""
    diagram = sample("failures").diagram()
    width, height = svg.size(diagram)

    assert f'width="{width}" height="{height}"' in svg.paint(diagram)
