"""How the kernels of the tests are spoken to: by Unix sockets, where the system has them.

By default Jupyter looks for TCP ports that are free, and the kernel takes them when it has started, about a second
later. In between one of them may be given to a server of some lesson or test, and then the kernel ends before it has
begun. Unix sockets are files of the kernel's own.

For nbval this is a plugin of pytest:

    python -m pytest -p tools.kernels --nbval notebooks
"""

from __future__ import annotations

import socket
import uuid
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from jupyter_core.paths import jupyter_runtime_dir


def place() -> dict[str, str]:
    """Where a kernel can be spoken to, as options of a KernelManager; another place with each call."""
    if not hasattr(socket, "AF_UNIX"):
        return {}
    # Jupyter's own default is a file in the working directory, which is not the same one for both ends.
    return {"transport": "ipc", "ip": str(Path(jupyter_runtime_dir(), f"kernel-{uuid.uuid4().hex}"))}


def placed(**options: Any) -> KernelManager:
    """Make the manager of a kernel that is spoken to there."""
    return KernelManager(**place(), **options)


def pytest_configure() -> None:
    """Have nbval start its kernels so. Called by pytest."""
    from nbval import kernel  # nobody else needs it

    kernel.KernelManager = placed
