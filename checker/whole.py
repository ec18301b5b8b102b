"""Writing a file whole or not at all: neither a full disk nor an end in the middle leaves half of it."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write(file: Path, text: str) -> None:
    """Write a text file; anyone who reads it meanwhile finds its old content.

    Args:
        file: the file; its folder is made if it is missing.
        text: the text, written as UTF-8.

    Raises:
        OSError: it cannot be written; the old content is still there.
    """
    write_bytes(file, text.encode("utf-8"))


def write_bytes(file: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file of bytes; anyone who reads it meanwhile finds its old content.

    Args:
        file: the file; its folder is made if it is missing.
        data: the bytes.
        mode: who may use it from its first byte on, such as 0o600; by default what the umask allows.

    Raises:
        OSError: it cannot be written; the old content is still there.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    # The name has this process's id: two processes that write the same file must not share a half.
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if mode is not None:
            half.unlink(missing_ok=True)
            half.touch(mode=mode, exist_ok=False)
        half.write_bytes(data)
        half.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise
