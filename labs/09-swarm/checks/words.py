"""The reasons that the checks of this lab give, and the words of tasks and copies that they quote."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.grading.author import Reasons

if TYPE_CHECKING:
    from checker.cluster.swarm import Swarm, Task

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

SAID = 160
"""How many characters are shown of what a program said."""


def shown(task: Task | None) -> str:
    """Return what the swarm says of a task; empty without one."""
    return f"{task.state}: {task.error}" if task else ""


def last_words(swarm: Swarm, task: Task) -> str:
    """Return the last line that a copy wrote before it ended, or what the swarm says of it where there is no such line."""
    lines: list[str] = []
    if task.container and task.node and "non-zero exit" in task.error:
        with contextlib.suppress(LabError):
            lines = swarm.container_logs(task.node, task.container, 1).strip().splitlines()
    return lines[-1][:SAID] if lines and "No such container" not in lines[-1] else shown(task)
