"""Measures the lifecycle of `socketserver` under the interpreter that runs this script, and prints it as JSON.

It is no test: `test_lifecycle.py` runs it under every Python that it finds, and compares what it prints with the
tables. Every kind of server goes through every path of `lifecycle_paths.py`, each with a server of its own, while
`lifecycle_recorder.py` records what is called.

Run it in the folder above this one, as `python -m tests.lifecycle_probe`.

Output: `version`, `definitions` (class -> function -> parameters), `mros` (class -> its MRO), and `scenarios`, each
with `kind`, `path` and `lanes`; a lane is a list of calls `[hook, provider, owner, outcome, [calls]]`.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

from tests.lifecycle_paths import BARE, KINDS, PATHS, Path
from tests.lifecycle_recorder import classes, definitions, recorder, wrap_module


def scenario(path: Path, kind: str) -> dict[str, Any]:
    """Take one kind of server through one path."""
    recorder.restart()
    path.run(path, kind)
    for name in ("server", "client", "taken"):
        (recorder.folder / name).unlink(missing_ok=True)
    return {"kind": kind, "path": path.name, "lanes": recorder.lanes()}


def main() -> None:
    """Print what the running module defines, and what it calls."""
    before = definitions()
    mros = {name: [base.__name__ for base in kind.__mro__[:-1]] for name, kind in classes().items()}
    wrap_module()
    threading.excepthook = lambda arguments: None
    # The tracebacks that handle_error prints are not read by anybody, and printing them is slow.
    sys.tracebacklimit = 1
    try:
        scenarios = [scenario(path, "BaseServer") for path in BARE]
        scenarios += [scenario(path, kind) for kind in KINDS for path in PATHS if path.only in kind]
    finally:
        recorder.close()
    found = {"version": sys.version_info[:2], "definitions": before, "mros": mros, "scenarios": scenarios}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
