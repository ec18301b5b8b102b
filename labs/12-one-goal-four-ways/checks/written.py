"""What a learner typed or wrote for a way: the files that a row of the table names, and the lines in them that count."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.cluster.interface import repository_of
from checker.grading.sheet import text_of

from .ways import PARCEL, WHY

if TYPE_CHECKING:
    from pathlib import Path

    from .ways import Way

WORDS = {
    "hand": re.compile(r"\bhost-[123]\b"),
    "swarm": re.compile(r"\bservice +(create|update|scale)\b|\bstack +(deploy|up)\b|/services/create"),
    "kubernetes": re.compile(r"\bkubectl\b|^apiVersion:"),
    "nomad": re.compile(r"\bnomad\b|^job +\""),
}
"""What lines for a way have, and lines for another way hardly."""


@dataclass(frozen=True)
class Written:
    """The files of a row.

    Args:
        way: the row's way.
        names: their names, as the row has them.
        files: the text of each, by where it is.
    """

    way: Way
    names: tuple[str, ...]
    files: dict[Path, str]

    @property
    def lines(self) -> list[str]:
        """The lines that count: neither empty nor a comment."""
        lines = [line.strip() for text in self.files.values() for line in text.splitlines()]
        return [line for line in lines if line and not line.startswith(("#", "//"))]

    def speaks_of(self, way: Way) -> bool:
        """Whether a line has the words of a way."""
        return any(WORDS[way.key].search(line) for line in self.lines)

    def require_image(self) -> None:
        """Require a line with what the way's copies run."""
        # Whose image is named by its id, or was built from Parcel's, says so in these words.
        run = {repository_of(each.image) for each in self.way.cluster.instances() if each.image}
        WHY.require(
            any(image in line for image in (PARCEL, *run) for line in self.lines),
            "says-not-what-to-run",
            way=self.way.title,
            files=list(self.names),
            names=" ".join(self.names),
            seen=f"{len(self.lines)} lines without it",
        )


def read(work: Path, way: Way, cell: str) -> Written:
    """Read the files that a row names, or end the check.

    Args:
        work: the work folder.
        way: the row's way.
        cell: what the row says under `files`.
    """
    names = _names(work, cell)
    WHY.require(names, "no-files", way=way.title, seen="nothing")
    texts: dict[Path, str] = {}
    for name in names:
        if not (_is_there(work / name) and (work / name).resolve().is_relative_to(work.resolve())):
            there = ", ".join(sorted(path.name for path in work.iterdir()))
            WHY.fail("no-such-file", way=way.title, name=name, seen=there)
        file = (work / name).resolve()
        try:
            texts[file] = _text_of(file)
        except OSError as error:
            WHY.fail("not-a-text", name=name, seen=str(error))
    return Written(way, tuple(names), texts)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # no name of a file is that long
        return False


def _text_of(file: Path) -> str:
    try:
        return text_of(file)
    except UnicodeDecodeError as error:
        data = file.read_bytes()
        if b"\0" in data:
            raise OSError(f"{file.name} is not a text: {error}") from error
        # An editor's own encoding: a comment may be wrong then, and what was typed is not.
        return data.decode(errors="replace")


def _names(work: Path, cell: str) -> list[str]:
    # A name that contains a space can stand alone.
    return (
        [cell] if _is_there(work / cell) and (work / cell).is_file() else re.sub(r"[,+]", " ", cell).split()
    )


def require_own(one: Written, other: Written) -> None:
    """Require that two rows have files of their own, and not each the other's."""
    first, second = one.way.title, other.way.title
    # Two ways may share a file, such as Compose's, but not all that was typed.
    shared = ", ".join(sorted(path.name for path in one.files))
    WHY.require(one.files.keys() != other.files.keys(), "the-same-files", one=first, two=second, seen=shared)
    speaks = [[each.speaks_of(row.way) for row in (one, other)] for each in (one, other)]
    crossed = speaks == [[False, True], [True, False]]
    seen = f"{' '.join(one.names)} in the row of {first}, {' '.join(other.names)} in that of {second}"
    WHY.require(not crossed, "swapped-files", one=first, two=second, seen=seen)
