"""One `lab` at a time makes the environment; another waits and finds it made."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from checker.bootstrap.owner import why_not_written
from checker.bootstrap.say import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def take(descriptor: int) -> bool:
        """Take the lock of an open file, and return whether nobody else has it; it ends with its holder."""
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # a locked byte cannot be read: keep it away from the text
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def release(_: int) -> None:
        """Leave it to the closing of the file; no other process has it open as we do."""

else:
    import fcntl

    def take(descriptor: int) -> bool:
        """Take the lock of an open file, and return whether nobody else has it; it ends with its holder."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def release(descriptor: int) -> None:
        """Give the lock back, also where another process was given the open file."""
        # Closing alone would leave it with that process, which may be a moment behind us.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


POLL_SECONDS = 0.2


@contextmanager
def held(file: Path, waiting: Callable[[str], None]) -> Iterator[int]:
    """Hold the lock of a file, and yield its descriptor; `waiting` is called once with the PID of another holder.

    The lock is the kernel's, so it ends with its holder, however that ends; the file stays.

    Raises:
        ProblemError: the file cannot be written.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        why, remedy = why_not_written(file, error, "DRYDOCK_STATE")
        raise ProblemError(f"{file} cannot be written: {why}.", remedy) from error
    try:
        told = False
        while not take(descriptor):
            if not told:
                waiting(os.pread(descriptor, 32, 0).decode().strip() if hasattr(os, "pread") else "")
                told = True
            time.sleep(POLL_SECONDS)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor
    finally:
        os.close(descriptor)
