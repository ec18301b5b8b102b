"""A secret is found in files and texts, also over several lines."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from checker.grading.searching import candidates, is_in, needles, only_whole

if TYPE_CHECKING:
    from pathlib import Path

LINE = "hGqF0Yw5mB3xQ1n/8Zt+R7kdUeVb2sJcXoPaL9iTfHyN4rMgDzEwSuKCvAOWljIp"
"""A line of a key."""
FILE = f"-----BEGIN PRIVATE KEY-----\n{LINE}\n{LINE[::-1]}\n-----END PRIVATE KEY-----\n".encode()


def wrapped(text: str, width: int, end: str = "\n") -> str:
    return "".join(text[at : at + width] + end for at in range(0, len(text), width))


ENCODED = base64.b64encode(FILE).decode()
LOG = '{{"log":"{}\\n","stream":"stdout","time":"2026-12-01T13:00:00.1Z"}}\n'


@pytest.mark.parametrize(
    ("text", "there"),
    [
        (FILE.decode(), True),
        (wrapped(ENCODED, 76), True),
        (wrapped(ENCODED, 64, "\r\n"), True),
        (wrapped(FILE.hex(), 60), True),
        (wrapped(LINE, 20), False),
        (json.dumps({"Env": [f"KEY={wrapped(ENCODED, 76)}"]}), True),
        ("".join(LOG.format(line) for line in wrapped(ENCODED, 76).splitlines()), True),
        (f"{LINE[:30]}\n{LINE[:20]}\n{LINE[34:]}\n", False),
        ("nothing\n", False),
    ],
    ids=[
        "the file", "base64", "base64 of another tool", "hexadecimal", "shorter lines than any tool's", "settings", "log",
        "a part of it", "nothing",
    ],
)  # fmt: skip
def test_a_secret_is_found_over_several_lines_and_no_part_is_taken_for_it(
    tmp_path: Path, text: str, *, there: bool
) -> None:
    (tmp_path / "a file").write_text(text, encoding="ascii", newline="")
    wanted = needles(LINE)
    command = f"grep -rlaF {candidates(wanted)} {shlex.quote(str(tmp_path))} | {only_whole(wanted)}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    assert done.stdout == (f"{tmp_path}/a file\n" if there else "")
    assert not done.stderr


@pytest.mark.parametrize("before", range(80))
def test_a_short_secret_is_found_wherever_its_encoding_is_wrapped(before: int) -> None:
    word = "hs-4f1c9be27a60d8"
    text = wrapped(base64.b64encode(("-" * before + word).encode()).decode(), 76)
    assert is_in(text, needles(word))
    assert is_in(json.dumps({"Env": [text]}), needles(word))
    parts = shlex.split(candidates(needles(word)))[1::2]
    assert any(part in line for part in parts for line in text.splitlines())
    assert not is_in(text, needles("hs-4f1c9bf27a60d8"))
