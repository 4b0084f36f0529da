"""Who provides a hook: the class in the MRO whose method runs, and what is told about it.

The law: a class of the program is asked statically, once, and none of its code runs. What the answers say does not
depend on the tracer's own classes, which stand in the same MRO.
"""

from __future__ import annotations

import inspect
import sys
from types import FunctionType

from socketserver_trace.events import ENTER, HOOK, RAISE, RETURN
from socketserver_trace.lifecycle.hooks import HANDLER_HOOKS, SERVER_HOOKS
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
        detail |= classes_of(kind, owner)
        detail["settings"] = settings_of(kind)
    enter = Meaning(HOOK, ENTER, hook, provider.__name__, owner, detail)
    leave, fail = (Meaning(HOOK, phase, hook, provider.__name__, owner) for phase in (RETURN, RAISE))
    return enter, leave, fail


def classes_of(kind: type, owner: str) -> dict[str, str]:
    """What is told of the classes of a server or a handler: "mro", their names in order, and who defines what.

    "yours" are the program's own classes, each with the hooks that it defines, as "Echo:handle,setup Quiet:", and
    "library" likewise those of the standard library that are not in `socketserver`; without any the key is left out.
    """
    members = program_classes(kind)[:-1]
    told = {"mro": " ".join(map(_word, members))}
    yours = [member for member in members if is_own(member)]
    others = [member for member in members if not is_own(member) and str(member.__module__) != "socketserver"]
    for key, found in (("yours", yours), ("library", others)):
        if found:
            told[key] = " ".join(f"{_word(member)}:{_hooks_in(member, owner)}" for member in found)
    return told


def classes_by_name(server: object) -> dict[str, type]:
    """The program's own classes behind a server and the handlers that it makes now, by their names.

    A name that stands for several of them is left out, because nobody could say which one is meant.
    """
    kinds = (type(server), vars(server).get("RequestHandlerClass"))
    members = [member for kind in kinds if isinstance(kind, type) for member in program_classes(kind) if is_own(member)]
    names = [member.__name__ for member in members]
    return {member.__name__: member for member in members if names.count(member.__name__) == 1}


def _hooks_in(member: type, owner: str) -> str:
    table = HANDLER_HOOKS if owner == "handler" else SERVER_HOOKS
    return ",".join(name for name, entry in table.items() if entry.traced and name in vars(member))


def _word(member: type) -> str:
    """The name of a class as one word. A class that was made by a call may have any name."""
    return "_".join(member.__name__.split()) or "_"


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
