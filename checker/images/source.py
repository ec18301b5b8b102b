"""What an image is made of, as one hash: a changed file, argument or base means another image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LENGTH = 16
"""Hexadecimal digits kept: enough that two sources of one course never meet by chance."""

IGNORED = {"__pycache__", ".DS_Store", ".git"}
"""Names that are no part of any image."""


def hash_folders(root: Path, sources: Iterable[str], facts: Iterable[str]) -> str:
    """Hash files and facts.

    Line ends of text files are read as they are: a checkout with other line ends builds another image.

    Args:
        root: the course.
        sources: files and folders, from the root.
        facts: texts that matter as much as the files.

    Raises:
        LabError: a source is not there.
    """
    total = hashlib.sha256()
    for fact in facts:
        total.update(fact.encode() + b"\0")
    for source in sources:
        path = root / source
        if not path.exists():
            raise LabError(f"{path} is missing, and an image is made of it.", remedy="Restore the checkout.")
        for file in _files(path):
            name = file.relative_to(root).as_posix()
            total.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:LENGTH]


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for child in sorted(path.iterdir()):
        if child.name in IGNORED or child.suffix == ".pyc":
            continue
        yield from _files(child)
