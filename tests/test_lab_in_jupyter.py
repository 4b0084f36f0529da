"""The live lab in JupyterLab and in Notebook 7, in a real browser, with real kernels."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser import NOTE_WHAT_IS_PAINTED, axe_findings, started_browser
from tests.jupyter import FRONT_ENDS, LAB, Jupyter, Notebook, jupyter

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("jupyter")]

expect.set_options(timeout=20_000)

SERVE = """
from socketserver import StreamRequestHandler, ThreadingTCPServer
from socketserver_trace import serve

class Echo(StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)

served = serve(ThreadingTCPServer, Echo).start()
served.lab()
"""
STOP = """
import threading
served.stop()
left = [thread.name for thread in threading.enumerate() if "socketserver" in thread.name or "alice" in thread.name]
print("left behind:", left, served.errors)
"""
TALK = """
for number in range(20):
    with served.client(f"client {number}") as client:
        client.send(b"hello\\n")
        client.receive()
served.settle()
"""
NEWEST_IS_IN_VIEW = """() => {
  const root = document.querySelector(".socketserver-trace-lab").shadowRoot;
  const [area, canvas] = [root.querySelector(".area"), root.querySelector("canvas.marks")];
  const newest = canvas.painted.filter(({ text }) => /^[0-9]+$/.test(text)).sort((a, b) => a.text - b.text).at(-1);
  const label = canvas.painted.find((one) => one !== newest && Math.abs(one.top - newest.top) < 10);
  const seen = area.getBoundingClientRect();
  const isBeside = seen.left <= label.left && label.left + 60 <= seen.right;
  return area.scrollLeft > 0 && isBeside && label.top <= seen.bottom;
}"""
SUBSHELL_COMES_AND_GOES = """async () => {
  const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
  const { content } = await kernel.requestCreateSubshell({}).done;
  kernel.subshellId = content.subshell_id;
  const asked = kernel.requestExecute({ code: "pass" });
  kernel.subshellId = null;
  await asked.done;
  await kernel.requestDeleteSubshell({ subshell_id: content.subshell_id }).done;
}"""
"""What loading a page anew does: whatever the kernel was asked last came by a subshell that is no more."""
KERNELS = Path(sys.prefix) / "kernels"
"""Other versions of ipykernel, each in a folder of its own; the Makefile puts them there."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests of this module."""
    with started_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Jupyter]:
    """A server of notebooks for all tests of this module, which offers every ipykernel that is there."""
    folder = tmp_path_factory.mktemp("jupyter")
    kernels = folder / "offered"
    for version in VERSIONS:
        spec = kernels / "kernels" / version
        spec.mkdir(parents=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        told = {
            "argv": argv,
            "display_name": version,
            "language": "python",
            "env": {"PYTHONPATH": str(KERNELS / version)},
        }
        (spec / "kernel.json").write_text(json.dumps(told))
    with jupyter(folder, kernels) as server:
        yield server


VERSIONS = sorted(path.name for path in KERNELS.glob("*")) if KERNELS.is_dir() else []


def lab_of(notebook: Notebook) -> Locator:
    """The lab in the page."""
    return notebook.page.locator(".socketserver-trace-lab").first


def add_client(lab: Locator, name: str) -> Locator:
    """Add a client, and return its card."""
    lab.get_by_role("tab", name="Clients").click()
    lab.get_by_role("button", name="+ client").click()
    card = lab.get_by_role("region", name=name, exact=True)
    card.wait_for()
    return card


def add_pause(lab: Locator, hook: str) -> None:
    """Pause before a hook."""
    lab.get_by_role("tab", name="Pauses").click()
    lab.get_by_label("Hook", exact=True).select_option(hook)
    lab.get_by_role("button", name="Add a pause").click()
    expect(lab.get_by_text(f"before {hook}() of every connection")).to_be_visible()


def rows_of(lab: Locator) -> list[str]:
    """What the rows in the page say."""
    return lab.locator("[role=listitem]").evaluate_all("rows => rows.map(row => row.getAttribute('aria-label'))")


@pytest.mark.parametrize("front_end", FRONT_ENDS, ids=["JupyterLab", "Notebook 7"])
def test_a_walk_with_two_clients(server: Jupyter, browser: Browser, front_end: str) -> None:
    """Pause, connect twice, load the page anew, step, go on, see the reply, close; nothing is left or complains."""
    with server.notebook(browser, front_end, [SERVE, STOP]) as notebook:
        notebook.run(0)
        lab = lab_of(notebook)
        add_pause(lab, "verify_request")
        alice, bob = add_client(lab, "alice"), add_client(lab, "bob")
        alice.get_by_role("button", name="Connect").click()
        paused = lab.get_by_role("group", name="server is paused before verify_request() of connection 1")
        expect(paused).to_be_visible()
        bob.get_by_role("button", name="Connect").click()
        expect(bob.get_by_text("connected", exact=True)).to_be_visible()
        lab.get_by_role("tab", name="Pauses").click()
        expect(lab.get_by_text("waits in the accept queue")).to_be_visible()
        before = rows_of(lab)

        notebook.reload()
        lab = lab_of(notebook)
        expect(paused_in(lab)).to_be_visible()
        expect(lab.get_by_role("listitem").first).to_be_visible()
        assert rows_of(lab)[: len(before)] == before

        paused_in(lab).get_by_role("button", name="Step", exact=True).click()
        expect(lab.get_by_role("group", name="server is paused after verify_request() of connection 1")).to_be_visible()
        lab.get_by_role("tab", name="Pauses").click()
        lab.get_by_role("button", name="Remove: before verify_request() of every connection").click()
        lab.get_by_role("button", name="Continue").click()
        lab.get_by_role("tab", name="Clients").click()
        for name in ("alice", "bob"):
            card = lab.get_by_role("region", name=name, exact=True)
            card.get_by_label(f"What {name} sends").fill(f"I am {name}\\n")
            card.get_by_role("button", name="Send").click()
            card.get_by_role("button", name="Receive", exact=True).click()
            expect(card.get_by_text("← server")).to_be_visible()
            expect(card.get_by_role("list").get_by_text(f"I am {name}").last).to_be_visible()
            card.get_by_role("button", name="Close", exact=True).click()
        notebook.run(1)

        assert notebook.shown(1) == "left behind: [] []\n"
        assert notebook.own_errors == []
        assert [url for url in notebook.requests if not url.startswith((server.url, "data:", "blob:", "ws:"))] == []


def test_who_follows_sees_the_newest_row_wherever_it_is(server: Jupyter, browser: Browser) -> None:
    """When rows have ceased to come, the drawing shows the end of them, and the column in which it happened."""
    with server.notebook(browser, LAB, [SERVE, TALK, STOP]) as notebook:
        notebook.page.evaluate(NOTE_WHAT_IS_PAINTED)
        notebook.run(0)
        lab_of(notebook)
        notebook.run(1)
        notebook.page.wait_for_function(NEWEST_IS_IN_VIEW, timeout=20_000)
        notebook.run(2)


def paused_in(lab: Locator) -> Locator:
    """The line of a paused lane."""
    return lab.get_by_role("group", name="is paused").first


@pytest.mark.parametrize("version", ["", *VERSIONS])
def test_a_button_steps_whatever_the_kernel(server: Jupyter, browser: Browser, version: str) -> None:
    """While a client waits in a cell's thread, the cell has returned, and a button steps the paused server."""
    cells = [SERVE, "%load_ext socketserver_trace\nserved.breakpoints.add('verify_request')",
             "%%client alice\nclient.send(b'hello\\n')\nprint('alice received', client.receive())",
             "import ipykernel; print(ipykernel.__version__)", STOP]  # fmt: skip
    with server.notebook(browser, LAB, cells, kernel=version or "python3") as notebook:
        for number in range(4):
            notebook.run(number)
        lab = lab_of(notebook)
        lab.get_by_role("button", name="Step", exact=True).click()
        expect(lab.get_by_role("group", name="server is paused after verify_request()")).to_be_visible()
        lab.get_by_role("button", name="Release all").click()
        expect(notebook.page.get_by_text("alice received b'hello\\n'")).to_be_visible()
        notebook.run(4)

        assert "alice received b'hello\\n'" in notebook.shown(2)
        assert notebook.shown(3).strip() == version or not version
        assert notebook.shown(4) == "left behind: [] []\n"
        assert notebook.own_errors == []


def test_a_button_is_heard_after_the_subshell_that_spoke_last_has_gone(server: Jupyter, browser: Browser) -> None:
    """The lab speaks on meanwhile, and what its page says is not sent to where nobody is."""
    with server.notebook(browser, LAB, [SERVE, STOP]) as notebook:
        notebook.run(0)
        lab = lab_of(notebook)
        add_pause(lab, "verify_request")
        add_client(lab, "alice").get_by_role("button", name="Connect").click()
        expect(paused_in(lab)).to_be_visible()
        notebook.page.evaluate(SUBSHELL_COMES_AND_GOES)
        remaining = lab.get_by_text("goes on in").inner_text()
        expect(lab.get_by_text("goes on in")).not_to_have_text(remaining)  # it has spoken since
        lab.get_by_role("button", name="Step", exact=True).click()
        expect(lab.get_by_role("group", name="server is paused after verify_request() of connection 1")).to_be_visible()
        notebook.run(1)

        assert notebook.own_errors == []


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI must have all the kernels")
def test_three_kernels_are_tested_in_ci() -> None:
    """What people have installed: an old ipykernel, the one before the newest, and the newest."""
    assert len(VERSIONS) == 2


@pytest.mark.parametrize("dark", [False, True])
def test_the_lab_in_a_notebook_is_accessible(server: Jupyter, browser: Browser, dark: bool) -> None:
    """axe-core finds nothing in the lab, in a light and in a dark notebook, with every part of its panel open."""
    with server.notebook(browser, LAB, [SERVE, STOP], dark=dark) as notebook:
        if dark:
            notebook.page.evaluate("jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
            expect(notebook.page.locator("body[data-jp-theme-light=false]")).to_be_attached()
        notebook.run(0)
        lab = lab_of(notebook)
        add_pause(lab, "handle")
        add_client(lab, "alice").get_by_role("button", name="Connect").click()
        expect(paused_in(lab)).to_be_visible()
        for tab in ("Clients", "Pauses", "Story"):
            lab.get_by_role("tab", name=tab).click()

            assert axe_findings(notebook.page, ".socketserver-trace-lab") == []
        notebook.run(1)


def test_keys_for_the_lab_do_not_reach_the_notebook(server: Jupyter, browser: Browser) -> None:
    """Arrows and letters move in the drawing, and the notebook neither moves nor makes a cell."""
    with server.notebook(browser, LAB, [SERVE, STOP]) as notebook:
        notebook.run(0)
        lab = lab_of(notebook)
        lab.locator("[role=listitem]").first.click()
        for key in ("ArrowDown", "j", "b", "x", "a"):
            notebook.page.keyboard.press(key)
        expect(lab.locator("[role=listitem][aria-posinset='3']")).to_be_focused()
        number = notebook.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length")
        notebook.run(1)

        assert number == 2
