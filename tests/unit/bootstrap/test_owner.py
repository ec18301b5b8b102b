"""Why a place could not be written: whose it is, and the one command that leads out."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from checker.bootstrap import owner

DENIED = PermissionError(errno.EACCES, "Permission denied")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """Give who owns what: a checkout of ours, in which one `sudo lab` made the state folder."""
    owners = {
        Path("/"): 0,
        Path("/home"): 0,
        Path("/home/ada"): 1000,
        Path("/home/ada/drydock"): 1000,
        Path("/home/ada/drydock/.lab"): 0,
        Path("/home/ada/drydock/.lab/images"): 0,
    }
    monkeypatch.setattr(owner, "_owner", owners.get)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(owner, "name_of", lambda uid: {0: "root", 1000: "ada"}[uid])
    return owners


@pytest.mark.usefixtures("folders")
def test_what_sudo_left_behind_is_named_with_the_command_that_takes_it_back() -> None:
    why, remedy = owner.why_not_written(Path("/home/ada/drydock/.lab/images/lock"), DENIED, "DRYDOCK_STATE")
    assert (
        why == "/home/ada/drydock/.lab belongs to root, and you are ada (`sudo lab` leaves such files behind)"
    )
    assert remedy == "Take it back: sudo chown -R ada /home/ada/drydock/.lab"


@pytest.mark.usefixtures("folders")
def test_a_place_that_never_was_ours_is_not_to_be_taken() -> None:
    why, remedy = owner.why_not_written(Path("/home/new"), DENIED, "DRYDOCK_WORK")
    assert why == "/home belongs to root, and you are ada"
    assert remedy == "Set DRYDOCK_WORK to a folder of your own."


def test_a_file_of_another_in_a_folder_of_ours_is_found(folders: dict[Path, int], tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    folders |= {tmp_path: 1000, tmp_path / "data": 0}
    why, _ = owner.why_not_written(tmp_path, DENIED)
    assert why.startswith(f"{tmp_path / 'data'} belongs to root")


@pytest.mark.parametrize(
    ("number", "said", "remedy"),
    [
        (errno.ENOSPC, "the disk is full", "Make room there. Or set DRYDOCK_STATE"),
        (errno.EROFS, "it lies on a read-only file system", "Set DRYDOCK_STATE to a folder"),
        (errno.ENAMETOOLONG, "this path is too long", "Set DRYDOCK_STATE to a shorter one."),
        (errno.EIO, "Input/output error", "Make room or allow writing there."),
    ],
)
def test_each_cause_has_its_own_way_out(number: int, said: str, remedy: str) -> None:
    why, way = owner.why_not_written("/x", OSError(number, os.strerror(number)), "DRYDOCK_STATE")
    assert why == said
    assert way.startswith(remedy)


@pytest.mark.parametrize("number", [errno.ENOTDIR, errno.EEXIST])
def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path, number: int) -> None:
    file = tmp_path / "state"
    file.touch()
    for path, said in ((file, "it"), (file / "work" / "lab", file)):
        why, remedy = owner.why_not_written(path, OSError(number, os.strerror(number)), "DRYDOCK_STATE")
        assert why == f"{said} is not a folder"
        assert remedy == "Move it away, or set DRYDOCK_STATE to another folder."


def test_a_link_that_leads_back_to_itself_is_no_folder(tmp_path: Path) -> None:
    loop = tmp_path / "work"
    loop.symlink_to("work")
    why, remedy = owner.why_not_written(loop / "lab", OSError(errno.ELOOP, "Too many levels"), "DRYDOCK_WORK")
    assert why == f"{loop} is not a folder"
    assert remedy == "Move it away, or set DRYDOCK_WORK to another folder."
