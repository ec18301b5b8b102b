"""The learner's work folder of a lab: created from start/, set aside before a reset, never lost."""

from __future__ import annotations

import contextlib
import datetime as dt
import filecmp
import shutil
import stat
from typing import TYPE_CHECKING

from checker.bootstrap.owner import why_not_written
from checker.course.contents import Entry, Kind
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places


def folder_of(places: Places, lab: Lab) -> Path:
    """Return the folder of a learner's files for a lab."""
    return places.work / lab.slug


def prepare(work: Path, lab: Lab) -> bool:
    """Fill the work folder from the lab's start/ if it is empty, and return whether that was done.

    The copy is first made beside the work folder, so that an interruption leaves nothing half-done. An existing folder
    is filled, not replaced: it may be a terminal's current folder.

    Raises:
        LabError: it cannot be written.
    """
    whole = _whole(work)
    try:
        if not whole.is_dir():
            if work.is_dir() and any(work.iterdir()):
                shutil.rmtree(whole.with_suffix(".partial"), ignore_errors=True)
                return False
            _lay_out(lab, whole)
        if not work.is_dir():
            whole.rename(work)
            return True
        for child in list(whole.iterdir()):
            if not (work / child.name).exists():
                child.rename(work / child.name)
        shutil.rmtree(whole)
    except OSError as error:
        why, remedy = why_not_written(work, error, "DRYDOCK_WORK")
        raise LabError(f"The work folder {work} cannot be made: {why}.", remedy=remedy) from error
    return True


def _whole(work: Path) -> Path:
    """Return where a complete copy of start/ is kept beside the work folder while files are moved in or out."""
    return work.with_name(f".{work.name}.whole")


def _lay_out(lab: Lab, whole: Path) -> None:
    partial = whole.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    copy(lab.folder / "start", partial)
    partial.rename(whole)


def cut_short(work: Path) -> Path | None:
    """Return where a reset that was killed has set files aside; None when there was no such reset."""
    if not _whole(work).is_dir():
        return None
    return max(
        work.parent.glob(f"set-aside/{work.name}-*"), default=None, key=lambda path: path.stat().st_mtime
    )


def give(lab: Lab, folder: Path) -> None:
    """Copy the lab's start/ for containers that mount it, to a folder that is not touched while it is the same.

    A container's user may not be allowed to read the checkout's own (`umask 077`).

    Raises:
        LabError: it cannot be written.
    """
    start = lab.folder / "start"
    if folder.is_dir() and _is_alike(folder, start):
        return
    try:
        shutil.rmtree(folder, ignore_errors=True)
        copy(start, folder)
    except OSError as error:
        raise not_written(folder, error) from error


def changed(work: Path, lab: Lab) -> bool:
    """Whether the work folder differs from the lab's start/."""
    # The next start fills an empty folder.
    return work.is_dir() and any(work.iterdir()) and not _is_alike(work, lab.folder / "start")


def _is_alike(one: Path, other: Path) -> bool:
    """Whether two folders have the same files and links; an unreadable file differs from every other.

    A file is read only if the other folder has one of the same name and size: a learner's may be larger than the memory.
    """
    names = _kinds(one)
    if names != _kinds(other):
        return False
    filecmp.clear_cache()  # it knows files by size and time, and two changes may share both
    try:
        for name, (kind, _) in names.items():
            if kind == "file" and not filecmp.cmp(one / name, other / name, shallow=False):
                return False
    except OSError:
        return False
    return True


def _kinds(folder: Path) -> dict[str, tuple[str, object]]:
    """Return each file and link below a folder: what it is, with a link's target or a file's size."""
    found: dict[str, tuple[str, object]] = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        name = path.relative_to(folder).as_posix()
        try:
            if path.is_symlink():
                found[name] = ("link", path.readlink())
            elif path.is_file():
                found[name] = ("file", path.stat().st_size)
            elif not path.is_dir():
                found[name] = ("special", path.lstat().st_ino)
        except OSError:
            found[name] = ("unreadable", path)
    return found


