"""What a running service wrote about itself, readable by this user alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker import whole

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
    """Write a record that only this user can read, whole or not at all."""
    whole.write_bytes(file, msgspec.json.encode(record), mode=0o600)


def read(file: Path) -> Record | None:
    """Return the record in a file; None if there is none, or a damaged one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None
