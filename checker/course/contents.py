"""What is in a folder of an answer, held in memory: files, links and empty folders by their names."""

from __future__ import annotations

import enum
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


class Kind(enum.Enum):
    """What an entry of a folder is."""

    FILE = "file"
    LINK = "link"
    FOLDER = "folder"
    """A folder without anything in it; others come with what is in them."""


@dataclass(frozen=True)
class Entry:
    """One file, link or empty folder."""

    kind: Kind
    data: bytes = b""
    """What the file holds, or where the link points to."""
    runs: bool = False
    """Whether its owner may run it; no other part of a mode is kept, as in Git."""

    @property
    def text(self) -> str | None:
        """The file's text, its lines ended as on Linux; None if it is not text."""
        try:
            text = self.data.decode("utf-8") if self.kind is Kind.FILE else None
        except UnicodeDecodeError:
            return None
        return text if text is None else text.replace("\r\n", "\n")


def read(folder: Path) -> dict[str, Entry]:
    """Return what is in a folder, by names relative to it with `/` between the parts; nothing if it is missing.

    Raises:
        LabError: something in it cannot be read.
    """
    try:
        return {
            path.relative_to(folder).as_posix(): entry
            for path in sorted(folder.rglob("*"))
            if (entry := _entry(path)) is not None
        }
    except OSError as error:
        raise LabError(
            f"{error.filename or folder} cannot be read: {error.strerror or error}.",
            remedy="Restore the file, or allow reading it.",
        ) from error


def _entry(path: Path) -> Entry | None:
    if path.is_symlink():
        return Entry(Kind.LINK, str(path.readlink()).encode())
    if path.is_file():
        return Entry(Kind.FILE, path.read_bytes(), runs=bool(path.stat().st_mode & stat.S_IXUSR))
    if path.is_dir() and not any(path.iterdir()):
        return Entry(Kind.FOLDER)
    return None
