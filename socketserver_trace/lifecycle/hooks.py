"""The hook table: every method that `socketserver` calls on a server or on a handler, and what it is for.

The law: a fact stands here once, for learners and for programs. It is what the docstrings of `Lib/socketserver.py` and
the library reference say, in that order; nothing here depends on a running server.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final, Literal

    Owner = Literal["server", "handler"]
    Contract = Literal["call", "may be overridden", "may be extended", "for derived classes", "internal"]

CONSTRUCTING: Final = "the constructing thread"
SERVING: Final = "the serving thread"
CALLING: Final = "the caller's thread"
HANDLING: Final = "where the request is handled"


@dataclass(frozen=True, slots=True)
class Hook:
    """One method of a server or of a handler, as the standard library means it.

    `parameters` are the names after `self`. `called_by` says who calls it, `runs_in` in which thread or process.
    `contract` is what the standard library allows you to do with it: to call it, to override it, to extend it (and
    then to call `super()`), to use it in derived classes; `internal` methods carry no promise. `per_request` says that
    a call belongs to one request. `traced` is false for the two methods that the tracer does not record.
    """

    name: str
    owner: Owner
    parameters: tuple[str, ...]
    called_by: str
    runs_in: str
    contract: Contract
    purpose: str
    per_request: bool = False
    traced: bool = True


def _table(hooks: Iterable[Hook]) -> Mapping[str, Hook]:
    return MappingProxyType({hook.name: hook for hook in hooks})


REQUEST = ("request", "client_address")

SERVER_HOOKS: Final[Mapping[str, Hook]] = _table(
    [
        Hook("__init__", "server", ("server_address", "RequestHandlerClass", "bind_and_activate"), "the caller",
             CONSTRUCTING, "may be extended",
             "Remembers the address and the handler class, makes the socket, and has it bound and activated."),
        Hook("server_bind", "server", (), "the constructor", CONSTRUCTING, "may be overridden",
             "Gives the socket its address; with port 0 the system picks a free one, and you find it here."),
        Hook("server_activate", "server", (), "the constructor", CONSTRUCTING, "may be overridden",
             "Opens the door: from now on clients may knock, and the system lets a few of them wait in line."),
        Hook("__enter__", "server", (), "the with statement", CALLING, "call",
             "Begins a with block and hands you the server; it starts nothing."),
        Hook("__exit__", "server", ("args",), "the with statement", CALLING, "call",
             "Ends a with block by closing the server; it does not stop a loop that still serves."),
        Hook("serve_forever", "server", ("poll_interval",), "the caller", SERVING, "call",
             "Waits for requests and handles one after the other until somebody calls shutdown."),
        Hook("handle_request", "server", (), "the caller", SERVING, "call",
             "Waits for one request, or for the timeout, and then gives control back to you."),
        Hook("_handle_request_noblock", "server", (), "serve_forever or handle_request", SERVING, "internal",
             "Takes one request that is already there through its whole life.", True, False),
        Hook("service_actions", "server", (), "serve_forever", SERVING, "may be overridden",
             "Is called on every turn of the loop, request or not: a place for small regular chores."),
        Hook("get_request", "server", (), "serve_forever or handle_request", SERVING, "may be overridden",
             "Takes the next request from the socket: accepts a connection, or receives a datagram.", True),
        Hook("verify_request", "server", REQUEST, "serve_forever or handle_request", SERVING, "may be overridden",
             "Is the doorkeeper: when its answer is false, the request is closed and nobody handles it.", True),
        Hook("process_request", "server", REQUEST, "serve_forever or handle_request", SERVING, "may be overridden",
             "Decides where the work is done: right here, in a new thread, or in a forked child.", True),
        Hook("process_request_thread", "server", REQUEST, "the new thread of the request", "the request's own thread",
             "internal", "Is what the new thread runs: it finishes the request, and catches what goes wrong.", True),
        Hook("finish_request", "server", REQUEST, "process_request or process_request_thread", HANDLING,
             "for derived classes",
             "Makes one handler for the request; the handler's constructor does all of the work.", True),
        Hook("handle_error", "server", REQUEST, "whoever caught the exception of a request", HANDLING,
             "may be overridden",
             "Is told when handling a request raised an exception, so that the server can go on.", True),
        Hook("handle_timeout", "server", (), "handle_request", SERVING, "may be overridden",
             "Is called when handle_request has waited for its whole timeout and nobody came."),
        Hook("shutdown_request", "server", ("request",), "whoever processed or refused the request", HANDLING,
             "may be overridden", "Says goodbye to the client of one request, and then has the request closed.", True),
        Hook("close_request", "server", ("request",), "shutdown_request, and the parent of a forked child", HANDLING,
             "may be overridden", "Lets go of what belongs to one request, above all of its socket.", True),
        Hook("shutdown", "server", (), "the caller", "a thread that does not serve", "call",
             "Asks serve_forever to stop and waits until it has; call it from another thread, or it waits forever."),
        Hook("server_close", "server", (), "the caller", CALLING, "may be overridden",
             "Closes the server's socket, and may wait for threads and children that still work."),
        Hook("collect_children", "server", (), "service_actions, handle_timeout or server_close", SERVING, "internal",
             "Asks the system which forked children have ended, so that none of them stays a zombie."),
        Hook("fileno", "server", (), "the selector of serve_forever or handle_request", SERVING, "call",
             "Tells the selector which file descriptor to watch.", False, False),
    ]
)  # fmt: skip
"""The hooks of a server, in the order of its life."""

HANDLER_HOOKS: Final[Mapping[str, Hook]] = _table(
    [
        Hook("__init__", "handler", ("request", "client_address", "server"), "finish_request", HANDLING,
             "may be extended", "Is the whole life of a handler: it calls setup, handle and finish, in this order.",
             True),
        Hook("setup", "handler", (), "the constructor", HANDLING, "may be overridden",
             "Prepares what handle needs; a stream handler makes rfile and wfile here.", True),
        Hook("handle", "handler", (), "the constructor", HANDLING, "may be overridden",
             "Is where your service lives: it reads the request and writes the reply.", True),
        Hook("finish", "handler", (), "the constructor", HANDLING, "may be overridden",
             "Cleans up after handle, even when handle raised; but not when setup did.", True),
    ]
)  # fmt: skip
"""The hooks of a handler, in the order of its life."""


def hook(name: str, owner: str) -> Hook | None:
    """The entry of a method in the tables; None when it is no hook of such an owner."""
    return (HANDLER_HOOKS if owner == "handler" else SERVER_HOOKS if owner == "server" else {}).get(name)
