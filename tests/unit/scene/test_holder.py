"""Whose lab it is that an engine runs: nobody's lab is taken by another checkout or person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.scene import holder
from checker.scene.holder import HOLDER, PROOF, HeldError, Holder, myself, require_own, stranger

if TYPE_CHECKING:
    from tests.conftest import Course

FOLDER = "com.docker.compose.project.working_dir"


class Fake(Engine):
    """An engine that runs one lab, with these labels."""

    def __init__(self, *labels: dict[str, str], host: str = "unix:///x") -> None:
        super().__init__(Endpoint(host, "test"))
        self.items = [{"Id": "x", "Labels": each} for each in labels]

    def list_all(self, kind: str, **_: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        """List it."""
        return self.items


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Be ada on the laptop; give a folder that is there."""
    monkeypatch.setattr(holder, "_name", lambda: "ada")
    monkeypatch.setattr("socket.gethostname", lambda: "laptop")
    return tmp_path


def test_a_lab_that_nobody_started_is_anybodys(course: Course) -> None:
    require_own(Fake(), course.lab())


def test_our_own_lab_is_ours(course: Course, here: Path) -> None:
    mine = myself(course.places).label
    assert mine == f"ada@laptop:{course.places.state}"
    assert stranger(Fake({}, {HOLDER: mine}), course.lab()) is None


def test_another_checkout_on_this_engine_is_named_with_the_ways_out(course: Course, here: Path) -> None:
    engine = Fake({HOLDER: f"ada@laptop:{here}/.lab"})
    with pytest.raises(HeldError) as caught:
        require_own(engine, course.lab())
    assert caught.value.what == f"Lab 97 on this engine was started by ada@laptop, from {here}."
    assert "lab stop 97 --take" in caught.value.remedy


def test_a_person_whose_folder_we_may_not_look_into_holds_it_still(
    course: Course, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    engine = Fake({HOLDER: "bob@laptop:/home/bob/drydock/.lab"})
    lab, places = course.lab(), course.places
    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", refuse)
        found = stranger(engine, lab, places)
    assert found == Holder("bob@laptop", "/home/bob/drydock/.lab")


def test_a_checkout_that_is_gone_holds_nothing(course: Course, here: Path) -> None:
    lab = course.lab()
    assert stranger(Fake({HOLDER: "ada@laptop:/nowhere/drydock/.lab"}), lab) is None
    assert stranger(Fake({FOLDER: "/nowhere/labs/97-fake"}), lab) is None
    # What is on another machine cannot be looked at from here.
    assert stranger(Fake({HOLDER: "ada@desk:/nowhere/drydock/.lab"}), lab) is not None


@pytest.mark.parametrize(("host", "held"), [("unix:///x", False), ("tcp://far:2375", True)])
def test_the_same_folder_on_another_machine_is_anothers_where_the_engine_is_far(
    course: Course, here: Path, host: str, held: bool
) -> None:
    engine = Fake({HOLDER: f"ada@desk:{course.places.state}"}, host=host)
    assert bool(stranger(engine, course.lab())) is held


def test_a_lab_without_the_label_is_known_by_its_folder(course: Course, here: Path) -> None:
    lab = course.lab()
    assert stranger(Fake({FOLDER: str(lab.folder)}), lab) is None
    (here / "labs/97-fake").mkdir(parents=True)
    found = stranger(Fake({FOLDER: f"{here}/labs/97-fake"}), lab)
    assert found is not None
    assert found.checkout == str(here)


def test_what_an_interrupted_proof_left_is_its_persons_to_take(course: Course, here: Path) -> None:
    lab = course.lab()
    label = {HOLDER: f"ada@laptop:{here}/other/.lab"}
    (here / "other").mkdir()
    assert stranger(Fake(label), lab) is not None
    assert stranger(Fake({**label, PROOF: ""}), lab) is not None
    assert stranger(Fake({**label, PROOF: "1"}), lab) is None
    assert stranger(Fake({**label, HOLDER: f"bob@laptop:{here}/other/.lab", PROOF: "1"}), lab) is not None
