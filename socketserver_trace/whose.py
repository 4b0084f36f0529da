"""Whose end is whose: the sockets behind a server, with the names that they have in its trace.

An accepted socket knows the number of its connection. All other ends are known by their addresses: the recording has
the address of each client that was accepted or recorded itself, and the kernel has the addresses of both ends of each
connection. An end that nobody in the recording knows is shown only while it is certain to belong to this server, so
that what an earlier server left behind on the same port is not in the view.

The law: it asks, and changes nothing. No code of the program runs but the attribute `socket` of its server.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import replace

from socketserver_trace import procnet, sockdiag
from socketserver_trace.assembly import address_text, assemble
from socketserver_trace.endpoints import IN_QUEUE, SERVER, SocketView
from socketserver_trace.events import CONNECT
from socketserver_trace.inference import infer_clients
from socketserver_trace.matching import accepted_connections, is_client, match
from socketserver_trace.sockets import attachments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

    from socketserver_trace.procnet import Row
    from socketserver_trace.recorder import Source

SOMEBODY: Final = "a client"
"""A client that the recording does not know."""


class Known:
    """What the recording says about addresses: their connections and their clients."""

    def __init__(self, source: Source) -> None:
        recording = infer_clients(match(assemble(source.recorder)))
        mine = [event for event in recording if event.server == source.name]
        streams = [one for one in accepted_connections(mine) if one.datagram is None]
        told = [event for event in mine if is_client(event)]
        self.connections = {one.address: one.connection for one in streams if one.address}
        self.numbers = {event.lane: event.connection for event in told if event.kind == CONNECT and event.connection}
        self.order = [lane.name for lane in recording.lanes]
        lanes = {connection: lane for lane, connection in self.numbers.items()}
        self.lanes = {address: lanes[number] for address, number in self.connections.items() if number in lanes}
        self.lanes |= {str(event.detail["address"]): event.lane for event in told if event.detail.get("address")}
        self.waiting: set[str] = set()
        """The addresses of the clients whose connection nobody has accepted yet."""

    def connection(self, address: str) -> int | None:
        """The number of the connection that a client has from this address."""
        return None if address in self.waiting else self.connections.get(address)

    def knows(self, address: str) -> bool:
        """Whether a client of this server has this address."""
        return address in self.connections or address in self.lanes or address in self.waiting

    def place(self, lane: str | None) -> int:
        """Where a client stands among the lanes, those without one last."""
        return self.order.index(lane) if lane in self.order else len(self.order)


class Look:
    """One look at the sockets of a server."""

    def __init__(self, server: Any, source: Source, clients: Iterable[Any]) -> None:
        self._found: list[tuple[tuple[int, int, int], SocketView]] = []
        self._pairs: set[tuple[str, str]] = set()
        self._socket = _socket_of(server)
        self._address = _bound_to(self._socket, server)
        # Before the recording: what had not been accepted in the table was accepted afterwards.
        self._rows = self._listed()
        self._known = Known(source)
        self._known.waiting = {row.remote for row in self._rows if self._serves(row.local) and row.is_unaccepted}
        self._held(source, clients)
        for row in self._rows:
            if (row.local, row.remote) not in self._pairs:
                self._add_row(row)

    def views(self) -> list[SocketView]:
        """The views in an order that does not depend on the system."""
        return [view for _place, view in sorted(self._found, key=lambda found: (found[0], _content(found[1])))]

    def _listed(self) -> list[Row]:
        is_tcp = self._socket is not None and self._socket.type == socket.SOCK_STREAM
        port = self._address.rpartition(":")[2]
        return procnet.rows(int(port)) if is_tcp and port.isdecimal() else []

    def _serves(self, address: str) -> bool:
        """Whether this is the address of the server, or one of them."""
        host, _colon, port = self._address.rpartition(":")
        return address == self._address or (host in {"0.0.0.0", "[::]"} and address.endswith(f":{port}"))  # noqa: S104 - asked, not bound

    def _held(self, source: Source, clients: Iterable[Any]) -> None:
        """Ask the sockets that this process has open."""
        if self._socket is not None and _is_open(self._socket):
            self._add(replace(sockdiag.ask(self._socket), of=SERVER), (0, 0, 0))
        for attachment in list(attachments.values()):
            sock = attachment()
            if (
                sock is not None
                and attachment.source is source
                and attachment.connection is not None
                and self._new(sock)
            ):
                self._known.waiting.discard(_text(sock, "getpeername"))  # accepted since the table was read
                self._add_server_end(self._asked(sock, attachment.connection), attachment.connection)
        for client in clients:
            if self._new(client.socket):
                address = _text(client.socket, "getsockname")
                self._add_client(self._asked(client.socket, address), address, client.name)

    def _asked(self, sock: socket.socket, mark: int | str) -> SocketView:
        """What the kernel says of an end, known by the number of its connection or by its address.

        When both ends are closed for sending, the socket itself is done with, and what the kernel remembers of the
        connection stands in its table alone.
        """
        view = sockdiag.ask(sock)
        if view.state == "CLOSE":
            for row in self._rows:
                if mark == (row.local if isinstance(mark, str) else self._known.connection(row.remote)):
                    self._pairs.add((row.local, row.remote))
                    return replace(view, state=row.state, on_its_way=row.on_its_way)
        return view

    def _new(self, sock: socket.socket) -> bool:
        """Whether the socket is open, and its end of the connection was not met before."""
        pair = (_text(sock, "getsockname"), _text(sock, "getpeername"))
        if not _is_open(sock) or pair in self._pairs:
            return False
        if all(pair):  # the two ends of a Unix stream have no addresses to be known by
            self._pairs.add(pair)
        return True

    def _add_row(self, row: Row) -> None:
        view = SocketView(of="", state=row.state, unread=row.unread, unsent=row.unsent, on_its_way=row.on_its_way)
        known = self._known
        if self._serves(row.local):
            if row.is_unaccepted:
                lane = known.lanes.get(row.remote)
                self._add(replace(view, of=f"{lane or SOMEBODY}{IN_QUEUE}"), (2, known.place(lane), 1))
            elif row.held or known.knows(row.remote):
                self._add_server_end(view, known.connection(row.remote))
        elif known.knows(row.local) or (row.state == "SYN_SENT" and row.remote == self._address):
            self._add_client(view, row.local, None)

    def _add_server_end(self, view: SocketView, connection: int | None) -> None:
        of = "server's end of a connection" if connection is None else f"server's end of connection {connection}"
        place = (2, len(self._known.order), 1) if connection is None else (1, connection, 1)
        self._add(replace(view, of=of, connection=connection), place)

    def _add_client(self, view: SocketView, address: str, name: str | None) -> None:
        lane = self._known.lanes.get(address) or (name if name in self._known.order else None)
        connection = self._known.connection(address)
        if connection is None and not address and lane is not None:
            connection = self._known.numbers.get(lane)  # of a Unix stream, whose clients are known by their order
        of = lane or name or (SOMEBODY if connection is None else f"client of connection {connection}")
        place = (2, self._known.place(lane), 0) if connection is None else (1, connection, 0)
        self._add(replace(view, of=of, lane=lane, connection=connection), place)

    def _add(self, view: SocketView, place: tuple[int, int, int]) -> None:
        self._found.append((place, view))


def _content(view: SocketView) -> tuple[str, str, int, int]:
    return view.of, view.state or "", view.unread or 0, view.unsent or 0


def _socket_of(server: Any) -> socket.socket | None:
    sock = getattr(server, "socket", None)
    return sock if isinstance(sock, socket.socket) else None


def _bound_to(sock: socket.socket | None, server: Any) -> str:
    """The address that the server has, or had before it was closed."""
    return ("" if sock is None else _text(sock, "getsockname")) or address_text(getattr(server, "server_address", None))


def _text(sock: socket.socket, name: str) -> str:
    """One of the two addresses of a socket, empty where there is none."""
    with suppress(OSError):
        return address_text(getattr(socket.socket, name)(sock))
    return ""


def _is_open(sock: socket.socket) -> bool:
    return socket.socket.fileno(sock) != -1
