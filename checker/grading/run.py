"""Grade a lab: run its checks in this process and return the Report."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.grading.author import Lab
from checker.grading.checks_run import ChecksRun
from checker.grading.collected import Collected
from checker.grading.container import Shells
from checker.grading.early import Early
from checker.results import Report
from checker.scene.locks import lab_lock, locked

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.catalogue import Lab as CourseLab
    from checker.engine.api import Engine

RUN_SECONDS = 480.0
"""How long all checks of a lab may take together."""

TURN_SECONDS = RUN_SECONDS + 60.0
"""How long a run waits for another run of the same lab: as long as that run and its clean-up may take."""


def grade(
    lab: CourseLab,
    engine: Engine,
    work: Path,
    *,
    only: frozenset[str] | None = None,
    seconds: float = RUN_SECONDS,
    shells: Shells | None = None,
    early: Early | None = None,
    to_first_failure: bool = False,
    tell: Callable[[str], None] | None = None,
    first: Callable[[], None] | None = None,
    trying: Callable[[str], None] | None = None,
    looking: bool = False,
) -> Report:
    """Run a lab's checks and return the result of each.

    Only one run of a lab happens at a time: some checks break something, such as a node or a replica, and a second run
    would think that the learner did it.

    Args:
        lab: the lab.
        engine: where its containers run.
        work: the learner's work folder.
        only: ids of the checks to run; the checks that they need run too.
        seconds: the time limit of the whole run.
        shells: shells that stay open from one run to the next, for callers that grade repeatedly; the caller closes them.
        early: early work that has already begun, on the same shells; if left out, it begins here.
        to_first_failure: stop at the first failed check, because the learner sees only that one.
        tell: called with a message if another run has to end first.
        trying: called with the title of each check when it begins.
        looking: whether nobody asked for this verdict; then no check disturbs anything.
        first: called when this run's turn comes; if it raises an error, such as "not started", the run ends.

    Raises:
        LabError: the check files cannot be read or have no check in them; or another run does not end.
    """
    kept = early.shells if early else shells
    begun = early or Early(lab, work, kept or Shells(engine))
    waited = False

    def wait(said: str) -> None:
        nonlocal waited
        waited = True
        if tell:
            tell(said)

    try:
        with locked(
            lab_lock(engine.endpoint.host, lab.number, "check"),
            f"lab check {int(lab.number)}",
            wait=TURN_SECONDS,
            tell=wait,
            needed=False,
        ):
            if waited:
                _begin_again(begun)
            if first:
                first()
            handle = Lab(lab, engine, work, begun.shells, looking=looking)
            return _judge(handle, only, seconds, to_first_failure, trying)
    finally:
        begun.wait()
        begun.shells.untouched.keep()
        if kept is None:
            begun.shells.close()


def _begin_again(early: Early) -> None:
    """Forget the early work, because another run of the lab's checks has ended since."""
    # That run may have killed the containers in which these shells are open.
    early.wait()
    early.shells.close()
    # What was asked ahead is from before that run, which may have changed it.
    early.shells.ahead.forget()
    early.shells.untouched.begin()


def _judge(
    handle: Lab,
    only: frozenset[str] | None,
    seconds: float,
    to_first_failure: bool,
    trying: Callable[[str], None] | None,
) -> Report:
    started = dt.datetime.now(dt.UTC).astimezone()
    clock = time.perf_counter
    begin = clock()
    lab = handle.course_lab
    try:
        run = ChecksRun(
            _collected(handle), only, clock, seconds, to_first_failure=to_first_failure, trying=trying
        )
        run.judge(handle)
    finally:
        handle.close()
    return Report(
        lab=lab.slug,
        title=lab.toml.title,
        checks=tuple(run.results.values()),
        started=started.isoformat(timespec="milliseconds"),
        ms=round((clock() - begin) * 1000, 1),
        measurements=tuple(handle.measurements),
    )


def _collected(handle: Lab) -> Collected:
    """Return the lab's checks: those of the verdict before, if no file of theirs has changed."""
    lab, shells = handle.course_lab, handle.shells
    if not (lab.folder / "checks").is_dir():
        raise LabError(
            f"{lab.folder} has no checks/ folder, so there are no checks to run.",
            remedy="Restore the course's files.",
        )
    if shells.collected is None or not shells.collected.is_of(lab):
        shells.collected = Collected(lab)
    return shells.collected
