"""The player and the page of the live lab, in a real browser: what is shown, what keys do, and what is never done."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import socketserver
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from socketserver_trace import Trace, serve
from socketserver_trace.assets import MODULES, STATIC, STYLES, css, javascript
from socketserver_trace.paint.scene import scene
from socketserver_trace.player import FIGURE_ROWS, data_of, document, first_rows
from tests.browser import Watched, axe_findings, painted, started_browser, wait_for_painted, watched_page
from tests.samples import CALM, sample

PATIENCE = 15_000
"""How many milliseconds a page may take on a busy machine, before a test fails."""

HOSTILE = b'<img src=x onerror=alert(1)></script><script>alert(2)</script>\x1b[31m\xe2\x80\xae\xff&amp;"'
HOSTILE_NAME = '</script><script>alert("name")</script>\u202e'

expect.set_options(timeout=PATIENCE)
in_browser = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this module."""
    with started_browser() as browser:
        yield browser


@contextmanager
def player(browser: Browser, trace: Trace, folder: Path, **options: Any) -> Iterator[Watched]:
    """The file of a trace, opened from the disk and drawn."""
    path = folder / "trace.html"
    trace.to_html(path)
    with watched_page(browser, **options) as watched:
        watched.page.set_default_timeout(PATIENCE)
        watched.page.goto(path.as_uri())
        if options.get("java_script_enabled", True):
            expect(watched.page.locator(".row").first).to_be_attached()
        yield watched


LIVE = (
    '<!DOCTYPE html><html lang="en"><title>The live lab</title><main><div id="host"></div></main>'
    "<script type='module'>%s\nwindow.sent = []; const lab = {send(wish) { if (window.dead) throw Error('dead'); "
    "window.sent.push(wish); }, listen(callback) { window.tell = callback; return () => { window.ended = true; }; }};"
    "window.end = mount(document.querySelector('#host'), lab);</script></html>"
)


class Live:
    """The page of the live lab, with the test in the place of Python."""

    def __init__(self, watched: Watched, folder: Path) -> None:
        self.page = watched.page
        self.complaints = watched.complaints
        path = folder / "live.html"
        path.write_text(LIVE.replace("%s", javascript()), encoding="utf-8")
        self.page.set_default_timeout(PATIENCE)
        self.page.goto(path.as_uri())
        self.page.wait_for_function("() => Boolean(window.tell)")

    def tell(self, **message: Any) -> None:
        """Send the page a message."""
        self.page.evaluate("message => { window.tell(JSON.parse(message)); }", json.dumps(message))

    def asked(self) -> list[dict[str, Any]]:
        """What the page asked for since the last time."""
        asked: list[dict[str, Any]] = self.page.evaluate("() => window.sent.splice(0)")
        return asked


@contextmanager
def live(browser: Browser, folder: Path, **options: Any) -> Iterator[Live]:
    """An empty live lab."""
    with watched_page(browser, **options) as watched:
        yield Live(watched, folder)
        assert watched.complaints == []


def whole(trace: Trace, rows: int | None = None) -> dict[str, Any]:
    """The message that tells a page the first rows of a trace."""
    told = scene(trace.diagram())
    shown = {
        **told,
        "rows": told["rows"][:rows],
        "bars": [bar for bar in told["bars"] if rows is None or bar[3] < rows],
    }
    return {"type": "scene", "reset": True, "order": trace.order, "first": 0, "start": 0, "changed": {}, **shown}


def current(page: Page) -> Locator:
    """The row that is looked at."""
    return page.locator(".row[aria-current='step']")


def told_place(page: Page) -> str:
    """What the scrubber says."""
    return page.get_by_role("slider", name="Row").get_attribute("aria-valuetext") or ""


