"""The archives in a folder, read and sorted: what can be graded, by lab, and what is refused, with the reason."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from checker.classroom import names
from checker.classroom.archive import MANIFEST, SUFFIX, read
from checker.classroom.result import Result
from checker.classroom.submission import (
    HandedIn,
    RefusedError,
    in_utc,
    require_ours,
    require_writable,
    same_work,
)
from checker.classroom.whose_values import NOBODY
from checker.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.classroom.whose_values import Whose
    from checker.course.catalogue import Catalogue, Lab

_Who = tuple[str, str, str]
"""The slug of a lab, `id` or `name`, and which."""

KEPT = ".regraded"
"""The folder beside the archives that the results are kept in, one file for each lab."""


MARK = ".drydock"
"""What the name of every archive has, whatever a browser made of the rest of it."""


def archives(folder: Path) -> list[Path]:
    """Return the archives in a folder and the folders below it, as a learning platform unpacks them.

    Browsers rename a second download (`x.drydock.tar (1).gz`), and some unpack it (`x.drydock.tar`). Such a file is
    taken too: what is read of it counts, or it is refused with a sentence; it is not passed over.

    Raises:
        MisuseError: the folder is not there, or has no archive.
    """
    if not folder.is_dir():
        raise MisuseError(f"There is no folder {folder}.", remedy="Name the folder with what was handed in.")
    found = sorted(path for path in folder.rglob(f"*{MARK}*") if _may_be_one(path))
    if not found:
        raise MisuseError(
            f"{folder} has no file whose name ends in {SUFFIX}.",
            remedy="`lab submit` on a learner's machine writes such a file.",
        )
    return found


def _may_be_one(path: Path) -> bool:
    """Whether something in the folder was handed in: a file, or the folder that an archive was unpacked into."""
    # Explorer, when it copies into WSL, and macOS put such a file beside each one.
    if path.name.endswith(":Zone.Identifier") or path.name.startswith("._"):
        return False
    return KEPT not in path.parts and (not path.is_dir() or (path / MANIFEST).is_file())


@dataclass
class Pile:
    """Everything in a folder, read: what can be graded, by lab, and what was refused."""

    handed: dict[str, list[tuple[Path, HandedIn]]]
    refused: list[Result]
    notes: dict[str, str]
    """What to say of an archive, by its SHA-256."""
    seeds: dict[str, str]
    """What the values are drawn from that an archive is graded with, by its SHA-256; empty for the lesson's."""


def sort(folder: Path, catalogue: Catalogue, whose: Whose = NOBODY) -> Pile:
    """Read every archive of a folder, and set aside those that cannot be graded.

    Of several by one learner for one lab, the one that was made last counts, by the learner's clock.

    Args:
        folder: the folder with the archives.
        catalogue: the labs.
        whose: the seeds of the class that the learners are in, if it gave them values of their own.

    Raises:
        MisuseError: there is no folder or no archive.
    """
    labs = {path.name: catalogue.read(path) for path in catalogue.folders}
    pile = Pile({}, [], {}, {})
    seen: dict[str, Path] = {}
    latest: dict[_Who, tuple[Path, HandedIn]] = {}
    called: dict[_Who, dict[str, str]] = defaultdict(dict)
    for file in archives(folder):
        try:
            handed = _read_once(file, seen)
            lab = _lab_of(handed, labs)
            pile.seeds[handed.sha256] = whose.seed(handed.submission, lab)
        except RefusedError as error:
            pile.refused.append(_refused(folder, file, f"{error.what} {error.remedy}".strip()))
            continue
        who = _who(lab, handed)
        called[who].setdefault(names.key(handed.submission.learner), handed.submission.learner)
        older, latest[who] = _by_time(latest.get(who), (file, handed))
        if older is not None:
            pile.refused.append(_refused(folder, older[0], _why_older(older[1], *latest[who])))
    for who, one in sorted(latest.items(), key=lambda item: item[0]):
        pile.handed.setdefault(who[0], []).append(one)
    _note_all(pile, whose, {one.sha256: called[who] for who, (_, one) in latest.items()})
    return pile


def _who(lab: Lab, handed: HandedIn) -> _Who:
    """Return whose submission it is: two are one learner's if they have one id, or one name and no id."""
    own = handed.submission.id
    return (
        (lab.slug, "id", names.key(own)) if own else (lab.slug, "name", names.key(handed.submission.learner))
    )


