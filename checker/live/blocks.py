"""The commands of a lesson, as the course has them: a page names one by its place and digest, and never sends one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from checker.course.catalogue import Lab
    from checker.course.places import Places

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<info>.*)$")
_VERB = re.compile(r"lab (?P<verb>start|check|stop|shell|reset|hint) (?P<lab>\d+)")


@dataclass(frozen=True)
class Block:
    """One block of commands of a lesson."""

    id: str
    """Its place on the page: b1 for the first."""
    text: str
    classes: frozenset[str]

    @property
    def digest(self) -> str:
        """The SHA-256 of its text, in hexadecimal digits."""
        return digest_of(self.text)

    @property
    def runs(self) -> bool:
        """Whether it can be run in the toolbox as it stands: it is meant for it, and has no gaps to complete."""
        return self.classes.isdisjoint({"host", "gaps"})

    def verb(self, lab: Lab) -> str:
        """Return the verb of a block that is one command of `lab` on this very lab, which the page has a button for."""
        found = _VERB.fullmatch(self.text.strip())
        if "host" not in self.classes or found is None or int(found["lab"]) != int(lab.number):
            return ""
        return found["verb"]


def digest_of(text: str) -> str:
    """Return the digest of a command as a page shows it: without the line break at its end."""
    return hashlib.sha256(text.rstrip("\n").encode()).hexdigest()


def lesson_of(places: Places, lab: Lab) -> Path:
    """Return the Markdown file of a lab's lesson."""
    return places.docs / "lessons" / f"{lab.slug}.md"


def read(places: Places, lab: Lab) -> tuple[Block, ...]:
    """Return the commands of a lab's lesson, in order; none if it has no lesson."""
    try:
        lines = lesson_of(places, lab).read_text("utf-8").splitlines()
    except OSError:
        return ()
    return tuple(_blocks(lines))


def _blocks(lines: Sequence[str]) -> list[Block]:
    found: list[Block] = []
    number = 0
    while number < len(lines):
        match = _FENCE.match(lines[number])
        number += 1
        if match is None:
            continue
        inside = []
        while number < len(lines) and lines[number].strip() != match["ticks"]:
            inside.append(lines[number].removeprefix(match["indent"]))
            number += 1
        number += 1
        words = match["info"].strip().strip("{}").split()
        classes = frozenset(word.removeprefix(".") for word in words if "=" not in word)
        if "sh" in classes and "output" not in classes:
            found.append(Block(f"b{len(found) + 1}", "\n".join(inside), classes))
    return found


def find(blocks: Sequence[Block], block: str, digest: str) -> Block | None:
    """Return the block of an id and digest; None if the course has no such block, or has another one there now."""
    return next((each for each in blocks if each.id == block and each.digest == digest), None)
