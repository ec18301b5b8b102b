"""Submissions graded again on the teacher's machine: each in a fresh scene, remembered, and compared with what was claimed."""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from checker import whole
from checker.classroom import names
from checker.classroom.submission import (
    SUFFIX,
    Elsewhere,
    HandedIn,
    RefusedError,
    claimed,
    read,
    require_ours,
    same_work,
)
from checker.classroom.whose_values import NOBODY
from checker.errors import MisuseError, not_written
from checker.results import Kind, Report, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from checker.classroom.whose_values import Whose
    from checker.course.catalogue import Catalogue, Lab

KEPT = ".regraded"
"""The folder beside the archives that the results are kept in, one file for each lab."""


class Evidence(enum.StrEnum):
    """What stands behind a result."""

    CLAIMED = "claimed"
    """The learner's machine says so. Nothing of it was seen here."""
    REPLAYED = "replayed"
    """The files and commands were run here, and only part of what was claimed came out."""
    VERIFIED = "verified"
    """The files and commands were run here, and everything that was claimed came out."""


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check of one submission."""

    id: str
    title: str
    claimed: Status
    found: Status | None = None
    """How it ended here; None if it was not judged here."""
    kind: Kind = Kind.GOAL
    why: str = ""
    """What it said here, if it did not pass."""

    @property
    def counts(self) -> Status:
        """The status that points are given for: the one found here if it was judged here."""
        judged = {Status.PASSED, Status.FAILED, Status.VIOLATED, Status.NOT_RUN}
        return self.found if self.found in judged else self.claimed

    @property
    def refuted(self) -> bool:
        """Whether it was claimed to pass and did not pass here, although it was judged."""
        return self.claimed is Status.PASSED and self.counts is not Status.PASSED


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One archive, graded again or refused."""

    file: str
    sha256: str = ""
    learner: str = ""
    id: str = ""
    lab: str = ""
    course: str = ""
    made: str = ""
    evidence: Evidence = Evidence.CLAIMED
    checks: tuple[Judged, ...] = ()
    attempts: int = 0
    hints: int = 0
    solved: bool = False
    refused: str = ""
    """Why the archive was refused; then nothing else of it counts."""
    note: str = ""
    """What a teacher should know: a command that did not end, the same work under another name, why it was not run."""
    seconds: float = 0.0
    values: str = ""
    """What the values were drawn from that it was graded with; empty for the lesson's."""
    final: bool = True
    """Whether it stays as it is in the next run; not if the machine was the reason that it could not be judged."""

    @property
    def refuted(self) -> tuple[str, ...]:
        """The checks that were claimed to pass and did not pass here."""
        return tuple(check.id for check in self.checks if check.refuted)


@dataclass(frozen=True)
class Found:
    """What came out of one submission here: the report, and the script's complaint if there was one; or why none."""

    report: Report | None
    said: str = ""


def archives(folder: Path) -> list[Path]:
    """Return the archives in a folder and the folders below it, as a learning platform unpacks them.

    Raises:
        MisuseError: the folder is not there, or has no archive.
    """
    if not folder.is_dir():
        raise MisuseError(f"There is no folder {folder}.", remedy="Name the folder with what was handed in.")
    found = sorted(path for path in folder.rglob(f"*{SUFFIX}") if KEPT not in path.parts)
    if not found:
        raise MisuseError(
            f"{folder} has no file whose name ends in {SUFFIX}.",
            remedy="`lab submit` on a learner's machine writes such a file.",
        )
    return found


class Kept:
    """The results of earlier runs, so that an interrupted one goes on where it was.

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


@dataclass
class Pile:
    """Everything in a folder, read: what can be graded, by lab, and what was refused."""

    handed: dict[str, list[tuple[Path, HandedIn]]]
    refused: list[Result]
    notes: dict[str, str]
    """What to say of an archive, by its SHA-256."""
    seeds: dict[str, str]
    """What the values are drawn from that an archive is graded with, by its SHA-256; empty for the lesson's."""


