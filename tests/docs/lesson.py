"""A lesson's page as a script: its blocks of commands in order, each with the output that the page promises."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANYTHING = "…"
SOLUTION = "<!-- test: solution -->"
"""Where a page says so, the lab's solution is applied in place of the learner's own work."""

KNOWN = frozenset({"sh", "text", "output", "fails", "host", "gaps", "own", "guess"})
"""The classes that a block of commands or of output may have."""

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<info>.*)$")


@dataclass(frozen=True)
class Output:
    """What the page says that a block prints; `first` and `last` are lines of the page, from 0, fences left out."""

    lines: tuple[str, ...]
    first: int
    last: int
    indent: str


@dataclass(frozen=True)
class Block:
    """One block of commands; `line` is its fence's, from 1."""

    line: int
    text: str
    classes: frozenset[str]
    output: Output | None = None
    solution: bool = False
    """Not commands, but the place where the solution is applied."""

    @property
    def runs(self) -> bool:
        """Whether it is run; what has gaps, or needs what the learner made, is the learner's."""
        return self.classes.isdisjoint({"gaps", "own"})


def read(page: Path) -> list[Block]:
    """Return a page's blocks in order.

    Raises:
        ValueError: a fence is not closed, or an output follows no commands.
    """
    lines = page.read_text(encoding="utf-8").splitlines()
    blocks: list[Block] = []
    number = 0
    while number < len(lines):
        match = _FENCE.match(lines[number])
        if match is None:
            if lines[number].strip() == SOLUTION:
                blocks.append(Block(number + 1, "", frozenset(), solution=True))
            number += 1
            continue
        end = next(
            (at for at in range(number + 1, len(lines)) if lines[at].strip() == match["ticks"]), len(lines)
        )
        if end == len(lines):
            raise ValueError(f"{page.name}:{number + 1}: the block is not closed")
        classes = _classes(match["info"])
        inside = [line.removeprefix(match["indent"]) for line in lines[number + 1 : end]]
        if "output" in classes:
            if not blocks or blocks[-1].output or blocks[-1].solution:
                raise ValueError(f"{page.name}:{number + 1}: this output follows no block of commands")
            last = blocks.pop()
            output = Output(tuple(inside), number + 1, end, match["indent"])
            blocks.append(Block(last.line, last.text, last.classes, output))
        elif "sh" in classes:
            blocks.append(Block(number + 1, "\n".join(inside), classes))
        number = end + 1
    return blocks


def _classes(info: str) -> frozenset[str]:
    """Read `sh` or `{.sh .fails title="x"}`."""
    words = info.strip().strip("{}").split()
    return frozenset(word.removeprefix(".") for word in words if "=" not in word)


def unknown_classes(page: Path) -> list[str]:
    """Name the classes of commands and outputs that mean nothing, with their lines: a typing error skips a block."""
    found = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        match = _FENCE.match(line)
        classes = _classes(match["info"]) if match else frozenset()
        if classes & {"sh", "output"} or (match and match["info"].strip().startswith("{")):
            found += [f"{page.name}:{number}: .{name}" for name in sorted(classes - KNOWN)]
    return found


def matches(promised: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether what was printed is what the page promises, `…` standing for anything."""
    pattern = ""
    for line in trimmed(promised):
        if line.strip() == ANYTHING:
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += _line_pattern(line) + r"\n"
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in trimmed(printed))) is not None


def _line_pattern(line: str) -> str:
    return r"[^\n]*?".join(re.escape(part) for part in line.split(ANYTHING))


def trimmed(lines: Sequence[str]) -> list[str]:
    """Return lines without space at their ends, and without empty lines at the end."""
    kept = [line.rstrip() for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    return kept


def renewed(promised: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return what the page should say after a real run: what was printed, with the page's `…` kept where they fit."""
    if matches(promised, printed):
        return list(promised)
    left = list(promised)
    lines = []
    for line in trimmed(printed):
        fitting = next(
            (
                at
                for at, old in enumerate(left)
                if ANYTHING in old
                and old.strip() != ANYTHING
                and re.fullmatch(_line_pattern(old.rstrip()), line)
            ),
            None,
        )
        lines.append(line if fitting is None else left[fitting])
        if fitting is not None:
            del left[: fitting + 1]
    return lines


def difference(promised: Sequence[str], printed: Sequence[str]) -> str:
    """Return the two side by side, for the message of a failed test."""
    return "\n".join(difflib.unified_diff(trimmed(promised), trimmed(printed), "page", "run", lineterm=""))
