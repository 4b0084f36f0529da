"""What the kernel knows: the sockets behind a trace, at one moment, as the system sees them.

`snapshot` asks for the server's own socket, for the ends of its connections, and for its clients' ends: those that this
process holds by their descriptors (`sockdiag`), the others by the system's tables (`procnet`). Whose end is whose is
known from the addresses in the recording, so a view speaks of alice and connection 2, and not of ports.

The law: whoever looks changes nothing: nothing is read from a socket. What a system does not say is
None, and never an error. It may be asked from any thread, while the server runs or after its end.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from time import perf_counter_ns

from socketserver_trace import telling
from socketserver_trace.endpoints import SocketView, as_details, looks
from socketserver_trace.events import KERNEL
from socketserver_trace.recorder import Meaning, local
from socketserver_trace.whose import Look
from socketserver_trace.wording import safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Final

    from socketserver_trace.events import Event
    from socketserver_trace.recorder import Source

CAPTION: Final = "The kernel's view of the sockets"
COLUMNS: Final = ("state", "waiting", "backlog", "unread", "unsent", "dropped")
"""The fields that a table shows beside the name, each only when the system says it of some socket."""

SLICE: Final = 0.002
"""How long a patient snapshot sleeps before it looks again, in seconds."""

LOOKED: Final = Meaning(KERNEL, None, None)


class KernelView(Sequence[SocketView]):
    """What the kernel knew at one moment: an immutable sequence of `SocketView`s, which shows itself as a table.

    First the server's own socket, then each connection with the client's end before the server's, then the clients
    whose connection nobody has accepted. Ends that are closed and forgotten are not in it.
    """

    __slots__ = ("_sockets",)

    def __init__(self, sockets: Iterable[SocketView] = ()) -> None:
        self._sockets = tuple(sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def __getitem__(self, index: Any) -> Any:
        return self._sockets[index]

    def __iter__(self) -> Iterator[SocketView]:
        return iter(self._sockets)

    def __eq__(self, other: object) -> bool:
        return self._sockets == other._sockets if isinstance(other, KernelView) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._sockets)

    def __repr__(self) -> str:
        return f"<KernelView of {len(self)} socket{'' if len(self) == 1 else 's'}>"

    def find(self, of: str) -> SocketView:
        """The socket of that name; LookupError when there is none."""
        for view in self:
            if view.of == of:
                return view
        raise LookupError(f"the kernel knows no {of!r}; it knows {', '.join(view.of for view in self) or 'nothing'}.")

    @property
    def is_settled(self) -> bool:
        """Whether nothing is on its way between the kernels, so that another look would see the same."""
        return not any(view.on_its_way for view in self)

    def sentences(self) -> tuple[str, ...]:
        """What there is to say, in words for a learner, and what this system does not tell."""
        return telling.sentences(self)

    def __str__(self) -> str:
        from socketserver_trace.paint import table

        return table.text(*self._table())

    def _repr_mimebundle_(self, **_options: object) -> dict[str, str]:
        """What a notebook shows. These two forms survive its sanitiser, GitHub and nbconvert."""
        from socketserver_trace.paint import table

        return {"text/plain": str(self), "text/html": table.html(*self._table())}

    def _table(self) -> tuple[str, list[str], list[list[str]], tuple[str, ...]]:
        """The caption, the heads, the rows, the remarks: all of them safe to show."""
        columns = [name for name in COLUMNS if any(getattr(view, name) is not None for view in self)]
        rows = [[safe(view.of), *(_cell(getattr(view, name)) for name in columns)] for view in self]
        caption = CAPTION if rows else f"{CAPTION}: it knows none."
        return caption, ["socket", *columns], rows, telling.untold(self)


def _cell(value: str | int | None) -> str:
    return "-" if value is None else safe(str(value))


def snapshot(server: Any, source: Source, clients: Sequence[Any] = (), *, patience: float = 0.0) -> KernelView:
    """What the kernel knows now of a traced server, its connections and its clients.

    `source` is the server's source, `clients` are those that `serve()` made; the ends of other clients of this machine
    are found by their addresses. `patience` is how many seconds it may look again while something is on its way: a
    kernel confirms what came a little later (up to 40 ms, RFC 9293, section 3.8.6.3), and a lesson wants the same view
    on every run. Never an error: what goes wrong is recorded as a fault, and gives an empty view.
    """
    deadline = time.monotonic() + patience
    view = _snapshot(server, source, clients)
    while not view.is_settled and time.monotonic() < deadline:
        time.sleep(SLICE)
        view = _snapshot(server, source, clients)
    return view


def _snapshot(server: Any, source: Source, clients: Iterable[Any]) -> KernelView:
    try:
        return KernelView(Look(server, source, clients).views())
    except Exception as error:  # noqa: BLE001 - a server is free to be of a kind that we have never seen
        source.fault(error, "asking the kernel about the sockets")
        return KernelView()


def record(source: Source, view: KernelView) -> None:
    """Put the view into the trace: an event of the kind "kernel" for each socket, all of them at the same time."""
    moment, here = perf_counter_ns(), local.here
    for one, detail in zip(view, as_details(view), strict=True):
        source.record((moment, here, source, LOOKED, one.connection, detail))


def views_of(events: Iterable[Event]) -> list[KernelView]:
    """Every view that was recorded into a trace, in the order of its events."""
    return [KernelView(views) for views in looks(events)]


def view_of(events: Iterable[Event]) -> KernelView:
    """The view that was recorded last, an empty one when there is none."""
    return next(reversed(views_of(events)), KernelView())
