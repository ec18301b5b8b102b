"""What a learner's machine does to hand in: judge the lab once more, collect files and commands, and write the archive."""

from __future__ import annotations

import datetime as dt
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.classroom import names
from checker.classroom.archive import MOST_BYTES, MOST_FILE, MOST_FILES, MOST_TYPED, SUFFIX, pack
from checker.classroom.submission import WORK, Submission, Where, digest
from checker.course.contents import Entry, Kind
from checker.errors import LabError
from checker.scene import typed
from checker.scene.typed import Typed
from checker.session.judging import check

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.results import Report
    from checker.session.session import Session


@dataclass(frozen=True)
class Packing:
    """What is about to be packed, so that the learner can look at it first."""

    lab: Lab
    submission: Submission
    files: dict[str, Entry]

    @property
    def size(self) -> int:
        """The bytes of all files together."""
        return sum(len(entry.data) for entry in self.files.values())

    def write(self, folder: Path) -> Path:
        """Write the archive into a folder and return its path.

        Raises:
            LabError: it cannot be written.
        """
        file = folder / f"{self.lab.slug}-{names.file_part(self.submission.learner)}{SUFFIX}"
        pack(file, self.submission, self.files)
        return file


def collect(session: Session, lab: Lab, learner: str, account: str = "") -> Packing:
    """Judge a lab, and collect what shows how it was solved.

    Args:
        session: the course.
        lab: the lab.
        learner: the learner's name, as the teacher knows it.
        account: the learner's number or account at the school.

    Raises:
        LabError: the lab does not run and was never judged, the name is empty, or a file cannot be read.
    """
    shown = names.learner(learner)
    scene = session.scene(lab)
    commands: tuple[Typed, ...] = ()
    left_out: list[str] = []
    if scene.is_running():
        report: Report | None = check(session, lab)
        commands, said = portable(typed.read(scene), scene.work_inside)
        left_out += said
    else:
        report = session.progress.last_report(lab.slug)
        left_out.append("the commands: the lab is not running, and its toolbox kept them")
    if report is None:
        raise LabError(
            f"Lab {lab.number} is not running and was never judged, so there is nothing to hand in.",
            remedy=f"Start it: lab start {int(lab.number)}",
        )
    files, said = answer_files(scene.work)
    standing = session.progress.standing(lab.slug)
    submission = Submission(
        lab=lab.slug,
        course=digest(lab),
        learner=shown,
        id=names.plain(account, names.MOST_NAME),
        made=dt.datetime.now().astimezone().isoformat(timespec="seconds"),
        report=report,
        attempts=standing.attempts,
        hints=standing.hints,
        solved=standing.solved,
        ways=lab.chosen,
        values=lab.seed,
        where=Where.OWN_CLUSTER if scene.elsewhere is not None else Where.OWN_SCENE,
        typed=commands,
        left_out=(*left_out, *said),
    )
    return Packing(lab, submission, files)


def portable(commands: tuple[Typed, ...], work: str) -> tuple[tuple[Typed, ...], list[str]]:
    """Return commands without the path of the learner's work folder, and why any are left out.

    Args:
        commands: what was typed.
        work: the work folder's path inside the toolbox.
    """
    moved = tuple(Typed(each.at, each.text.replace(work, WORK)) for each in commands)
    size = sum(len(each.text.encode()) for each in moved)
    if size > MOST_TYPED:
        # Some of them would prove nothing: what they build on is missing.
        return (), [
            f"all {len(moved)} commands: they have {size / 1000:.0f} KB, and {MOST_TYPED / 1000:.0f} fit"
        ]
    return moved, []


def answer_files(work: Path) -> tuple[dict[str, Entry], list[str]]:
    """Return the files of a work folder, and a sentence for each thing in it that is left out.

    Links are left out: on the teacher's machine they could lead out of the folder.

    Raises:
        LabError: the folder cannot be read.
    """
    found: dict[str, Entry] = {}
    said: list[str] = []
    size = 0
    for path in _below(work):
        name = path.relative_to(work).as_posix()
        shown = names.plain(name, names.MOST_PATH)
        try:
            mode = path.lstat().st_mode
            if not stat.S_ISREG(mode):
                said.append(f"{shown}: it is a link, a device or a pipe")
            elif why := names.why_unsafe(name):
                said.append(f"{shown}: {why}")
            elif (length := path.stat().st_size) > MOST_FILE:
                said.append(
                    f"{shown}: it has {length / 1e6:.0f} MB, and {MOST_FILE / 1e6:.0f} MB are allowed"
                )
            elif len(found) >= MOST_FILES or size + length > MOST_BYTES * 9 // 10:
                said.append(f"{shown}: the archive is full")
            else:
                found[name] = Entry(Kind.FILE, path.read_bytes(), runs=bool(mode & stat.S_IXUSR))
                size += length
        except OSError as error:
            said.append(f"{shown}: it cannot be read ({error.strerror or error})")
    return found, said


def _below(work: Path) -> list[Path]:
    """Return everything in a folder that is not itself a folder; links to folders are not followed."""
    found: list[Path] = []
    for folder, folders, files in os.walk(work):
        place = type(work)(folder)
        found += [place / name for name in files]
        found += [place / name for name in folders if (place / name).is_symlink()]
    return sorted(found)
