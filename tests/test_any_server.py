"""Any server runs traced as it runs untraced: the standard library's, Werkzeug's, and ones that nobody has seen before.

A case is run once as it is, and then traced in two ways: by `traced(cls)`, and by building its module anew on the
traced names of `socketserver`. It is asked the same by real clients each time. What they hear, what the program sees
and what it prints must be equal; and the trace must have the hooks of each connection, be legal, and have no fault.

The servers that nobody has seen before are the programs in `programs/odd`. Each has a `Server` class, a `main(Server)`
that returns what is compared, and `CONNECTIONS`, the hooks of each connection where they are not the usual ones.
"""

from __future__ import annotations

import functools
import hashlib
import http.client
import importlib
import importlib.util
import io
import json
import logging
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import urllib.request
import warnings
import xmlrpc.client
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from socketserver_trace import Recorder, Trace, traced
from socketserver_trace.assembly import assemble
from socketserver_trace.events import FAULT, HOOK
from socketserver_trace.fronts import dropped_in
from socketserver_trace.lifecycle.walker import Call, violations
from socketserver_trace.recorder import sharing
from socketserver_trace.recording import CLIENT
from tests.helpers import serving
from tests.test_traces_are_legal import calls_of

CALM = 30
"""How many seconds a client waits on a busy machine."""

HOST = ("127.0.0.1", 0)

PLAIN, TRACED, DROPPED_IN = "plain", "traced", "dropped in"

BEGIN = ("get_request", "verify_request", "process_request")
HANDLER = ("finish_request", "__init__", "setup", "handle", "finish")
END = ("shutdown_request", "close_request")
USUAL = (*BEGIN, *HANDLER, *END)
"""The hooks of a connection whose handler runs in the loop's own thread."""

THREADED = (*BEGIN, "process_request_thread", *HANDLER, *END)
FORKED = (*BEGIN, "close_request", *HANDLER, *END)
"""The parent closes its copy of the connection, and the child's lane comes after the parent's."""

BUILT_ON_IT: Mapping[str, tuple[str, ...]] = {
    "http.server": (),
    "xmlrpc.server": ("http.server",),
    "wsgiref.simple_server": ("http.server",),
    "logging.config": (),
    "werkzeug.serving": ("http.server",),
}
"""The modules that build on `socketserver` when they are imported, and those of them that each builds on."""


class Libraries:
    """The modules that a case is made of, in the way in which it runs."""

    def __init__(self, way: str) -> None:
        self._way = way

    def module(self, name: str) -> Any:
        """A module that builds on `socketserver`; a copy, built anew, while the traced names are dropped in."""
        if self._way != DROPPED_IN:
            return importlib.import_module(name)
        for needed in (*BUILT_ON_IT[name], name):
            module = sys.modules[needed] = _copy(needed)
        return module

    def server(self, kind: Any) -> Any:
        """A server class of such a module, traced if that is the way; built on the traced ones it is traced already."""
        return traced(kind) if self._way == TRACED else kind


