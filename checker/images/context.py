"""What a build may copy from: a copy of the image's folder with file modes that do not depend on the checkout.

A checkout made under `umask 077` has files that only its owner can read. One from an archive or from Windows has programs
that cannot be run. File modes become part of an image, but not of the hash of what it is made of. So the modes are derived
from the content, which the hash includes: a file that begins with `#!` is a program, and everyone can read every file.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from checker.images.content_hash import IGNORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from checker.images.catalogue import Image
    from checker.images.third_party import Found


def lay_out(image: Image, programs: Mapping[str, Found], folder: Path) -> Path:
    """Make a new folder for a build and return it.

    Args:
        image: what is built.
        programs: the programs that it needs; they go into the folder `programs/`.
        folder: where to make it.

    Raises:
        OSError: it cannot be written.
    """
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder)
    for source in image.sent:
        _copy(image.context / source, folder / source)
    if programs:
        _make(folder / "programs")
    for name, found in programs.items():
        target = folder / "programs" / name
        try:
            # A hard link costs nothing, but the two places may be on different disks.
            os.link(found.file.resolve(), target)
        except OSError:
            shutil.copyfile(found.file, target)
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_dir() and not source.is_symlink():
        _make(target)
        for child in _children(source):
            _copy(child, target / child.name)
        return
    _make(target.parent)
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        target.chmod(0o755 if file.read(2) == b"#!" else 0o644)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # independent of the umask


def _children(folder: Path) -> Iterable[Path]:
    return (child for child in sorted(folder.iterdir()) if child.name not in IGNORED)
