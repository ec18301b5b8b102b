"""A small disk of its own under the state and work folders, which can be filled to the last byte."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from typing import TYPE_CHECKING, Self

from checker.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

SIZE_MB = 24

BLOCK_BYTES = 4096
"""As on a real disk; so small a one gets 1024. There, SQLite reserves a quarter of each page of the file that it maps, and
the kernel ends a process (SIGBUS) that writes to the rest while the disk is full."""


class Disk:
    """A file system in a file, mounted while the block runs.

    Args:
        folder: where the file and the mount point are.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "disk.img"
        self.folder = folder / "disk"

    def __enter__(self) -> Self:
        """Make and mount it."""
        if os.geteuid() != 0:
            raise LabError("Filling a disk needs root, to mount one.", remedy="Leave out `disk` in --kinds.")
        self.folder.mkdir()
        with self._file.open("wb") as file:
            file.truncate(SIZE_MB << 20)
        for command in (
            ["mkfs.ext4", "-q", "-m", "0", "-b", str(BLOCK_BYTES), "-F", str(self._file)],
            ["mount", "-o", "loop", str(self._file), str(self.folder)],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
            if done.returncode:
                raise LabError(f"`{command[0]}` failed: {done.stderr.strip()}.")
        return self

    def __exit__(self, *_: object) -> None:
        """Unmount it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, timeout=60)

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self) -> None:
        """Take every byte that is free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        _write(file.fileno(), b"\0" * size)

    def free(self) -> None:
        """Give the space back."""
        self._filler.unlink(missing_ok=True)


def _write(handle: int, data: bytes) -> None:
    if os.write(handle, data) != len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