def _copy(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(case: Callable[[Libraries], Any], way: str) -> tuple[Any, str, Trace]:
    """What a case tells when it runs in this way, what is printed, and the trace of its servers."""
    recorder, printed = Recorder(cap=None), io.StringIO()
    with ExitStack() as stack:
        stack.enter_context(mock.patch.dict(sys.modules))
        stack.enter_context(redirect_stderr(printed))
        stack.enter_context(warnings.catch_warnings())
        # os.fork() warns in a process with threads since Python 3.12, and CGIHTTPRequestHandler of its end since 3.13.
        warnings.simplefilter("ignore", DeprecationWarning)
        if way != PLAIN:
            stack.enter_context(sharing(recorder))
        if way == DROPPED_IN:
            stack.enter_context(dropped_in())
        running = set(threading.enumerate())
        told = case(Libraries(way))
        for thread in set(threading.enumerate()) - running:
            thread.join(CALM)  # a daemon is not waited for by its server
    return told, _without_chance(printed.getvalue()), Trace(assemble(recorder))


def _without_chance(printed: str) -> str:
    """What is printed without what differs from run to run: ports, times, addresses in memory."""
    printed = re.sub(r"\[\d\d/\w{3}/\d{4}[^\]]*\]", "[time]", printed)
    return re.sub(r"0x[0-9a-f]+", "address", re.sub(r"(127\.0\.0\.1'|::1'), \d+", r"\1, port", printed))


def entered(trace: Trace, connection: int) -> tuple[str, ...]:
    """The hooks of a connection, one lane after the other, the lane that took it first."""
    lanes: dict[str, list[str]] = {}
    for event in trace.arrival().select(connection=connection):
        if event.kind == HOOK and event.phase == "enter":
            lanes.setdefault(event.lane, []).append(event.hook or "")
    return tuple(hook for hooks in lanes.values() for hook in hooks)


def unlawful(trace: Trace) -> list[str]:
    """What the lifecycle tables say cannot happen, in a sentence each."""
    lanes = [calls_of(trace, lane.name) for lane in trace.recording.lanes if lane.kind != CLIENT]
    return [
        sentence
        for calls in lanes
        for sentence in violations(calls, "hooks", "handler thread" if _is_of_a_handler(calls) else "thread")
    ]


def _is_of_a_handler(calls: tuple[Call, ...]) -> bool:
    return [call.hook for call in calls] == ["process_request_thread"]


def check(case: Callable[[Libraries], Any], way: str, connections: list[tuple[str, ...]]) -> None:
    """The case tells and prints the same traced as untraced, and its trace is what was expected."""
    told, printed, untraced = run(case, PLAIN)
    told_again, printed_again, trace = run(case, way)

    assert told_again == told
    assert printed_again == printed
    assert len(untraced) == 0
    assert [event for event in trace if event.kind == FAULT] == []
    assert [entered(trace, number) for number in trace.connections] == connections
    assert unlawful(trace) == unlawful(trace.arrival()) == []


ways = pytest.mark.parametrize("way", [TRACED, DROPPED_IN])


# Clients.

Request = tuple[str, str, "bytes | None", "dict[str, str]"]


def asked(connection: http.client.HTTPConnection, *requests: Request) -> list[Any]:
    """All that is replied to requests on one connection, except for the time of day."""
    replies: list[Any] = []
    try:
        for method, path, body, headers in requests:
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            data = reply.read()
            told = sorted((name, value) for name, value in reply.getheaders() if name != "Date")
            replies.append(
                (reply.status, reply.reason, reply.version, told, len(data), hashlib.sha256(data).hexdigest())
            )
    except (http.client.HTTPException, OSError) as error:
        replies.append(type(error).__name__)
    finally:
        connection.close()
    return replies


def client_of(server: Any) -> http.client.HTTPConnection:
    """A client of a server of HTTP."""
    host, port = server.server_address[:2]
    return http.client.HTTPConnection(host, port, timeout=CALM)


def get(path: str, **headers: str) -> Request:
    """A request for a page."""
    return ("GET", path, None, {name.replace("_", "-"): value for name, value in headers.items()})


# http.server.


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Some files to be served: a small one, one that is sent in many pieces, and a folder."""
    (tmp_path / "small.txt").write_bytes(b"hello\n")
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 4096)
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "<i>.html").write_bytes(b"<p>")
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    return tmp_path


def files(libraries: Libraries, *, name: str, protocol: str, folder: Path) -> Any:
    """Everything that a server of files has replies for."""
    module = libraries.module("http.server")

    class Handler(module.SimpleHTTPRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        protocol_version = protocol
        timeout = CALM

    server_class = libraries.server(getattr(module, name))
    with serving(server_class(HOST, functools.partial(Handler, directory=str(folder)))) as server:
        return asked(
            client_of(server),
            get("/small.txt"),
            ("HEAD", "/large.bin", None, {}),
            get("/large.bin"),
            get("/inner/"),
            get("/inner"),
            get("/missing%3Cb%3E"),
            get("/small.txt", If_Modified_Since="Sun, 09 Sep 2001 01:46:40 GMT"),
            ("BREW", "/small.txt", None, {}),
        )


@ways
@pytest.mark.parametrize(("name", "hooks"), [("HTTPServer", USUAL), ("ThreadingHTTPServer", THREADED)])
def test_a_server_of_files_serves_many_requests_on_one_connection(
    name: str, hooks: tuple[str, ...], way: str, folder: Path
) -> None:
    """Files small and large, listings, redirections and errors are the same, with the connection kept alive."""
    # An error closes the connection, and the client opens another one for what it has left.
    case = functools.partial(files, name=name, protocol="HTTP/1.1", folder=folder)
    check(case, way, [hooks] * 2)


@ways
def test_a_server_of_files_serves_one_request_on_a_connection(way: str, folder: Path) -> None:
    """The same in the older protocol, where each request is a connection."""
    check(functools.partial(files, name="HTTPServer", protocol="HTTP/1.0", folder=folder), way, [USUAL] * 8)


SCRIPT = """#!/bin/sh
echo "Content-Type: text/plain"
echo
echo "$REQUEST_METHOD $PATH_INFO $QUERY_STRING"
head -c "${CONTENT_LENGTH:-0}"
"""


def scripts(libraries: Libraries, *, folder: Path) -> Any:
    """A server that runs a program for each request, in a child that its handler forks."""
    module = libraries.module("http.server")

    class Handler(module.CGIHTTPRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def translate_path(self, path: str) -> str:
            return str(folder / path.lstrip("/"))

    may_read = mock.patch.object(module, "nobody_uid", os.getuid)  # the user who runs the test
    with may_read, serving(libraries.server(module.HTTPServer)(HOST, Handler)) as server:
        asking = [get("/cgi-bin/script?a=b"), ("POST", "/cgi-bin/script/more", b"posted", {}), get("/cgi-bin/missing")]
        return [asked(client_of(server), request) for request in asking]


@ways
def test_a_handler_may_fork_children_of_its_own(way: str, tmp_path: Path) -> None:
    """CGI scripts run, read their input and reply as ever, and their processes are gone in the end."""
    if not hasattr(importlib.import_module("http.server"), "CGIHTTPRequestHandler") or not hasattr(os, "fork"):
        pytest.skip("this Python has no server of CGI scripts, or cannot fork")
    script = tmp_path / "cgi-bin" / "script"
    script.parent.mkdir()
    script.write_text(SCRIPT)
    script.chmod(0o755)
    check(functools.partial(scripts, folder=tmp_path), way, [USUAL] * 3)


# xmlrpc.server.


class Sums:
    """What is called from afar."""

    def add(self, first: int, second: int) -> int:
        """Add two numbers."""
        return first + second

    def fail(self) -> None:
        """Fail."""
        raise LookupError("<nothing>")


def _fault_of(call: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return call(*arguments)
    except (xmlrpc.client.Fault, xmlrpc.client.ProtocolError) as error:
        return type(error).__name__, getattr(error, "faultString", None), getattr(error, "errcode", None)


def calls(libraries: Libraries, *, name: str) -> Any:
    """Calls that return and fail, several at once, and what the server says of itself."""
    module = libraries.module("xmlrpc.server")
    with serving(libraries.server(getattr(module, name))(HOST, allow_none=True)) as server:
        server.register_introspection_functions()
        server.register_multicall_functions()
        server.register_instance(Sums())
        server.register_function(lambda: None, "nothing")
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with xmlrpc.client.ServerProxy(address, allow_none=True) as far:
            several = xmlrpc.client.MultiCall(far)
            several.add(1, 2)
            several.nothing()
            both: Any = several()
            told: list[Any] = [far.add(3, 4), both[0], both[1], far.system.listMethods(), far.system.methodHelp("add")]
            told += [_fault_of(far.fail), _fault_of(far.unknown), _fault_of(far.add, 1)]
        with xmlrpc.client.ServerProxy(f"{address}/elsewhere") as far:
            told.append(_fault_of(far.add, 1, 2))
        return [*told, asked(client_of(server), get("/")), asked(client_of(server), ("POST", "/RPC2", b"<", {}))]


@ways
@pytest.mark.parametrize("name", ["SimpleXMLRPCServer", "DocXMLRPCServer"])
def test_calls_from_afar_return_and_fail_as_ever(name: str, way: str) -> None:
    """Results, faults, several calls at once and the pages of documentation are the same."""
    check(functools.partial(calls, name=name), way, [USUAL] * 10)


# wsgiref.


def application(environment: dict[str, Any], start_response: Callable[..., Any]) -> Iterator[bytes]:
    """Tell what was asked, or fail."""
    if environment["PATH_INFO"] == "/fail":
        raise RuntimeError("the application failed")
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_LENGTH", "SERVER_NAME", "HTTP_X_MORE")
    told = {name: environment.get(name) for name in names}
    told["body"] = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0)).decode()
    told["flags"] = [environment[f"wsgi.{name}"] for name in ("multithread", "multiprocess", "url_scheme")]
    if environment["REQUEST_METHOD"] != "HEAD":
        yield json.dumps(told).encode()
        yield b"\n"


ASKING: tuple[Request, ...] = (
    get("/a?b=c", X_More="more"),
    ("POST", "/a", b"posted", {}),
    get("/fail"),
    ("HEAD", "/", None, {}),
)


def gateway(libraries: Libraries) -> Any:
    """The server of the standard library for WSGI applications."""
    module = libraries.module("wsgiref.simple_server")
    with serving(libraries.server(module.WSGIServer)(HOST, module.WSGIRequestHandler)) as server:
        server.set_app(application)
        environment = {name: value for name, value in server.base_environ.items() if name != "SERVER_PORT"}
        return [environment, *(asked(client_of(server), request) for request in ASKING)]


def made_gateway(libraries: Libraries) -> Any:
    """The same, made by its function, with the class handed over."""
    module = libraries.module("wsgiref.simple_server")
    server_class = libraries.server(module.WSGIServer)
    with serving(module.make_server(*HOST, application, server_class=server_class)) as server:
        return [asked(client_of(server), request) for request in ASKING]


@ways
@pytest.mark.parametrize("case", [gateway, made_gateway])
def test_a_wsgi_application_is_served_as_ever(case: Callable[[Libraries], Any], way: str) -> None:
    """Its environment, its replies and the report of its failure are the same."""
    check(case, way, [USUAL] * len(ASKING))


# Werkzeug.


def development_server(libraries: Libraries, *, options: dict[str, Any]) -> Any:
    """Werkzeug's server, made by its own function, which chooses the class by name."""
    module = libraries.module("werkzeug.serving")
    names = ("BaseWSGIServer", "ThreadedWSGIServer", "ForkingWSGIServer")
    with mock.patch.multiple(module, **{name: libraries.server(getattr(module, name)) for name in names}):
        server = module.make_server(*HOST, application, **options)
    with serving(server):
        told = [type(server).__name__, server.multithread, server.multiprocess]
        for request in ASKING:
            told.append(asked(client_of(server), request))
            if options.get("processes"):
                break  # one child at a time has a fixed place in the order
        return told


@ways
@pytest.mark.parametrize(
    ("options", "connections"),
    [({}, [USUAL] * 4), ({"threaded": True}, [THREADED] * 4), ({"processes": 2}, [FORKED])],
    ids=["one at a time", "threaded", "processes"],
)
def test_werkzeugs_development_server_replies_as_ever(
    options: dict[str, Any], connections: list[tuple[str, ...]], way: str
) -> None:
    """All three of its kinds are traced, and the application's replies and failures are the same."""
    pytest.importorskip("werkzeug.serving")
    if "processes" in options and not hasattr(os, "fork"):
        pytest.skip("this system cannot fork")
    check(functools.partial(development_server, options=options), way, connections)


# logging.config.listen.


def configured(libraries: Libraries) -> Any:
    """The level of a logger after each configuration that is sent, and what comes back, which is nothing."""
    module = libraries.module("logging.config")
    logger = logging.getLogger("tests.any_server")
    before = logger.level
    listening = module.listen(0, verify=lambda data: None if b"refused" in data else data)
    listening.start()
    listening.ready.wait(CALM)
    levels = []
    try:
        for level, refused in (("ERROR", False), ("DEBUG", True), ("INFO", False)):
            wanted = {"version": 1, "incremental": True, "loggers": {logger.name: {"level": level}}, "refused": refused}
            data = json.dumps(wanted if refused else {k: v for k, v in wanted.items() if k != "refused"}).encode()
            with socket.create_connection(("127.0.0.1", listening.port), CALM) as client:
                client.sendall(struct.pack(">L", len(data)) + data)
                client.shutdown(socket.SHUT_WR)
                levels.append((client.recv(100), logging.getLevelName(logger.level)))
    finally:
        logger.setLevel(before)
        module.stopListening()
        listening.join(CALM)
    return levels


@pytest.mark.slow
def test_the_receiver_of_logging_configurations_is_configured_as_ever() -> None:
    """Its class stands inside a function, so that only the names of socketserver can be replaced."""
    check(configured, DROPPED_IN, [THREADED] * 3)


# TLS.


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, for localhost."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out", f"{path}.crt")
    subprocess.run([openssl, *made, *names], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def wrapped_when_accepted(module: Any, context: ssl.SSLContext) -> Any:
    """The connection is wrapped in get_request, where the client's mistakes hit the loop."""

    class Server(module.ThreadingHTTPServer):  # type: ignore[misc] # made from either module
        def get_request(self) -> Any:
            request, client_address = super().get_request()
            request.settimeout(CALM)
            return context.wrap_socket(request, server_side=True), client_address

    return Server


def wrapped_by_the_worker(module: Any, context: ssl.SSLContext) -> Any:
    """The connection is wrapped in finish_request, in the thread that handles it."""

    class Server(module.ThreadingHTTPServer):  # type: ignore[misc] # made from either module
        def finish_request(self, request: Any, client_address: Any) -> None:
            request.settimeout(CALM)
            with context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)

        def shutdown_request(self, request: Any) -> None:
            self.close_request(request)  # it is detached from its connection, which is closed already

    return Server


