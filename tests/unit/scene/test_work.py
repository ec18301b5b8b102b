"""The learner's files: given whole, set aside before a reset, never lost."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.course import contents
from checker.course.contents import Entry, Kind
from checker.errors import LabError
from checker.scene import work as workfolder

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course


@pytest.fixture
def lab(course: Course) -> Lab:
    """Give a lab with two files to start from."""
    return course.lab(files={"start/Dockerfile": "FROM x\n", "start/src/app.py": "print()\n"})


@pytest.fixture
def work(course: Course, lab: Lab) -> Path:
    """Give the work folder's place; nothing is there yet."""
    return workfolder.folder_of(course.places, lab)


def test_the_folder_is_made_from_start_once(work: Path, lab: Lab) -> None:
    assert workfolder.prepare(work, lab)
    assert (work / "src/app.py").read_text() == "print()\n"
    (work / "Dockerfile").write_text("mine\n")
    assert not workfolder.prepare(work, lab)
    assert (work / "Dockerfile").read_text() == "mine\n"


def test_half_a_copy_of_before_is_replaced_by_a_whole_one(work: Path, lab: Lab) -> None:
    partial = work.with_name(f".{work.name}.partial")
    partial.mkdir(parents=True)
    (partial / "half").write_text("h")
    workfolder.prepare(work, lab)
    assert sorted(path.name for path in work.iterdir()) == ["Dockerfile", "src"]
    assert not partial.exists()


def test_a_lab_without_start_gets_an_empty_folder(course: Course) -> None:
    lab = course.lab()
    work = workfolder.folder_of(course.places, lab)
    assert workfolder.prepare(work, lab)
    assert list(work.iterdir()) == []
    assert not workfolder.changed(work, lab)


def test_a_place_that_cannot_be_written_is_named(work: Path, lab: Lab) -> None:
    work.parent.parent.mkdir(parents=True, exist_ok=True)
    work.parent.write_text("a file where the folder should be")
    with pytest.raises(LabError, match="cannot be made") as caught:
        workfolder.prepare(work, lab)
    assert "DRYDOCK_WORK" in caught.value.remedy


def test_untouched_files_are_not_set_aside(work: Path, lab: Lab) -> None:
    workfolder.prepare(work, lab)
    assert workfolder.set_aside(work, lab) is None
    assert list(work.iterdir()) == []
    assert workfolder.set_aside(work, lab) is None


def edit(work: Path) -> None:
    (work / "Dockerfile").write_text("mine\n")


def add(work: Path) -> None:
    (work / "notes.txt").write_text("mine\n")


def remove(work: Path) -> None:
    (work / "src/app.py").unlink()


def link(work: Path) -> None:
    (work / "latest").symlink_to("/nowhere")


def relink(work: Path) -> None:
    (work / "Dockerfile").unlink()
    (work / "Dockerfile").symlink_to("src/app.py")


def pipe(work: Path) -> None:
    os.mkfifo(work / "pipe")


@pytest.mark.parametrize("change", [edit, add, remove, link, relink, pipe])
def test_any_change_is_set_aside_whole(work: Path, lab: Lab, change: object) -> None:
    workfolder.prepare(work, lab)
    assert callable(change)
    change(work)
    before = {path.relative_to(work) for path in work.rglob("*")}
    aside = workfolder.set_aside(work, lab)
    assert aside is not None
    assert {path.relative_to(aside) for path in aside.rglob("*")} == before
    assert list(work.iterdir()) == []
    assert aside.parent.name == "set-aside"


def test_twice_in_the_same_second_keeps_both(work: Path, lab: Lab) -> None:
    places = set()
    for number in range(3):
        workfolder.prepare(work, lab)
        (work / "notes.txt").write_text(f"{number}\n")
        aside = workfolder.set_aside(work, lab)
        assert aside is not None
        places.add(aside)
    assert {(place / "notes.txt").read_text() for place in places} == {"0\n", "1\n", "2\n"}


