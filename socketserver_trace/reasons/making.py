"""Rules about the making of a server: its constructor, its socket and its address.

The theory: a constructor that is given an address uses it at once. When that fails it closes what it has and raises, so
there is no server, and everything later did not happen; a class of the program's own may not be ready for that.

The law: as in `rule`; every rule looks at the case and at nothing else.
"""

from __future__ import annotations

from socketserver_trace.reasons.rule import classes, raised, server_class, server_rule
from socketserver_trace.reasons.source import Place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.reasons.case import Case
    from socketserver_trace.reasons.rule import Rule

CONSTRUCTOR: Final = "TCPServer.__init__"


def _not_activated(case: Case) -> str | None:
    made = next((call for call in case.of_server("__init__") if call.returned), None)
    if made is None or made.own or "TCPServer" not in case.mro or case.ran(case.hook):
        return None
    return (
        f"{server_class(case)} was made with bind_and_activate=False: its constructor leaves server_bind() and "
        "server_activate() to you, and until then nobody can connect."
    )


def _bind_failed(case: Case) -> str | None:
    made = next((call for call in case.of_server("__init__") if call.raised), None)
    failed = made and next((made_call for made_call in made.children if made_call.raised), None)
    if failed is None or failed.hook not in {"server_bind", "server_activate"}:
        return None
    return f"{raised(failed)}. The constructor then closes its socket by server_close(), and there is no server."


def _closed_too_early(case: Case) -> str | None:
    close = next((call for call in case.of_server("server_close") if call.raised and call.inside("__init__")), None)
    if close is None:
        return None
    return (
        f"{raised(close)}: the constructor called it because something else had failed, before your own __init__ was "
        "done. That first failure is what matters."
    )


def _constructor_raised(case: Case) -> str | None:
    made = next((call for call in case.of_server("__init__") if call.raised and not call.children), None)
    if made is None:
        return None
    return f"{raised(made)}, before the server had been given its address: there is no server."


def _no_socket(case: Case) -> str | None:
    if not case.mro or "TCPServer" in case.mro or any(call.own for call in case.of_server(case.hook)):
        return None
    return (
        f"{classes(case.mro[:1])} has no socket. BaseServer knows neither binding nor listening nor accepting: "
        "TCPServer does that, and the classes that are built on it."
    )


FIRST: Final = "server_bind server_activate"
RULES: Final[tuple[Rule, ...]] = (
    server_rule("not activated", FIRST, _not_activated, Place(CONSTRUCTOR, "if bind_and_activate:")),
    server_rule("closed too early", "server.__init__ server_close", _closed_too_early,
                Place(CONSTRUCTOR, "except:", "self.server_close()")),
    server_rule("bind failed", f"server.__init__ {FIRST} server_close serve_forever get_request", _bind_failed,
                Place(CONSTRUCTOR, "except:", "self.server_close()")),
    server_rule("constructor raised", f"server.__init__ {FIRST} server_close serve_forever", _constructor_raised,
                Place(CONSTRUCTOR, "def __init__(")),
    server_rule("no socket", f"{FIRST} get_request serve_forever handle_request", _no_socket,
                Place("BaseServer.__init__", "self.server_address = server_address")),
)  # fmt: skip
"""The rules of this theme, the most telling first."""
