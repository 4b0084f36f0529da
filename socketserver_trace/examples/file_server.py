"""A file server: puts files into one folder and gives them back, whole, or the rest of what was begun.

The protocol is lines of ASCII, and bytes of which a line before has said how many there are:

    LIST                            OK 2                    and two lines: size, SHA-256 and name of each file
    GET report.txt                  OK 12 6f3a...           and 12 bytes
    GET report.txt 5                OK 12 6f3a...           and the 7 bytes from the fifth one on
    PUT report.txt 12 6f3a...       GO 0                    now the client sends 12 bytes, and is told
                                    OK                      that the file is there
    QUIT                            OK

Whatever cannot be done is answered with ERROR and a sentence. An upload that was cut off goes on where it ended: after
the same PUT the server says "GO 7", and is sent the bytes from the seventh one on.

The law: a name is a name and never a path. It is looked at as the very text that is used, nothing in it is decoded, and
links are not followed. A file appears when all of it is there and its checksum is right, in one step (rename(2)); until
then its bytes lie in a folder of their own. What a client promises to send counts against the quota from then on.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

from socketserver_trace.examples.command import Command
from socketserver_trace.examples.hearing_out import hear_out
from socketserver_trace.examples.letting_go import LettingGoMixIn
from socketserver_trace.examples.lines import RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Final

    from socketserver_trace.examples.command import Options
    from socketserver_trace.serving import Served

LONGEST: Final = 300
"""How many bytes a line may have."""

NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
CHECKSUM: Final = re.compile(r"[0-9a-f]{64}")
SIZE: Final = re.compile(r"[0-9]{1,15}")

QUOTA: Final = 100_000_000
"""How many bytes all files together may have, if nobody says otherwise."""

CHUNK: Final = 64 * 1024

DIGESTS: Final = 10_000
"""How many checksums are remembered."""

UNFINISHED: Final = 100
"""How many uploads that were cut off are kept, to go on."""

ONLY_A_FILE: Final = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""Follow no link, wait for no pipe. Not every system has all of these."""

UPLOADS: Final = ".uploads"
"""The folder of what is not whole yet. No name begins with a dot, so nobody can ask for what is in it."""


class Store:
    """The files of one folder. It may be used from any thread."""

    def __init__(self, folder: Path, quota: int = QUOTA) -> None:
        self._folder = folder
        self._uploads = folder / UPLOADS
        self._uploads.mkdir(parents=True, exist_ok=True)
        self._quota = quota
        self._lock = threading.Lock()
        self._promised: dict[Path, int] = {}  # uploads that go on just now, and how many bytes they are to have
        self._digests: dict[tuple[int, int, int], str] = {}

    def names(self) -> list[str]:
        """The names of all files, in order."""
        return sorted(one.name for one in os.scandir(self._folder) if _is_name(one.name) and _is_plain(one))

    @contextmanager
    def reading(self, name: str) -> Iterator[tuple[BinaryIO, int, str]]:
        """A file, its size and its checksum. They belong together, also when the name is another file's meanwhile."""
        path = self._path(name)
        missing = RefusedError(f"there is no file called {name}")
        try:
            if not stat.S_ISREG(path.lstat().st_mode):
                raise missing
            file = open(path, "rb", opener=_open_a_file)  # noqa: SIM115 - closed below
        except OSError:
            raise missing from None
        with file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):  # it was put there after the look
                raise missing
            yield file, status.st_size, self._digest(file, status)

    @contextmanager
    def writing(self, name: str, size: int, checksum: str) -> Iterator[Upload]:
        """A place for a file of that size and checksum. It holds what has come of it before."""
        path = self._path(name)
        upload = Upload(self._uploads / f"{checksum}.{size}", size, checksum, path)
        self._promise(upload)
        try:
            with upload:
                yield upload
        finally:
            with self._lock:
                del self._promised[upload.path]

    def _path(self, name: str) -> Path:
        if not _is_name(name):
            raise RefusedError("a name has 1 to 100 letters, digits, _, - and dots, and no dot or - at its beginning")
        return self._folder / name

    def _promise(self, upload: Upload) -> None:
        with self._lock:
            if upload.path in self._promised:
                raise RefusedError("these very bytes are being sent by somebody else; try again later")
            if self._used() + upload.size > self._quota or sum(1 for _ in self._uploads.iterdir()) >= UNFINISHED:
                self._forget_unfinished()
            if self._used() + upload.size > self._quota:
                raise RefusedError(f"there is no room for {upload.size} bytes more")
            self._promised[upload.path] = upload.size

    def _used(self) -> int:
        files = [one.stat(follow_symlinks=False).st_size for one in os.scandir(self._folder) if _is_plain(one)]
        unfinished = [one.stat().st_size for one in self._uploads.iterdir() if one not in self._promised]
        return sum(files) + sum(unfinished) + sum(self._promised.values())

    def _forget_unfinished(self) -> None:
        for one in self._uploads.iterdir():
            if one not in self._promised:
                one.unlink()

    def _digest(self, file: BinaryIO, status: os.stat_result) -> str:
        known = status.st_ino, status.st_size, status.st_mtime_ns
        digest = self._digests.get(known) or _digest_of(file)
        with self._lock:
            if len(self._digests) >= DIGESTS:
                self._digests.clear()
            self._digests[known] = digest
        return digest


