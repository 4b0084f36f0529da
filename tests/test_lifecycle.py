"""The tables of the lifecycle, against the running `socketserver` of every Python that is here."""

from __future__ import annotations

import inspect
import json
import operator
import os
import re
import shutil
import socketserver
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socketserver_trace import lifecycle
from socketserver_trace.lifecycle import (
    DEFINED_BY,
    EFFECT_WIDTH,
    EFFECTS,
    HANDLER_HOOKS,
    HANDLER_KINDS,
    PRODUCTIONS,
    SERVER_HOOKS,
    SERVER_KINDS,
    SINCE,
    Call,
    Hook,
    as_recorded,
    hook,
    kinds,
    provider_of,
    violations,
)
from socketserver_trace.lifecycle.grammar import LEAF

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from socketserver_trace.lifecycle.grammar import Lane

ROOT = Path(__file__).parent.parent
MINORS = sorted({10, 11, 12, 13, sys.version_info[1]})
ENDS = ("returned", "raised", "raised base")
HOOKS = [*SERVER_HOOKS.values(), *HANDLER_HOOKS.values()]

NOT_MEASURED = {
    ("_Threads", "append", "raised"): "it asks threads whether they live, and that does not fail",
    ("_Threads", "append", "raised base"): "the same",
    ("_Threads", "join", "raised base"): "only an interrupt while the main thread joins does that",
    ("ThreadingMixIn", "server_close", "raised base"): "the same",
    ("ThreadingMixIn", "process_request", "raised base"): "only an interrupt while the thread starts does that",
}
"""What the probe does not bring about, and why."""


def interpreter(minor: int) -> str | None:
    """A Python 3 of this minor version on this machine; the running one for its own."""
    if minor == sys.version_info[1]:
        return sys.executable
    named = shutil.which(f"python3.{minor}")
    installed = sorted(Path("~/.pyenv/versions").expanduser().glob(f"3.{minor}.*/bin/python"))
    return next((path for path in [named, *map(str, installed)] if path and answers(path, minor)), None)


