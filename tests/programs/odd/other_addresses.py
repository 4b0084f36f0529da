"""Addresses of other families: IPv6, and on Linux a name that is no file."""

import os
import socket
import socketserver
import sys

from tests.helpers import ask, serving

USUAL = (
    *("get_request", "verify_request", "process_request", "finish_request"),
    *("__init__", "setup", "handle", "finish", "shutdown_request", "close_request"),
)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


FAMILIES = [
    *([(socket.AF_INET6, ("::1", 0))] if has_ipv6() else []),
    *([(socket.AF_UNIX, f"\0odd server {os.getpid()}")] if sys.platform == "linux" else []),
]
CONNECTIONS = [USUAL] * len(FAMILIES)
UNLIKE = "" if FAMILIES else "this system has neither IPv6 nor names without files"


class Server(socketserver.TCPServer):
    pass


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        host = self.client_address[:1]
        self.wfile.write(self.rfile.readline() + repr(host).encode())


def main(Server):
    told = []
    for family, address in FAMILIES:
        Server.address_family = family
        with serving(Server(address, Handler)) as server:
            told += [ask(server, b"a\n"), server.server_address[:1]]
    return told