def test_the_modules_make_elements_of_texts_only() -> None:
    """No module has a way to make markup or code of a text."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser"
    )
    found = {name: forbidden.findall((STATIC / f"{name}.js").read_text(encoding="utf-8")) for name in MODULES}

    assert not any(found.values()), found


def test_every_module_is_joined_after_those_that_it_imports() -> None:
    """The list names every file once, and each file imports only what stands before it, and the style."""
    assert sorted(MODULES) == sorted(path.stem for path in STATIC.glob("*.js"))
    assert sorted(STYLES) == sorted(path.stem for path in STATIC.glob("*.css"))
    for place, name in enumerate(MODULES):
        imported = re.findall(r'from "\./(\w+)\.js"', (STATIC / f"{name}.js").read_text(encoding="utf-8"))
        assert set(imported) <= {*MODULES[:place], "style"}, name


def test_an_import_names_what_is_exported_and_used() -> None:
    """Each name that a module imports is exported by the other one, and stands in its own code."""
    declared = re.compile(r"^export (?:async )?(?:class|const|function) (\w+)", re.MULTILINE)
    texts = {name: (STATIC / f"{name}.js").read_text(encoding="utf-8") for name in MODULES}
    exported = {name: declared.findall(text) for name, text in texts.items()} | {"style": ["STYLE"]}
    for name, text in texts.items():
        code = re.sub(r"//.*|/\*[\s\S]*?\*/|^import .*", "", text, flags=re.MULTILINE)
        for names, module in re.findall(r'^import \{ (.*) \} from "\./(\w+)\.js";$', text, re.MULTILINE):
            assert set(names.split(", ")) <= {*exported[module]}, name
            assert set(names.split(", ")) <= {*re.findall(r"\w+", code)}, name


def test_a_name_is_declared_in_one_module_only() -> None:
    """The modules become one text, so a name at the top of a module is nowhere else."""
    declared = re.compile(r"^(?:export )?(?:async )?(?:class|const|let|function) (\w+)", re.MULTILINE)
    names = [name for module in MODULES for name in declared.findall((STATIC / f"{module}.js").read_text("utf-8"))]

    assert sorted(names) == sorted(set(names))


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node, which checks the grammar")
def test_the_joined_text_is_a_module(tmp_path: Path) -> None:
    """Node finds nothing wrong with the grammar of the joined text, which exports what anywidget asks for."""
    path = tmp_path / "joined.mjs"
    path.write_text(javascript(), encoding="utf-8")
    checked = subprocess.run(["node", "--check", str(path)], capture_output=True, text=True, check=False)  # noqa: S607

    assert (checked.returncode, checked.stderr) == (0, "")
    assert javascript().rstrip().endswith("export default { render };")
    assert json.dumps(css()) in javascript()


def test_the_file_allows_its_own_script_and_nothing_else() -> None:
    """The policy has the checksum of the script that stands in the file, and forbids everything else."""
    text = document(sample("one_request"))
    script = re.search(r'<script type="module">(.*?)</script>', text, re.DOTALL)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert script is not None
    assert policy is not None
    checksum = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()

    assert policy[1].startswith("default-src 'none';")
    assert policy[1].endswith(f"script-src 'sha256-{checksum}'")
    assert not re.findall(r"(?:src|href)=\"(?!data:image/svg)[^\"]*\"|https?://(?!www\.w3\.org/2000/svg)\S*", text)


def test_the_same_trace_is_the_same_file() -> None:
    """Nothing in the file depends on when or where it is written."""
    assert document(sample("threads")) == document(sample("threads"))


def test_equal_stories_are_kept_once() -> None:
    """Parts that many stories have are kept once, and put together they are the stories of the trace."""
    trace = sample("threads")
    stories = data_of(trace)["stories"]
    event = trace.diagram().rows[5].event
    kept = stories["stories"][stories["known"]["causal"][event]]
    told = {**kept["own"], **{name: stories["parts"][part] for name, part in kept["shared"].items()}}

    assert len(stories["parts"]) == len({json.dumps(part) for part in stories["parts"]})
    assert told == {name: part for name, part in trace.story(event).as_json().items() if part not in (None, "", [])}


def test_a_long_trace_has_a_figure_of_its_first_rows() -> None:
    """The figure ends after some rows, says so, and lets what goes on be open."""
    diagram = sample("threads").diagram()
    first = first_rows(diagram, 10)

    assert first.rows == diagram.rows[:10]
    assert first.remarks[0] == f"These are the first 10 of {len(diagram.rows)} rows."
    assert all(bar.last <= 9 for bar in first.bars)
    assert any(bar.open for bar in first.bars)
    assert all(arrow.target is None or arrow.target_row < 10 for arrow in first.arrows)
    assert first_rows(diagram, FIGURE_ROWS) is diagram


@in_browser
@pytest.mark.parametrize("name", ["one_request", "failures", "still_open", "inferred", "datagrams"])
def test_the_file_opens_from_a_disk_and_asks_for_nothing(browser: Browser, tmp_path: Path, name: str) -> None:
    """The file is the only request; nothing is complained about; every row has its words; the figure is gone."""
    trace = sample(name)
    rows = trace.diagram().rows
    with player(browser, trace, tmp_path, viewport={"width": 1600, "height": 1900}) as watched:
        items = watched.page.get_by_role("listitem").and_(watched.page.locator(".row"))
        labels = items.evaluate_all("items => items.map(item => item.getAttribute('aria-label'))")

        assert labels == [f"{number}. {row.actor}: {row.text}" for number, row in enumerate(rows, start=1)]
        assert watched.requests == [(tmp_path / "trace.html").as_uri()]
        assert watched.complaints == []
        expect(watched.page.locator(".static")).to_be_hidden()


@in_browser
def test_without_scripts_and_on_paper_the_figure_stands_there(browser: Browser, tmp_path: Path) -> None:
    """The figure is shown where no script runs, and when the page is printed; then the player is not."""
    with player(browser, sample("one_request"), tmp_path, java_script_enabled=False) as watched:
        expect(watched.page.get_by_role("img", name=re.compile("^Sequence diagram"))).to_be_visible()
    with player(browser, sample("one_request"), tmp_path) as watched:
        watched.page.emulate_media(media="print")
        expect(watched.page.get_by_role("img", name=re.compile("^Sequence diagram"))).to_be_visible()
        expect(watched.page.locator(".lab")).to_be_hidden()


@in_browser
def test_every_key_does_what_the_list_of_keys_says(browser: Browser, tmp_path: Path) -> None:
    """Keys move from row to row, in a lane, open the story, find, zoom, and list the keys; all without a pointer."""
    with player(browser, sample("threads"), tmp_path) as watched:
        page = watched.page
        rows = len(sample("threads").diagram().rows)
        steps = [("Home", 1), ("ArrowDown", 2), ("j", 3), ("ArrowUp", 2), ("k", 1), ("PageDown", 11), ("PageUp", 1)]
        for key, number in [*steps, ("End", rows), ("Home", 1), ("n", 2), ("n", 3), ("n", 31), ("p", 3), ("Home", 1)]:
            page.keyboard.press(key)
            expect(current(page)).to_have_attribute("aria-posinset", str(number))
        page.keyboard.press("Enter")
        expect(page.get_by_role("region", name="Story").get_by_role("heading", level=2)).to_contain_text("__init__(")
        page.keyboard.press("+")
        expect(page.get_by_label("Zoom").and_(page.locator("output"))).to_have_text("90 %")
        page.keyboard.press("Control+-")
        expect(page.get_by_label("Zoom").and_(page.locator("output"))).to_have_text("80 %")
        page.keyboard.press("0")
        expect(page.get_by_label("Zoom").and_(page.locator("output"))).not_to_have_text("80 %")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(current(page)).to_have_count(0)
        page.keyboard.press("/")
        page.keyboard.type("jk?")
        expect(page.get_by_role("searchbox")).to_have_value("jk?")
        assert watched.complaints == []


@in_browser
def test_the_focus_reaches_everything_and_is_seen(browser: Browser, tmp_path: Path) -> None:
    """Tab goes through all controls and one row, every stop shows its focus, and arrows move the focus with the row."""
    with player(browser, sample("threads"), tmp_path) as watched:
        page = watched.page
        stops = []
        for _ in range(40):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                "() => { const at = document.querySelector('.socketserver-trace-player-host').shadowRoot.activeElement;"
                " return at && [at.getAttribute('aria-label') || at.textContent, getComputedStyle(at).outlineStyle,"
                " at.dataset.lmSuppressShortcuts ?? '', at.tagName]; }"
            )
            if stop is None:
                break
            stops.append(stop)
        names = [name for name, *_ in stops]

        assert {outline for _, outline, *_ in stops} == {"solid"}
        assert {suppresses for *_, suppresses, _tag in stops} == {"true"}
        assert names[:3] == ["Find rows", "Lanes", "Rows"]
        assert sum(name.startswith("1. ") for name in names) == 1
        assert {"Row", "First row (Home)", "Keys (?)", "Story"} <= set(names)


@in_browser
def test_the_scrubber_walks_through_the_past(browser: Browser, tmp_path: Path) -> None:
    """The scrubber says its row in words, dims what came later, and shows all again on demand."""
    trace = sample("threads")
    row = trace.diagram().rows[5]
    with player(browser, trace, tmp_path) as watched:
        page = watched.page
        slider = page.get_by_role("slider", name="Row")
        assert told_place(page) == f"all {len(trace.diagram().rows)} rows"
        slider.fill("6")
        expect(slider).to_have_attribute(
            "aria-valuetext", f"row 6 of {len(trace.diagram().rows)}: {row.actor}: {row.text}"
        )
        expect(page.locator(".later")).to_be_visible()
        slider.press("ArrowRight")
        expect(slider).to_have_attribute("aria-valuetext", re.compile("^row 7 of "))
        page.get_by_role("button", name="Previous row").click()
        expect(slider).to_have_attribute("aria-valuetext", re.compile("^row 6 of "))
        page.get_by_role("button", name="Show all").last.click()
        expect(page.locator(".later")).to_be_hidden()


@in_browser
def test_a_click_tells_the_story_of_a_row(browser: Browser, tmp_path: Path) -> None:
    """The story has its purpose, the classes with the one that runs, the facts, the marked line and why."""
    trace = sample("threads")
    number = next(place for place, row in enumerate(trace.diagram().rows) if row.text.startswith("verify_request"))
    story = trace.story(trace.diagram().rows[number].event).as_json()
    with player(browser, trace, tmp_path) as watched:
        watched.page.locator(f".row[data-row='{number}']").click()
        panel = watched.page.get_by_role("region", name="Story")
        expect(panel.get_by_role("heading", level=2)).to_contain_text(story["title"])
        expect(panel).to_contain_text(story["purpose"])
        expect(panel.locator(".chip.runs")).to_have_text(re.compile("Choosy.*yours.*runs"))
        expect(panel.locator(".chip.shadowed s")).to_have_text("BaseServer")
        expect(panel.locator(".code-line.marked")).to_contain_text("if self.verify_request(request, client_address):")
        expect(panel.locator(".facts")).to_contain_text("runs in")
        expect(panel.locator(".verdict")).to_have_text(story["why"]["verdict"])
        assert watched.complaints == []


@in_browser
def test_a_search_finds_hooks_bytes_and_connections(browser: Browser, tmp_path: Path) -> None:
    """Hits are counted, marked in the drawing and on the scrubber, and walked through, round and round."""
    trace = sample("threads")
    rows = trace.diagram().rows
    with player(browser, trace, tmp_path) as watched:
        page = watched.page
        field = page.get_by_role("searchbox", name="Find rows")
        for words, hits in [
            ("verify_request", [n for n, row in enumerate(rows) if "verify_request" in row.text]),
            ("connection 2", [n for n, row in enumerate(rows) if row.connection == 2]),
            ("#1", [n for n, row in enumerate(rows) if row.connection == 1]),
            ("BOB", [n for n, row in enumerate(rows) if "bob" in f"{row.actor}{row.text}"]),
        ]:
            field.fill(words)
            expect(page.locator(".count")).to_have_text(re.compile(rf"^(\d+ of )?{len(hits)}$"))
            field.press("Enter")
            expect(page.locator(".row.current.hit")).to_have_count(1)
            assert page.locator(".ticks path").get_attribute("d")
        field.fill("verify_request")
        expect(page.locator(".row.hit")).to_have_count(2)
        numbers = [n for n, row in enumerate(rows, start=1) if "verify_request" in row.text]
        page.get_by_role("button", name="Show all rows").click()
        for key, number in [("Enter", 0), ("Enter", 1), ("Enter", 0), ("Shift+Enter", 1), ("Shift+Enter", 0)]:
            field.press(key)
            expect(page.locator(".count")).to_have_text(f"{number + 1} of 2")
            expect(current(page)).to_have_attribute("aria-posinset", str(numbers[number]))
        field.fill("nowhere to be found")
        expect(page.locator(".count")).to_have_text("none")
        expect(page.get_by_role("button", name="Next hit")).to_be_disabled()


@in_browser
def test_a_lane_is_hidden_and_folded(browser: Browser, tmp_path: Path) -> None:
    """What is hidden goes, what it exchanges ends at its name; of a folded lane only what it exchanges stays."""
    trace = sample("threads")
    with player(browser, trace, tmp_path) as watched:
        page = watched.page
        page.get_by_role("button", name="Lanes").click()
        page.get_by_role("checkbox", name="main", exact=True).uncheck()
        expect(page.locator(".row[aria-label*='server_bind']")).to_have_count(0)
        wait_for_painted(page, "main")
        hidden = page.locator(".row").count()
        width = page.locator(".heads svg").get_attribute("width")
        page.get_by_role("button", name="Fold server").click()
        expect(page.get_by_role("button", name="Fold server")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".row[aria-label*='verify_request']")).to_have_count(0)
        expect(page.locator(".row[aria-label*='connect']").first).to_be_attached()
        assert page.locator(".row").count() < hidden
        assert float(page.locator(".heads svg").get_attribute("width") or 0) < float(width or 0)
        page.get_by_label("Lanes").get_by_role("button", name="Show all").click()
        expect(page.locator(".row[aria-label*='server_bind']")).to_have_count(1)
        page.keyboard.press("Escape")
        expect(page.get_by_role("group", name="Lanes")).to_be_hidden()
        expect(page.get_by_role("button", name="Lanes")).to_be_focused()


@in_browser
def test_zooming_has_bounds_and_a_fit(browser: Browser, tmp_path: Path) -> None:
    """The drawing is zoomed from 30 to 200 per cent by buttons and by the wheel, and to its width on demand."""
    with player(browser, sample("threads"), tmp_path) as watched:
        page = watched.page
        zoom = page.locator("output.zoom")
        for name, key, bound in [("Larger", "+", "200 %"), ("Smaller", "-", "30 %")]:
            page.get_by_role("button", name=name).click()
            for _ in range(18):
                page.keyboard.press(key)
            expect(zoom).to_have_text(bound)
        page.get_by_role("button", name="Fit").click()
        widths = page.locator(".area").evaluate("area => [area.scrollWidth, area.clientWidth]")
        assert abs(widths[0] - widths[1]) <= 1 + 0.01 * widths[1]
        before = zoom.inner_text()
        page.locator(".area").hover()
        page.keyboard.down("Control")
        page.mouse.wheel(0, -100)
        page.keyboard.up("Control")
        expect(zoom).not_to_have_text(before)


NUMBERS_BESIDE_ROWS = """() => {
  const root = document.querySelector(".socketserver-trace-player-host").shadowRoot;
  const numbers = root.querySelector("canvas.marks").painted.filter(({ text }) => /^[0-9]+$/.test(text));
  return numbers.every(({ text, top }) => {
    const { top: from, bottom: to } = root.querySelector(`.row[data-row="${text - 1}"]`).getBoundingClientRect();
    return from < top && top < to;
  }) && numbers.length;
}"""


@in_browser
@pytest.mark.parametrize("density", [1, 2])
def test_what_is_painted_stands_where_its_row_is(browser: Browser, tmp_path: Path, density: int) -> None:
    """Wherever it is scrolled to, however it is zoomed, and on a screen of any density."""
    with player(browser, sample("threads"), tmp_path, device_scale_factor=density) as watched:
        page = watched.page
        for act in (lambda: None, lambda: page.keyboard.press("+"), lambda: page.keyboard.press("End")):
            page.locator(".row").first.focus()
            act()
            wait_for_painted(page, "verify_request()")
            assert page.evaluate(NUMBERS_BESIDE_ROWS) > 10


@in_browser
def test_real_time_spacing_follows_the_clock(browser: Browser, tmp_path: Path) -> None:
    """Gaps grow with the time between rows up to a limit, larger ones say how long, and no row stands above another."""
    with live(browser, tmp_path) as lab:
        message = whole(sample("threads"))
        message["rows"] = message["rows"][:6]
        message["bars"] = []
        for row, time in zip(message["rows"], [0, 100, 2_100, 1_000, 90_002_100, 90_003_100], strict=True):
            row[1], row[8] = time, []
        lab.tell(**message)
        lab.page.get_by_role("button", name="Rows", exact=True).click()
        lab.page.get_by_role("checkbox", name="Real-time spacing").check()
        wait_for_painted(lab.page, "2 ms", "90.0 s")
        tops = lab.page.locator(".row").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().top)")
        gaps = [after - before for before, after in itertools.pairwise(tops)]
        assert gaps[0] < gaps[1] < gaps[3]
        assert gaps[2] == pytest.approx(min(gaps), abs=1)
        assert gaps[3] == max(gaps) < 200


@in_browser
def test_a_box_whose_lanes_are_all_folded_names_them_once(browser: Browser, tmp_path: Path) -> None:
    """The first lane that was folded stands where it stood, and gives up its name when the last one is folded."""
    with player(browser, sample("threads"), tmp_path) as watched:
        page = watched.page
        page.get_by_role("button", name="Lanes").click()
        page.get_by_role("button", name="Fold alice").click()
        expect(page.locator(".heads text.sub.down")).to_have_text(["alice"])
        page.get_by_role("button", name="Fold bob").click()
        expect(page.locator(".heads text.group.down")).to_have_text(["clients"])
        expect(page.locator(".heads text.sub.down")).to_have_count(0)


@in_browser
def test_the_order_of_arrival_is_the_other_drawing(browser: Browser, tmp_path: Path) -> None:
    """The switch shows the rows as the clock saw them, with their stories, and back."""
    trace = sample("threads")
    with player(browser, trace, tmp_path, viewport={"width": 1600, "height": 2000}) as watched:
        page = watched.page
        page.get_by_role("button", name="Rows", exact=True).click()
        page.get_by_role("checkbox", name="Order of arrival").check()
        expect(page.locator(".about")).to_contain_text("in order of arrival")
        expected = [f"{n}. {row.actor}: {row.text}" for n, row in enumerate(trace.arrival().diagram().rows, start=1)]
        expect(page.locator(".row")).to_have_count(len(expected))
        assert page.locator(".row").evaluate_all("all => all.map(row => row.getAttribute('aria-label'))") == expected
        page.locator(".row").nth(3).click()
        expect(page.get_by_role("region", name="Story").locator(".purpose")).not_to_be_empty()
        page.get_by_role("button", name="Rows", exact=True).click()
        page.get_by_role("checkbox", name="Order of arrival").uncheck()
        expect(page.locator(".about")).to_contain_text("in causal order")


class Slurp(socketserver.BaseRequestHandler):
    """Sends the first bytes back, and reads until there are no more."""

    def handle(self) -> None:
        self.request.sendall(self.request.recv(1024))
        while self.request.recv(1 << 22):
            pass


def _hostile_trace() -> Trace:
    """A conversation in which everything that can be chosen from outside wants to be markup, or is huge."""
    handler = type(HOSTILE_NAME, (Slurp,), {})
    with serve(socketserver.TCPServer, handler, timeout=CALM) as served, served.client(HOSTILE_NAME) as client:
        client.send(HOSTILE)
        client.receive()
        client.send(HOSTILE * (8_000_000 // len(HOSTILE)))
        client.half_close()
        client.receive_all()
    return served.trace


@in_browser
def test_what_a_peer_sends_is_text_and_never_runs(browser: Browser, tmp_path: Path) -> None:
    """Markup, scripts, escapes, controls of direction and invalid UTF-8 are shown as escapes; nothing of it runs."""
    trace = _hostile_trace()
    with player(browser, trace, tmp_path) as watched:
        page = watched.page
        page.on("dialog", lambda dialog: watched.complaints.append(dialog.message))
        page.get_by_role("searchbox").fill("onerror=alert(1)")
        page.get_by_role("searchbox").press("Enter")
        expect(page.get_by_role("region", name="Story").locator(".dump")).to_contain_text("<img src=x")
        page.get_by_role("searchbox").fill("<script>alert")
        page.get_by_role("searchbox").press("Enter")
        shown = page.locator(".lab").inner_text()

        assert page.locator("img[src=x], .lab script").count() == 0
        assert not re.search("[\x00-\x08\x1b\u202e\ufffd]", shown)
        assert watched.complaints == []
        assert watched.requests == [(tmp_path / "trace.html").as_uri()]


REPEAT = """
([small, total]) => {
  const length = small.rows.length;
  const moved = (arrow, by) => [...arrow.slice(0, 6), arrow[6] + by, ...arrow.slice(7)];
  const rows = Array.from({ length: total }, (_, number) => {
    const row = small.rows[number % length];
    const arrows = row[8].map((arrow) => moved(arrow, number - (number % length)));
    return [number, number * 50, ...row.slice(2, 5), `${row[5]} no. ${number}`, row[6], row[7], arrows];
  });
  const bars = [[small.columns[0][0], 5, 0, -1, "server", 0]];
  for (let block = 0; block + length < total; block += length) {
    for (const [column, depth, first, last, ...rest] of small.bars) {
      bars.push([column, depth, first + block, last + block, ...rest]);
    }
  }
  window.tell({ ...small, rows, bars });
}
"""
"""Tells a page so many rows, made of a few again and again, with a call that lasts over all of them."""


def tell_many(lab: Live, rows: int) -> None:
    """Let the page of a lab know of so many rows."""
    small = whole(sample("threads"))
    small["bars"] = [bar for bar in small["bars"] if bar[3] != -1]
    lab.page.evaluate(REPEAT, [small, rows])


@in_browser
def test_a_hundred_thousand_rows_cost_the_page_what_is_in_view(browser: Browser, tmp_path: Path) -> None:
    """The page stays small wherever it is scrolled to, shows the right rows, and finds the one that is asked for."""
    total = 100_000
    with live(browser, tmp_path) as lab:
        page = lab.page
        tell_many(lab, total)
        count = "lab => lab.getRootNode().querySelectorAll('*').length"
        expect(page.locator(f".row[data-row='{total - 1}']")).to_be_in_viewport()
        area = page.locator(".area")
        for part in (0.5, 0.25, 1):
            area.evaluate("(area, part) => { area.scrollTop = part * (area.scrollHeight - area.clientHeight); }", part)
            place = area.evaluate("area => area.scrollTop / (area.scrollHeight - area.clientHeight)")
            middle = round(place * total)
            expect(page.locator(f".row[data-row='{min(middle, total - 1)}']")).to_be_attached()
            assert page.locator(".lab").evaluate(count) < 3_000
            numbers = sorted(int(text) for text in painted(page) if text.isdigit())
            assert numbers == list(range(numbers[0], numbers[-1] + 1))
        page.get_by_role("searchbox").fill("no. 77777")
        expect(page.locator(".count")).to_have_text("1")
        page.get_by_role("searchbox").press("Enter")
        expect(page.locator(".row[data-row='77777']")).to_be_in_viewport()
        expect(current(page)).to_have_attribute("aria-setsize", str(total))


@in_browser
def test_more_rows_than_a_browser_has_pixels_for_are_all_reached(browser: Browser, tmp_path: Path) -> None:
    """Where all rows together are higher than a browser can scroll, the first, a middle and the last row are shown."""
    total = 400_000
    with live(browser, tmp_path) as lab:
        tell_many(lab, total)
        for number in (0, total // 2, total - 1):
            lab.page.get_by_role("slider", name="Row").fill(str(number + 1))
            expect(lab.page.locator(f".row[data-row='{number}']")).to_be_in_viewport()


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_player(browser: Browser, tmp_path: Path, theme: str) -> None:
    """axe-core finds nothing in the player: as it opens, with a story and hits, with a menu, with the dialog."""
    with player(browser, sample("failures"), tmp_path, color_scheme=theme, bypass_csp=True) as watched:
        page = watched.page
        expect(page.locator(f".lab[data-theme='{theme}']")).to_be_attached()
        findings = axe_findings(page, "html")
        page.get_by_role("searchbox").fill("request")
        page.get_by_role("searchbox").press("Enter")
        expect(page.locator(".verdict")).to_be_visible()
        findings += axe_findings(page, "html")
        page.get_by_role("button", name="Lanes").click()
        findings += axe_findings(page, "html")
        page.get_by_role("button", name="Keys").click()
        findings += axe_findings(page, "html")

        assert findings == []


STATUS = {
    "type": "status",
    "state": "running",
    "server": "Choosy",
    "events": 9,
    "dropped": 0,
    "behind": 0,
    "waits": [{"text": "Thread 1 waits for bytes from alice.", "hopeless": True}],
    "kernel": ["1 connection waits in the accept queue."],
    "parked": [
        {
            "number": 3,
            "lane": "server",
            "hook": "verify_request",
            "phase": "enter",
            "connection": 2,
            "event": 0,
            "remaining": 41.5,
            "text": "server is paused before verify_request() of connection 2",
        }
    ],
    "breakpoints": [{"number": 7, "hook": "verify_request", "phase": "enter", "connection": 2}],
    "hooks": ["get_request", "verify_request"],
    "sentence": None,
}
ABLE = ["send", "receive", "receive_line", "half_close", "close", "reset", "remove"]
CLIENTS = {
    "type": "clients",
    "clients": [
        {"name": "alice", "state": "connected", "busy": "receiving", "kind": "stream", "can": ABLE, "said": 2},
        {"name": "<b>bob", "state": "new", "busy": "", "kind": "stream", "can": ["connect", "remove"], "said": 0},
    ],
    "news": {
        "alice": {
            "from": 0,
            "entries": [
                {"n": 0, "who": "alice", "text": "b'<i>hello'", "size": 8},
                {"n": 1, "who": "note", "text": "it waits", "size": 0},
            ],
        }
    },
}


@in_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_the_live_lab(browser: Browser, tmp_path: Path, theme: str) -> None:
    """axe-core finds nothing in the live lab while a lane is paused, whichever part of the panel is shown."""
    with live(browser, tmp_path, color_scheme=theme) as lab:
        lab.tell(**whole(sample("threads")))
        lab.tell(**{**STATUS, "sentence": "that cannot be paused"})
        lab.tell(**CLIENTS)
        findings = []
        for name in ("Clients", "Pauses", "Story"):
            lab.page.get_by_role("tab", name=name).click()
            expect(lab.page.get_by_role("tabpanel", name=name)).to_be_visible()
            findings += axe_findings(lab.page, "#host")

        assert findings == []


@in_browser
def test_a_page_that_is_dark_is_believed(browser: Browser, tmp_path: Path) -> None:
    """What JupyterLab says of its theme counts more than the system, also when it changes while the lab is shown."""
    with live(browser, tmp_path, color_scheme="light") as lab:
        for told, theme in [("false", "dark"), ("true", "light")]:
            lab.page.evaluate("told => { document.body.dataset.jpThemeLight = told; }", told)
            expect(lab.page.locator(".lab")).to_have_attribute("data-theme", theme)


@in_browser
@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_who_wants_no_motion(browser: Browser, tmp_path: Path, *, wish: str, moves: bool) -> None:
    """Transitions are there only for those who did not ask for reduced motion."""
    with live(browser, tmp_path, reduced_motion=wish) as lab:
        duration = lab.page.locator(".button").first.evaluate("one => getComputedStyle(one).transitionDuration")

        assert (duration != "0s") is moves


@in_browser
def test_a_growing_scene_is_drawn_row_by_row(browser: Browser, tmp_path: Path) -> None:
    """Rows are added, changed ones are drawn again, the tail is replaced, the newest is in view and told."""
    trace = sample("threads")
    told = scene(trace.diagram())
    with live(browser, tmp_path) as lab:
        page = lab.page
        assert {"ask": "ready"} in lab.asked()
        lab.tell(**whole(trace, rows=5))
        expect(page.locator(".row")).to_have_count(5)
        for number, row in enumerate(told["rows"][5:], start=5):
            lab.tell(type="scene", reset=False, order="causal", first=number, rows=[row], changed={}, bars=[])
        expect(page.locator(".row").last).to_have_attribute("aria-posinset", str(len(told["rows"])))
        expect(page.locator(".row").last).to_be_in_viewport()
        expect(page.get_by_role("status").last).not_to_be_empty()
        changed = [*told["rows"][4][:5], "something else", *told["rows"][4][6:]]
        waiting = [1, 0, None, "Thread 9", 0, "waits for a miracle", "", None, []]
        lab.tell(type="scene", reset=False, first=len(told["rows"]), rows=[], changed={"4": changed}, tail=[waiting])
        expect(page.locator(".row.tail")).to_have_attribute("aria-label", "now. Thread 9: waits for a miracle")
        lab.tell(type="scene", reset=False, first=len(told["rows"]), rows=[], changed={}, tail=[])
        expect(page.locator(".row.tail")).to_have_count(0)
        page.get_by_role("slider", name="Row").fill("5")
        expect(current(page)).to_have_attribute("aria-label", re.compile("something else$"))


@in_browser
def test_following_ends_when_somebody_scrolls_up_and_begins_on_demand(browser: Browser, tmp_path: Path) -> None:
    """The wheel upwards ends following, new rows then leave the view where it is, and the button begins it again."""
    with live(browser, tmp_path) as lab:
        page = lab.page
        tell_many(lab, 500)
        follow = page.get_by_role("button", name="Follow")
        expect(follow).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".row[data-row='499']")).to_be_in_viewport()
        area = page.locator(".area")
        top = area.evaluate("area => area.scrollTop") - 3000
        area.hover()
        page.mouse.wheel(0, -3000)
        expect(follow).to_have_attribute("aria-pressed", "false")
        page.wait_for_function("([area, top]) => area.scrollTop === top", arg=[area.element_handle(), top])
        more = [[*row[:8], []] for row in whole(sample("threads"))["rows"][:20]]
        lab.tell(type="scene", reset=False, first=500, rows=more, changed={}, bars=[])
        expect(page.locator(".about")).to_contain_text("520 rows")
        assert area.evaluate("area => area.scrollTop") == top
        follow.click()
        expect(page.locator(".row[data-row='519']")).to_be_in_viewport()


@in_browser
def test_a_paused_lane_is_told_and_stepped_by_buttons(browser: Browser, tmp_path: Path) -> None:
    """A pause is told at once and marked in the drawing; its buttons, and those of the panel, ask for what they say."""
    with live(browser, tmp_path) as lab:
        page = lab.page
        message = whole(sample("threads"))
        lab.tell(**message)
        lab.tell(**{**STATUS, "parked": [{**STATUS["parked"][0], "event": message["rows"][28][0]}]})  # type: ignore[index] # a list
        expect(page.get_by_role("status").filter(has_text="server is paused")).to_have_count(1)
        expect(page.locator(".row.parked")).to_have_attribute("data-row", "28")
        lab.asked()
        for name in ("Step", "Step over", "Continue", "Release all"):
            page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("tab", name="Pauses").click()
        page.get_by_label("Hook").select_option("verify_request")
        page.get_by_label("Before or after").select_option("return")
        page.get_by_label("Connection, or any").fill("4")
        page.get_by_role("button", name="Add a pause").click()
        page.get_by_role("button", name="Remove: before verify_request() of connection 2").click()
        assert lab.asked() == [
            {"ask": "step", "parked": 3},
            {"ask": "step_over", "parked": 3},
            {"ask": "resume", "parked": 3},
            {"ask": "release"},
            {"ask": "pause", "hook": "verify_request", "phase": "return", "connection": 4},
            {"ask": "unpause", "breakpoint": 7},
        ]
        expect(page.get_by_role("tabpanel", name="Pauses")).to_contain_text("For ever: Thread 1 waits")
        expect(page.get_by_role("tabpanel", name="Pauses")).to_contain_text("1 connection waits in the accept queue.")
        lab.tell(**{**STATUS, "parked": [], "breakpoints": [], "sentence": "there is no such hook"})
        expect(page.get_by_role("alert")).to_have_text("there is no such hook")
        expect(page.get_by_role("button", name="Step", exact=True)).to_have_count(0)


@in_browser
def test_clients_do_what_they_can(browser: Browser, tmp_path: Path) -> None:
    """Each client has its state, its buttons as far as it can, its transcript, and keeps what is being written."""
    with live(browser, tmp_path) as lab:
        page = lab.page
        lab.tell(**CLIENTS)
        alice = page.get_by_role("region", name="alice")
        bob = page.get_by_role("region", name="<b>bob")
        expect(alice.locator(".state")).to_have_text("connected · receiving")
        expect(alice.get_by_role("list", name="What alice")).to_contain_text("→ alice b'<i>hello' 8 B")
        expect(bob.get_by_role("button", name="Send")).to_be_disabled()
        expect(alice.get_by_role("button", name="Connect", exact=True)).to_have_count(0)
        lab.asked()
        page.get_by_role("button", name="+ client").click()
        page.get_by_role("button", name="Ten clients at once").click()
        bob.get_by_role("button", name="Connect", exact=True).click()
        field = alice.get_by_role("textbox")
        field.fill("he|llo")
        lab.tell(**{**CLIENTS, "news": {}})
        expect(field).to_have_value("he|llo")
        expect(field).to_be_focused()
        field.press("Enter")
        alice.get_by_role("checkbox", name="in pieces").check()
        alice.get_by_role("combobox").select_option("hex")
        alice.get_by_role("button", name="Send").click()
        for name in ("Receive", "Receive line", "Half-close", "Close", "Reset", "Remove"):
            alice.get_by_role("button", name=name, exact=True).click()
        wishes = [wish["command"] for wish in lab.asked() if wish["ask"] == "client"]
        assert wishes == [
            {"do": "add"},
            {"do": "add", "count": 10},
            {"do": "connect", "client": "<b>bob"},
            {"do": "send", "client": "alice", "text": "he|llo", "as": "text"},
            {"do": "send", "client": "alice", "pieces": ["he", "llo"], "pause": 0.2, "as": "hex"},
            *({"do": do, "client": "alice"} for do in ABLE[1:]),
        ]


@in_browser
def test_a_story_is_asked_for_once_and_again_when_its_row_changes(browser: Browser, tmp_path: Path) -> None:
    """A row that is looked at asks for its story; looked at again it is known; after a change it is asked for anew."""
    with live(browser, tmp_path) as lab:
        page = lab.page
        message = whole(sample("threads"))
        lab.tell(**message)
        slider = page.get_by_role("slider", name="Row")
        page.get_by_role("tab", name="Story").click()
        event = message["rows"][6][0]
        wish = {"ask": "story", "event": event, "row": 6, "order": "causal"}

        lab.asked()
        slider.fill("7")
        page.wait_for_function("() => window.sent.length > 0")
        assert lab.asked() == [wish]
        lab.tell(type="story", row=6, event=event, story={"title": "a <b>title</b>", "purpose": "why not"})
        expect(page.locator(".story").get_by_role("heading", level=2)).to_have_text("a <b>title</b>")
        slider.fill("3")
        page.wait_for_function("() => window.sent.length > 0")
        lab.tell(type="story", row=2, event=message["rows"][2][0], story={"title": "another"})
        expect(page.locator(".story").get_by_role("heading", level=2)).to_have_text("another")
        lab.asked()
        slider.fill("7")
        expect(page.locator(".story").get_by_role("heading", level=2)).to_have_text("a <b>title</b>")
        assert lab.asked() == []
        lab.tell(type="scene", reset=False, first=99, rows=[], changed={"6": message["rows"][6]})
        page.wait_for_function("() => window.sent.length > 0")
        assert lab.asked() == [wish]


@in_browser
def test_a_lab_without_a_kernel_says_so(browser: Browser, tmp_path: Path) -> None:
    """When a wish cannot be sent, or Python says that it goes, a sentence tells what to do."""
    for tell in ("() => { window.dead = true; }", "() => { window.tell({type: 'gone'}); }"):
        with live(browser, tmp_path) as lab:
            lab.page.evaluate(tell)
            lab.page.get_by_role("button", name="+ client").click()
            expect(lab.page.get_by_role("alert")).to_have_text("No kernel: run the cell again.")


@in_browser
def test_a_lab_that_ends_leaves_nothing(browser: Browser, tmp_path: Path) -> None:
    """Its end empties the host and listens no more."""
    with live(browser, tmp_path) as lab:
        lab.tell(**whole(sample("threads")))
        lab.page.evaluate("() => window.end()")

        assert lab.page.evaluate(
            "() => [window.ended, document.querySelector('#host').shadowRoot.childElementCount]"
        ) == [
            True,
            0,
        ]


@in_browser
def test_a_narrow_place_has_the_panel_below(browser: Browser, tmp_path: Path) -> None:
    """In a narrow place the panel stands below the drawing, in a wide one beside it, and it can be put away."""
    for width, below in [(700, True), (1200, False)]:
        with player(browser, sample("threads"), tmp_path, viewport={"width": width, "height": 800}) as watched:
            panel, stage = (watched.page.locator(name).bounding_box() for name in (".panel", ".stage"))
            assert panel is not None
            assert stage is not None
            assert (panel["y"] >= stage["y"] + stage["height"]) is below
            watched.page.get_by_role("button", name="Panel").click()
            expect(watched.page.locator(".panel")).to_be_hidden()


@in_browser
def test_several_players_stand_on_one_page(browser: Browser, tmp_path: Path) -> None:
    """What a notebook shows puts each player in the place of its own figure, large data compressed."""
    shown = [sample(name).player()._repr_mimebundle_() for name in ("one_request", "failures")]
    path = tmp_path / "page.html"
    path.write_text("<!DOCTYPE html>" + "".join(bundle["text/html"] for bundle in shown), encoding="utf-8")
    with watched_page(browser) as watched:
        watched.page.goto(path.as_uri())
        expect(watched.page.locator(".name")).to_have_text(
            [sample(n).diagram().title for n in ("one_request", "failures")]
        )
        expect(watched.page.locator(".static").first).to_be_hidden()
        assert shown[0]["text/plain"] == sample("one_request").text()
        assert watched.complaints == []


@in_browser
def test_large_data_is_compressed(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data beyond a limit stands in the file compressed, and the player reads it."""
    monkeypatch.setattr("socketserver_trace.player.PACKED", 1_000)
    with player(browser, sample("threads"), tmp_path) as watched:
        assert watched.page.locator("script[data-packed]").count() == 1
        expect(watched.page.locator(".row").first).to_have_attribute("aria-label", re.compile(r"__init__"))
        assert watched.complaints == []


@in_browser
def test_a_file_says_when_it_has_not_all_stories(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the stories would be too large, the panel says how many there are, and a row without one says so."""
    monkeypatch.setattr("socketserver_trace.player.STORIES", 3)
    monkeypatch.setattr("socketserver_trace.player.STORIES_SIZE", 0)
    with player(browser, sample("threads"), tmp_path) as watched:
        panel = watched.page.get_by_role("region", name="Story")
        expect(panel).to_contain_text("This file holds the stories of 3 of")
        watched.page.keyboard.press("End")
        expect(panel).to_contain_text("This file holds no story of this row.")
