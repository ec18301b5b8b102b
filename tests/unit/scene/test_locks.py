"""One `lab` at a time: told who holds a lock, released whatever becomes of the holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from checker.errors import LabError
from checker.scene.locks import locked

ROOT = Path(__file__).resolve().parents[3]
HOLD = """
import sys
from pathlib import Path
from checker.scene.locks import locked
with locked(Path(sys.argv[1]), "lab start 3"):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(file: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    file = tmp_path / "locks" / "03.lock"
    process = holder(file)
    try:
        taken = pytest.raises(LabError, match=rf"still running: `lab start 3` \(PID {process.pid}\)\.")
        with taken as caught, locked(file, "lab stop 3"):
            pass
        assert caught.value.code == 3
    finally:
        process.communicate("", timeout=10)
    with locked(file, "lab stop 3"):
        assert file.read_text().startswith("`lab stop 3` (PID ")
    assert file.read_text() == ""


def test_a_holder_that_is_killed_holds_no_more(tmp_path: Path) -> None:
    process = holder(tmp_path / "x.lock")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    with locked(tmp_path / "x.lock", "lab stop 3"):
        pass


def test_who_waits_is_told_once_and_goes_on_when_it_is_free(tmp_path: Path) -> None:
    process = holder(tmp_path / "x.lock")
    said: list[str] = []
    told = threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        told.set()

    def release() -> None:
        told.wait(10)
        process.communicate("", timeout=10)

    helper = threading.Thread(target=release)
    helper.start()
    with locked(tmp_path / "x.lock", "lab stop 3", wait=10, tell=tell):
        pass
    helper.join()
    assert len(said) == 1
    assert "lab start 3" in said[0]


def test_what_goes_wrong_inside_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path / "x.lock", "a"):
        raise KeyboardInterrupt
    with locked(tmp_path / "x.lock", "b"):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LabError, match="cannot be written") as caught, locked(tmp_path / "state/x.lock", "a"):
        pass
    assert "DRYDOCK_STATE" in caught.value.remedy


def test_a_lock_that_is_not_needed_is_done_without_where_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    went_on = False
    with locked(tmp_path / "state/x.lock", "a", needed=False):
        went_on = True
    assert went_on
