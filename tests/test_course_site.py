"""The course as a site, opened from a disk in a browser: its drawings play, its search finds, nothing is fetched."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("myst_nb", reason="the site is made by Sphinx")
pytest.importorskip("playwright", reason="a browser is driven by it")

from playwright.sync_api import Browser, Page, expect

from tests.browser import axe_findings, started_browser
from tools import course_site, lesson_slides
from tools.lessons import lessons, load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.kernel, pytest.mark.xdist_group("site")]

LESSON = "01_one_request"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests of this module."""
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with all lessons, of which one was run for its players."""
    folder = tmp_path_factory.mktemp("site") / "html"
    course_site.build(folder, [path for path in lessons() if path.stem == LESSON])
    return folder


@contextmanager
def opened(browser: Browser, path: Path, **options: object) -> Iterator[Page]:
    """A page that is opened from the disk, complains about nothing, and asks for nothing that is not beside it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)  # type: ignore[arg-type] # of Chromium
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith(("http", "ws")) else None)
    page.goto(path.as_uri())
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


def test_the_landing_page_plays_a_request_at_once(browser: Browser, site: Path) -> None:
    """And lists every lesson, in order."""
    with opened(browser, site / "index.html") as page:
        expect(page.locator(".socketserver-trace-player-host")).to_be_visible()
        expect(page.get_by_text("21 rows", exact=True)).to_be_visible()
        contents = page.locator(".sidebar-tree a").all_inner_texts()

    assert [text[:2] for text in contents if text[:2].isdigit()] == [
        path.stem[:2] for path in lessons() if path.stem[0].isdigit()
    ]


def test_a_drawing_of_a_lesson_is_walked_along_when_its_button_is_pressed(browser: Browser, site: Path) -> None:
    """Until then it is the figure; with keys alone, too."""
    with opened(browser, site / f"{LESSON}.html") as page:
        place = page.locator(".socketserver-trace-player").first
        expect(place.locator("figure img")).to_be_visible()
        place.get_by_role("button", name="Walk along").press("Enter")
        expect(place.locator(".socketserver-trace-player-host")).to_be_visible()
        expect(place.locator("figure")).to_be_hidden()
        expect(page.locator(".socketserver-trace-player:not([data-played])").first).to_be_attached()


def test_a_solution_is_folded(browser: Browser, site: Path) -> None:
    """Who reads decides when to see it."""
    with opened(browser, site / f"{LESSON}.html") as page:
        solution = page.get_by_text("return self.guests <= 2")
        expect(solution).to_be_hidden()
        page.locator("details", has=solution).locator("summary").click()
        expect(solution).to_be_visible()


def test_the_search_finds_a_word_from_a_disk(browser: Browser, site: Path) -> None:
    """Without a server: the index is a script."""
    with opened(browser, site / "index.html") as page:
        page.get_by_role("textbox", name="Search").fill("doorkeeper")
        page.keyboard.press("Enter")
        expect(page.locator("#search-results a").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_read_a_lesson(browser: Browser, site: Path, scheme: str) -> None:
    """Axe finds nothing serious in what we have added to the theme's own page, light or dark."""
    with opened(browser, site / f"{LESSON}.html", color_scheme=scheme) as page:
        page.get_by_role("button", name="Walk along").first.click()
        findings = axe_findings(page, ".socketserver-trace-player")

    assert findings == []


# --- Slides -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A slide show of every lesson."""
    return lesson_slides.build(lessons(), tmp_path_factory.mktemp("slides"))


def test_every_lesson_is_a_slide_show(slides: list[Path]) -> None:
    """It has a page with a section for each heading at least, which asks for nothing from outside."""
    assert [page.name for page in slides] == [f"{path.stem}.slides.html" for path in lessons()]
    for page, path in zip(slides, lessons(), strict=True):
        text = page.read_text(encoding="utf-8")
        headings = sum(cell.source.startswith("#") for cell in load(path).cells if cell.cell_type == "markdown")
        assert text.count("<section") >= headings, page.name
        assert 'src="http' not in text


@pytest.mark.parametrize("name", ["01_one_request", "12_choosing", "map"])
def test_a_slide_show_starts_and_is_walked_through_with_a_key(browser: Browser, slides: list[Path], name: str) -> None:
    """From a disk, with the slides that its metadata says."""
    with opened(browser, next(page for page in slides if page.name.startswith(name))) as page:
        page.wait_for_function("window.Reveal && Reveal.isReady()")
        assert page.evaluate("Reveal.getTotalSlides()") >= 4
        page.keyboard.press("Space")
        page.wait_for_function("Reveal.getSlidePastCount() === 1")
