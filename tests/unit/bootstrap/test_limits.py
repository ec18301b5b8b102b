"""What a terminal's own limits keep from working is told as such, with the command that lifts it."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

import pytest

from checker.bootstrap import limits
from checker.cli.shortage import shortage
from checker.engine.client import find_client
from checker.engine.endpoint import Endpoint
from checker.engine.platform import Platform
from checker.errors import EngineError, LabError
from checker.progress.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

resource = pytest.importorskip("resource", reason="Windows has no such limits")


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Give a function that sets one limit of the terminal, in bytes."""

    def set_one(which: int, allowed: int) -> None:
        monkeypatch.setattr(
            resource,
            "getrlimit",
            lambda asked: (allowed, allowed) if asked == which else (resource.RLIM_INFINITY,) * 2,
        )

    return set_one


def test_wide_limits_are_not_told(limit: Callable[[int, int], None]) -> None:
    limit(resource.RLIMIT_AS, 16 << 30)
    assert limits.on_memory() is None
    assert limits.on_files() is None


def test_threads_and_memory_that_the_terminal_refuses_are_not_the_machines_fault(
    limit: Callable[[int, int], None],
) -> None:
    limit(resource.RLIMIT_AS, 300 << 20)
    for error in (RuntimeError("can't start new thread"), MemoryError(), OSError(errno.ENOMEM, "no memory")):
        short = shortage(error)
        assert short is not None
        assert "this terminal allows a program 300 MB of addresses (`ulimit -v`)" in short.what
        assert "ulimit -v unlimited" in short.remedy


def test_a_file_that_the_terminal_keeps_short_is_told(limit: Callable[[int, int], None]) -> None:
    limit(resource.RLIMIT_FSIZE, 1 << 10)
    short = shortage(OSError(errno.EFBIG, "File too large", "/x"))
    assert short is not None
    assert "this terminal allows a file 1 kB (`ulimit -f`) (/x)" in short.what


def test_a_docker_command_that_does_not_start_in_this_terminal_need_not_be_installed(
    limit: Callable[[int, int], None], tmp_path: Path
) -> None:
    limit(resource.RLIMIT_AS, 300 << 20)
    program = tmp_path / "docker"
    program.write_text("#!/bin/sh\necho 'fatal error: failed to reserve page summary memory' >&2\nexit 2\n")
    program.chmod(0o755)

    class Only(Platform):
        def is_program(self, path: Path) -> bool:
            return path == program

    here = Only(environ={"PATH": str(tmp_path)}, home=tmp_path)
    with pytest.raises(EngineError) as caught:
        find_client(Endpoint("unix:///e.sock", "test"), platform=here)
    assert "this terminal allows a program 300 MB" in caught.value.detail
    assert caught.value.remedy.startswith("Lift it")


def test_a_record_that_may_not_grow_is_not_a_full_disk(
    limit: Callable[[int, int], None], tmp_path: Path
) -> None:
    database = Database(tmp_path / "progress.sqlite3")
    limit(resource.RLIMIT_FSIZE, 1 << 10)
    for code, words in [
        (sqlite3.SQLITE_IOERR_WRITE, "allows a file 1 kB"),
        (sqlite3.SQLITE_READONLY, "said so"),
    ]:
        error = sqlite3.OperationalError("SQLite said so")
        error.sqlite_errorcode = code
        with pytest.raises(LabError, match=words), database.transaction():
            raise error
    database.close()
