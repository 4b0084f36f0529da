"""The lists of packages agree: pyproject.toml decides, environment.yml repeats it, constraints.txt makes it exact."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ENVIRONMENT: dict[str, Any] = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
CONSTRAINT_LINES = [
    line for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines() if not line.startswith("#")
]
ALSO_IN_ENVIRONMENT = {"pytest", "nbval"}  # what a learner needs of the test extra, to check the lessons
PYTHONS = ("3.10.13", "3.11.7", "3.12.1", "3.13.0")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|(?:repo|conda)\.anaconda\.|deb\.debian\.org"
    r"|--(?:extra-)?index-url|--find[-]links|https?://[^\s/]+/(?:[\w-]+/)*simple\b"
)


def _requirements(extra: str) -> dict[str, Requirement]:
    """Return what `extra` asks for by canonical name, without the extras it includes."""
    found = [Requirement(text) for text in PROJECT["optional-dependencies"][extra]]
    return {canonicalize_name(one.name): one for one in found if not one.extras}


def _applies(requirement: Requirement, python: str) -> bool:
    """Say whether this Python, on Linux, needs the requirement."""
    markers = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    markers |= {"sys_platform": "linux", "os_name": "posix"}
    return requirement.marker is None or requirement.marker.evaluate(markers)


def _environment() -> dict[str, Requirement]:
    """Return the conda packages of environment.yml by canonical name, without Python and pip."""
    texts = [text for text in ENVIRONMENT["dependencies"] if isinstance(text, str) and text != "pip"]
    found = [Requirement(text) for text in texts if not text.startswith("python=")]
    return {canonicalize_name(one.name): one for one in found}


def _constraints(python: str) -> dict[str, Version]:
    """Return the exact versions for one Python on Linux."""
    kept = [one for one in map(Requirement, CONSTRAINT_LINES) if _applies(one, python)]
    return {canonicalize_name(one.name): Version(str(one.specifier).removeprefix("==")) for one in kept}


def _repository_files() -> Iterator[Path]:
    """Yield the files that are, or would be, in the repository."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
        yield from (ROOT / name for name in names if name and (ROOT / name).is_file())
    else:
        tops = [path for path in ROOT.iterdir() if path.name not in {".git", ".venv"}]
        yield from (path for top in tops for path in [top, *top.rglob("*")] if path.is_file())


def test_the_package_needs_nothing_at_run_time() -> None:
    """Installing the package alone installs nothing else."""
    dependencies = PROJECT["dependencies"]

    assert dependencies == []


def test_environment_has_the_names_and_bounds_of_the_lab() -> None:
    """It asks for the packages of the lab and the examples, pytest and nbval, with the bounds of pyproject.toml."""
    tests = _requirements("test")
    expected = _requirements("lab") | _requirements("examples") | {name: tests[name] for name in ALSO_IN_ENVIRONMENT}

    assert _environment() == expected


def test_environment_has_a_python_the_package_supports() -> None:
    """The conda environment's Python is inside requires-python."""
    (python,) = [text for text in ENVIRONMENT["dependencies"] if str(text).startswith("python=")]

    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python="))


def test_environment_takes_its_packages_from_conda_forge_only() -> None:
    """The first channel is conda-forge and Anaconda's defaults are switched off."""
    channels = ENVIRONMENT["channels"]

    assert channels == ["conda-forge", "nodefaults"]


def test_environment_installs_this_repository() -> None:
    """The conda environment has pip, and pip installs the package from the checkout."""
    dependencies = ENVIRONMENT["dependencies"]

    assert "pip" in dependencies
    assert dependencies[-1] == {"pip": ["-e ."]}


def test_no_binder_folder_hides_the_environment() -> None:
    """Binder reads environment.yml from the root only where no folder of its own stands beside it."""
    folders = [name for name in ("binder", ".binder") if (ROOT / name).exists()]

    assert folders == []


def test_constraints_are_exact_versions() -> None:
    """A constraint is a name, an exact version and at most a marker: no address, no hash, no range."""
    shape = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][0-9a-z.]*(; [a-z_]+ .+)?")
    others = [line for line in CONSTRAINT_LINES if not shape.fullmatch(line)]

    assert CONSTRAINT_LINES
    assert others == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("extra", ["lab", "examples", "test", "dev"])
def test_constraints_are_within_the_bounds(extra: str, python: str) -> None:
    """Every package that is asked for has an exact version for each Python, and it satisfies the bounds."""
    exact = _constraints(python)
    asked = [one for one in _requirements(extra).values() if _applies(one, python)]
    outside = [str(one) for one in asked if not one.specifier.contains(exact[canonicalize_name(one.name)])]

    assert outside == []


def test_no_file_names_a_registry() -> None:
    """Where packages come from is the reader's own setting, so no file of the repository holds a registry's address."""
    texts = {path: path.read_text(encoding="utf-8", errors="replace") for path in _repository_files()}
    found = [(path.relative_to(ROOT), match[0]) for path, text in texts.items() if (match := REGISTRY.search(text))]

    assert found == []
