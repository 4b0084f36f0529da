"""The live lab as an object: what it shows where there is no page, and what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

import pytest
from nbconvert import HTMLExporter
from nbformat import v4

from socketserver_trace import serve
from socketserver_trace.notebook.lab import Lab
from tests.browser import started_browser, watched_page
from tests.pages import Page
from tests.samples import Echo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VIEW = "application/vnd.jupyter.widget-view+json"


def bundle_of(shown: Any) -> dict[str, Any]:
    """What a notebook is given to show."""
    bundle = shown._repr_mimebundle_()
    return dict(bundle[0] if isinstance(bundle, tuple) else bundle)


def notebook_of(*bundles: Mapping[str, Any]) -> Any:
    """A notebook whose cells show these."""
    cells = [v4.new_code_cell("lab", outputs=[v4.new_output("execute_result", dict(one))]) for one in bundles]
    return v4.new_notebook(cells=cells)


def test_a_lab_shows_the_drawing_and_its_text_where_there_is_no_page() -> None:
    """Beside its view it carries the same two forms that a trace does, as of the moment when it is shown."""
    with serve(ThreadingTCPServer, Echo) as served:
        lab = served.lab()
        bundle = bundle_of(lab)
        shown = served.trace._repr_mimebundle_()

    assert set(bundle) == {VIEW, "text/plain", "text/html"}
    assert {key: bundle[key] for key in shown} == shown


def test_a_server_has_one_lab() -> None:
    """Asked again, it is the same, so that two cells show the same view of the same clients."""
    with serve(ThreadingTCPServer, Echo) as served:
        assert served.lab() is served.lab()
        assert repr(served.lab()) == "<the live lab of <ThreadingTCPServer, running>>"


def test_a_lab_may_be_closed_before_its_server() -> None:
    """Its thread ends, its clients are closed, the server goes on, and another lab can be opened."""
    with serve(ThreadingTCPServer, Echo) as served:
        first = served.lab()
        first.close()
        with served.client("alice") as alice:
            alice.send(b"hi")

            assert alice.receive() == b"hi"
        assert served.lab() is not first


def test_a_lab_of_a_stopped_server_opens() -> None:
    """A page that is opened on it is told everything, without a thread of its own."""
    with serve(ThreadingTCPServer, Echo) as served, served.client("alice") as alice:
        alice.send(b"hi")
        alice.receive()
    page = Page()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lab, "send", lambda _lab, message: page.hear(message))
        served.lab().session.ask({"ask": "ready"})

    assert page.status["state"] == "stopped"
    assert any("handle()" in words for words in page.words())
    assert any("server_close()" in words for words in page.words())


def test_without_its_packages_a_sentence_says_what_to_install() -> None:
    """The core needs nothing else, so what is missing is said when the lab is asked for."""
    program = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from socketserver import TCPServer, BaseRequestHandler\n"
        "from socketserver_trace import serve\n"
        "with serve(TCPServer, BaseRequestHandler) as served:\n"
        "    try:\n"
        "        served.lab()\n"
        "    except ModuleNotFoundError as error:\n"
        "        print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert told == "the live lab needs the package anywidget: pip install 'socketserver_trace[lab]'.\n"


@pytest.mark.browser
def test_a_page_made_by_nbconvert_shows_the_drawing_and_plays_the_trace(tmp_path: Path) -> None:
    """A lab is the static figure there, because there is no kernel; a player plays."""
    with serve(ThreadingTCPServer, Echo) as served, served.client("alice") as alice:
        lab = bundle_of(served.lab())
        alice.send(b"hi")
        alice.receive()
    player = bundle_of(served.trace.player())
    page = tmp_path / "notebook.html"
    html, _resources = HTMLExporter(embed_images=True).from_notebook_node(notebook_of(lab, player))
    page.write_text(html, encoding="utf-8")
    with started_browser() as browser, watched_page(browser, offline=True) as watched:
        watched.page.goto(page.as_uri(), wait_until="domcontentloaded")
        watched.page.locator("[role=listitem]").first.wait_for()
        figures = watched.page.locator("figure img").evaluate_all(
            "all => all.filter(one => one.checkVisibility()).length"
        )
        rows = watched.page.locator("[role=listitem]").count()

    assert figures == 1
    assert rows >= 10
