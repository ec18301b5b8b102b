"""Running Compose so that nothing of it outlives us: an interruption ends it in order, and waits for that."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.interruption import Interruption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GRACE_SECONDS = 10.0
"""How long a command may take to end when it is told to; Compose finishes the request it has under way."""


def run_to_end(
    command: Sequence[str], *, environment: Mapping[str, str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command and return how it ended; it and what it started never outlive this call.

    It gets a process group of its own, so that Ctrl-C reaches us alone, and we end it before we undo its work:
    the client starts Compose as another process, which would go on if only the client were killed.

    Raises:
        LabError: it cannot be started, or takes longer than it may.
    """
    interruption = Interruption()
    try:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
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
