"""Running Compose so that it never outlives us: an interruption ends it cleanly, and waits for that.

If we are killed ourselves (`kill -9`, out of memory), a small shell beside it ends it, and the lock on the scene is held
until then: otherwise Compose would keep creating what the next command has just removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.interruption import Interruption
from checker.scene.locks import held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 10.0
"""How long a command may take to end after the signal; Compose finishes its current request."""


_BESIDE = """
trap 'kill "$!" 2>/dev/null; exit 130' INT
{ read -r _; kill -KILL 0; } </dev/fd/$1 >/dev/null 2>&1 &
shift
"$@"
code=$?
kill "$!" 2>/dev/null
exit "$code"
"""
"""Runs a command, and kills the whole process group when the other end of a pipe closes, as it does when its process dies.
Ctrl-C is for the command: this waits until the command has ended; if Ctrl-C comes first, the command never starts.
It reads /dev/fd/N because sh accepts only one digit in a redirection such as <&9."""


def run_to_end(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended; neither it nor what it started outlives this call.

    It gets its own process group, so that only we get Ctrl-C, and end the group before we undo its work:
    the client starts Compose as another process, which would continue if only the client were killed.

    Raises:
        LabError: it cannot be started, or takes longer than it may.
    """
    if shutil.which(command[0]) is None:
        raise LabError(f"`{command[0]}` could not be started: {os.strerror(errno.ENOENT)}.")
    with _living() as alive:
        return _run(command, environment, folder, seconds, alive)


@contextlib.contextmanager
def _living() -> Iterator[int | None]:
    """Yield one end of a pipe whose other end stays open as long as the block runs and this process lives."""
    if os.name != "posix":
        yield None
        return
    theirs, ours = os.pipe()
    try:
        yield theirs
    finally:
        os.close(theirs)
        os.close(ours)


def _run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, seconds: float, alive: int | None
) -> subprocess.CompletedProcess[str]:
    interruption = Interruption()
    try:
        process = subprocess.Popen(
            command if alive is None else ["/bin/sh", "-c", _BESIDE, "sh", str(alive), *command],
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            pass_fds=() if alive is None else (*held(), alive),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        interruption.let_through()
        raise LabError(f"`{command[0]}` could not be started: {error.strerror}.") from error
    try:
        interruption.let_through()
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        raise LabError(
            f"`{' '.join(command[:2])}` did not end within {seconds:g} s.",
            remedy="See whether the engine answers: lab doctor",
        ) from error
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(list(command), process.returncode, out, err)


def _end(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGINT, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, number)
            else:
                process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_SECONDS)
            return
