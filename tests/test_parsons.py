"""Names put in order in a real browser, with the pointer and with keys alone."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("anywidget", reason="predictions are widgets in notebooks")
pytest.importorskip("playwright", reason="a browser is driven by it")

from playwright.sync_api import Browser, Page, expect

from socketserver_trace import predict
from socketserver_trace.notebook.parsons import Parsons
from tests.browser import axe_findings, started_browser

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHOICES = ["setup", "finish", "handle", "close_request"]

PAGE = """<!DOCTYPE html><html lang="en"><title>Parsons</title><style>%s</style><main><div id="host"></div></main>
<script type="module">%s
const listeners = [];
const values = { title: "What comes next?", choices: %s, answer: [] };
window.model = {
  saved: [],
  get: (name) => values[name],
  set: (name, value) => { values[name] = value; },
  save_changes() { this.saved.push([...values.answer]); listeners.forEach((heard) => heard()); },
  on: (_name, heard) => listeners.push(heard),
  off: () => {},
};
widget.render({ model: window.model, el: document.querySelector("#host") });
</script></html>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests of this module."""
    with started_browser() as browser:
        yield browser


@contextmanager
def problem(browser: Browser) -> Iterator[Page]:
    """A page with the problem and a model that only remembers."""
    script = str(Parsons._esm).replace("export default", "const widget =")
    context = browser.new_context()
    page = context.new_page()
    page.set_content(PAGE % (Parsons._css, script, json.dumps(CHOICES)))
    try:
        yield page
    finally:
        context.close()


def order(page: Page) -> list[str]:
    """The order so far, as the page shows it."""
    shown: list[str] = page.locator("ol.order .hook").all_inner_texts()
    return shown


def told(page: Page) -> Any:
    """The order so far, as the model was told."""
    return page.evaluate("window.model.saved.at(-1)")


def test_names_are_put_in_order_with_keys_alone(browser: Browser) -> None:
    """Tab and Enter are enough; the focus stays with the name that was moved, and what was done is said."""
    with problem(browser) as page:
        page.get_by_role("button", name="Add setup to your order").focus()
        for _ in range(3):
            page.keyboard.press("Enter")
            page.locator("ol.choices button").first.focus()
        page.get_by_role("button", name="Move handle up").focus()
        page.keyboard.press("Enter")
        moved = order(page)
        expect(page.get_by_role("status")).to_have_text("handle is number 2 of 3.")
        expect(page.get_by_role("button", name="Move handle up")).to_be_focused()
        page.get_by_role("button", name="Remove finish from your order").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Add finish to your order")).to_be_focused()
        left = order(page)
        heard = told(page)

    assert moved == ["setup", "handle", "finish"]
    assert left == heard == ["setup", "handle"]


def test_names_are_dragged_to_their_place_and_back(browser: Browser) -> None:
    """From one list to the other, between two names, and away again."""
    with problem(browser) as page:
        choices, chosen = page.locator("ol.choices"), page.locator("ol.order")
        for name in ("setup", "finish"):
            choices.locator("li", has_text=name).drag_to(chosen, target_position={"x": 40, "y": 150})
        first = order(page)
        above = chosen.locator("li", has_text="finish")
        choices.locator("li", has_text="handle").drag_to(above, target_position={"x": 40, "y": 2})
        between = order(page)
        chosen.locator("li", has_text="setup").drag_to(choices)
        last = order(page)
        heard = told(page)

    assert first == ["setup", "finish"]
    assert between == ["setup", "handle", "finish"]
    assert last == heard == ["handle", "finish"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_problem_is_accessible(browser: Browser, scheme: Any) -> None:
    """axe-core finds nothing serious, in light and in dark."""
    with problem(browser) as page:
        page.emulate_media(color_scheme=scheme)
        page.get_by_role("button", name="Add setup to your order").click()

        assert axe_findings(page, "main") == []


def test_what_a_page_tells_is_data() -> None:
    """Only what there is to choose from is taken, and each once."""
    widget = Parsons(title="?", choices=CHOICES)
    widget.answer = ["handle", "<script>", "handle", "setup"]
    taken = list(widget.answer)
    widget.close()

    assert taken == ["handle", "setup"]


def test_a_prediction_without_an_answer_shows_the_problem_and_takes_its_order() -> None:
    """The widget's order is the prediction; where there is no widget, the words stand there."""
    prediction = predict("01-before-the-answer")
    bundle = prediction._repr_mimebundle_()
    prediction._widget.answer = ["get_request", "handle"]
    answer = prediction.answer
    prediction._widget.close()

    assert "application/vnd.jupyter.widget-view+json" in bundle[0]
    assert bundle[0]["text/plain"].endswith("no prediction yet")
    assert answer == ("get_request", "handle")