def test_files_that_may_not_be_read_count_as_the_learners(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)

    def refuse(path: Path, *_: object, **__: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("filecmp.cmp", refuse)
    assert workfolder.set_aside(work, lab) is not None


def test_a_file_larger_than_the_memory_is_set_aside(work: Path, lab: Lab) -> None:
    workfolder.prepare(work, lab)
    with (work / "disk.img").open("wb") as image:
        try:
            image.truncate(8 << 40)
        except OSError:
            pytest.skip("this file system has no files of that size")
    aside = workfolder.set_aside(work, lab)
    assert aside is not None
    assert (aside / "disk.img").stat().st_size == 8 << 40


def test_a_folder_that_cannot_be_emptied_is_moved(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    aside = workfolder.set_aside(work, lab)
    assert aside is not None
    assert (aside / "src/app.py").exists()
    assert list(work.iterdir()) == []


def test_a_folder_that_cannot_be_moved_is_left_and_said(work: Path, lab: Lab) -> None:
    workfolder.prepare(work, lab)
    add(work)
    (work.parent / "set-aside").write_text("a file where the folder should be")
    with pytest.raises(LabError, match="cannot be set aside") as caught:
        workfolder.set_aside(work, lab)
    assert "Nothing was changed" in caught.value.remedy
    assert (work / "notes.txt").read_text() == "mine\n"


def test_a_terminal_in_the_folder_still_stands_in_it_after_a_reset(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)
    monkeypatch.chdir(work)
    for change in (None, add):
        if change:
            change(work)
        workfolder.set_aside(work, lab)
        assert workfolder.prepare(work, lab)
        assert Path.cwd() == work
        assert Path("Dockerfile").read_text() == "FROM x\n"
        assert not Path("notes.txt").exists()


def test_what_may_not_be_moved_alone_is_moved_with_its_folder(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)
    add(work)
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path == work / "src":
            raise PermissionError(13, "Permission denied", str(path))  # another user's folder
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    aside = workfolder.set_aside(work, lab)
    assert aside is not None
    assert sorted(path.name for path in aside.iterdir()) == ["Dockerfile", "notes.txt", "src"]
    assert not work.exists()


def test_a_start_that_was_interrupted_is_taken_up(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.mkdir(parents=True)
    rename = Path.rename

    def interrupt(path: Path, target: Path) -> Path:
        if path.name == "src":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupt)
        with pytest.raises(KeyboardInterrupt):
            workfolder.prepare(work, lab)
    assert workfolder.prepare(work, lab)
    assert not workfolder.changed(work, lab)
    assert sorted(path.name for path in work.parent.iterdir()) == [work.name]


@pytest.mark.parametrize("change", [None, add], ids=["untouched", "changed"])
@pytest.mark.parametrize("moment", range(5))
def test_setting_aside_that_was_cut_short_loses_nothing(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch, change: object, moment: int
) -> None:
    workfolder.prepare(work, lab)
    if callable(change):
        change(work)
    rename, left = Path.rename, [moment]

    def die(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return rename(path, target)

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Path, "rename", die)
        workfolder.set_aside(work, lab)
    workfolder.prepare(work, lab)
    assert (work / "Dockerfile").read_text() == "FROM x\n"
    assert (work / "src/app.py").read_text() == "print()\n"
    assert bool(change) is any(work.parent.rglob("notes.txt"))
    assert not [path for path in work.parent.iterdir() if path.name.startswith(".")]


def test_where_files_were_set_aside_by_a_command_that_was_cut_short_is_known(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)
    add(work)
    rename = Path.rename

    def die(path: Path, target: Path) -> Path:
        if path.name == "src":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", die)
        workfolder.set_aside(work, lab)
    aside = workfolder.cut_short(work)
    assert aside is not None
    assert aside.parent.name == "set-aside"
    workfolder.prepare(work, lab)
    assert workfolder.cut_short(work) is None


def test_a_work_folder_that_could_not_be_set_aside_is_not_filled_up(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)
    (work / "Dockerfile").unlink()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", full)
        with pytest.raises(LabError, match="cannot be set aside"):
            workfolder.set_aside(work, lab)
    assert not workfolder.prepare(work, lab)
    assert not (work / "Dockerfile").exists()
    assert sorted(path.name for path in work.parent.iterdir()) == [work.name, "set-aside"]


def modes(folder: Path) -> dict[str, int]:
    """Return the modes of a folder and what is in it."""
    found = {path.name: path.stat().st_mode & 0o777 for path in folder.rglob("*")}
    return found | {".": folder.stat().st_mode & 0o777}


OPEN = {".": 0o755, "Dockerfile": 0o644, "src": 0o755, "app.py": 0o755}


def test_the_learner_gets_files_that_containers_can_read_from_a_closed_checkout(work: Path, lab: Lab) -> None:
    before = os.umask(0o077)
    try:
        for path in (lab.folder / "start", *(lab.folder / "start").rglob("*")):
            path.chmod(0o700 if path.is_dir() or path.name == "app.py" else 0o600)
        workfolder.prepare(work, lab)
        assert modes(work) == OPEN
        (work / "Dockerfile").unlink()
        workfolder.lay_over(contents.read(lab.folder / "start"), work)
        assert modes(work) == OPEN
        given = work.parent / "given"
        workfolder.give(lab, given)
        assert modes(given) == OPEN
    finally:
        os.umask(before)


def test_what_is_mounted_keeps_its_place_while_it_is_the_same(work: Path, lab: Lab) -> None:
    given = work.parent / "given"
    workfolder.give(lab, given)
    there = given.stat().st_ino
    workfolder.give(lab, given)
    assert given.stat().st_ino == there
    (lab.folder / "start/Dockerfile").write_text("FROM y\n")
    workfolder.give(lab, given)
    assert (given / "Dockerfile").read_text() == "FROM y\n"


def test_an_answer_over_a_file_of_anothers_says_whose_it_is(
    work: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    workfolder.prepare(work, lab)

    def refuse(target: Path, _: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(LabError, match="cannot be written"):
        workfolder.lay_over({"Dockerfile": Entry(Kind.FILE, b"FROM y\n")}, work)


def test_an_answers_files_are_laid_over_and_the_rest_stays(work: Path, lab: Lab, tmp_path: Path) -> None:
    workfolder.prepare(work, lab)
    add(work)
    files = tmp_path / "files"
    (files / "src").mkdir(parents=True)
    (files / "src/app.py").write_text("answer\n")
    (files / "newest").symlink_to("src/app.py")
    (files / "outbox").mkdir()
    workfolder.lay_over(contents.read(files), work)
    workfolder.lay_over(contents.read(tmp_path / "none"), work)
    assert (work / "newest").readlink() == Path("src/app.py")
    assert (work / "outbox").is_dir()
    assert (work / "src/app.py").read_text() == "answer\n"
    assert (work / "notes.txt").exists()
