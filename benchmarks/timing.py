"""Times things side by side: in turn, round by round, so that a busy moment hits all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

PROCESS_SECONDS = 900.0
"""How long one measured command may take."""


class BenchmarkError(Exception):
    """Something measured did not do what it is measured for, so that its time means nothing."""


@dataclass
class Series:
    """The times of one thing, in seconds."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The median in seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = min(self.seconds), max(self.seconds)
        return f"{self.median:.3f} s" + (
            f"  ({low:.3f} to {high:.3f}, {len(self.seconds)} runs)" if len(self.seconds) > 1 else ""
        )


def interleave(things: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Series]:
    """Run each thing once a round and return what each took; a first round warms caches and is not counted.

    Args:
        things: what to time, each returning the seconds that it took.
        rounds: how many rounds count.
    """
    found = {name: Series() for name in things}
    for number in range(rounds + 1):
        for name, thing in things.items():
            seconds = thing()
            if number:
                found[name].seconds.append(seconds)
        if sys.stderr.isatty():
            print(f"\r  round {number} of {rounds}", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r" + " " * 30 + "\r", end="", file=sys.stderr, flush=True)
    return found


def process(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], *, codes: tuple[int, ...] = (0,)
) -> float:
    """Run a command from start to end and return its seconds of wall time.

    Raises:
        BenchmarkError: it ended otherwise than it must.
    """
    begin = time.perf_counter()
    done = subprocess.run(
        list(command),
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PROCESS_SECONDS,
        check=False,
    )
    seconds = time.perf_counter() - begin
    if done.returncode not in codes:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BenchmarkError(f"`{' '.join(command)}` ended with {done.returncode}:\n{last}")
    return seconds
