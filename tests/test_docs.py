"""What the documentation says is what happens: its examples run, its files exist, its map is the house."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import socketserver_trace

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")


def test_the_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of the README runs from the first line to the last, as one program, and says what it says."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(program, names)  # noqa: S102 - our own README

    served = names["served"]
    assert isinstance(served, socketserver_trace.Served)
    assert served.trace.hooks(connection=1)[:2] == ["get_request", "verify_request"]
    assert socketserver_trace.load(tmp_path / "hello.jsonl") == served.trace


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """Links and images of a page lead to files of the repository."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))

    assert links or page != "README.md"
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_map_of_the_house_is_complete() -> None:
    """CONTRIBUTING names every module and folder of the package, and none that is gone."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^  ([a-z_]+(?:\.py|/)) ", text, re.MULTILINE))
    package = ROOT / "socketserver_trace"
    there = {path.name for path in package.glob("*.py")} | {
        f"{path.parent.name}/" for path in package.glob("*/__init__.py")
    }

    assert named == there - {"__init__.py"}


MODULES = [module.name for module in pkgutil.walk_packages(socketserver_trace.__path__, "socketserver_trace.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_a_module_opens_with_its_law_and_its_examples_run(name: str) -> None:
    """Every module says at its top what it is, and what its docstrings show happens."""
    module = importlib.import_module(name)

    assert module.__doc__
    assert doctest.testmod(module).failed == 0


def test_every_public_thing_has_its_contract() -> None:
    """Each public class and function of the package's face has a docstring."""
    faces = [
        getattr(socketserver_trace, name) for name in socketserver_trace.__all__ if name in socketserver_trace._HOMES
    ]

    assert [face for face in faces if not face.__doc__] == []