def set_aside(work: Path, lab: Lab) -> Path | None:
    """Set the work folder's files aside if any of them is the learner's, and return where they are now.

    The folder itself stays, empty, so that it remains a terminal's current folder.

    Raises:
        LabError: the files cannot be moved; then nothing was changed.
    """
    # Files that an interrupted start was about to put there are not the learner's.
    shutil.rmtree(_whole(work), ignore_errors=True)
    if not work.is_dir() or not any(work.iterdir()):
        return None
    mine = changed(work, lab)
    stamp = dt.datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
    aside = work.parent / "set-aside" / f"{work.name}-{stamp}"
    number = 1
    while aside.exists():
        number += 1
        aside = aside.with_name(f"{work.name}-{stamp}-{number}")
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        # This comes first: if we are killed half-way, the next start adds the missing files.
        _lay_out(lab, _whole(work))
        _move(work, aside)
    except OSError as error:
        shutil.rmtree(_whole(work), ignore_errors=True)
        shutil.rmtree(_whole(work).with_suffix(".partial"), ignore_errors=True)
        why, remedy = why_not_written(work, error, "DRYDOCK_WORK")
        raise LabError(
            f"Your work in {work} cannot be set aside: {why}.",
            remedy=f"{remedy} Or close programs that use the folder. Nothing was changed.",
        ) from error
    if mine:
        return aside
    # Files that a container created as another user may not be deletable; then they stay where they are now.
    shutil.rmtree(aside, ignore_errors=True)
    if aside.exists():
        return aside
    with contextlib.suppress(OSError):
        aside.parent.rmdir()
    return None


def _move(work: Path, aside: Path) -> None:
    """Move a folder's content; if part of it may not be moved alone, move the folder as a whole.

    Linux does not let us move another user's folder to a new parent, but we may move the folder that it is in.
    """
    aside.mkdir()
    moved: list[Path] = []
    try:
        for child in list(work.iterdir()):
            child.rename(aside / child.name)
            moved.append(child)
    except OSError:
        for child in moved:
            (aside / child.name).rename(child)
        aside.rmdir()
        work.rename(aside)


def lay_over(files: Mapping[str, Entry], work: Path) -> None:
    """Write an answer's files over the work folder, keeping everything else in it.

    Raises:
        LabError: it cannot be written.
    """
    try:
        for name, entry in files.items():
            _write(entry, work / name, work)
    except OSError as error:
        raise not_written(work, error, "DRYDOCK_WORK") from error


def _write(entry: Entry, path: Path, work: Path) -> None:
    """Write one file, open to every reader, as `copy` does."""
    _open_folder(path if entry.kind is Kind.FOLDER else path.parent, work)
    if entry.kind is Kind.FOLDER:
        return
    if path.is_symlink() or entry.kind is Kind.LINK:
        path.unlink(missing_ok=True)
    if entry.kind is Kind.LINK:
        path.symlink_to(entry.data.decode())
        return
    path.write_bytes(entry.data)
    path.chmod(0o755 if entry.runs else 0o644)


def _open_folder(folder: Path, work: Path) -> None:
    if folder.is_dir():
        return
    if folder != work:
        _open_folder(folder.parent, work)
    folder.mkdir(parents=True)
    folder.chmod(0o755)


def copy(source: Path, target: Path) -> None:
    """Copy a folder over another, readable for everybody whatever the checkout's modes are.

    The copies are mounted into containers and copied into images, where another user reads them. Of the modes, only
    the executable bit is kept, as Git keeps it.
    """
    if not target.is_dir():
        target.mkdir(parents=True)
        target.chmod(0o755)
    for path in sorted(source.iterdir()) if source.is_dir() else ():
        copied = target / path.name
        if path.is_dir() and not path.is_symlink():
            copy(path, copied)
            continue
        if copied.is_symlink() or path.is_symlink():
            copied.unlink(missing_ok=True)
        shutil.copy2(path, copied, follow_symlinks=False)
        if not path.is_symlink():
            copied.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
