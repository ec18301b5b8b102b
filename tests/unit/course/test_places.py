"""Where the course is found, and where a learner's things are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course import places
from checker.errors import LabError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DRYDOCK_COURSE", "DRYDOCK_STATE", "DRYDOCK_WORK"):
        monkeypatch.delenv(name, raising=False)
    # As in an installed package: this file lies in no checkout.
    monkeypatch.setattr(places, "__file__", str(tmp_path / "lib" / "checker" / "course" / "places.py"))
    monkeypatch.setattr(places, "_PACKAGED", course(tmp_path / "lib" / "checker" / "_course"))


def course(folder: Path) -> Path:
    (folder / "labs").mkdir(parents=True)
    (folder / "mkdocs.yml").touch()
    return folder


def test_a_checkout_is_found_from_any_folder_in_it(tmp_path: Path) -> None:
    root = course(tmp_path / "checkout")
    inside = root / "work" / "03-isolation"
    inside.mkdir(parents=True)
    assert places.find(inside) == places.Places(root, root)


def test_an_installed_course_keeps_the_learners_things_where_they_began(tmp_path: Path) -> None:
    began = tmp_path / "learning"
    inside = began / "work" / "03-isolation"
    inside.mkdir(parents=True)
    assert places.find(began).home == began
    (began / ".lab").mkdir()
    found = places.find(inside)
    assert found.home == began
    assert found.state == began / ".lab"
    assert found.root.name == "_course"


def test_a_named_course_that_is_none_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_COURSE", str(tmp_path))
    with pytest.raises(LabError, match="does not contain the course"):
        places.find(tmp_path)


def test_a_terminal_in_a_folder_that_was_removed_finds_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert places.find().root == tmp_path / "lib" / "checker" / "_course"
    monkeypatch.setenv("DRYDOCK_STATE", "state")
    with pytest.raises(LabError, match="DRYDOCK_STATE is `state`"):
        _ = places.find().state
