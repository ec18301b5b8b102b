"""Running the package manager: its lock, its failures, what it says last."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from checker.errors import EngineError
from checker.provision import apt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def quiet(_line: str) -> None:
    """Take a line of progress and forget it."""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a lock file in the place of dpkg's, which nobody holds."""
    file = tmp_path / "lock-frontend"
    file.touch()
    monkeypatch.setattr(apt, "DPKG_LOCK", file)
    return file


@pytest.fixture
def holder(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Give a process that holds the lock until its standard input ends."""
    code = "import fcntl, sys; file = open(sys.argv[1], 'r+'); fcntl.lockf(file, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_failure_shows_the_last_lines_and_what_to_do(lock: Path) -> None:
    script = (
        "echo first; for i in $(seq 30); do echo line $i; done; echo 'E: No space left on device'; exit 100"
    )
    with pytest.raises(EngineError, match=r"`/bin/sh -ec .*` failed \(exit code 100\)") as caught:
        apt.run(["/bin/sh", "-o", "nounset", "-ec", script], root=True, progress=quiet)
    assert caught.value.detail.splitlines()[-1] == "E: No space left on device"
    assert len(caught.value.detail.splitlines()) == apt.LOG_LINES
    assert "Free some disk space" in caught.value.remedy


def test_questions_of_packages_are_answered_by_their_defaults(lock: Path) -> None:
    script = '[ "$DEBIAN_FRONTEND" = noninteractive ] && ! read -r line'
    apt.run(["/bin/sh", "-c", script], root=True, progress=quiet)


def test_the_holder_of_the_lock_is_named(lock: Path, holder: subprocess.Popen[str]) -> None:
    found = apt.lock_holder(lock)
    assert found is not None
    assert found.endswith(f"process {holder.pid}")


def test_a_free_lock_has_no_holder_and_is_not_kept(lock: Path) -> None:
    assert apt.lock_holder(lock) is None
    descriptor = os.open(lock, os.O_RDWR)
    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)


def test_a_lock_that_is_held_too_long_is_an_error(
    lock: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(apt, "POLL_SECONDS", 0.01)
    with pytest.raises(EngineError, match=f"process {holder.pid}"):
        apt.run(["/bin/true"], root=True, progress=quiet)


def test_it_waits_for_the_lock_says_so_and_goes_on(
    lock: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "POLL_SECONDS", 0.01)
    said: list[str] = []

    def progress(line: str) -> None:
        said.append(line)
        holder.kill()

    apt.run(["/bin/true"], root=True, progress=progress)
    assert len(said) == 1
    assert said[0].startswith("Waiting for another package manager to finish (")
