"""One process at a time: a lock that the operating system drops when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import IO, TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAUSE = 0.05


def _try(handle: IO[str]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - exists on Windows alone

            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - exists everywhere but on Windows

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def hold(file: Path, *, doing: str, patience: float) -> Iterator[None]:
    """Hold the lock on a file, waiting for another holder.

    Args:
        file: created when it is not there, and left there.
        doing: what the other holder does, for the message.
        patience: seconds to wait.

    Raises:
        LabError: another process held it all that time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with file.open("a", encoding="utf-8") as handle:
        while not _try(handle):
            if time.monotonic() > deadline:
                raise LabError(
                    f"Another `lab` is still {doing} after {patience:g} s.",
                    remedy="Wait for it to end, or end it, then try again.",
                )
            time.sleep(_PAUSE)
        yield