def sort(folder: Path, catalogue: Catalogue, class_: Whose = NOBODY) -> Pile:
    """Read every archive of a folder, and set aside those that cannot be graded.

    Of several by one learner for one lab, the one that was made last counts, by the learner's clock.

    Args:
        folder: the folder with the archives.
        catalogue: the labs.
        class_: the class that the learners are in, if it gave them values of their own.

    Raises:
        MisuseError: there is no folder or no archive.
    """
    labs = {path.name: catalogue.read(path) for path in catalogue.folders}
    pile = Pile({}, [], {}, {})
    seen: dict[str, Path] = {}
    latest: dict[tuple[str, str], tuple[Path, HandedIn]] = {}
    for file in archives(folder):
        try:
            handed = read(file)
            if handed.sha256 in seen:
                raise RefusedError(f"It is the same archive as {seen[handed.sha256].name}.")
            seen[handed.sha256] = file
            lab = labs.get(handed.submission.lab)
            if lab is None:
                raise RefusedError(
                    f"It is for a lab that this course does not have: {names.plain(handed.submission.lab, 40)}."
                )
            require_ours(handed.submission, lab)
            pile.seeds[handed.sha256] = class_.seed(handed.submission, lab)
        except RefusedError as error:
            pile.refused.append(_refused(folder, file, f"{error.what} {error.remedy}".strip()))
            continue
        who = (lab.slug, names.key(handed.submission.id or handed.submission.learner))
        before = latest.get(who)
        if before is not None:
            older, newer = sorted((before, (file, handed)), key=_when)
            pile.refused.append(
                _refused(folder, older[0], f"A later one of the same name was handed in: {newer[0].name}.")
            )
            latest[who] = newer
        else:
            latest[who] = (file, handed)
    for (slug, _), one in sorted(latest.items(), key=lambda item: item[0]):
        pile.handed.setdefault(slug, []).append(one)
    for several in pile.handed.values():
        for _, this in several:
            said = (
                class_.note(this.submission, pile.seeds[this.sha256]),
                _note_name(this, several),
                _note_copies(this, several),
            )
            pile.notes[this.sha256] = "; ".join(filter(None, said))
    return pile


def _when(one: tuple[Path, HandedIn]) -> tuple[str, str]:
    return one[1].submission.made, one[1].sha256


def _refused(folder: Path, file: Path, why: str) -> Result:
    return Result(file=_shown(folder, file), refused=why)


def _shown(folder: Path, file: Path) -> str:
    return names.plain(file.relative_to(folder).as_posix(), names.MOST_PATH)


def _note_name(one: HandedIn, handed: list[tuple[Path, HandedIn]]) -> str:
    """Say that another id has the name under which an archive is graded: then one of the two is not this learner."""
    mine = names.key(one.submission.learner)
    same = [other for _, other in handed if other is not one and names.key(other.submission.learner) == mine]
    return "another archive has the same name and another id" if same else ""


def _note_copies(one: HandedIn, handed: list[tuple[Path, HandedIn]]) -> str:
    same = [
        other.submission.learner
        for _, other in handed
        if other is not one and same_work(one.submission, other.submission)
    ]
    # An answer without commands can be the lab's own solution, which two people copied from the same page.
    return f"the same files and commands as {', '.join(same)}" if same else ""


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
        if before is not None:
            yield before
            continue
        start = time.monotonic()
        found = why_not(each) or judge(each, seed)
        result = compare(each, found, file=_shown(folder, file), note=notes.get(each.sha256, ""))
        seconds = round(time.monotonic() - start, 1)
        result = msgspec.structs.replace(result, seconds=seconds, values=seed)
        kept.add(result)
        yield result


def why_not(handed: HandedIn) -> Found | None:
    """Return why a submission cannot be run here; None if it can."""
    if handed.submission.where is Elsewhere.OWN_CLUSTER:
        return Found(None, "not run here: the lab ran on the learner's own cluster")
    return None


def compare(handed: HandedIn, found: Found, *, file: str, note: str = "") -> Result:
    """Compare what a submission claims with what came out here.

    Args:
        handed: the submission.
        found: what came out.
        file: the archive's name.
        note: what else is known of it.
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
    evidence = Evidence.CLAIMED
    if found.report is not None and (same or not passed):
        evidence = Evidence.VERIFIED if len(same) == len(passed) else Evidence.REPLAYED
    could_not = found.report is None or bool(found.report.having(Status.COULD_NOT_RUN))
    said = [note, names.plain(found.said, 500)]
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
        evidence=evidence,
        checks=judged,
        attempts=max(0, submission.attempts),
        hints=max(0, submission.hints),
        solved=submission.solved,
        note="; ".join(filter(None, said)),
        final=not could_not or why_not(handed) is not None,
    )


def _why(report: Report | None, name: str) -> str:
    for check in report.checks if report else ():
        if check.id == name and check.status is not Status.PASSED:
            return names.plain(check.failure.rationale if check.failure else check.reason, 500)
    return ""


def standings(
    folder: Path, catalogue: Catalogue, class_: Whose = NOBODY
) -> tuple[list[Result], list[Result]]:
    """Return the result of each submission in a folder, and the archives that were refused.

    A submission that was not graded again yet stands as it is claimed.

    Raises:
        MisuseError: there is no folder or no archive.
    """
    pile = sort(folder, catalogue, class_)
    found: list[Result] = []
    for slug, handed in pile.handed.items():
        kept = Kept(folder, slug)
        for file, each in handed:
            before = kept.of(each.sha256, each.submission.course, pile.seeds[each.sha256])
            note = pile.notes.get(each.sha256, "")
            found.append(before or compare(each, Found(None), file=_shown(folder, file), note=note))
    return sorted(found, key=lambda each: (each.lab, names.key(each.learner), each.sha256)), pile.refused
