"""Which notebook is meant, and the learner's copy of it: made once, never overwritten, set aside, never lost."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checker.errors import LabError, MisuseError
from checker.jupyter import copies

if TYPE_CHECKING:
    from checker.course.places import Places


def test_what_is_shipped_is_the_notebooks_in_order_and_nothing_beside_them(places: Places) -> None:
    found = copies.shipped(places)
    assert [each.slug for each in found] == [
        "00-engine-from-python",
        "04-containers-vs-vms",
        "12-one-goal-four-ways",
    ]
    assert found[1].number == "04"
    assert found[1].title == "Containers and virtual machines, measured"


def test_a_course_without_notebooks_has_none(tmp_path: Path, places: Places) -> None:
    empty = type(places)(tmp_path, tmp_path)
    assert copies.shipped(empty) == []
    with pytest.raises(MisuseError, match="no notebook `4`") as caught:
        copies.find(empty, "4")
    assert caught.value.remedy == "This course has no notebooks."


def test_a_notebook_that_cannot_be_read_is_called_by_its_slug(places: Places) -> None:
    for text in (
        "half a no",
        '{"cells": 3}',
        '{"cells": [{"cell_type": "markdown", "source": ["no heading"]}]}',
    ):
        (places.notebooks / "04-containers-vs-vms.ipynb").write_text(text)
        assert copies.find(places, "4").title == "04-containers-vs-vms"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("4", "04-containers-vs-vms"),
        ("04", "04-containers-vs-vms"),
        ("04-containers-vs-vms", "04-containers-vs-vms"),
        ("containers-vs-vms", "04-containers-vs-vms"),
        ("Cont", "04-containers-vs-vms"),
        ("12-one-goal-four-ways.ipynb", "12-one-goal-four-ways"),
        ("0", "00-engine-from-python"),
        ("00", "00-engine-from-python"),
        ("engine", "00-engine-from-python"),
    ],
)
def test_a_notebook_is_found_by_number_slug_and_beginning(places: Places, name: str, slug: str) -> None:
    assert copies.find(places, name).slug == slug


def test_a_lab_without_a_notebook_is_told_with_those_there_are(places: Places) -> None:
    for name in ("5", "limits"):
        with pytest.raises(MisuseError, match=r"^Lab 05 \(limits\) has no notebook\.$") as caught:
            copies.find(places, name)
        assert "There are: 00-engine-from-python, 04-containers-vs-vms, " in caught.value.remedy


def test_an_unknown_name_is_told_with_the_nearest(places: Places) -> None:
    with pytest.raises(MisuseError, match="There is no notebook `one-gaol-four-ways`") as caught:
        copies.find(places, "one-gaol-four-ways")
    assert caught.value.remedy.startswith("Did you mean `12-one-goal-four-ways`? There are: ")
    for name in ("", "../04", "99"):
        with pytest.raises(MisuseError, match="There is no notebook"):
            copies.find(places, name)


def test_a_name_that_fits_two_asks_for_more(places: Places) -> None:
    (places.notebooks / "03-container-isolation.ipynb").write_text("{}")
    with pytest.raises(MisuseError, match="may mean 03-container-isolation, 04-containers-vs-vms"):
        copies.find(places, "cont")


def test_the_copy_is_the_learners_and_the_shipped_one_stays(places: Places) -> None:
    notebook = copies.find(places, "4")
    before = notebook.path.read_bytes()
    notebook.path.chmod(0o444)
    assert copies.copy_for(places, notebook)
    copy = copies.path_of(places, notebook)
    assert copy == places.work / "notebooks" / "04-containers-vs-vms.ipynb"
    assert copy.read_bytes() == before
    assert copy.stat().st_mode & 0o200, "a copy of a read-only file must be writable"
    copy.write_text("mine")
    assert not copies.copy_for(places, notebook)
    assert copy.read_text() == "mine"
    assert notebook.path.read_bytes() == before
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_copy_that_another_makes_meanwhile_is_not_overwritten(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = copies.find(places, "4")
    copy = copies.path_of(places, notebook)
    whole = shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        whole(source, target)
        copy.write_text("of the other")

    monkeypatch.setattr("shutil.copyfile", slow)
    assert not copies.copy_for(places, notebook)
    assert copy.read_text() == "of the other"
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_file_system_without_hard_links_will_do(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    notebook = copies.find(places, "4")
    assert copies.copy_for(places, notebook)
    assert copies.path_of(places, notebook).read_bytes() == notebook.path.read_bytes()


def test_an_interrupted_copy_leaves_no_half(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(_source: Path, target: Path) -> None:
        target.write_text("{ half")
        raise KeyboardInterrupt

    monkeypatch.setattr("shutil.copyfile", half)
    with pytest.raises(KeyboardInterrupt):
        copies.copy_for(places, copies.find(places, "4"))
    assert list((places.work / "notebooks").iterdir()) == []


def test_a_work_folder_that_cannot_be_written_is_told_with_the_way_out(places: Places) -> None:
    places.work.write_text("a file in the place of the folder")
    with pytest.raises(LabError, match="cannot be made") as caught:
        copies.copy_for(places, copies.find(places, "4"))
    assert "DRYDOCK_WORK" in caught.value.remedy


def test_what_is_set_aside_is_kept_where_it_is_told_and_twice_gives_two(places: Places) -> None:
    notebook = copies.find(places, "4")
    found = []
    for text in ("first", "second"):
        copies.copy_for(places, notebook)
        copies.path_of(places, notebook).write_text(text)
        aside = copies.set_aside(places, notebook)
        assert aside is not None
        assert aside.parent == places.work / "set-aside"
        found.append(aside)
        assert not copies.path_of(places, notebook).exists()
    assert [path.read_text() for path in found] == ["first", "second"]
    assert all(path.name.startswith("04-containers-vs-vms-") and path.suffix == ".ipynb" for path in found)


def test_a_copy_that_was_never_changed_is_not_kept(places: Places) -> None:
    notebook = copies.find(places, "4")
    assert copies.set_aside(places, notebook) is None
    copies.copy_for(places, notebook)
    assert copies.set_aside(places, notebook) is None
    assert not copies.path_of(places, notebook).exists()
    assert not (places.work / "set-aside").exists()


def test_a_copy_that_cannot_be_set_aside_stays(places: Places) -> None:
    notebook = copies.find(places, "4")
    copies.copy_for(places, notebook)
    copies.path_of(places, notebook).write_text("mine")
    (places.work / "set-aside").write_text("a file in the place of the folder")
    with pytest.raises(LabError, match="cannot be set aside") as caught:
        copies.set_aside(places, notebook)
    assert "Nothing was changed" in caught.value.remedy
    assert copies.path_of(places, notebook).read_text() == "mine"
