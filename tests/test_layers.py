"""Who may know whom: the imports of the package, compared with the table of the design."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from socketserver_trace.course import exercises as course

PACKAGE = Path(__file__).parent.parent / "socketserver_trace"

# A module may import the modules that stand before it in its own block, and the whole of the blocks that it may know.
PURE = ["events", "lifecycle.hooks", "lifecycle.classes", "lifecycle.patterns", "lifecycle.grammar", "lifecycle.walker",
        "lifecycle", "sentences", "recording", "endpoints", "matching", "inference", "causality", "turns", "folding",
        "ordering", "canonical", "waits", "quiescence"]  # fmt: skip
RECORDING = [
    "recorder",
    "channels",
    "children",
    "forks",
    "assembly",
    "transfers",
    "sockets",
    "onward",
    "sockdiag",
    "marks",
    "procnet",
    "whose",
    "watching",
    "providers",
    "hooks",
    "steps",
    "loops",
    "joining",
    "collecting",
    "fronts",
    "pauses",
    "parking",
    "breakpoints",
    "deadlines",
    "clients",
]
VIEWING = ["wording", "telling", "diagram", "columns", "rows", "traffic", "endings", "layout", "paint.markup",
           "paint.table", "paint.text", "paint.svg", "paint.html", "paint.mermaid", "paint.scene", "paint",
           "reasons.source", "reasons.calls", "reasons.case", "reasons.rule", "reasons.answer", "reasons.making",
           "reasons.accepting", "reasons.concurrency", "reasons.waiting", "reasons.handling", "reasons.looping",
           "reasons.closing", "reasons.datagrams", "reasons.streams", "reasons.fallback", "reasons", "explanations",
           "stories.story", "stories.excerpts", "stories.scene", "stories.callers", "stories.words",
           "stories.particulars", "stories.storyteller", "stories",
           "checks.steps", "checks.scope", "checks.verdicts", "checks.claim", "checks.combined", "checks.occurrences",
           "checks.sequences", "checks.relations", "checks.claims", "checks.expectation", "checks.forms", "checks",
           "comparison.aligning", "comparison.words", "comparison.drawing",
           "export.jsonl", "export"]  # fmt: skip
LESSONS = [f"course.exercises.{lesson.__name__.rpartition('.')[2]}" for lesson in course.LESSONS]
PEOPLE = ["kernel", "assets", "player", "trace", "comparison.comparison", "comparison", "blocks",
          "notebook.widget", "notebook.parsons", "notebook.buttons", "course.exercise", *LESSONS, "course.exercises",
          "course.keeping", "course.checking", "course.prediction", "course.guess", "course.asking", "course",
          "panel.typed", "panel.transcript", "panel.news", "panel.orders", "panel.remote", "panel.panel", "panel",
          "live.difference", "live.lifelines", "live.meeting", "live.reading", "live.growing", "live.pump",
          "live.status", "live.session", "live", "notebook.lab", "notebook.interrupts", "making", "forgotten",
          "serving", "plots.plot", "plots.timeline", "plots.measuring", "plots", "notebook.cells", "notebook.runs",
          "notebook.needs", "notebook.magics", "notebook", "pytest_plugin", "__init__", "__main__"]  # fmt: skip
SHARED = ["examples.command", "examples.letting_go", "examples.hearing_out", "examples.outbox", "examples.lines",
          "examples.middleware", "examples.security", "examples.api_store", "examples.shout"]  # fmt: skip
EXAMPLES = [*SHARED, "examples.chat_naive", "examples.chat", "examples.file_server", "examples.game",
            "examples.devices", "examples.primes", "examples.proxy", "examples.vault", "examples.api_http",
            "examples.api_frames", "examples.api_xmlrpc", "examples.http_by_hand", "examples.websocket_by_hand",
            "examples.server_pool", "examples.server_processes", "examples.server_selector",
            "examples.server_privileges", "examples.server_activation", "examples"]  # fmt: skip
MAY_KNOW = {
    "PURE": [],
    "RECORDING": PURE,
    "VIEWING": PURE,
    "PEOPLE": [*PURE, *RECORDING, *VIEWING],
    "EXAMPLES": ["__init__"],
}
BLOCKS = {"PURE": PURE, "RECORDING": RECORDING, "VIEWING": VIEWING, "PEOPLE": PEOPLE, "EXAMPLES": EXAMPLES}
NOTEBOOKS_ONLY = {"IPython", "ipykernel", "ipywidgets", "anywidget", "traitlets", "comm"}
PAINTERS_MAY_KNOW = {"diagram", "paint.markup", "paint.svg"}

MODULES = sorted(
    str(path.relative_to(PACKAGE).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in PACKAGE.rglob("*.py")
)


def _path(module: str) -> Path:
    path = PACKAGE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(module: str) -> set[str]:
    """The modules of the package that a module imports when it runs, anywhere in its text."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(_path(module).read_text(encoding="utf-8"))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending.extend(node.orelse)
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "socketserver_trace":
            found |= {_imported(node.module, alias.name) for alias in node.names}
        pending.extend(ast.iter_child_nodes(node))
    return found


