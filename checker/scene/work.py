"""The learner's work folder of a lab: made from start/, set aside before a reset, never lost."""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places


def folder_of(places: Places, lab: Lab) -> Path:
    """Return where the learner's files of a lab are."""
    return places.work / lab.slug


def prepare(work: Path, lab: Lab) -> bool:
    """Make the work folder from the lab's start/ if it is not there, and return whether it was made.

    The copy is made beside its place and moved there whole, so that an interruption leaves no half of it.

    Raises:
        LabError: it cannot be written.
    """
    if work.is_dir():
        return False
    partial = work.with_name(f".{work.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if (lab.folder / "start").is_dir():
            shutil.copytree(lab.folder / "start", partial, symlinks=True)
        else:
            partial.mkdir()
        partial.rename(work)
    except OSError as error:
        raise LabError(
            f"The work folder {work} cannot be made: {error.strerror or error}.",
            remedy="Make room or allow writing there, or set DRYDOCK_WORK to another folder.",
        ) from error
    return True


def changed(work: Path, lab: Lab) -> bool:
    """Whether the work folder differs from what the learner was given."""
    return work.is_dir() and _contents(work) != _contents(lab.folder / "start")


def _contents(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return each file and link below a folder with what it holds; a file that we may not read differs from all."""
    found: dict[str, tuple[object, ...]] = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        try:
            if path.is_symlink():
                found[name] = ("link", path.readlink())
            elif path.is_file():
                found[name] = ("file", hashlib.sha256(path.read_bytes()).digest())
            elif not path.is_dir():
                found[name] = ("special", path.lstat().st_ino)
        except OSError:
            found[name] = ("unreadable", path)
    return found


def set_aside(work: Path, lab: Lab) -> Path | None:
    """Move the work folder aside if anything in it is the learner's, and return where it is now.

    Raises:
        LabError: it cannot be moved; nothing was changed then.
    """
    if not changed(work, lab):
        shutil.rmtree(work, ignore_errors=True)
        if not work.exists():
            return None
        # Files of another user, made in a container: the folder cannot be emptied, but it can be moved.
    stamp = dt.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    aside = work.parent / "set-aside" / f"{work.name}-{stamp}"
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{work.name}-{stamp}-{number}")
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        work.rename(aside)
    except OSError as error:
        raise LabError(
            f"Your work in {work} cannot be set aside: {error.strerror or error}.",
            remedy="Close programs that use the folder, and try again. Nothing was changed.",
        ) from error
    return aside


def lay_over(files: Path, work: Path) -> None:
    """Copy a folder's files over the work folder, keeping everything else in it."""
    if files.is_dir():
        shutil.copytree(files, work, dirs_exist_ok=True, symlinks=True)