class Upload:
    """A file that is on its way. `has` says how many of its bytes have come."""

    def __init__(self, path: Path, size: int, checksum: str, target: Path) -> None:
        self.path = path
        self.size = size
        self._checksum = checksum
        self._target = target

    def __enter__(self) -> Upload:  # noqa: PYI034 - typing has Self from Python 3.11 on
        self._file = self.path.open("a+b")
        self.has = self._file.seek(0, os.SEEK_END)
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        if self.has == 0:
            self.path.unlink(missing_ok=True)

    def write(self, data: bytes) -> None:
        """Add the next bytes."""
        self._file.write(data)
        self.has += len(data)

    def complete(self) -> None:
        """All has come: the file gets its name. RefusedError when it is not what was promised."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if _digest_of(self._file) != self._checksum:
            self._file.close()
            self.path.unlink()
            raise RefusedError("the bytes do not have the checksum that was promised; send them again")
        self._file.close()
        self.path.replace(self._target)


def _open_a_file(path: str, flags: int) -> int:
    return os.open(path, flags | ONLY_A_FILE)


def _is_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def _is_plain(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False)


def _digest_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


class FileHandler(StreamRequestHandler):
    """One client, command after command."""

    server: FileServer
    timeout = 30.0  # for each read and each send: who is slower than that is not served
    wbufsize = -1  # an answer of several lines is one send
    parting = 2.0
    """How many seconds a client has that is sent away while it still talks, to read why."""

    def handle(self) -> None:
        """Answer until the client has had enough."""
        try:
            while self._answer_next():
                self.wfile.flush()
        except TimeoutError:
            self._say("ERROR nothing has come for too long; good-bye")
        except ConnectionError:
            pass  # it has gone without a word; what has come of an upload is kept

    def _answer_next(self) -> bool:
        line = self.rfile.readline(LONGEST + 1)
        if not line.endswith(b"\n"):
            if len(line) > LONGEST:
                self._say(f"ERROR a line has at most {LONGEST} bytes; good-bye")
                self.wfile.flush()
                hear_out(self.connection, self.parting)
            return False
        word, _, rest = line.decode("ascii", "replace").strip().partition(" ")
        commands = {"LIST": self._list, "GET": self._get, "PUT": self._put, "QUIT": self._quit}
        try:
            return commands.get(word, self._refuse)(rest)
        except RefusedError as refused:
            self._say(f"ERROR {refused}")
            return True

    def _list(self, _rest: str) -> bool:
        told = []
        for name in self.server.store.names():
            with suppress(RefusedError), self.server.store.reading(name) as (_file, size, checksum):
                told.append(f"{size} {checksum} {name}")
        for line in (f"OK {len(told)}", *told):
            self._say(line)
        return True

    def _get(self, rest: str) -> bool:
        name, _, begin = rest.partition(" ")
        if begin and not SIZE.fullmatch(begin):
            raise RefusedError("GET NAME [FROM]: from which byte on is a number")
        with self.server.store.reading(name) as (file, size, checksum):
            count = size - int(begin or 0)
            if count < 0:
                raise RefusedError(f"the file has {size} bytes")
            self._say(f"OK {size} {checksum}")
            self.wfile.flush()
            return count == 0 or self.connection.sendfile(file, size - count, count) == count

    def _put(self, rest: str) -> bool:
        name, size, checksum = [*rest.split(" "), "", "", ""][:3]
        if not SIZE.fullmatch(size) or not CHECKSUM.fullmatch(checksum):
            raise RefusedError("PUT NAME SIZE SHA256: the size in bytes, the checksum as 64 digits of 0-9 and a-f")
        with self.server.store.writing(name, int(size), checksum) as upload:
            self._say(f"GO {upload.has}")
            self.wfile.flush()
            while upload.has < upload.size:
                data = self.rfile.read1(min(CHUNK, upload.size - upload.has))
                if not data:
                    return False
                upload.write(data)
            upload.complete()
        self._say("OK")
        return True

    def _quit(self, _rest: str) -> bool:
        self._say("OK")
        return False

    def _refuse(self, _rest: str) -> bool:
        raise RefusedError("LIST, GET NAME [FROM], PUT NAME SIZE SHA256 and QUIT are understood")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\n".encode())


class FileServer(LettingGoMixIn, ThreadingTCPServer):
    """A folder, and a thread for each client. Without a folder it has a temporary one."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        folder: Path | None = None,
        quota: int = QUOTA,
        handler: type[FileHandler] = FileHandler,
    ) -> None:
        self._temporary = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory()
            folder = Path(self._temporary.name)
        self.folder = folder
        try:
            self.store = Store(folder, quota)
            super().__init__(address, handler)
        except OSError:
            self._remove_temporary()
            raise

    def server_close(self) -> None:
        """Wait for the clients that are being served, and take the folder away when it was a temporary one."""
        super().server_close()
        self._remove_temporary()

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.cleanup()


