"""Compose is run to its end: interrupted with us, ended when we are killed, and the scene's lock is its too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError
from checker.grading.author import wait_until
from checker.scene import compose
from checker.scene.compose import run_to_end
from checker.scene.locks import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
RUN = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background inherit that it is ignored
from pathlib import Path
from checker.scene import compose
from checker.scene.compose import run_to_end
from checker.scene.locks import locked
with locked(Path(sys.argv[1]), "lab start 3"):
    run_to_end(["sh", "-c", sys.argv[2]], environment=os.environ, folder=Path("/"), seconds=100)
"""
# What it starts is a program of its own, as Compose is of the docker command.
WORK = 'sh -c "echo $$ >> {pids}; echo \\$\\$ >> {pids}; sleep 1000 & wait" & wait'

pytestmark = pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX")


@pytest.fixture(autouse=True)
def _ctrl_c() -> Iterator[None]:
    """Have Ctrl-C not ignored, whatever started the tests: a program inherits that it is, and sh then traps nothing."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def run(script: str, folder: Path) -> tuple[int, str, str]:
    done = run_to_end(["sh", "-c", script], environment=os.environ, folder=folder, seconds=60)
    return done.returncode, done.stdout, done.stderr


def test_a_command_says_how_it_ended_and_reads_nothing(tmp_path: Path) -> None:
    assert run("cat; pwd; echo oops >&2; exit 7", tmp_path) == (7, f"{tmp_path}\n", "oops\n")
    assert run("true", tmp_path) == (0, "", "")


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="`/nowhere/docker` could not be started"):
        run_to_end(["/nowhere/docker"], environment=os.environ, folder=tmp_path, seconds=5)


def test_a_command_takes_nothing_of_its_words_for_the_shells(tmp_path: Path) -> None:
    words = ["printf", "%s|", "a b", "$HOME", "`id`", "'", ""]
    done = run_to_end(words, environment=os.environ, folder=tmp_path, seconds=5)
    assert done.stdout == "a b|$HOME|`id`|'||"


def test_a_command_does_not_begin_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "_BESIDE", compose._BESIDE.replace("shift", "kill -INT $$; shift"))
    assert run("touch begun", tmp_path)[0] == 130
    assert not (tmp_path / "begun").exists()


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_what_a_killed_lab_had_started_ends_with_it_and_keeps_the_lock_until_then(
    number: signal.Signals, tmp_path: Path
) -> None:
    pids, lock = tmp_path / "pids", tmp_path / "03.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(lock), WORK.format(pids=pids)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    assert wait_until(lambda: pids.is_file() and len(pids.read_text().split()) == 2, 60)
    left = [int(pid) for pid in pids.read_text().split()]
    process.send_signal(number)
    process.wait(60)
    with locked(lock, "lab stop 3", wait=60):
        assert [pid for pid in left if _lives(pid)] == []
