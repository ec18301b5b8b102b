"""Waits for a container's service that is still starting, for as long as it makes progress, not for a fixed time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from checker.errors import EngineError
from checker.grading.pausing import pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.grading.container import Container

QUIET_SECONDS = 2.0
"""The wait ends when a container that is starting has done nothing for this long."""

LOOK_SECONDS = 0.3
"""The time between two looks at it."""

BUSY_SHARE = 0.03
"""What share of a core counts as work; a service that waits for requests uses far less."""


class Progress:
    """What a container does before it answers: it computes, waits for its share of the CPU, or writes to its log."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._at = time.monotonic()
        self._used, self._throttled, self._said = self._look()

    def _look(self) -> tuple[float, float, str]:
        try:
            cpu = self._container.stats().get("cpu_stats") or {}
            used = float((cpu.get("cpu_usage") or {}).get("total_usage") or 0)
            throttled = float((cpu.get("throttling_data") or {}).get("throttled_time") or 0)
            return used / 1e9, throttled, self._container.logs(3)
        except EngineError:
            return 0.0, 0.0, ""

    def made(self) -> bool:
        """Return whether it computed, was throttled by its CPU limit, or wrote to its log since the last look."""
        before, was_throttled, had_said, then = self._used, self._throttled, self._said, self._at
        self._used, self._throttled, self._said = self._look()
        self._at = time.monotonic()
        share = (self._used - before) / max(self._at - then, 0.001)
        return share > BUSY_SHARE or self._throttled > was_throttled or self._said != had_said


def wait_for_service(
    container: Container, answers: Callable[[], object], *, most: float = 60.0, quiet: float = QUIET_SECONDS
) -> bool:
    """Wait until a container's service answers, as long as the container runs and makes progress.

    Args:
        container: the container.
        answers: called again and again; returns true once the service answers.
        most: seconds after which the wait ends, even if the container still makes progress.
        quiet: seconds without progress after which the wait ends.
    """
    if answers():
        return True
    progress = Progress(container)
    moved = begin = time.monotonic()
    while time.monotonic() - begin < most:
        pause(LOOK_SECONDS)
        if answers():
            return True
        # If the kernel killed it because memory ran out, waiting does not help, even if it is restarted again and again.
        if not container.reload().running or container.oom_killed:
            return False
        if progress.made():
            moved = time.monotonic()
        elif time.monotonic() - moved > quiet:
            return False
    return False
