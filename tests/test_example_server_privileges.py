"""Dropping privileges: who serves, in which order, that there is no way back, and what is refused.

What is tried is tried in a process of its own, because it is for good.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.examples import PATIENCE, shell

needs_root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
needs_users = pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs users")

BEGINNING = """
import encodings.idna, grp, json, os, pwd, socket, socketserver, sys, threading
from socketserver_trace.examples import server_privileges, shout

ANY = ("127.0.0.1", 0)
nobody = pwd.getpwnam("nobody")
told = {}

def refusal(act, *arguments):
    try:
        act(*arguments)
    except (OSError, ValueError) as error:
        return str(error)
"""
"""What each of these programs begins with. What Python may import later is imported now: nobody may read it."""


def outcome(code: str) -> Any:
    """What a program, run in a process of its own, has put into `told`."""
    program = f"{BEGINNING}\n{code}\nprint(json.dumps(told))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return json.loads(ran.stdout)


@needs_root
def test_it_binds_as_root_and_listens_as_nobody() -> None:
    """So that no byte of a client reaches a process of root."""
    told = outcome("""
class Watched(socketserver.TCPServer):
    def server_bind(self):
        told["binds"] = os.geteuid() == 0
        super().server_bind()

    def server_activate(self):
        told["listens"] = os.geteuid() == nobody.pw_uid
        super().server_activate()

class Server(server_privileges.PrivilegesMixIn, Watched):
    pass

Server(ANY, shout.ShoutHandler).server_close()
""")
    assert told == {"binds": True, "listens": True}


@needs_root
def test_a_client_is_served_by_nobody() -> None:
    """Real, effective and saved, the groups too, in every thread that there is; new files are for nobody alone."""
    told = outcome("""
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        told["uid"], told["gid"], told["groups"] = os.getresuid(), os.getresgid(), os.getgroups()
        told["umask"] = os.umask(0)
        tasks = os.listdir("/proc/self/task")
        told["threads"] = [line.split()[1:] for task in tasks for line in open(f"/proc/self/task/{task}/status")
                           if line.startswith(("Uid:", "Gid:"))]

os.setgroups([0, 1])
gate = threading.Event()
thread = threading.Thread(target=gate.wait, daemon=True)
thread.start()  # before the drop
class Server(server_privileges.PrivilegesMixIn, socketserver.TCPServer):
    pass
with Server(ANY, Handler) as server, socket.create_connection(server.server_address):
    server.handle_request()
gate.set()
told["nobody"] = nobody.pw_uid, nobody.pw_gid
""")
    uid, gid = told["nobody"]
    assert (told["uid"], told["gid"], told["groups"], told["umask"]) == ([uid] * 3, [gid] * 3, [], 0o077)
    assert len(told["threads"]) == 4
    assert {tuple(ids) for ids in told["threads"]} <= {(str(uid),) * 4, (str(gid),) * 4}


@needs_root
def test_there_is_no_way_back() -> None:
    """Neither to root, nor to another user; being nobody once more is no change."""
    told = outcome("""
server_privileges.drop("nobody")
told["back"] = [refusal(become, 0) for become in (os.setuid, os.seteuid, os.setgid, os.setegid)]
told["groups"] = refusal(os.setgroups, [0])
told["other"] = refusal(server_privileges.drop, "daemon")
told["again"] = refusal(server_privileges.drop, "nobody")
""")
    assert None not in [*told["back"], told["groups"]]
    assert told["other"] == "only root can become daemon, and this was not started as root"
    assert told["again"] is None


@needs_root
def test_a_saved_root_is_found_out() -> None:
    """Who is nobody for the moment, and could be root in the next, does not serve."""
    told = outcome("""
os.setresuid(nobody.pw_uid, nobody.pw_uid, 0)
told["refused"] = refusal(server_privileges.drop, "nobody")
""")
    assert told["refused"] == "it could become root again at any time"


@needs_root
def test_what_cannot_be_dropped_leaves_nothing_that_listens() -> None:
    """The socket is closed, and the port is free again."""
    told = outcome("""
with socket.create_server(ANY) as free:
    address = free.getsockname()
told["refused"] = refusal(server_privileges.PrivilegesShoutServer, address, "root")
socket.create_server(address).close()
told["root"] = os.geteuid() == 0
""")
    assert told == {"refused": "root, in the group 0, has rights of root's; say somebody who has none", "root": True}


@needs_users
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--user", "root"], "has rights of root's"),
        (["--user", "root", "--trace"], "has rights of root's"),
        (["--user", "nobody", "--group", "root"], "has rights of root's"),
        (["--user", "no such user"], "there is no user called no such user"),
        (["--user", "nobody", "--group", "no such group"], "there is no group called no such group"),
    ],
)
def test_who_cannot_serve_is_one_sentence(options: list[str], sentence: str) -> None:
    """And status 2."""
    told = shell("server_privileges", *options)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert sentence in told.stderr


@needs_root
def test_not_being_root_is_one_sentence() -> None:
    """Started by nobody, it can be nobody's, and nobody else's."""
    told = outcome("""
import contextlib, io
server_privileges.drop("nobody")
with contextlib.redirect_stderr(io.StringIO()) as errors:
    told["status"] = server_privileges.COMMAND.run(["--user", "daemon"])
told["errors"] = errors.getvalue().partition(": ")[2]
with server_privileges._made(server_privileges.COMMAND.parser.parse_args([])) as server:
    told["serves"] = server.user
""")
    sentence = "only root can become daemon, and this was not started as root\n"
    assert told == {"status": 2, "errors": sentence, "serves": "nobody"}


@needs_users
def test_it_runs_from_a_terminal() -> None:
    """It says what it is for, and shows the trace of a conversation."""
    assert "class MyServer(PrivilegesMixIn, ThreadingTCPServer):" in shell("server_privileges", "--help").stdout
    shown = shell("server_privileges", "--trace")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "server_activate()  PrivilegesMixIn · yours" in shown.stdout
