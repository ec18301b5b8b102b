"""The commands of a teacher's machine: one of them at a time uses the class, and none takes what is not the class's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.classroom import serving
from checker.classroom.protocol import Invitation
from checker.classroom.room_bundle import write
from checker.classroom.shelf import Bundle, Shelf
from checker.cli import main, rooms
from checker.scene.locks import locked

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Course


@pytest.fixture
def state(course: Course, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a machine with a class, whose engine is asked nothing."""
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(rooms, "_purge_registry", lambda _: None)
    folder = course.places.state
    (folder / "class").mkdir(parents=True)
    (folder / "class" / "register.sqlite3").write_text("names")
    return folder


@pytest.mark.parametrize("words", [["serve"], ["serve", "--new"], ["purge", "--yes"]])
def test_a_class_that_is_held_is_not_held_twice_set_aside_or_removed(
    state: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr(serving, "serve", lambda *_, **__: pytest.fail("a second one was served"))
    with locked(state / rooms.LOCK, "lab class serve"):
        assert main(["class", *words]) == 3
    said = capsys.readouterr().err
    assert "Another command is still running: `lab class serve` (PID" in said
    assert (state / "class" / "register.sqlite3").read_text() == "names"
    assert [path.name for path in state.glob("class*") if path.is_dir()] == ["class"]


def test_a_class_that_nobody_holds_is_removed(state: Path) -> None:
    assert main(["class", "purge", "--yes"]) == 0
    assert not (state / "class").exists()


def test_the_passcodes_of_a_class_on_a_cluster_stay_when_this_machines_classes_are_removed(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("class-20261130-091500", "class-hub", "class-notes"):
        (state / name).mkdir()
    (state / "class-hub" / "monday.csv").write_text("passcodes")
    assert main(["class", "purge", "--yes"]) == 0
    assert sorted(path.name for path in state.glob("class*") if path.is_dir()) == ["class-hub", "class-notes"]
    assert "class-20261130-091500" in capsys.readouterr().out


def test_a_machine_with_a_class_on_a_cluster_alone_has_none_to_remove(state: Path) -> None:
    (state / "class").rename(state / "class-hub")
    assert main(["class", "purge", "--yes"]) == 2
    assert (state / "class-hub" / "register.sqlite3").exists()


def test_a_machine_without_a_default_route_is_given_its_address_by_name(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serving, "address_of_room", lambda: "127.0.0.1")
    assert main(["class", "serve", "--new"]) == 2
    assert "lab class serve --address 192.168.1.5" in capsys.readouterr().err
    assert (state / "class" / "register.sqlite3").exists()


def test_the_projector_has_an_address_for_a_window_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    invitation = Invitation("192.0.2.7", 8443, "ABCDEFGH", "A" * 52)
    opened = serving.Opened(invitation, "http://127.0.0.1:4711/#t=abc", "Monday", "pin")
    rooms._tell(opened, Shelf())
    assert "http://127.0.0.1:4711/projector#t=abc\n" in capsys.readouterr().out


def test_curl_writes_no_refusal_into_the_bundle_that_it_continues(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "room.pyz"
    write(file, {}, ["01-x"], ["linux-x86_64"], ["3.11"])
    invitation = Invitation("192.0.2.7", 8443, "ABCDEFGH", "A" * 52)
    opened = serving.Opened(invitation, "http://127.0.0.1:4711/#t=abc", "Monday", "pin")
    rooms._tell(opened, Shelf(bundle=Bundle.of(file)))
    (line,) = [each.split() for each in capsys.readouterr().out.splitlines() if "curl" in each]
    assert line[:4] == ["curl", "-fk", "--pinnedpubkey", "sha256//pin"]
