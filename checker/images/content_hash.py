"""What an image is made of, as one hash: if a file, an argument or the base changes, it is another image."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LENGTH = 16
"""How many hexadecimal digits are kept: enough that two sources in one course never have the same hash by chance."""

IGNORED = {"__pycache__", ".DS_Store", ".git"}
"""Names that are not part of any image."""


def hash_folders(root: Path, sources: Iterable[str], facts: Iterable[str]) -> str:
    """Hash files and facts.

    Line endings of text files count: a checkout with other line endings builds another image.

    Args:
        root: the course.
        sources: files and folders, from the root.
        facts: texts that also belong to the hash, such as arguments.

    Raises:
        LabError: a source is not there.
    """
    total = hashlib.sha256()
    for fact in facts:
        total.update(fact.encode() + b"\0")
    for source in sources:
        path = root / source
        if not path.exists():
            raise LabError(
                f"{path} is missing, and an image is made from it.",
                remedy="Restore the file, for example with git.",
            )
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
