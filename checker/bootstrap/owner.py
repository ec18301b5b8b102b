"""Why a file or folder could not be written, and what to do: it is another user's, or its disk is full or read-only."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from typing import NamedTuple


class OtherOwner(NamedTuple):
    """A part of a path that belongs to another user."""

    place: Path
    owner: str
    in_our_folder: bool
    """Whether it lies in a folder of ours, so that we may take it back."""


def why_not_written(path: Path | str, error: OSError, setting: str = "") -> tuple[str, str]:
    """Return why a path cannot be written, and what to do about it.

    Args:
        path: what was to be written.
        error: how that failed.
        setting: the variable that names another folder for it; empty if there is none.
    """
    path = Path(path)
    elsewhere = f" Or set {setting} to a folder that you may write to." if setting else ""
    if error.errno in {errno.ENOSPC, getattr(errno, "EDQUOT", None)}:
        return "the disk is full", f"Make room there.{elsewhere}"
    if error.errno == errno.EROFS:
        where = f"Set {setting} to a folder that you may write to." if setting else "Use another folder."
        return "it lies on a read-only file system", where
    if error.errno in {errno.ENOTDIR, errno.EEXIST, errno.ELOOP} and (file := _file_in(path)):
        where = f", or set {setting} to another folder." if setting else ", or use another folder."
        return f"{'it' if file == path else file} is not a folder", f"Move it away{where}"
    if error.errno == errno.ENAMETOOLONG:
        return (
            "this path is too long",
            f"Set {setting} to a shorter one." if setting else "Use a shorter one.",
        )
    if error.errno in {errno.EACCES, errno.EPERM} and (found := other_owner(path)):
        place, owner, ours = found
        said = f"{place} belongs to {owner}, and you are {me()}"
        if not ours:
            where = f"Set {setting} to a folder of your own." if setting else "Use a folder of your own."
            return said, where
        hint = " (`sudo lab` leaves such files behind)" if owner == "root" else ""
        return said + hint, f"Take it back: sudo chown -R {me()} {shlex.quote(str(place))}"
    why = error.strerror or str(error) or type(error).__name__
    return why, f"Make room or allow writing there.{elsewhere}"


def _file_in(path: Path) -> Path | None:
    """Return what stands in a path where a folder is needed."""
    # Not `Path.is_dir`: on old Pythons it raises for a link that leads back to itself.
    return next(
        (each for each in (path, *path.parents) if os.path.lexists(each) and not os.path.isdir(each)),  # noqa: PTH112
        None,
    )


def other_owner(path: Path) -> OtherOwner | None:
    """Return the part of a path, or of what is in it, that belongs to another user; None if all of it is ours."""
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return None
    owners = [(place, owner) for place in (path, *path.parents) if (owner := _owner(place)) is not None]
    if not owners:
        return None
    if owners[0][1] == os.geteuid():
        # What is in the way is further down.
        try:
            children = [(child, _owner(child)) for child in path.iterdir()] if path.is_dir() else []
        except OSError:
            return None
        others = ((child, uid) for child, uid in children if uid not in {None, os.geteuid()})
        return next(
            (OtherOwner(child, name_of(uid), in_our_folder=True) for child, uid in others if uid is not None),
            None,
        )
    topmost = owners[0]
    for place, owner in owners:
        if owner == os.geteuid():
            return OtherOwner(topmost[0], name_of(topmost[1]), in_our_folder=True)
        topmost = (place, owner)
    return OtherOwner(owners[0][0], name_of(owners[0][1]), in_our_folder=False)


def _owner(place: Path) -> int | None:
    try:
        return place.lstat().st_uid
    except OSError:
        return None


def name_of(uid: int) -> str:
    """Return a user's name, or the number of one without a name."""
    import pwd  # noqa: PLC0415 - Windows has none, and none of this

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def me() -> str:
    """Return this user as `chown` takes it."""
    name = name_of(os.geteuid()) if hasattr(os, "geteuid") else ""
    return name.removeprefix("user ")
