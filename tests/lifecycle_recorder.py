"""Records the calls of every function of the running `socketserver`, lane by lane, for the probe of the lifecycle.

Every function of the module is wrapped in place, so that `super()` calls and the class that really defines a function
are seen. Of a forked child, every event is written to a file at once, because a child leaves by `os._exit`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import json
import os
import shutil
import socketserver
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Method = Callable[..., Any]
Event = list[str]
Node = list[Any]


class Recorder:
    """Keeps the events of one scenario: in a list here, in a file from a forked child."""

    def __init__(self) -> None:
        self.local = threading.local()
        self.in_child = False
        self.folder = Path(tempfile.mkdtemp(prefix="lifecycle-"))
        self.file = os.open(self.folder / "children", os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.register_at_fork(before=self.before_fork, after_in_child=self.after_fork)
        self.restart()

    def restart(self) -> None:
        self.events: list[Event] = []
        self.threads, self.children = itertools.count(1), 0
        self.handled, self.turned = threading.Event(), threading.Event()
        self.local.lane = "main"
        os.ftruncate(self.file, 0)

    def before_fork(self) -> None:
        self.children += 1

    def after_fork(self) -> None:
        self.in_child, self.local.lane = True, f"child {self.children}"

    def add(self, *event: str) -> None:
        if not hasattr(self.local, "lane"):
            self.local.lane = f"handler thread {next(self.threads)}"
        line = [self.local.lane, *event]
        if self.in_child:
            os.write(self.file, json.dumps(line).encode() + b"\n")
        else:
            self.events.append(line)

    def lanes(self) -> dict[str, list[Node]]:
        """The call trees of each lane, once nothing runs any more."""
        size = os.fstat(self.file).st_size
        from_children = [json.loads(line) for line in os.pread(self.file, size, 0).splitlines()]
        trees: dict[str, list[Node]] = {}
        stacks: dict[str, list[Node]] = {}
        for lane, *event in self.events + from_children:
            stack = stacks.setdefault(lane, [])
            if len(event) == 1:
                stack.pop()[3] = event[0]
            else:
                node: Node = [*event, "open", []]
                (stack[-1][4] if stack else trees.setdefault(lane, [])).append(node)
                stack.append(node)
        return trees

    def close(self) -> None:
        os.close(self.file)
        shutil.rmtree(self.folder)


recorder = Recorder()


def recorded(function: Method, hook: str, provider: str, owner: str) -> Method:
    """The function, recorded: its enter, and how it ended."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        recorder.add(hook, provider, owner)
        try:
            result = function(*arguments, **options)
        except BaseException as error:
            leave(hook, "raised" if isinstance(error, Exception) else "raised base")
            raise
        leave(hook, "false" if hook == "verify_request" and not result else "returned")
        return result

    return wrapper


def leave(hook: str, outcome: str) -> None:
    """Record how a call ended, and let those go on who wait for the end of this hook."""
    recorder.add(outcome)
    if hook == "_handle_request_noblock":
        recorder.handled.set()
    if hook == "service_actions":
        recorder.turned.set()


def definitions() -> dict[str, dict[str, list[str]]]:
    """Every class of the module with the functions that it defines and the names of their parameters after self."""
    return {
        name: {
            function: list(inspect.signature(value).parameters)[1:]
            for function, value in vars(kind).items()
            if inspect.isfunction(value)
        }
        for name, kind in classes().items()
    }


def classes() -> dict[str, type]:
    """The classes of the module; but _SocketWriter is a file, and no part of the lifecycle."""
    found = {name: value for name, value in vars(socketserver).items() if inspect.isclass(value)}
    return {name: kind for name, kind in found.items() if kind.__module__ == "socketserver" and name != "_SocketWriter"}


def wrap_module() -> None:
    """Put a recording function in the place of every function of the module."""
    for provider, kind in classes().items():
        owner = "handler" if "Handler" in provider else "threads" if "Threads" in provider else "server"
        for hook, function in list(vars(kind).items()):
            if inspect.isfunction(function):
                setattr(kind, hook, recorded(function, hook, provider, owner))
