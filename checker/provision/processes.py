"""Processes of this Linux machine, for the engine: which program a process runs, whether it answers, how to end it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from pathlib import Path

PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n"
PING_SECONDS = 2.0


def answers(engine: Path) -> bool:
    """Whether an engine answers `GET /_ping` on this socket with 200 (it says 500 while it starts)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(PING_SECONDS)
            connection.connect(str(engine))
            connection.sendall(PING)
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


def is_program(pid: int, name: str) -> bool:
    """Whether the process runs this program and has not ended (a zombie has)."""
    try:
        comm, state = _stat(pid)[:2]
    except (OSError, ValueError):
        return False
    # The kernel keeps 15 characters of the name.
    return comm == name[:15] and state not in "ZX"


def any_running(name: str) -> bool:
    """Whether any process of this machine, also inside containers, runs the named program."""
    return any(is_program(int(entry.name), name) for entry in Path("/proc").glob("[0-9]*"))


def began(pid: int) -> str:
    """Return when the process began, in ticks since boot; empty if there is no such process."""
    try:
        return _stat(pid)[21 - 1]
    except (OSError, ValueError, IndexError):
        return ""


def from_pid_file(file: Path, name: str) -> int | None:
    """Return the pid in a file, if that process runs the named program."""
    try:
        pid = int(file.read_text().strip())
    except (OSError, ValueError):
        return None
    return pid if is_program(pid, name) else None


def end(pid: int, signum: signal.Signals, seconds: float) -> bool:
    """Send a signal and wait for the process to end; return whether it did in time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signum)
        ended = bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
    if ended:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
    return ended


def _stat(pid: int) -> list[str]:
    """Return comm, state, … of /proc/PID/stat (proc(5)); comm may contain spaces and brackets."""
    text = Path(f"/proc/{pid}/stat").read_text()
    start, stop = text.index("("), text.rindex(")")
    return [text[start + 1 : stop], *text[stop + 2 :].split()]
