"""Hosted classrooms: what Binder and repo2docker would make of this repository, without Docker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("repo2docker", reason="it reads the repository as Binder does")

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "postBuild"
STEPS = ("COPY --chown=0:0 src/ ${REPO_DIR}/", '--file "environment.yml"', "RUN ./postBuild")
"""What its Dockerfile says, in this order."""


@pytest.mark.slow
def test_repo2docker_takes_the_environment_and_the_build_step() -> None:
    """Its Dockerfile copies the repository, installs environment.yml, and then runs postBuild."""
    told = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (told.stdout + told.stderr).splitlines()
    places = {word: max(at for at, line in enumerate(lines) if word in line) for word in STEPS}

    assert sorted(places, key=places.__getitem__) == list(STEPS)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash, as Binder has it")
def test_the_build_step_makes_the_learners_copies(tmp_path: Path) -> None:
    """In a copy of the repository, with this very Python: course/ has every lesson, not solved."""
    for name in ("tools", "notebooks", "socketserver_trace", "postBuild"):
        if name == "tools":  # they find the rest beside them
            shutil.copytree(ROOT / name, tmp_path / name)
        else:
            (tmp_path / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["bash", "postBuild"],  # noqa: S607 - bash is found as Binder finds it
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        check=True,
    )
    made = sorted(file.name for file in (tmp_path / "course").iterdir())

    assert os.access(BUILD, os.X_OK)
    assert made == sorted(file.name for file in (ROOT / "notebooks").glob("*.ipynb"))
