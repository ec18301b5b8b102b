"""Scenes: how long until they are ready, what they use, how fast they are judged, and how each orchestrator recovers."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from timing import BenchmarkError, Series

from checker.authoring.measure import at_rest
from checker.engine.api import connect
from checker.errors import LabError
from checker.progress import Progress

if TYPE_CHECKING:
    from parts import Bench

    from checker.course.catalogue import Lab
    from checker.scene.scene import Scene

STARTS = 2
CHECKS = 3

SETTLE_SECONDS = 180.0
"""How long a solved scene may take until its solution passes; the first time, checks kill nodes and wait for them."""

MB = 1e6


@dataclass
class Measured:
    """What was measured of one lab's scene."""

    starts: Series = field(default_factory=Series)
    stops: Series = field(default_factory=Series)
    started: float = 0.0
    """Bytes at rest, just after the start."""
    solved: float = 0.0
    """Bytes at rest, with the solution."""
    first: float = 0.0
    """Seconds of the first verdict that passes, which includes the slow tests."""
    checks: Series = field(default_factory=Series)
    """Seconds of `lab check` as a whole process, if nothing has changed since."""

    def row(self, slug: str) -> tuple[str, ...]:
        """Return the cells of a table."""
        return (
            slug,
            f"{self.starts.median:.2f} s",
            f"{self.started / MB:.0f} MB",
            f"{self.solved / MB:.0f} MB",
            f"{self.first:.2f} s",
            f"{self.checks.median:.3f} s",
            f"{self.stops.median:.2f} s",
        )


HEAD = ("", "ready in", "memory, started", "memory, solved", "first verdict", "lab check again", "stop")


def measure(bench: Bench, labs: list[Lab]) -> tuple[list[tuple[str, ...]], list[str]]:
    """Measure labs one after another, and return their rows and, for those that were left out, why."""
    rows, left_out = [], []
    for lab in labs:
        try:
            with bench.scene(lab.slug, start=False) as scene:
                rows.append(_measure(bench, scene).row(lab.slug))
        except (BenchmarkError, LabError) as error:
            what = error.what if isinstance(error, LabError) else str(error)
            left_out.append(f"{lab.slug}: not measured. {what}")
    return rows, left_out


def _measure(bench: Bench, scene: Scene) -> Measured:
    number = str(int(scene.lab.number))
    found = Measured()
    for last in [False] * (STARTS - 1) + [True]:
        found.starts.seconds.append(bench.process([*bench.lab, "start", number]))
        if not last:
            found.stops.seconds.append(bench.process([*bench.lab, "stop", number]))
    engine = connect()
    found.started = at_rest(engine, scene.lab)
    scene.apply(scene.lab.solution)
    found.first = _until_it_passes(bench, number)
    found.solved = at_rest(engine, scene.lab)
    check = functools.partial(bench.process, [*bench.lab, "check", number])
    found.checks.seconds += [check() for _ in range(CHECKS)]
    found.stops.seconds.append(bench.process([*bench.lab, "stop", number]))
    return found


def _until_it_passes(bench: Bench, number: str) -> float:
    """Check until the solution passes, and return the seconds of that verdict, a whole process."""
    give_up = time.monotonic() + SETTLE_SECONDS
    while True:
        try:
            return bench.process([*bench.lab, "check", number])
        except BenchmarkError:
            if time.monotonic() > give_up:
                raise


def recorded(bench: Bench, labs: list[Lab]) -> list[tuple[str, str, str]]:
    """Return what the checks of each lab measured while they judged: recoveries, lost requests, memory, lines.

    The same thing of different labs stands together, so that orchestrators can be compared.
    """
    progress = Progress(bench.places.state / "progress.sqlite3", lambda _: None)
    found = [
        (
            f"{each.name} ({each.subject})" if each.subject else each.name,
            lab.slug,
            f"{each.value:g} {each.unit}",
        )
        for lab in labs
        for each in progress.measurements(lab.slug)
    ]
    order = list(dict.fromkeys(name for name, _, _ in found))
    return sorted(found, key=lambda row: order.index(row[0]))
