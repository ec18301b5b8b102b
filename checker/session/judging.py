"""A verdict over a lab, kept in the record, and the next hint for what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.session.asked import Asked
from checker.session.preparing import require_started

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.grading.container import Shells
    from checker.results import Report
    from checker.session.session import Session


def check(
    session: Session,
    lab: Lab,
    *,
    step: int = 0,
    shells: Shells | None = None,
    keep: bool = True,
    looking: bool = False,
) -> Report:
    """Judge a lab and keep the attempt.

    Args:
        session: the course.
        lab: the lab.
        step: judge this step alone, from 1; such a verdict is not an attempt at the lab, and is not kept. 0 for all.
        shells: shells that stay open from one verdict to the next, for callers that judge repeatedly; closed by
            their owner.
        keep: whether the attempt goes into the record.
        looking: whether nobody asked for this verdict; then no check disturbs anything.

    Raises:
        LabError: the lab does not run, its checks cannot be read, or another verdict over it does not end.
    """
    from checker.grading.container import Shells, kept_in  # noqa: PLC0415 - so that the shells open while pytest is imported
    from checker.grading.early import Early  # noqa: PLC0415
    from checker.scene.work import folder_of  # noqa: PLC0415

    work = folder_of(session.places, lab)
    only = frozenset(lab.toml.steps[step - 1].checks) if step else None
    early = Early(lab, work, shells or Shells(session.engine, kept_in(session.places)))
    try:
        # Imported now: pytest takes a tenth of a second, in which the early work gets on.
        from checker.grading.run import grade  # noqa: PLC0415

        report = grade(
            lab,
            session.engine,
            work,
            only=only,
            early=early,
            tell=session.say,
            trying=session.trying,
            looking=looking,
            first=lambda: require_started(session, lab),
        )
    finally:
        early.wait()
        if shells is None:
            early.shells.close()
    if keep and not step:
        keep_attempt(session, report)
    return report


def keep_attempt(session: Session, report: Report) -> None:
    """Keep a verdict as an attempt; a full disk must not hide the verdict from the learner."""
    try:
        session.progress.record_attempt(report)
    except LabError as error:
        session.say(f"note: this attempt is not kept. {error.what} {error.remedy}")


@dataclass(frozen=True)
class Hint:
    """One rung of the hints for a check: `text`, and that it is number `rung` of `rungs`."""

    check: str
    title: str
    text: str
    rung: int
    rungs: int


def hint(session: Session, lab: Lab, report: Report | None = None) -> Hint | None:
    """Return the next hint for the first check that fails, and note that it was given.

    Args:
        session: the course.
        lab: the lab.
        report: the verdict to hint at; when None, the lab is judged without disturbing it.

    Returns:
        None when every check passes. When nothing has failed and a check waits to be asked for, this says so.

    Raises:
        LabError: the lab cannot be judged.
    """
    found = report or _looked(session, lab)
    problem = found.first_problem
    if problem is None:
        waiting = next((each for each in found.checks if each.waits), None)
        if waiting is None:
            return None
        text = f"Nothing has failed so far. This check {waiting.reason}."
        return Hint(waiting.id, waiting.title, text, 1, 1)
    ladder = lab.toml.hints.get(problem.id, ())
    if not ladder:
        text = problem.failure.hint if problem.failure else problem.reason
        return Hint(problem.id, problem.title, text, 1, 1)
    # A new mistake in the same check begins at its first hint, not at the last one of the old mistake.
    reason = problem.failure.reason if problem.failure else ""
    rung = session.progress.climb(lab.slug, problem.id, len(ladder), reason)
    return Hint(problem.id, problem.title, lab.put_in(ladder[rung - 1]), rung, len(ladder))


def _looked(session: Session, lab: Lab) -> Report:
    """Judge a lab without disturbing it; what waits has the failure that the last attempt found."""
    asked = Asked()
    if (last := session.progress.last_report(lab.slug)) is not None:
        asked.fill_in(last, looking=False)
    return asked.fill_in(check(session, lab, keep=False, looking=True), looking=True)
