"""What was proven of a lab before, and how long each proof took: to continue an interrupted run, and to tell the time left."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING

import msgspec

from checker import whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from checker.authoring.prove import Proof
    from checker.course.catalogue import Lab
    from checker.course.places import Places


class Entry(msgspec.Struct, frozen=True):
    """The last proof of one answer."""

    seconds: float
    as_expected: bool
    course: str
    """The digest of the course that it was proven with."""


class Ledger:
    """The last proof of each answer of one lab.

    Args:
        file: where it is kept.
        course: a digest of everything that the verdicts depend on; see `digest_of`.
    """

    def __init__(self, file: Path, course: str) -> None:
        self._file = file
        self._course = course
        self._entries = _read(file)

    def is_proven(self, name: str) -> bool:
        """Whether an answer ended as it must with this very course."""
        entry = self._entries.get(name)
        return entry is not None and entry.as_expected and entry.course == self._course

    def add(self, proof: Proof) -> None:
        """Keep a proof; if it cannot be written, the run goes on without it."""
        self._entries[proof.answer] = Entry(proof.seconds, proof.as_expected, self._course)
        with contextlib.suppress(OSError):
            whole.write(self._file, msgspec.json.encode(self._entries).decode())

    def seconds_for(self, names: Collection[str]) -> float | None:
        """Estimate how long proofs will take: as long as last time, and those never run before as long as the others.

        Returns:
            Seconds; None if no proof of this lab ever ran.
        """
        known = [entry.seconds for entry in self._entries.values() if entry.seconds]
        if not known:
            return None
        usual = sum(known) / len(known)
        times = (self._entries[name].seconds if name in self._entries else usual for name in names)
        return sum(seconds or usual for seconds in times)


def _read(file: Path) -> dict[str, Entry]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Entry])
    except (OSError, msgspec.DecodeError):
        return {}


def ledger_of(places: Places, lab: Lab) -> Ledger:
    """Return the ledger of a lab, for the course as it is now."""
    root = places.root
    folders = [lab.folder, root / "labs" / "scenes", root / "checker", root / "images"]
    return Ledger(places.state / "proofs" / f"{lab.slug}.json", digest_of(folders))


def digest_of(folders: Iterable[Path]) -> str:
    """Return a digest of all files in some folders: their paths and contents."""
    whole_digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                whole_digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return whole_digest.hexdigest()


def time_left(seconds: float) -> str:
    """Say a number of seconds as a person would: `about 12 min left`."""
    if seconds < 90:
        return f"about {max(10, round(seconds, -1)):.0f} s left"
    return f"about {seconds / 60:.0f} min left"