def _imported(module: str, name: str) -> str:
    inner = module.removeprefix("socketserver_trace").removeprefix(".")
    if not inner and name not in MODULES:
        return "__init__"
    whole = f"{inner}.{name}".removeprefix(".")
    return whole if whole in MODULES else inner


@pytest.mark.parametrize("module", MODULES)
def test_a_module_knows_only_what_it_may(module: str) -> None:
    """Each module stands in the table, and imports what stands before it or in a block that its block may know."""
    block = next((name for name, members in BLOCKS.items() if module in members), None)
    assert block is not None, f"{module} has no place in the table"
    members = BLOCKS[block]
    allowed = {*MAY_KNOW[block], *members[: members.index(module)]}

    assert _imports(module) <= allowed


@pytest.mark.parametrize("module", EXAMPLES)
def test_an_example_knows_nothing_of_tracing(module: str) -> None:
    """The servers of the course are plain socketserver code: the command line alone knows how a trace is made."""
    assert _imports(module) <= ({"__init__"} if module == "examples.command" else set(SHARED))


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("paint.")])
def test_a_painter_knows_the_diagram_and_nothing_else(module: str) -> None:
    """Painters decide nothing, so they see nothing but the diagram and each other's helpers."""
    assert _imports(module) <= PAINTERS_MAY_KNOW


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("notebook")])
def test_only_the_notebook_folder_imports_what_notebooks_need(module: str) -> None:
    """IPython, ipywidgets and anywidget are imported in notebook/ and nowhere else, not even for types."""
    tree = ast.parse(_path(module).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not {name.split(".")[0] for name in names} & NOTEBOOKS_ONLY


@pytest.mark.parametrize("module", [*PURE, "diagram", "layout", "columns", "wording"])
def test_the_pure_modules_touch_nothing(module: str) -> None:
    """What a thing is does no input or output and knows no threads and no clock."""
    tree = ast.parse(_path(module).read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert not names & {"io", "os", "socket", "sys", "threading", "time", "pathlib", "selectors"}


def test_the_package_imports_the_standard_library_only() -> None:
    """After all its names are imported, every module that came is the package's own or the standard library's."""
    code = (
        "import sys; before = set(sys.modules); from socketserver_trace import *; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert set(brought) <= {*sys.stdlib_module_names, "socketserver_trace"}
    assert not {"tempfile", "shutil", "logging", "argparse", "html"} & set(brought), "imported where it is used"


def test_the_import_of_the_package_alone_brings_next_to_nothing() -> None:
    """Names are imported when they are used: beside socketserver, the import costs one module."""
    code = (
        "import sys, socketserver, importlib; before = set(sys.modules); import socketserver_trace; "
        "print(*set(sys.modules) - before)"
    )
    brought = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert brought == ["socketserver_trace"]


def test_every_public_name_is_there() -> None:
    """Each name of `__all__` can be imported, is listed by `dir`, and an unknown one is an AttributeError."""
    import socketserver_trace

    assert {*socketserver_trace.__all__} <= {*dir(socketserver_trace)}
    for name in socketserver_trace.__all__:
        assert getattr(socketserver_trace, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        socketserver_trace.nonsense  # noqa: B018 - the access is the test
