"""A server that begins as root and goes on as somebody else, before the first client can say anything.

    class MyServer(PrivilegesMixIn, ThreadingTCPServer):
        user = "www-data"

Only root may listen below port 1024, and nobody should serve strangers as root. So the order is: bind(2) as root, then
become the user, then listen(2). Before listen() no connection is possible, therefore no byte of a client ever reaches
a process that may do everything. In the words of `socketserver`: the privileges are dropped in server_activate(), after
server_bind() and before what `super()` does there. What else root has to open, a key or a file of passwords, is opened
before the constructor is called. What is opened later, modules that Python imports late included, the user must be able
to read; and it opens nothing of root's in HOME, because that is still root's.

The order of dropping matters, because each step needs what the next one gives away: the supplementary groups
(setgroups(2)), the group (setgid(2)), the user (setuid(2)). Whoever begins with the user cannot drop the groups any
more, and stays in those of root. For root the last two change the real, the effective and the saved id; a saved one
that were left would be a way back. That there is none is tried out. From then on new files are for the user alone.

Started by somebody else than root there is nothing to drop: the user may be that very somebody, who is the user if
nobody says otherwise. Becoming another one is refused in one sentence.

The law: it does not serve as root. If any step fails, or a way back is left, no socket listens. The service here is
that of `shout`.
"""

from __future__ import annotations

import os
from socketserver import TCPServer, ThreadingTCPServer

from socketserver_trace.examples import shout
from socketserver_trace.examples.command import Command
from socketserver_trace.examples.letting_go import LettingGoMixIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from socketserver_trace.examples.command import Options

ROOT: Final = 0
NOBODY: Final = "nobody"

FOR_THE_USER_ALONE: Final = 0o077
"""The permissions that new files do not get."""


def drop(user: str, group: str | None = None) -> None:
    """Be that user from now on, in its own group or that one, and in no other; for all threads, and for good.

    ValueError when there is no such user or group, or it is root's. PermissionError when it may not, or could go back.
    """
    if not hasattr(os, "setuid"):
        raise OSError("this system does not let a process become another user")
    uid, gid = _numbers(user, group)
    if ROOT in {uid, gid}:
        raise ValueError(f"{user}, in the group {gid}, has rights of root's; say somebody who has none")
    if os.geteuid() == ROOT:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    elif os.getuid() != uid:
        raise PermissionError(f"only root can become {user}, and this was not started as root")
    _try_to_go_back()
    os.umask(FOR_THE_USER_ALONE)


def _numbers(user: str, group: str | None) -> tuple[int, int]:
    import grp  # here, because not every system has it
    import pwd

    try:
        account = pwd.getpwnam(user)
    except KeyError:
        raise ValueError(f"there is no user called {user}") from None
    try:
        return account.pw_uid, account.pw_gid if group is None else grp.getgrnam(group).gr_gid
    except KeyError:
        raise ValueError(f"there is no group called {group}") from None


def _try_to_go_back() -> None:
    """PermissionError when there is a way back to root."""
    for become in (os.setuid, os.seteuid):
        try:
            become(ROOT)
        except PermissionError:
            continue
        raise PermissionError("it could become root again at any time")


class PrivilegesMixIn(TCPServer):
    """Serves as somebody else than root. Stands before what listens: `PrivilegesMixIn, ThreadingTCPServer`."""

    user = NOBODY
    """Who serves."""

    group: str | None = None
    """In which group; None for the one that the user is always in."""

    def server_activate(self) -> None:
        """Become the user, and then what `super()` does: listen."""
        drop(self.user, self.group)
        super().server_activate()


class PrivilegesShoutServer(PrivilegesMixIn, LettingGoMixIn, ThreadingTCPServer):
    """The service of `shout`, by nobody."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], user: str = NOBODY, group: str | None = None) -> None:
        self.user, self.group = user, group
        super().__init__(address, shout.ShoutHandler)


def _made(options: Options) -> PrivilegesShoutServer:
    return PrivilegesShoutServer((options.host, options.port), options.user or _somebody(), options.group)


def _somebody() -> str:
    """Nobody, for root; for everybody else himself."""
    if not hasattr(os, "geteuid") or os.geteuid() == ROOT:
        return NOBODY
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


COMMAND = Command(__doc__, _made, shout.converse, beside=shout.stock)
COMMAND.parser.add_argument("--user", help=f"who serves (default: {NOBODY}, or whoever started it, if not root)")
COMMAND.parser.add_argument("--group", help="in which group (default: the user's own)")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
