"""The rented machine of labs 16 and 17: what it makes of the tenant's file with the options of the engine."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

PROGRAM = (
    Path(__file__).parents[3] / "images" / "rented" / "rootfs" / "usr" / "local" / "bin" / "rented-start"
)
FILE = "/etc/default/docker"


def options(folder: Path, text: str | None) -> tuple[int, str, str]:
    """Return what the program's own function makes of the file: its exit code, the options, and what the shell said."""
    file = folder / "docker"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    body = PROGRAM.read_text("utf-8").partition("\noptions() (\n")[2].partition("\n)\n")[0]
    program = f"set -eu\noptions() (\n{body.replace(FILE, shlex.quote(str(file)))}\n)\noptions\n"
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, timeout=20)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "text",
    [
        'DOCKER_OPTS="--tlsverify"\n',
        'DOCKER_OPTS="--tlsverify"\n[ -n "$EXTRA" ] && DOCKER_OPTS="$DOCKER_OPTS $EXTRA"\n',
        'echo read\nDOCKER_OPTS="--tlsverify"\nfalse\n',
    ],
    ids=["plain", "a condition that is false", "a last command that fails"],
)
def test_the_options_are_taken_whatever_the_last_command_of_the_file_ends_with(
    tmp_path: Path, text: str
) -> None:
    assert options(tmp_path, text) == (0, "--tlsverify", "")


def test_without_the_file_there_are_no_options(tmp_path: Path) -> None:
    assert options(tmp_path, None) == (0, "", "")


@pytest.mark.parametrize(
    "text",
    ["DOCKER_OPTS=-H tcp://0.0.0.0:2376\n", 'DOCKER_OPTS="--tlsverify\n', "DOCKER_OPTS=--tls\nif true\n", "exit 1\n"],
    ids=["without quotes", "one quote", "no end", "exit"],
)  # fmt: skip
def test_a_mistake_in_the_file_is_said_or_ends_the_reading(tmp_path: Path, text: str) -> None:
    code, _, said = options(tmp_path, text)
    assert code or said
