"""Submissions graded again on the teacher's machine: each in a fresh scene, remembered, and compared with what was claimed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker import whole
from checker.classroom import names
from checker.classroom.pile import KEPT, name_in, sort
from checker.classroom.result import Evidence, Judged, Result
from checker.classroom.submission import HandedIn, Where, claimed
from checker.classroom.whose_values import NOBODY
from checker.errors import LabError, not_written
from checker.results import Kind, Report, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from checker.classroom.pile import Pile
    from checker.classroom.whose_values import Whose
    from checker.course.catalogue import Catalogue, Lab


@dataclass(frozen=True)
class Found:
    """The result of one submission here: the report, and the script's complaint if there was one; or why there is none."""

    report: Report | None
    said: str = ""


class Kept:
    """The results of earlier runs, so that an interrupted one continues where it stopped.

    Args:
        folder: the folder with the archives.
        lab: the slug of the lab.
    """

    def __init__(self, folder: Path, lab: str) -> None:
        self._file = folder / KEPT / f"{lab}.json"
        try:
            self._results = msgspec.json.decode(self._file.read_bytes(), type=dict[str, Result])
        except (OSError, msgspec.MsgspecError):
            self._results = {}

    def of(self, sha256: str, course: str, values: str = "") -> Result | None:
        """Return what was found before for this very archive, this version of the lab and these values."""
        found = self._results.get(sha256)
        same = found is not None and (found.course, found.values) == (course, values)
        return found if found is not None and found.final and same else None

    def add(self, result: Result) -> None:
        """Keep a result.

        Raises:
            LabError: it cannot be written; a run that cannot be continued must not look as if it could.
        """
        self._results[result.sha256] = result
        try:
            whole.write_bytes(self._file, msgspec.json.encode(self._results))
        except OSError as error:
            raise not_written(self._file, error, "") from error

    def forget(self) -> None:
        """Forget all of them."""
        self._results = {}
        self._file.unlink(missing_ok=True)


def grade_all(
    folder: Path,
    lab: Lab,
    handed: Iterable[tuple[Path, HandedIn]],
    judge: Callable[[HandedIn, str], Found],
    pile: Pile | None = None,
) -> Iterator[Result]:
    """Grade the submissions of one lab again, and keep each result as soon as it is there.

    Args:
        folder: the folder with the archives.
        lab: the lab.
        handed: the submissions, and their archives.
        judge: runs one submission in a fresh scene, with the values that are drawn from the text that it gets.
        pile: what is known of the archives: notes, and the values that each is graded with.
    """
    kept = Kept(folder, lab.slug)
    notes, seeds = (pile.notes, pile.seeds) if pile else ({}, {})
    for file, each in handed:
        seed = seeds.get(each.sha256, "")
        before = kept.of(each.sha256, each.submission.course, seed)
        note = notes.get(each.sha256, "")
        if before is not None:
            yield _noted(before, name_in(folder, file), note)
            continue
        start = time.monotonic()
        found = why_not(each) or _judged(judge, each, seed)
        result = compare(each, found, file=name_in(folder, file))
        seconds = round(time.monotonic() - start, 1)
        result = msgspec.structs.replace(result, seconds=seconds, values=seed)
        kept.add(result)
        yield _noted(result, result.file, note)


def _noted(result: Result, file: str, note: str) -> Result:
    """Return a result with what is known of its archive beside the others, which another archive changes in a later run.

    Args:
        result: what came out, as it is kept.
        file: the archive's name in this run.
        note: what to say of the archive in this run.
    """
    return msgspec.structs.replace(result, file=file, note="; ".join(filter(None, (note, result.note))))


def _judged(judge: Callable[[HandedIn, str], Found], handed: HandedIn, seed: str) -> Found:
    """Return what came out; a submission that cannot be run does not stop the others, and the next run tries it again."""
    try:
        return judge(handed, seed)
    except LabError as error:
        return Found(None, f"it could not be run here: {error.what} {error.remedy}".strip())


def why_not(handed: HandedIn) -> Found | None:
    """Return why a submission cannot be run here; None if it can."""
    if handed.submission.where is Where.OWN_CLUSTER:
        return Found(None, "not run here: the lab ran on the learner's own cluster")
    return None


def compare(handed: HandedIn, found: Found, *, file: str) -> Result:
    """Compare what a submission claims with what came out here.

    Args:
        handed: the submission.
        found: what came out.
        file: the archive's name.
    """
    submission = handed.submission
    here = {check.id: check for check in found.report.checks} if found.report else {}
    titles = {check.id: check for check in submission.report.checks}
    judged = tuple(
        Judged(
            id=name,
            title=names.plain((here.get(name) or titles[name]).title, 200),
            claimed=claimed(submission, name),
            found=here[name].status if name in here else None,
            kind=(here.get(name) or titles[name]).kind,
            why=_why(found.report, name),
        )
        # What is not judged here still belongs to the claim; the order is that of the task.
        for name in dict.fromkeys([*here, *titles])
    )
    # Guards pass where nothing was done, so they say nothing about what was handed in.
    goals = [check for check in judged if check.kind is Kind.GOAL]
    passed = [check for check in goals if check.claimed is Status.PASSED]
    same = [check for check in passed if check.found is Status.PASSED]
    could_not = found.report is None or bool(found.report.having(Status.COULD_NOT_RUN))
    said = [names.plain(found.said, 500)]
    if found.report is not None and passed and not submission.typed and not same:
        said.append("nothing was recorded that could be replayed")
    return Result(
        file=file,
        sha256=handed.sha256,
        learner=submission.learner,
        id=submission.id,
        lab=submission.lab,
        course=submission.course,
        made=submission.made,
        evidence=_evidence(found.report, claimed=len(passed), same=len(same)),
        checks=judged,
        attempts=max(0, submission.attempts),
        hints=max(0, submission.hints),
        solved=submission.solved,
        note="; ".join(filter(None, said)),
        final=not could_not or why_not(handed) is not None,
    )


def _evidence(report: Report | None, *, claimed: int, same: int) -> Evidence:
    """Return what stands behind a result of which some goals were claimed to pass, and some passed here too."""
    if report is None or (claimed and not same):
        return Evidence.CLAIMED
    return Evidence.VERIFIED if same == claimed else Evidence.REPLAYED


def _why(report: Report | None, name: str) -> str:
    for check in report.checks if report else ():
        if check.id == name and check.status is not Status.PASSED:
            return names.plain(check.failure.rationale if check.failure else check.reason, 500)
    return ""


def standings(folder: Path, catalogue: Catalogue, whose: Whose = NOBODY) -> tuple[list[Result], list[Result]]:
    """Return the result of each submission in a folder, and the archives that were refused.

    A submission that was not graded again yet stands as it is claimed.

    Raises:
        MisuseError: there is no folder or no archive.
    """
    pile = sort(folder, catalogue, whose)
    found: list[Result] = []
    for slug, handed in pile.handed.items():
        kept = Kept(folder, slug)
        for file, each in handed:
            before = kept.of(each.sha256, each.submission.course, pile.seeds[each.sha256])
            name, note = name_in(folder, file), pile.notes.get(each.sha256, "")
            found.append(_noted(before or compare(each, Found(None), file=name), name, note))
    return sorted(found, key=lambda each: (each.lab, names.key(each.learner), each.sha256)), pile.refused
