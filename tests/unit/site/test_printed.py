"""What a page shows as printed by a command that needs no engine is what the command prints today."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PRINTED = re.compile(r"<!-- printed by: lab (.+?) -->\n```text\n(.*?)```", re.DOTALL)
FOUND = [
    (page.relative_to(ROOT).as_posix(), words, text)
    for page in sorted((ROOT / "docs").rglob("*.md"))
    for words, text in PRINTED.findall(page.read_text(encoding="utf-8"))
]


def test_there_are_such_outputs() -> None:
    assert FOUND


@pytest.mark.parametrize(
    ("page", "words", "text"), FOUND, ids=[f"{page}: {words}" for page, words, _ in FOUND]
)
def test_a_page_shows_what_the_command_prints(page: str, words: str, text: str) -> None:
    command = [sys.executable, "-P", "-m", "checker", *shlex.split(words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, cwd=ROOT)
    assert text in done.stdout, f"{page} is out of date: put in what `lab {words}` prints"
