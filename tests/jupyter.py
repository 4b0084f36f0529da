"""A real JupyterLab, or Notebook 7, in a real browser.

A front end is driven by its own commands, not by keys, and its outputs are read from its own model of the notebook, so
a test waits for what is so and never for a time.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat import v4

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser, Page

START = 60.0
"""How many seconds a front end may take to start, on a busy machine."""

END = 20.0
"""How many seconds it has to end."""

LAB = "lab/workspaces/{name}/tree/{name}.ipynb"  # a workspace of its own: another one would open its notebooks, too
NOTEBOOK = "notebooks/{name}.ipynb"
FRONT_ENDS = (LAB, NOTEBOOK)

OWN_ERRORS = ("reading 'schema'", "'filebrowser:open-path' not registered")
"""What Notebook 7 says of itself whatever is opened."""

SETTINGS = {"fetchNews": "false", "checkForUpdates": False}
"""Nothing is asked for outside."""


class Jupyter:
    """A running server, and the folder that it shows."""

    def __init__(self, folder: Path, url: str, token: str) -> None:
        self.folder = folder
        self.url = url
        self.token = token

    @contextmanager
    def notebook(
        self, browser: Browser, front_end: str, cells: Sequence[str], *, kernel: str = "python3", dark: bool = False
    ) -> Iterator[Notebook]:
        """A notebook with these cells, opened in a page of its own, its kernel ready."""
        name = secrets.token_hex(4)
        made = v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])
        made.metadata["kernelspec"] = {"display_name": kernel, "language": "python", "name": kernel}
        nbformat.write(made, self.folder / f"{name}.ipynb")
        context = browser.new_context(
            viewport={"width": 1500, "height": 1100}, color_scheme="dark" if dark else "light"
        )
        page = context.new_page()
        notebook = Notebook(page, f"{self.url}{front_end.format(name=name)}?token={self.token}")
        try:
            notebook.open()
            yield notebook
        finally:
            notebook.shut_down()
            context.close()


class Notebook:
    """A notebook in a page. `requests` are all addresses that it asked for, `errors` all that went wrong in it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._url = url
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self) -> None:
        """Open it, and wait until its kernel is ready."""
        self.page.goto(self._url)
        self.page.wait_for_function(READY, timeout=START * 1000)

    def reload(self) -> None:
        """Save the notebook and load its page anew; the kernel lives on."""
        self.page.evaluate(SAVE)
        self.page.reload()
        self.page.wait_for_function(READY, timeout=START * 1000)

    def run(self, number: int) -> None:
        """Run the cell of that number, from 0, and wait until it is done."""
        self.begin(number)
        self.page.wait_for_function(DONE, arg=number, timeout=START * 1000)

    def begin(self, number: int) -> None:
        """Run the cell of that number, from 0."""
        self.page.evaluate(RUN, number)

    def outputs(self, number: int) -> list[dict[str, Any]]:
        """The outputs of a cell, as its front end keeps them."""
        outputs: list[dict[str, Any]] = self.page.evaluate(OUTPUTS, number)
        return outputs

    def shown(self, number: int) -> str:
        """What a cell shows as text."""
        outputs = self.outputs(number)
        return "".join(
            str(output.get("text", "") or output.get("data", {}).get("text/plain", "") or output.get("evalue", ""))
            for output in outputs
        )

    def shut_down(self) -> None:
        """End the kernel."""
        self.page.evaluate(SHUT_DOWN)

    @property
    def own_errors(self) -> list[str]:
        """What went wrong and is not the front end's own."""
        return [error for error in self.errors if not any(known in error for known in OWN_ERRORS)]


PANEL = """
  const app = window.jupyterapp;
  const panel = app?.shell?.currentWidget;
"""
READY = f"""() => {{ {PANEL}
  const session = panel?.sessionContext?.session;
  return panel?.content?.widgets?.length && session?.kernel?.connectionStatus === "connected"
    && session.kernel.status === "idle";
}}"""
RUN = f"""async (number) => {{ {PANEL}
  panel.content.activeCellIndex = number;
  panel.content.deselectAll();
  window.finished = window.finished ?? {{}};
  window.finished[number] = false;
  const done = app.commands.execute("notebook:run-cell");
  done.then(() => {{ window.finished[number] = true; }}, () => {{ window.finished[number] = true; }});
}}"""
DONE = "(number) => window.finished[number]"
OUTPUTS = f"""(number) => {{ {PANEL}
  return panel.content.widgets[number].model.outputs.toJSON();
}}"""
SAVE = f"""async () => {{ {PANEL} await panel.context.save(); }}"""
SHUT_DOWN = f"""async () => {{ {PANEL} await panel?.sessionContext?.shutdown(); }}"""


@contextmanager
def jupyter(folder: Path, kernels: Path | None = None) -> Iterator[Jupyter]:
    """A server of notebooks on loopback, with both front ends; ended when the block ends."""
    token = secrets.token_hex(16)
    runtime = folder / "runtime"
    shown = folder / "notebooks"
    shown.mkdir(parents=True)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(SETTINGS))
    environment = os.environ | {
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if kernels is not None:
        environment["JUPYTER_PATH"] = str(kernels)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={shown}", "--allow-root",
        "--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True",
    ]  # fmt: skip
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=shown)
        try:
            yield Jupyter(shown, _url(runtime, process, log), token)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its loop stops at once; a thread that was at work for it then may wait for ever (jupyterlab issue 10442)."""
    process.terminate()
    try:
        process.wait(END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(START)


def _url(runtime: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens: it writes that into its runtime folder."""
    deadline = time.monotonic() + START
    pause = threading.Event()
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        for file in runtime.glob("jpserver-*.json"):
            try:
                told = json.loads(file.read_text())
            except ValueError:  # it is being written
                continue
            if told.get("port"):
                return str(told["url"])
        pause.wait(0.05)
    raise AssertionError(log.read_text())
