"""A server in the background: it outlives the command that starts it, and is waited for while it gives signs of life."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from checker.interruption import Interruption

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Found = TypeVar("Found")

SILENCE_SECONDS = 30.0
"""How long a server that starts or ends may give no sign of life: a line in its log, or a little work."""

_PAUSE = 0.05
_WINDOWS_FLAGS: int = getattr(subprocess, "DETACHED_PROCESS", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)


def start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    ready: Callable[[int], Found | None],
) -> Found | None:
    """Start a server in the background, and return what `ready` finds once it answers.

    Args:
        command: the server.
        folder: where it runs.
        environment: its environment.
        log: the file that takes its output; only this user can read it.
        ready: asked again and again, with the PID of the server, until it returns something.

    Returns:
        What `ready` found, or None: the server ended, or gave no sign of life for long and was ended.

    Raises:
        OSError: it cannot be started, or its log not written.
    """
    interruption = Interruption()
    try:
        process = _spawn(command, folder, environment, log)
    except OSError:
        interruption.let_through()
        raise
    try:
        interruption.let_through()
        alive = SignsOfLife(process.pid, log)
        while process.poll() is None and not alive.missing():
            if (found := ready(process.pid)) is not None:
                return found
            time.sleep(_PAUSE)
    except BaseException:
        _kill(process)
        raise
    _kill(process)
    return None


def _spawn(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor has no path
        return subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            # These let the server outlive this command and its terminal, on Windows and elsewhere.
            creationflags=_WINDOWS_FLAGS,
            start_new_session=sys.platform != "win32",
        )


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Nothing knows of it yet, so nothing depends on it.
    process.kill()
    process.wait()


def wait_until_gone(pid: int, log: Path, runs: Callable[[], bool]) -> bool:
    """Wait for a server that was asked to end, and return whether it did.

    Args:
        pid: its PID.
        log: the file that takes its output.
        runs: whether it still runs.
    """
    alive = SignsOfLife(pid, log)
    while runs():
        if alive.missing():
            return False
        time.sleep(_PAUSE)
    return True


def last_words(log: Path) -> str:
    """Return the end of a server's log, for the person who has to see why it did not start."""
    try:
        return log.read_text("utf-8", "replace")[-2000:].strip()
    except OSError:
        return ""


class SignsOfLife:
    """Whether a process gives signs of life: it writes to its log, or computes.

    Args:
        pid: its PID.
        log: the file that takes its output.
    """

    def __init__(self, pid: int, log: Path) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._log = log
        self._seen: tuple[object, ...] = ()
        self._since = time.monotonic()

    def missing(self) -> bool:
        """Whether it has given none for long."""
        seen = (self._size(), self._ticks())
        if seen != self._seen:
            self._seen = seen
            self._since = time.monotonic()
        return time.monotonic() - self._since > SILENCE_SECONDS

    def _size(self) -> int:
        with contextlib.suppress(OSError):
            return self._log.stat().st_size
        return 0

    def _ticks(self) -> str:
        # Linux alone says this cheaply; elsewhere the log is all there is.
        with contextlib.suppress(OSError, IndexError):
            return " ".join(self._stat.read_text("utf-8").rpartition(")")[2].split()[11:13])
        return ""
