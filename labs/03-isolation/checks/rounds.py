"""The neighbour's rounds of work: what it says of them, and waiting for one that ends with a kill.

Its service is asked: while the kernel frees a killed worker's memory, every command started in the same container
asks for more, and another process of it may have to die for that. Its log has the kills of earlier starts too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from checker.grading.author import last_lines, wait_until

from .three import CRUNCHER

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab, Outside

KILL_SECONDS = 60.0
"""How long the neighbour is waited for: what it does now and one more round, 25 s each; 12 s measured with 256 MB and half a core."""

ROOM = 64 << 20
"""With less than this left under its limit, nothing is started in the neighbour; its service takes 30 MB of it."""

LOG_LINES = 200
"""So many lines of its log have its last round, and those before."""

ROOM_SECONDS = 5.0
"""How long its worker may take for that; with a whole core it takes 8 MB in a tenth of a second."""


def says(lab: Lab, outside: Outside) -> dict[str, Any]:
    """Return what the neighbour says of itself."""
    said: dict[str, Any] = outside.get(f"{CRUNCHER.of(lab).url}/", timeout=5.0).json()
    return said


def held_at_last_kill(container: Container) -> int | None:
    """Return how many bytes the worker that was killed last held, by the neighbour's log; None if it does not say."""
    found = re.findall(r"was killed by signal 9 while it held (\d+) MB", last_lines(container, LOG_LINES))
    return int(found[-1]) << 20 if found else None


def gave_back(container: Container) -> int:
    """Return how many bytes the worker held at the end of its last whole round, by the neighbour's log; 0 if it does not say."""
    found = re.findall(r"done, gave (\d+) MB back", last_lines(container, LOG_LINES))
    return int(found[-1]) << 20 if found else 0


def last_killed(lab: Lab, outside: Outside) -> float:
    """Return when its last worker was killed, in seconds since 1970; 0 if none was."""
    return float(says(lab, outside).get("last_killed") or 0.0)


def await_another_kill(lab: Lab, outside: Outside) -> None:
    """Ask it for another round, and wait for a kill, or until that round is over."""
    before = says(lab, outside)
    asked = int(before.get("round") or 0) + 1
    outside.post(f"{CRUNCHER.of(lab).url}/again", timeout=5.0)
    at_work = False

    def over() -> bool:
        nonlocal at_work
        now = says(lab, outside)
        begun = int(now.get("round") or 0)
        # A round has its number before it has a worker.
        was, at_work = at_work, begun == asked and now.get("state") == "crunching"
        killed = int(now.get("killed") or 0) > int(before.get("killed") or 0)
        return killed or begun > asked or (was and not at_work)

    wait_until(over, KILL_SECONDS, every=0.25)


def await_room(lab: Lab, container: Container, outside: Outside, said: dict[str, Any]) -> None:
    """Wait until its worker does not run, or is far from the limit; after a kill, it rests for 15 s.

    The kernel may end the service itself if a command starts beside a worker that is dying of its limit.

    Args:
        lab: the lab.
        container: the neighbour.
        outside: the learner's machine.
        said: what the neighbour says now.
    """
    limit = int(container.host_config.get("Memory") or 0)

    def has_room(now: dict[str, Any]) -> bool:
        holds = int(now.get("holds_mb") or 0) << 20
        return not limit or not holds or holds + ROOM <= limit

    if not has_room(said):
        wait_until(lambda: has_room(says(lab, outside)), ROOM_SECONDS, every=0.1)
