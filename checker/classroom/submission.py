"""What a learner hands in: the report, the answer's files and the typed commands."""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
from msgspec import Meta

from checker.classroom import names
from checker.course.values import MOST_SEED
from checker.errors import LabError
from checker.results import Report, Status
from checker.scene import elsewhere
from checker.scene.typed import Typed  # noqa: TC001 - msgspec reads it when the program runs

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.contents import Entry

FORMAT = 1
MOST_PART = 255
"""How long one part of a path may be, in bytes: what file systems allow (NAME_MAX of Linux; limits.h)."""

WORK = "@WORK@"
"""What stands in a command for the learner's work folder, which is at another path on the teacher's machine."""


class RefusedError(LabError):
    """An archive that is not looked at any further, and why."""


def refuse(what: str, remedy: str = "Ask the learner to run `lab submit` again.") -> NoReturn:
    """Look at an archive no further, and say why."""
    raise RefusedError(what, remedy=remedy)


class Where(enum.StrEnum):
    """Where the lab ran."""

    OWN_SCENE = "own-scene"
    OWN_CLUSTER = "own-cluster"
    """On the learner's own Kubernetes cluster, which the teacher's machine does not have."""


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manifest of an archive. Everything in it is what the learner's machine says."""

    format: int = FORMAT
    lab: str
    course: str
    """The digest of the lab, as `digest` makes it: the teacher's course must have the same."""
    learner: str
    id: str = ""
    """The learner's number or account at the school, for gradebooks; empty if none was given."""
    made: str
    """When it was packed, ISO 8601 with offset, by the learner's clock."""
    report: Report
    attempts: int = 0
    hints: int = 0
    solved: bool = False
    """Whether the learner asked for the solution before the first pass."""
    ways: tuple[str, ...] = ()
    values: Annotated[str, Meta(max_length=MOST_SEED)] = ""
    """What the learner's own values were drawn from, if the lab has such values; it is graded with those of the name."""
    where: Where = Where.OWN_SCENE
    typed: tuple[Typed, ...] = ()
    files: dict[str, str] = {}
    """The SHA-256 of each file, by its path in the work folder; executable files have a `*` in front of it."""
    left_out: tuple[str, ...] = ()
    """What is in the work folder but not in the archive, a sentence each."""


@dataclass(frozen=True)
class HandedIn:
    """An archive that was read whole: the manifest, and the files held in memory."""

    sha256: str
    submission: Submission
    files: dict[str, Entry]


def _is_left_by_tools(path: Path) -> bool:
    """Whether a file manager or an editor made a file, on this machine alone."""
    name = path.name
    return name in {".DS_Store", "Thumbs.db", "desktop.ini"} or name.startswith("._") or name.endswith("~")


def digest(lab: Lab) -> str:
    """Return a digest of what decides a verdict on a lab: its checks, scene and given files, and what its task asks for.

    What `lab measure` writes does not count, so that machines with other figures agree; nor what file managers leave.
    """
    total = hashlib.sha256()
    plainly = msgspec.structs.replace(lab.toml, measured=None)
    total.update(msgspec.json.encode(plainly, order="deterministic"))
    paths = [*lab.folder.glob("compose*.yaml")]
    for folder in ("checks", "start"):
        paths += [path for path in (lab.folder / folder).rglob("*") if path.is_file()]
    for path in sorted(paths, key=lambda path: path.relative_to(lab.folder).as_posix()):
        if "__pycache__" in path.parts or _is_left_by_tools(path):
            continue
        # A checkout on Windows may have other line ends.
        content = hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()
        total.update(f"{path.relative_to(lab.folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def require_ours(submission: Submission, lab: Lab) -> None:
    """Refuse what was made with another version of a lab, or names checks that the lab does not have.

    Raises:
        RefusedError: it is so, and what to do.
    """
    if submission.course != digest(lab):
        refuse(
            f"It was made with another version of lab {lab.number} than this course has.",
            "Grade it with that version of the course, or ask the learner to update and hand in again.",
        )
    if unknown := [way for way in submission.ways if way not in lab.toml.ways]:
        refuse(f"It names a way that lab {lab.number} does not have: {names.plain(unknown[0], 40)}.")
    if submission.where is Where.OWN_CLUSTER and not elsewhere.can(lab):
        refuse(f"It says that it ran on the learner's own cluster, and lab {lab.number} cannot run there.")
    if submission.report.lab != lab.slug:
        refuse("Its report is about another lab.")
    goals = [check.id for check in submission.report.checks if check.kind == "goal"]
    if len(goals) != len(set(goals)) or (set(goals) - set(lab.check_ids)):
        refuse(f"Its report names checks that lab {lab.number} does not have.")


def in_utc(submission: Submission) -> Submission:
    """Return a submission whose time is in UTC, so that two of them can be compared.

    Raises:
        RefusedError: it says no time, or none with an offset from UTC.
    """
    try:
        made = datetime.fromisoformat(submission.made)
        if made.tzinfo is None:
            raise ValueError("no offset")
        return msgspec.structs.replace(submission, made=made.astimezone(UTC).isoformat())
    except (ValueError, OverflowError):
        refuse(f"It does not say when it was made: {names.plain(submission.made, 40) or 'nothing'}.")


def require_writable(submission: Submission) -> None:
    """Refuse files that no work folder can have together, or whose names no file system takes.

    Raises:
        RefusedError: it is so, and which file it is.
    """
    paths = {name: name.split("/") for name in submission.files}
    folders = {"/".join(parts[:count]) for parts in paths.values() for count in range(1, len(parts))}
    for name, parts in paths.items():
        shown = names.plain(name, names.MOST_PATH)
        if name in folders:
            refuse(f"It must not be unpacked: {shown} is a file and a folder.")
        if max(len(part.encode()) for part in parts) > MOST_PART:
            refuse(f"It must not be unpacked: a part of {shown} is longer than {MOST_PART} bytes.")


def claimed(submission: Submission, check: str) -> Status:
    """Return how the learner's machine says that a check ended; not run if its report does not name it."""
    return next((each.status for each in submission.report.checks if each.id == check), Status.NOT_RUN)


def same_work(one: Submission, other: Submission) -> bool:
    """Whether two submissions have the same files and the same commands, typed at the same times."""
    return (one.files, one.typed) == (other.files, other.typed) and bool(one.files or one.typed)
