"""The interface to the machine: system, environment, files, sockets. Tests replace it with another machine."""

from __future__ import annotations

import enum
import errno
import os
import shutil
import socket
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT_SECONDS = 1.0
"""A local socket answers at once, unless its owner's queue is full."""


class System(enum.StrEnum):
    """The operating systems that we distinguish."""

    LINUX = "linux"
    MACOS = "darwin"
    WINDOWS = "windows"


class Reach(enum.Enum):
    """What happened when a local socket or pipe was tried."""

    OPEN = "an engine listens"
    REFUSED = "the socket exists, but nothing listens on it"
    DENIED = "the socket exists, but this user is not allowed to use it"
    ABSENT = "there is no socket"


_REACHES = {
    errno.EACCES: Reach.DENIED,
    errno.EPERM: Reach.DENIED,
    errno.ENOENT: Reach.ABSENT,
    # The owner is running, but too busy to accept the connection now.
    errno.EAGAIN: Reach.OPEN,
}


def _system() -> System:
    if sys.platform == "win32":
        return System.WINDOWS
    return System.MACOS if sys.platform == "darwin" else System.LINUX


@dataclass(frozen=True)
class Platform:
    """This machine, as the code that finds, installs or starts an engine sees it."""

    system: System = field(default_factory=_system)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    home: Path = field(default_factory=lambda: Path(os.path.expanduser("~")))  # noqa: PTH111 - never raises
    uid: int = field(default_factory=lambda: os.geteuid() if hasattr(os, "geteuid") else -1)

    @property
    def is_root(self) -> bool:
        """Whether we may install and start things without asking for more rights."""
        return self.uid == 0

    @property
    def has_terminal(self) -> bool:
        """Whether a person can be asked: both standard input and standard error are a terminal."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def has_systemd(self) -> bool:
        """Whether systemd is this machine's first process (sd_booted(3) asks the same)."""
        return self.exists(Path("/run/systemd/system"))

    def exists(self, path: Path) -> bool:
        """Whether a file or folder is there."""
        return os.path.exists(path)  # noqa: PTH110 - unlike Path.exists never raises

    def read(self, path: Path) -> str | None:
        """Return a text file, or None if it does not exist or cannot be read."""
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def files(self, folder: Path, pattern: str) -> list[Path]:
        """Return the files of a folder that match, in order of their names."""
        return sorted(folder.glob(pattern))

    def is_program(self, path: Path) -> bool:
        """Whether a file is there and this user may run it."""
        return os.path.isfile(path) and os.access(path, os.X_OK)  # noqa: PTH113 - unlike Path.is_file never raises

    def resolve(self, path: Path) -> Path:
        """Return the file behind links."""
        return Path(os.path.realpath(path))

    def stamp(self, path: Path) -> str:
        """Return a text that changes when a file is replaced; empty if the file does not exist."""
        try:
            status = path.stat()
        except OSError:
            return ""
        return f"{status.st_size} {status.st_mtime_ns}"

    def disk(self, path: Path) -> tuple[int, int] | None:
        """Return size and free bytes of the file system that has a path, or None if that is unknown."""
        try:
            usage = shutil.disk_usage(path)
        except OSError:
            return None
        return usage.total, usage.free

    def which(self, program: str) -> Path | None:
        """Return where a program is; administrators' folders are searched too."""
        path = os.pathsep.join([self.environ.get("PATH", ""), *ADMIN_FOLDERS])
        found = shutil.which(program, path=path)
        return Path(found) if found else None

    def reach(self, path: Path) -> Reach:
        """Try to connect to a local socket; nothing is sent. Takes microseconds."""
        try:
            status = path.stat()
        except PermissionError:
            return Reach.DENIED
        except OSError:
            return Reach.ABSENT
        if not stat.S_ISSOCK(status.st_mode):
            return Reach.ABSENT
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(CONNECT_SECONDS)
            try:
                connection.connect(str(path))
            except OSError as error:
                return _REACHES.get(error.errno or 0, Reach.REFUSED)
        return Reach.OPEN

    def reach_pipe(self, name: str) -> Reach:
        """Whether a named pipe of Windows exists; opening it would use its only connection."""
        try:
            return Reach.OPEN if name in os.listdir("//./pipe/") else Reach.ABSENT  # noqa: PTH208
        except OSError:
            return Reach.ABSENT


ADMIN_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
"""Where dockerd and iptables are; on Debian these are not on an ordinary user's PATH."""