def answers(path: str, minor: int) -> bool:
    """Whether it runs and is this version: a shim of pyenv is there even when its Python is not."""
    command = [path, "-c", "import sys; print(sys.version_info[1])"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip() == str(minor)


class Measured:
    """What the probe found under one interpreter."""

    def __init__(self, found: dict[str, Any], warnings: str) -> None:
        self.version: tuple[int, int] = tuple(found["version"])
        self.definitions: dict[str, dict[str, list[str]]] = found["definitions"]
        self.mros: dict[str, list[str]] = found["mros"]
        self.warnings = warnings
        self.lanes: dict[tuple[str, str], dict[str, tuple[Call, ...]]] = {
            (each["kind"], each["path"]): {name: tuple(map(call, calls)) for name, calls in each["lanes"].items()}
            for each in found["scenarios"]
        }

    def each_lane(self) -> Iterator[tuple[str, Lane, tuple[Call, ...]]]:
        """Where each lane was measured, what it is, and the calls at its top."""
        for (kind, path), lanes in self.lanes.items():
            for name, calls in lanes.items():
                yield f"{kind}, {path}, {name}", lane_kind(name), calls

    def each_call(self) -> Iterator[Call]:
        """Every call, however deep."""
        for *_, calls in self.each_lane():
            yield from everything(calls)


def call(node: list[Any]) -> Call:
    """A call, as the probe printed it."""
    name, provider, owner, outcome, calls = node
    return Call(name, provider, owner, outcome, tuple(map(call, calls)))


def lane_kind(name: str) -> Lane:
    """What a lane of the probe is by its name."""
    return "child" if name.startswith("child") else "handler thread" if name.startswith("handler") else "thread"


def everything(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls and all that they call, from the outside in."""
    for each in calls:
        yield each
        yield from everything(each.children)


@cache
def measure(minor: int) -> Measured | None:
    """What the probe finds under a Python 3 of this minor version; None when there is none here."""
    path = interpreter(minor)
    if path is None:
        return None
    # Without site-packages, where another package named tests may be installed.
    command = [path, "-E", "-S", "-X", "dev", "-m", "tests.lifecycle_probe"]
    ran = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return Measured(json.loads(ran.stdout), ran.stderr)


def once(minor: int) -> Any:
    """A minor version whose tests go to one worker, so that it is measured once."""
    name = f"python3.{minor}"
    return pytest.param(minor, marks=pytest.mark.xdist_group(name), id=name)


@pytest.fixture(params=map(once, MINORS))
def measured(request: pytest.FixtureRequest) -> Measured:
    """What the probe found, under each Python that is here."""
    if not hasattr(os, "fork"):
        pytest.skip("the probe needs os.fork")
    found = measure(request.param)
    if found is None:
        pytest.skip(f"there is no Python 3.{request.param} here")
    return found


# What is measured


def test_every_measured_lane_is_legal(measured: Measured) -> None:
    """No call that socketserver really makes is a violation, in any kind of server and on any path."""
    for where, lane, calls in measured.each_lane():
        assert violations(calls, "functions", lane) == [], where


def test_every_measured_lane_is_legal_as_the_tracer_sees_it(measured: Measured) -> None:
    """What the tracer would record of a real lane is legal in the view of hooks."""
    for where, lane, calls in measured.each_lane():
        assert violations(as_recorded(calls), "hooks", lane) == [], where


def test_every_production_is_measured(measured: Measured) -> None:
    """Every function with calls of its own was seen to return, to raise and to be left by SystemExit; but for a few."""
    seen = {(each.provider, each.hook, each.outcome) for each in measured.each_call()}
    composed = [key for key, rule in PRODUCTIONS.items() if rule is not LEAF]
    assert {(*key, end) for key in composed for end in ENDS} - seen == set(NOT_MEASURED)


def test_every_function_of_the_tables_is_measured(measured: Measured) -> None:
    """Every hook of every class was seen to return, and no function of the module is missing from the tables."""
    returned = [each for each in measured.each_call() if each.outcome == "returned" and each.provider != "User"]
    assert {(each.provider, each.hook) for each in returned} == {
        *PRODUCTIONS,
        *((provider, name) for provider, names in DEFINED_BY.items() for name in names),
    }


def test_the_tables_name_who_defines_what(measured: Measured) -> None:
    """The classes define exactly the hooks of the table, under every Python."""
    hooks = {name: set(found) for name, found in measured.definitions.items() if found and "Threads" not in name}
    assert hooks == {name: set(hooks) for name, hooks in DEFINED_BY.items()}


def test_the_hook_tables_know_every_hook_and_its_parameters(measured: Measured) -> None:
    """The hook tables have an entry for every method, with the names of its parameters."""
    for provider, functions in measured.definitions.items():
        owner = "handler" if "Handler" in provider else "server"
        for name, parameters in functions.items():
            if "Threads" not in provider and (provider, name) != ("BaseServer", "__init__"):
                entry = hook(name, owner)
                assert entry is not None
                assert (entry.name, entry.owner) == (name, owner)
                # collect_children takes its only argument by name, and nobody else calls it.
                assert list(entry.parameters) == [each for each in parameters if each != "blocking"], name


def test_the_kinds_are_those_of_the_running_module(measured: Measured) -> None:
    """The kinds of server and of handler have the measured MROs, and exist since the version that the table says."""
    made = {name: tuple(mro) for name, mro in measured.mros.items() if name.endswith("Server") and name != "BaseServer"}
    assert kinds(measured.version) == made
    assert {name: tuple(measured.mros[name]) for name in HANDLER_KINDS} == HANDLER_KINDS


def test_the_probe_leaves_nothing_behind(measured: Measured) -> None:
    """The probe closes every socket and file that it opens, so what it measures is not disturbed by a former path."""
    assert "ResourceWarning" not in measured.warnings


@pytest.mark.parametrize("kind", SERVER_KINDS)
@pytest.mark.parametrize("path", ["normal", "normal, with files"])
def test_a_normal_request_takes_exactly_these_calls(measured: Measured, kind: str, path: str) -> None:
    """A normal request makes exactly the expected calls in every lane, with the expected class behind each of them."""
    if (kind, path) not in measured.lanes:
        pytest.skip(f"{kind} is not measured here")
    lanes = {name: written(calls) for name, calls in measured.lanes[kind, path].items()}
    assert lanes == normal_lanes(kind, "files" in path)


def normal_lanes(kind: str, files: bool) -> dict[str, str]:
    """The lanes of one normal request, written out by hand."""
    x = "UDPServer" if "UDP" in kind or "Datagram" in kind else "TCPServer"
    h = "BaseRequestHandler" if not files else "StreamRequestHandler" if x == "TCPServer" else "DatagramRequestHandler"
    work = (
        f"BaseServer.finish_request(BaseRequestHandler.__init__({h}.setup User.handle {h}.finish))"
        f" {x}.shutdown_request({x}.close_request)"
    )
    process, tick, close = f"BaseServer.process_request({work})", "BaseServer.service_actions", "TCPServer.server_close"
    other = {}
    if kind.startswith("Threading"):
        process = "ThreadingMixIn.process_request(_Threads.append(_Threads.reap))"
        close = "ThreadingMixIn.server_close(TCPServer.server_close _Threads.join(_Threads.pop_all))"
        other = {"handler thread 1": f"ThreadingMixIn.process_request_thread({work})"}
    if kind.startswith("Forking"):
        process = f"ForkingMixIn.process_request({x}.close_request)"
        tick = "ForkingMixIn.service_actions(ForkingMixIn.collect_children)"
        close = "ForkingMixIn.server_close(TCPServer.server_close ForkingMixIn.collect_children)"
        other = {"child 1": work}
    return {
        "main": f"TCPServer.__init__(BaseServer.__init__ TCPServer.server_bind {x}.server_activate)"
        f" BaseServer.shutdown {close}",
        "serve": "BaseServer.serve_forever(TCPServer.fileno BaseServer._handle_request_noblock("
        f"{x}.get_request BaseServer.verify_request {process}) {tick})",
        **other,
    }


def written(calls: Iterable[Call]) -> str:
    """Calls as text, without the turns of the loop in which no request came."""
    texts, previous = [], ""
    for each in calls:
        if each.hook != "service_actions" or previous == "_handle_request_noblock":
            assert each.outcome == "returned"
            inner = f"({written(each.children)})" if each.children else ""
            texts.append(f"{each.provider}.{each.hook}{inner}")
        previous = each.hook
    return " ".join(texts)


# The tables


def test_every_hook_that_a_class_defines_has_a_short_effect() -> None:
    """A drawing finds a caption for every hook of the standard library, and it is short."""
    assert set(EFFECTS) == {(provider, name) for provider, names in DEFINED_BY.items() for name in names}
    assert max(map(len, EFFECTS.values())) <= EFFECT_WIDTH


def test_what_is_younger_is_there_from_its_version_on() -> None:
    """The running Python has exactly those of the younger names that the table promises for it."""
    for name, version in SINCE.items():
        owner, _, attribute = name.rpartition(".")
        there = attribute in vars(getattr(socketserver, owner)) if owner else hasattr(socketserver, name)
        assert there == (sys.version_info[:2] >= version), name


@pytest.mark.parametrize("entry", HOOKS, ids=[f"{entry.owner}.{entry.name}" for entry in HOOKS])
def test_a_hook_has_one_plain_sentence(entry: Hook) -> None:
    """The purpose of a hook is one sentence that begins with a capital letter and ends with a full stop."""
    assert re.fullmatch(r"[A-Z][^.]*\.", entry.purpose)


def test_only_the_two_inner_methods_are_not_traced() -> None:
    """The tracer leaves out fileno and _handle_request_noblock, and nothing else."""
    assert {name for name, entry in SERVER_HOOKS.items() if not entry.traced} == {"fileno", "_handle_request_noblock"}
    assert all(entry.traced for entry in HANDLER_HOOKS.values())


@pytest.mark.parametrize("kind", [*SERVER_KINDS, *HANDLER_KINDS])
def test_the_provider_is_the_class_that_python_finds(kind: str) -> None:
    """provider_of names the class whose function attribute lookup gives, and None for a hook that the kind has not."""
    found = getattr(socketserver, kind, None)
    if found is None:
        pytest.skip(f"this Python has no {kind}")
    mro = [base.__name__ for base in inspect.getmro(found)]
    for name in {**SERVER_HOOKS, **HANDLER_HOOKS}:
        function = getattr(found, name, None)
        defined = function.__qualname__.partition(".")[0] if inspect.isfunction(function) else None
        assert provider_of(mro, name) == defined, name


def test_every_public_name_is_there_and_no_other() -> None:
    """The names of the package can all be imported, also those that are loaded late; a wrong one is an error."""
    assert all(hasattr(lifecycle, name) for name in lifecycle.__all__)
    with pytest.raises(AttributeError, match="no attribute 'grammer'"):
        operator.attrgetter("grammer")(lifecycle)
