"""Who provides a hook: the class in the MRO whose method runs, and what is told about it.

The law: a class of the program is asked statically, once, and none of its code runs. What the answers say does not
depend on the tracer's own classes, which stand in the same MRO.
"""

from __future__ import annotations

import inspect
import sys
from types import FunctionType

from socketserver_trace.events import ENTER, HOOK, RAISE, RETURN
from socketserver_trace.recorder import Meaning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SHELL: Final = "_socketserver_trace_shell"
"""Marks the classes that tracing puts into an MRO; they provide nothing, so they are never a provider."""

SETTINGS: Final = (
    "allow_reuse_address",
    "allow_reuse_port",
    "block_on_close",
    "daemon_threads",
    "disable_nagle_algorithm",
    "max_children",
    "max_packet_size",
    "rbufsize",
    "request_queue_size",
    "timeout",
    "wbufsize",
)
"""The attributes of a class by which a program tells `socketserver` what it wants, in alphabetical order."""


def program_classes(kind: type) -> list[type]:
    """The MRO without the classes of the tracer."""
    return [member for member in kind.__mro__ if SHELL not in vars(member)]


def provider_of(kind: type, hook: str) -> type:
    """The class in the MRO whose method runs."""
    return next(member for member in program_classes(kind) if hook in vars(member))


def is_own(provider: type) -> bool:
    """Whether a class is the program's own: not of the standard library."""
    return str(provider.__module__).partition(".")[0] not in sys.stdlib_module_names


def meanings(kind: type, hook: str, owner: str) -> tuple[Meaning, Meaning, Meaning]:
    """What the enter, the return and the raise of a hook mean, for all instances of a class."""
    provider = provider_of(kind, hook)
    detail: dict[str, str | bool] = {"owner": owner, "class": kind.__name__}
    if is_own(provider):
        detail["own"] = True
    if hook == "__init__":
        detail["mro"] = " ".join(member.__name__ for member in program_classes(kind)[:-1])
        detail["settings"] = settings_of(kind)
    enter = Meaning(HOOK, ENTER, hook, provider.__name__, owner, detail)
    leave, fail = (Meaning(HOOK, phase, hook, provider.__name__, owner) for phase in (RETURN, RAISE))
    return enter, leave, fail


def settings_of(kind: type) -> str:
    """What a class says of `SETTINGS`, as "timeout=0.5 wbufsize=0": plain values only, without running its code.

    A setting that an instance has for itself is not seen.
    """
    values = {name: inspect.getattr_static(kind, name, "") for name in SETTINGS}
    return " ".join(
        f"{name}={value}" for name, value in values.items() if value is None or type(value) in {bool, int, float}
    )


def parameters_of(kind: type, hook: str) -> tuple[str, ...] | None:
    """The names of a method's parameters when they are plain ones without defaults, otherwise None."""
    function = inspect.getattr_static(kind, hook)
    if type(function) is not FunctionType or function.__defaults__ or function.__kwdefaults__:
        return None
    code = function.__code__
    if (
        code.co_kwonlyargcount
        or code.co_posonlyargcount
        or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS)
    ):
        return None
    return code.co_varnames[1 : code.co_argcount]
