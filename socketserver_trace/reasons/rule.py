"""What a rule is, and the words that rules share.

A rule is data: which hooks it can speak about, the places in `socketserver.py` that decide, and a function that looks
at a case and returns a sentence when the rule applies, otherwise None. A `decides` rule answers why; a remark adds what
a reader would want to know beside the answer.

The law: a sentence says only what the case shows. What the program or its client wrote is quoted through `wording`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from socketserver_trace.wording import SHOWN_MESSAGE, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Final

    from socketserver_trace.reasons.calls import Call
    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.source import Place

    Applies = Callable[[Case], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason why a hook runs, runs twice or does not run.

    `hooks` are the hooks it can speak about ("handler.__init__" for the one of two). `of_request` rules look at one
    connection after the other, the others at a server as a whole. A `remark` answers nothing by itself.
    """

    name: str
    hooks: frozenset[str]
    places: tuple[Place, ...]
    applies: Applies
    of_request: bool = True
    remark: bool = False


def request_rule(name: str, hooks: str, applies: Applies, *places: Place, remark: bool = False) -> Rule:
    """A rule about a single connection. `hooks` are separated by blanks."""
    return Rule(name, frozenset(hooks.split()), places, applies, True, remark)  # noqa: FBT003 - the field's order


def server_rule(name: str, hooks: str, applies: Applies, *places: Place, remark: bool = False) -> Rule:
    """A rule about a server as a whole. `hooks` are separated by blanks."""
    return Rule(name, frozenset(hooks.split()), places, applies, False, remark)  # noqa: FBT003 - as above


HANDLER: Final = "handler.__init__ setup handle finish"
"""The hooks of a handler."""
WORK: Final = f"process_request_thread child finish_request {HANDLER}"
"""What happens after process_request has begun."""
GOODBYE: Final = "shutdown_request close_request"
"""How a request is closed."""
REQUEST: Final = f"verify_request process_request {WORK} handle_error {GOODBYE}"
"""Everything that comes after a get_request."""


ADDRESS: Final = re.compile(r" at 0x[0-9A-Fa-f]+>")


def whose(call: Call) -> str:
    """Whose method it was: "your Choosy.verify_request", or "TCPServer.get_request"."""
    name = f"{safe(call.provider)}.{call.hook}" if call.provider else f"{call.hook}()"
    return f"your {name}" if call.own else name


def what(call: Call) -> str:
    """The exception that a call raised, with its message: "ValueError: boom". No address in memory is shown."""
    message = ADDRESS.sub(">", call.message)
    return f"{safe(call.error)}: {safe(message, SHOWN_MESSAGE)}".removesuffix(": ")


def raised(call: Call) -> str:
    """That a call raised, and what."""
    return f"{whose(call)} raised {what(call)}"


def classes(names: Iterable[str]) -> str:
    """The names of classes, safe to show."""
    return ", ".join(safe(name) for name in names)


def server_class(case: Case) -> str:
    """The class of the server, or what stands for it where the trace has no constructor."""
    return safe(case.mro[0]) if case.mro else "the server"


def listed(words: Iterable[str], most: int = 3) -> str:
    """The words as a list: "alice, bob and carol", "alice, bob, carol and 7 more"."""
    told = list(words)
    if len(told) > most:
        told = [*told[:most], f"{len(told) - most} more"]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1]))) if told else ""


def capital(sentence: str) -> str:
    """The sentence with a capital, where it begins with a word; a name of a program is written as it is."""
    return f"Y{sentence[1:]}" if sentence.startswith("your ") else sentence