def wrapped_before_it_listens(module: Any, context: ssl.SSLContext) -> Any:
    """The listening socket is wrapped, as in the recipes for http.server."""

    class Server(module.ThreadingHTTPServer):  # type: ignore[misc] # made from either module
        socket: Any

        def server_activate(self) -> None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            super().server_activate()

    return Server


def secrets(libraries: Libraries, *, secured: Callable[..., Any], certificate: Path, folder: Path) -> Any:
    """Files large and small by TLS, several on one connection and one on another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    module = libraries.module("http.server")

    class Handler(module.SimpleHTTPRequestHandler):  # type: ignore[misc, name-defined] # made from either module
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            pass

    told: list[Any] = []
    server_class = libraries.server(secured(module, context))
    with serving(server_class(HOST, functools.partial(Handler, directory=str(folder)))) as server:
        port = server.server_address[1]
        trusting = ssl.create_default_context(cafile=str(certificate))
        client = http.client.HTTPSConnection("localhost", port, timeout=CALM, context=trusting)
        told.append(asked(client, get("/large.bin"), get("/small.txt"), get("/missing")))
        with urllib.request.urlopen(f"https://localhost:{port}/small.txt", timeout=CALM, context=trusting) as reply:
            told.append((reply.status, reply.read()))
    return told


@ways
@pytest.mark.parametrize("secured", [wrapped_when_accepted, wrapped_by_the_worker, wrapped_before_it_listens])
def test_what_is_served_by_tls_is_the_same(
    secured: Callable[..., Any], way: str, certificate: Path, folder: Path
) -> None:
    """Wherever the connection is wrapped, the replies are the same."""
    case = functools.partial(secrets, secured=secured, certificate=certificate, folder=folder)
    check(case, way, [THREADED] * 2)


# Servers that nobody has seen before.

ODD = sorted((Path(__file__).parent / "programs" / "odd").glob("*.py"))


@contextmanager
def program(path: Path) -> Iterator[Any]:
    """The module of a program, which others can import by its name for this while."""
    name = f"odd_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with mock.patch.dict(sys.modules, {name: module}):
        spec.loader.exec_module(module)
        yield module


def odd(libraries: Libraries, *, path: Path) -> Any:
    """What a program tells of its own server."""
    with program(path) as module:
        return module.main(libraries.server(module.Server))


@ways
@pytest.mark.parametrize("path", ODD, ids=lambda path: path.stem)
def test_a_server_that_nobody_has_seen_before_behaves_as_ever(path: Path, way: str) -> None:
    """What its clients hear, what it sees of itself and what it prints are the same, and each connection is traced."""
    with program(path) as module:
        unlike = getattr(module, "UNLIKE", None)
        connections: list[tuple[str, ...]] = getattr(module, "CONNECTIONS", [USUAL])
    if unlike:
        pytest.skip(unlike)
    check(functools.partial(odd, path=path), way, connections)
