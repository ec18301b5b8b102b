"""What a running service wrote about itself, readable by this user alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pathlib import Path


class Record(msgspec.Struct, frozen=True):
    """How a service is reached, and which one it is."""

    pid: int
    port: int
    run: str
    key: str
    """What codes and the pages' token are made from; nobody else may know it."""
    socket: str
    """The path of its Unix socket; empty where there are none."""
    code: str
    """Which version of the checker it runs, as `checker.bootstrap.ask.code_of` tells it."""
    environment: str
    """The environment in which it was started, as `checker.bootstrap.ask.environment` tells it."""


def write(file: Path, record: Record) -> None:
    """Write a record, completely or not at all."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as handle:  # noqa: PTH123 - a descriptor has no path
        handle.write(msgspec.json.encode(record))
    fresh.replace(file)


def read(file: Path) -> Record | None:
    """Return the record in a file; None if there is none, or a damaged one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
