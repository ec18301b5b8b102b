"""What is packed: the learner's files and commands, within bounds; and what is left out is said."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from checker.classroom.archive import read
from checker.classroom.handing_in import Packing, answer_files, portable
from checker.course.contents import Entry, Kind
from checker.errors import LabError
from checker.scene.typed import Typed

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.classroom.conftest import Handing


def test_files_are_packed_and_links_devices_and_giants_are_left_out_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("x")
    (tmp_path / "go").write_text("#!/bin/sh\n")
    (tmp_path / "go").chmod(0o755)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "giant").open("wb") as stream:
        stream.truncate(5_000_001)
    files, said = answer_files(tmp_path)
    assert sorted(files) == ["a/file", "go"]
    assert files["go"].runs
    assert [each.partition(":")[0] for each in said] == ["folder", "giant", "link", "pipe"]


def test_what_does_not_fit_is_left_out_and_the_archive_is_still_read(
    handing: Handing, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for number in range(8):
        (work / f"{number}").write_bytes(os.urandom(4_000_000) if number < 2 else b"\0" * 4_000_000)
    files, said = answer_files(work)
    assert len(files) == 4
    assert read(handing.file(files={name: entry.data for name, entry in files.items()})).files == files
    assert len([each for each in said if "archive is full" in each]) == 4


def test_a_folder_that_is_missing_has_no_files(tmp_path: Path) -> None:
    assert answer_files(tmp_path / "missing") == ({}, [])


def test_the_learners_path_is_not_packed() -> None:
    commands, said = portable((Typed(1, "cat /home/ada/work/03/x"),), "/home/ada/work/03")
    assert commands == (Typed(1, "cat @WORK@/x"),)
    assert not said


def test_commands_that_do_not_fit_are_left_out_together() -> None:
    commands, said = portable((Typed(1, "x" * 40_000), Typed(2, "y" * 40_000)), "/w")
    assert commands == ()
    assert "all 2 commands" in said[0]


@pytest.mark.parametrize("name", ["Ada L", "../../etc", "李雷", "---"])
def test_the_archives_name_is_a_files_name_for_every_learner(
    handing: Handing, tmp_path: Path, name: str
) -> None:
    packing = Packing(handing.lab, handing.submission(name), {"a": Entry(Kind.FILE, b"x")})
    file = packing.write(tmp_path / "out")
    assert file.parent == tmp_path / "out"
    assert read(file).submission.learner == name


def test_a_folder_that_cannot_be_written_is_named(handing: Handing, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    packing = Packing(handing.lab, handing.submission(), {})
    with pytest.raises(LabError, match="out"):
        packing.write(tmp_path / "out")
