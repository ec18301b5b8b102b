"""How much memory Nomad's control plane takes: the learner's number beside our own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from checker.grading.sheet import text_of

from .job import WHY

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


def program_mb(container: Container) -> float:
    """Return the size of Nomad's program on disk, in MB."""
    return float(container.exec("stat -L -c %s /usr/local/bin/nomad").stdout.strip() or 0) / MB


def read_number(lab: Lab) -> float:
    """Return the number in the learner's file, in MB."""
    file = lab.work / FILE
    there = ", ".join(sorted(path.name for path in lab.work.glob("*"))) or "an empty folder"
    WHY.require(file.is_file(), "no-file", seen=there)
    try:
        text = text_of(file).strip()
    except UnicodeDecodeError:
        text = file.read_text(encoding="latin-1").strip()  # numbers and units are the same there
    except OSError as error:
        WHY.fail("no-number", seen=str(error))
    found = re.search(NUMBER + UNIT, text, re.IGNORECASE) or re.search(NUMBER, text)
    if not found:
        WHY.fail("no-number", seen=text[:80] or "nothing")
    unit = found.groupdict().get("unit", "m").lower()
    return float(found[1].replace(",", ".")) * {"k": 1 / 1024, "g": 1024.0}.get(unit, 1.0)


def require_number(lab: Lab, server: Container, ours: float) -> None:
    """Fail unless the learner's number is near ours; a known mistake is named."""
    number = read_number(lab)
    if abs(number - ours) <= max(ours * TOLERANCE, 5.0):
        return
    size = program_mb(server)
    WHY.fail(
        "size-on-disk" if abs(number - size) <= size * 0.1 else "another-number",
        number=number,
        ours=ours,
        server=server.name,
        seen=f"{number:.10g} MB in {FILE}",
    )
