"""A lesson from its first block to its last: run each, and say what is not as the page promises."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from checker.errors import LabError
from tests.docs.lesson import Block, difference, matches, read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.docs.stage import Ran, Stage


@dataclass
class Played:
    """What came of a lesson's run."""

    ran: int = 0
    compared: int = 0
    problems: list[str] = field(default_factory=list)
    printed: list[tuple[Block, Ran]] = field(default_factory=list)


def play(page: Path, stage: Stage) -> Played:
    """Run a page's blocks in order; the solution is applied where the page says so, else before the lab is stopped."""
    played = Played()
    for block in read(page):
        if (block.solution or (not stage.solved and stage.ends(block))) and (wrong := stage.solve()):
            played.problems.append(f"line {block.line}: the solution does not pass:\n{wrong}")
        if block.solution or not block.runs:
            continue
        where = f"{page.name}:{block.line}: `{block.text.splitlines()[0] if block.text else ''}`"
        try:
            ran = stage.run(block)
        except (TimeoutError, EOFError, subprocess.TimeoutExpired, LabError) as error:
            # What follows would run on something else than the page describes.
            played.problems.append(f"{where} did not end well: {error}")
            return played
        played.ran += 1
        played.printed.append((block, ran))
        if ran.failed is not ("fails" in block.classes):
            ending = "failed" if ran.failed else "did not fail"
            played.problems.append(f"{where} {ending}:\n" + "\n".join(ran.lines[-20:]))
        if block.output is not None:
            played.compared += 1
            if not matches(block.output.lines, ran.lines):
                played.problems.append(
                    f"{where} printed something else:\n{difference(block.output.lines, ran.lines)}"
                )
    if not stage.solved:
        played.problems.append(f"{page.name}: nothing stops the lab, so its end was never judged")
    return played