def converse(served: Served) -> None:
    """A file is put, cut off, put again from where it was cut off, and given back."""
    data = b"a few bytes\n"
    wish = f"PUT notes.txt {len(data)} {hashlib.sha256(data).hexdigest()}\n".encode()
    with served.client("alice") as alice:
        alice.send(wish)
        alice.receive_line()
        alice.send(data[:5])
        alice.half_close()
        alice.receive_all()
    with served.client("alice again") as alice:
        alice.send(wish)
        alice.receive_line()
        alice.send(data[5:])
        alice.receive_line()
        alice.send(b"GET notes.txt\n")
        alice.receive_line()
        alice.receive_exactly(len(data))
        alice.send(b"GET ../notes.txt\n")
        alice.receive_line()
        alice.send(b"QUIT\n")
        alice.receive_all()


def _made(options: Options) -> FileServer:
    folder = None if options.trace else options.folder  # nobody's folder gets a file from a demonstration
    return FileServer((options.host, options.port), folder, options.quota)


COMMAND = Command(__doc__, _made, converse)
COMMAND.parser.add_argument("folder", type=Path, nargs="?", help="made when it is not there (default: a temporary one)")
COMMAND.parser.add_argument("--quota", type=int, default=QUOTA, help="bytes in all (default: %(default)s)")

if __name__ == "__main__":
    raise SystemExit(COMMAND.run())
