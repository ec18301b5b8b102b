"""Limits that this terminal sets on the programs started from it (`ulimit`), and that are too tight for the course."""

from __future__ import annotations

import sys
from typing import NamedTuple

ADDRESSES = 4 << 30
"""Bytes of address space with which docker, which is written in Go, starts for sure: it reserves far more than it uses."""
FILE = 1 << 30
"""Bytes of a file that a program must be able to write: the archive of an image."""

RESERVES = ("failed to reserve", "cannot allocate memory")
"""What a program that is written in Go says, such as docker, when it gets too few addresses."""


class Tight(NamedTuple):
    """A limit that is too tight: what it is, and the command that lifts it."""

    what: str
    remedy: str


def on_memory() -> Tight | None:
    """Return the limit on a program's address space, if docker may not start with it."""
    allowed = _allowed("RLIMIT_AS", ADDRESSES)
    return None if allowed is None else _tight(f"a program {allowed >> 20} MB of addresses", "ulimit -v")


def on_files() -> Tight | None:
    """Return the limit on the size of a file, if what the course writes may not fit."""
    allowed = _allowed("RLIMIT_FSIZE", FILE)
    return None if allowed is None else _tight(f"a file {allowed >> 10} kB", "ulimit -f")


def _tight(allowed: str, command: str) -> Tight:
    return Tight(
        f"this terminal allows {allowed} (`{command}`)",
        f"Lift it (`{command} unlimited`; where that is refused, ask who set it), and run the same command again.",
    )


def _allowed(name: str, needed: int) -> int | None:
    """Return a limit of this process in bytes if it is below what is needed."""
    if sys.platform == "win32":
        return None
    import resource  # noqa: PLC0415 - Windows has none

    allowed = resource.getrlimit(getattr(resource, name))[0]
    return allowed if allowed != resource.RLIM_INFINITY and allowed < needed else None