def _why_older(older: HandedIn, file: Path, newer: HandedIn) -> str:
    """Return why a submission does not count beside a newer one, and that one's name if it is another."""
    shown = names.plain(file.name, names.MOST_PATH)
    if not newer.submission.id:
        return f"A later one of the same name was handed in: {shown}."
    if names.key(older.submission.learner) == names.key(newer.submission.learner):
        return f"A later one of the same id was handed in: {shown}."
    mine, other = older.submission.learner, newer.submission.learner
    return f"It is of {mine}. A later one of the same id was handed in as {other}: {shown}."


def _read_once(file: Path, seen: dict[str, Path]) -> HandedIn:
    try:
        handed = read(file)
    except RefusedError:
        if _was_unpacked(file):
            raise RefusedError(
                "It was unpacked on the way; some browsers do that.",
                remedy=f"Ask for the file whose name ends in {SUFFIX}, or compress a .tar again with gzip.",
            ) from None
        raise
    if handed.sha256 in seen:
        raise RefusedError(f"It is the same archive as {seen[handed.sha256].name}.")
    seen[handed.sha256] = file
    return replace(handed, submission=in_utc(handed.submission))


def _was_unpacked(file: Path) -> bool:
    """Whether a file is a plain tar archive (its magic is at byte 257, POSIX.1-2017, pax), or a folder."""
    if not file.is_file():
        return file.is_dir()
    try:
        with file.open("rb") as stream:
            return stream.read(262)[257:] == b"ustar"
    except OSError:
        return False


def _lab_of(handed: HandedIn, labs: Mapping[str, Lab]) -> Lab:
    lab = labs.get(handed.submission.lab)
    if lab is None:
        raise RefusedError(
            f"It is for a lab that this course does not have: {names.plain(handed.submission.lab, 40)}."
        )
    require_ours(handed.submission, lab)
    require_writable(handed.submission)
    return lab


def _by_time(
    before: tuple[Path, HandedIn] | None, now: tuple[Path, HandedIn]
) -> tuple[tuple[Path, HandedIn] | None, tuple[Path, HandedIn]]:
    """Return the older of two submissions, if there are two, and the newer."""
    if before is None:
        return None, now
    older, newer = sorted((before, now), key=lambda one: (one[1].submission.made, one[1].sha256))
    return older, newer


def _note_all(pile: Pile, whose: Whose, called: Mapping[str, Mapping[str, str]]) -> None:
    """Note what a teacher should know of each archive.

    Args:
        pile: what was read.
        whose: the seeds of the class.
        called: the names under which each counted archive's learner handed in, by its SHA-256, as `names.key` makes them.
    """
    for several in pile.handed.values():
        for _, this in several:
            said = (
                whose.note(this.submission, pile.seeds[this.sha256]),
                _note_name(this, several),
                _note_id(this, called[this.sha256]),
                _note_copies(this, several),
            )
            pile.notes[this.sha256] = "; ".join(filter(None, said))


def _refused(folder: Path, file: Path, why: str) -> Result:
    return Result(file=name_in(folder, file), refused=why)


def name_in(folder: Path, file: Path) -> str:
    """Return an archive's path in its folder, as it is shown."""
    return names.plain(file.relative_to(folder).as_posix(), names.MOST_PATH)


def _note_name(one: HandedIn, handed: list[tuple[Path, HandedIn]]) -> str:
    """Say that another id has the name under which an archive is graded: then one of the two is not this learner."""
    mine = names.key(one.submission.learner)
    same = [other for _, other in handed if other is not one and names.key(other.submission.learner) == mine]
    return "another archive has the same name and not the same id" if same else ""


def _note_id(one: HandedIn, called: Mapping[str, str]) -> str:
    """Say under which other names the id of an archive was handed in: then somebody typed a wrong id."""
    mine = names.key(one.submission.learner)
    others = [shown for name, shown in called.items() if name != mine]
    return f"the same id was also handed in as {', '.join(others)}" if others else ""


def _note_copies(one: HandedIn, handed: list[tuple[Path, HandedIn]]) -> str:
    same = [
        other.submission.learner
        for _, other in handed
        if other is not one and same_work(one.submission, other.submission)
    ]
    # An answer without commands can be the lab's own solution, which two people copied from the same page.
    return f"the same files and commands as {', '.join(same)}" if same else ""
