"""Chromium for tests: one for a module, with a page that remembers what it asked for and what it complained about.

Nothing is downloaded: it is the Chromium of the system. Where there is none, a test that needs one is skipped, except
in CI, where it fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [  # it is one program among others here: it looks for nothing outside and needs no screen
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")


def chromium() -> str:
    """The path of Chromium. Without one the test is skipped, and fails in CI."""
    for name in NAMES:
        if (path := shutil.which(name)) is not None:
            return path
    if os.environ.get("CI"):
        pytest.fail("there is no Chromium, which CI must have")
    pytest.skip("there is no Chromium on this machine")


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A Chromium that is closed in the end."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            yield browser
        finally:
            browser.close()


NOTE_WHAT_IS_PAINTED = """(() => {
  const { clearRect, fillText } = CanvasRenderingContext2D.prototype;
  Object.assign(CanvasRenderingContext2D.prototype, {
    clearRect(...area) {
      this.canvas.painted = [];
      clearRect.apply(this, area);
    },
    fillText(text, x, y) {
      const [canvas, place] = [this.canvas, this.getTransform().transformPoint({ x, y })];
      const seen = () => canvas.getBoundingClientRect();
      canvas.painted.push({
        text,
        get left() {
          return seen().left + (place.x * seen().width) / canvas.width;
        },
        get top() {
          return seen().top + (place.y * seen().width) / canvas.width;
        },
      });
      fillText.call(this, text, x, y);
    },
  });
})()"""
"""For a page, before the lab is in it: each canvas knows which texts it shows, and where in the window they begin."""


def painted(page: Page) -> list[str]:
    """The texts that the first lab of a page shows in its rows."""
    texts: list[str] = page.locator("canvas.marks").first.evaluate("canvas => canvas.painted.map(({ text }) => text)")
    return texts


def wait_for_painted(page: Page, *texts: str) -> None:
    """Wait until the first lab of a page shows these texts in its rows."""
    shown = "([canvas, texts]) => texts.every(text => canvas.painted?.some(one => one.text === text))"
    canvas = page.locator("canvas.marks").first.element_handle()
    page.wait_for_function(shown, arg=[canvas, list(texts)])


@dataclass
class Watched:
    """A page, with every address that it asked for and everything that it complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def watched_page(browser: Browser, **options: Any) -> Iterator[Watched]:
    """A page in a context of its own; `options` are those of the context, such as `color_scheme`."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 760}, **options})
    watched = Watched(context.new_page())
    watched.page.add_init_script(NOTE_WHAT_IS_PAINTED)
    watched.page.on("request", lambda request: watched.requests.append(request.url))
    watched.page.on("console", lambda message: watched.complaints.append(message.text))
    watched.page.on("pageerror", lambda error: watched.complaints.append(str(error)))
    try:
        yield watched
    finally:
        context.close()


def axe_findings(page: Page, scope: str) -> list[str]:
    """What axe-core finds in the elements of a selector, shadow roots included: a sentence for each finding."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("scope => axe.run(scope, {resultTypes: ['violations'], preload: false})", scope)
    return [
        f"{rule['impact']}: {rule['id']}: {rule['help']}: {node['target']} {node['html'][:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
