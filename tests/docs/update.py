"""`python -m tests.docs.update 01`: write a lesson's output blocks anew from a real run."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from checker.engine.api import connect
from tests.docs.lesson import renewed
from tests.docs.play import play
from tests.docs.stage import ROOT, staged

PAGES = ROOT / "docs" / "lessons"


def update(number: str) -> bool:
    """Run one lesson and write what it printed into its page; return whether all of it went well."""
    page = next(PAGES.glob(f"{int(number):02}-*.md"))
    with (
        tempfile.TemporaryDirectory() as folder,
        staged(f"{int(number):02}", Path(folder), connect()) as stage,
    ):
        played = play(page, stage)
    lines = page.read_text(encoding="utf-8").splitlines()
    for block, ran in reversed(played.printed):
        if block.output is not None:
            fresh = renewed(block.output.lines, ran.lines)
            lines[block.output.first : block.output.last] = [f"{block.output.indent}{line}" for line in fresh]
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{page.name}: {played.ran} blocks run, {played.compared} outputs compared")
    for problem in played.problems:
        print(problem)
    return not played.problems


if __name__ == "__main__":
    sys.exit(0 if all(update(number) for number in sys.argv[1:]) else 1)
