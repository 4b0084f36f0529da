"""Which class of the standard library provides which hook, and what it does there.

The law: the tables are the ones of `Lib/socketserver.py` in Python 3.10 to 3.13, compared with the running module by a
test. The classes that are not in `DEFINED_BY` (`UnixStreamServer`, `ThreadingTCPServer` and so on) define no method.
"""

from __future__ import annotations

from types import MappingProxyType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

DEFINED_BY: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        name: frozenset(hooks.split())
        for name, hooks in {
            "BaseServer": "__init__ server_activate serve_forever shutdown service_actions handle_request"
            " _handle_request_noblock handle_timeout verify_request process_request server_close finish_request"
            " shutdown_request close_request handle_error __enter__ __exit__",
            "TCPServer": "__init__ server_bind server_activate server_close fileno get_request shutdown_request"
            " close_request",
            "UDPServer": "get_request server_activate shutdown_request close_request",
            "ForkingMixIn": "collect_children handle_timeout service_actions process_request server_close",
            "ThreadingMixIn": "process_request_thread process_request server_close",
            "BaseRequestHandler": "__init__ setup handle finish",
            "StreamRequestHandler": "setup finish",
            "DatagramRequestHandler": "setup finish",
        }.items()
    }
)
"""The hooks that each class of the standard library defines itself."""

EFFECTS: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("BaseServer", "__init__"): "keeps its arguments",
        ("BaseServer", "server_activate"): "nothing to do",
        ("BaseServer", "__enter__"): "gives you the server",
        ("BaseServer", "__exit__"): "calls server_close",
        ("BaseServer", "serve_forever"): "waits for requests",
        ("BaseServer", "handle_request"): "waits for one request",
        ("BaseServer", "_handle_request_noblock"): "takes one request",
        ("BaseServer", "service_actions"): "nothing to do",
        ("BaseServer", "verify_request"): "lets everyone in",
        ("BaseServer", "process_request"): "works right here",
        ("BaseServer", "finish_request"): "makes a handler",
        ("BaseServer", "handle_error"): "reports the error",
        ("BaseServer", "handle_timeout"): "nothing to do",
        ("BaseServer", "shutdown_request"): "calls close_request",
        ("BaseServer", "close_request"): "nothing to do",
        ("BaseServer", "shutdown"): "waits for the loop",
        ("BaseServer", "server_close"): "nothing to do",
        ("TCPServer", "__init__"): "socket()",
        ("TCPServer", "server_bind"): "bind()",
        ("TCPServer", "server_activate"): "listen()",
        ("TCPServer", "server_close"): "close()",
        ("TCPServer", "fileno"): "fileno()",
        ("TCPServer", "get_request"): "accept()",
        ("TCPServer", "shutdown_request"): "shutdown(SHUT_WR)",
        ("TCPServer", "close_request"): "close()",
        ("UDPServer", "get_request"): "recvfrom()",
        ("UDPServer", "server_activate"): "nothing to do",
        ("UDPServer", "shutdown_request"): "nothing to shut down",
        ("UDPServer", "close_request"): "nothing to do",
        ("ForkingMixIn", "collect_children"): "waitpid()",
        ("ForkingMixIn", "handle_timeout"): "collects children",
        ("ForkingMixIn", "service_actions"): "collects children",
        ("ForkingMixIn", "process_request"): "forks a child",
        ("ForkingMixIn", "server_close"): "close(), waitpid()",
        ("ThreadingMixIn", "process_request_thread"): "works in its thread",
        ("ThreadingMixIn", "process_request"): "starts a thread",
        ("ThreadingMixIn", "server_close"): "close(), joins threads",
        ("BaseRequestHandler", "__init__"): "setup, handle, finish",
        ("BaseRequestHandler", "setup"): "nothing to do",
        ("BaseRequestHandler", "handle"): "nothing to do",
        ("BaseRequestHandler", "finish"): "nothing to do",
        ("StreamRequestHandler", "setup"): "makes rfile, wfile",
        ("StreamRequestHandler", "finish"): "flushes, closes both",
        ("DatagramRequestHandler", "setup"): "makes rfile, wfile",
        ("DatagramRequestHandler", "finish"): "sendto()",
    }
)
"""What a provider's hook does to the outside, short enough to stand beside a bar in a drawing."""

EFFECT_WIDTH: Final = 22
"""The longest text in `EFFECTS`, in characters."""

_TCP: Final = ("TCPServer", "BaseServer")
_UDP: Final = ("UDPServer", *_TCP)
_UNIX_STREAM: Final = ("UnixStreamServer", *_TCP)
_UNIX_DATAGRAM: Final = ("UnixDatagramServer", *_UDP)

SERVER_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "TCPServer": _TCP,
        "UDPServer": _UDP,
        "UnixStreamServer": _UNIX_STREAM,
        "UnixDatagramServer": _UNIX_DATAGRAM,
        "ThreadingTCPServer": ("ThreadingTCPServer", "ThreadingMixIn", *_TCP),
        "ThreadingUDPServer": ("ThreadingUDPServer", "ThreadingMixIn", *_UDP),
        "ThreadingUnixStreamServer": ("ThreadingUnixStreamServer", "ThreadingMixIn", *_UNIX_STREAM),
        "ThreadingUnixDatagramServer": ("ThreadingUnixDatagramServer", "ThreadingMixIn", *_UNIX_DATAGRAM),
        "ForkingTCPServer": ("ForkingTCPServer", "ForkingMixIn", *_TCP),
        "ForkingUDPServer": ("ForkingUDPServer", "ForkingMixIn", *_UDP),
        "ForkingUnixStreamServer": ("ForkingUnixStreamServer", "ForkingMixIn", *_UNIX_STREAM),
        "ForkingUnixDatagramServer": ("ForkingUnixDatagramServer", "ForkingMixIn", *_UNIX_DATAGRAM),
    }
)
"""Every kind of server that one can make, with its MRO (without `object`)."""

HANDLER_KINDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "BaseRequestHandler": ("BaseRequestHandler",),
        "StreamRequestHandler": ("StreamRequestHandler", "BaseRequestHandler"),
        "DatagramRequestHandler": ("DatagramRequestHandler", "BaseRequestHandler"),
    }
)
"""The handler classes of the standard library, with their MRO (without `object`)."""

SINCE: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "TCPServer.allow_reuse_port": (3, 11),
        "UDPServer.allow_reuse_port": (3, 11),
        "ForkingUnixStreamServer": (3, 12),
        "ForkingUnixDatagramServer": (3, 12),
    }
)
"""What is younger than Python 3.10. The methods and the order of their calls are the same from 3.10 to 3.13."""


def kinds(version: tuple[int, int]) -> dict[str, tuple[str, ...]]:
    """The kinds of server that a version of Python has on a system with `os.fork` and `socket.AF_UNIX`."""
    return {name: mro for name, mro in SERVER_KINDS.items() if SINCE.get(name, version) <= version}


def provider_of(mro: Iterable[str], hook: str) -> str | None:
    """The first class of the standard library in an MRO that defines a hook, or None."""
    return next((name for name in mro if hook in DEFINED_BY.get(name, ())), None)
