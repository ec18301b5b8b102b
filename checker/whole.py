"""Writing a file whole or not at all: neither a full disk nor an end in the middle leaves half of it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(file: Path, text: str) -> None:
    """Write a text file; who reads it meanwhile finds what was there before.

    Args:
        file: the file; its folder is made where it is missing.
        text: the text, written as UTF-8.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    write_bytes(file, text.encode("utf-8"))


def write_bytes(file: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file of bytes; who reads it meanwhile finds what was there before.

    Args:
        file: the file; its folder is made where it is missing.
        data: what it holds.
        mode: who may use it, such as 0o600; by default what the umask allows.

    Raises:
        OSError: it cannot be written; what was there before is there still.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # Of this process alone: two that write the same file at once must not share a half.
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if mode is not None:
            half.touch(mode=mode)
        half.write_bytes(data)
        half.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise
