"""How much memory Nomad's control plane takes: the learner's number beside our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.grading.author import fail, require

if TYPE_CHECKING:
    from checker.grading.author import Container, Lab

FILE = "memory.txt"

MB = 1 << 20
"""What `docker stats` calls MiB, and people MB."""

TOLERANCE = 0.35
"""How far the learner's number may be from ours: it was taken at another time, and memory grows and shrinks."""

NUMBER = r"(?<![\w.,-])(\d+(?:[.,]\d+)?)"
"""A number that is not part of a name."""

UNIT = r"\s*(?P<unit>[kmg])i?b\b"
"""The unit behind it; in a line of `docker stats`, the first number that has one is the one that is meant."""


def memory_of(container: Container) -> float:
    """Return what a container's processes use, in bytes, counted as `docker stats` does: without idle file pages."""
    memory = container.stats()["memory_stats"]
    kept = memory.get("stats") or {}
    idle = kept.get("inactive_file", kept.get("total_inactive_file", 0))
    return float(memory["usage"] - idle)


def program_mb(container: Container) -> float:
    """Return the size of Nomad's program on disk, in MB."""
    return float(container.exec("stat -L -c %s /usr/local/bin/nomad").stdout.strip() or 0) / MB


def read_number(lab: Lab) -> float:
    """Return the number in the learner's file, in MB."""
    file = lab.work / FILE
    if not file.is_file():
        fail(
            f"There is no {FILE} in your work folder, so nothing was written down to compare.",
            expected=f"a file {FILE} with one number, in MB",
            seen=", ".join(sorted(path.name for path in lab.work.glob("*"))) or "an empty folder",
            source="ls",
            hint="Lesson, “Your turn”, step 4.",
        )
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    found = re.search(NUMBER + UNIT, text, re.IGNORECASE) or re.search(NUMBER, text)
    require(
        found,
        f"{FILE} has no number in it.",
        expected="one number, in MB, such as 12.3",
        seen=text[:80] or "nothing",
        source=f"cat {FILE}",
        hint="Lesson, “What a machine of the cluster takes”: which column of `docker stats` is it?",
    )
    number = float(found[1].replace(",", ".")) if found else 0.0
    unit = found.groupdict().get("unit", "m").lower() if found else "m"
    return number * {"k": 1 / 1024, "g": 1024.0}.get(unit, 1.0)


def require_number(lab: Lab, server: Container, ours: float) -> None:
    """Fail unless the learner's number is near ours; a known mistake is named."""
    number = read_number(lab)
    if abs(number - ours) <= max(ours * TOLERANCE, 5.0):
        return
    facts = {
        "expected": f"{ours:.0f} MB, give or take a third",
        "seen": f"{number:.10g} MB in {FILE}",
        "source": f"docker stats --no-stream {server.name}",
    }
    size = program_mb(server)
    if abs(number - size) <= size * 0.1:
        fail(
            f"{number:g} MB is the size of the program on disk. Of a program that runs, the parts in use are in memory, and "
            "what it works with.",
            **facts,
            hint="Lesson, “What a machine of the cluster takes”: what was asked there, and about which machine?",
        )
    fail(
        f"Nomad's control plane takes {ours:.0f} MB now, not {number:.10g} MB.",
        **facts,
        hint="Which container decides, and which only runs what was decided? Which column of `docker stats` is it?",
    )
