"""What an answer puts in a course image's place is taken out again; what is somebody else's stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import pytest

from checker.authoring.keeper import Keeper
from checker.course.answer import Answer
from checker.course.model import AnswerToml
from checker.engine.api import NotFoundError
from checker.scene import image_names

if TYPE_CHECKING:
    from pathlib import Path


class FakeEngine:
    """Images by name, and the ids that are there."""

    def __init__(self) -> None:
        self.names = {"drydock/parcel:1.0": "sha256:ours", "mine:1": "sha256:mine"}
        self.there = {"sha256:ours", "sha256:mine"}

    def list_all(self, _: str) -> list[dict[str, Any]]:
        """List them."""
        return [
            {"Id": each, "RepoTags": [name for name, image in self.names.items() if image == each]}
            for each in sorted(self.there)
        ]

    def image(self, reference: str) -> dict[str, Any] | None:
        """Return one by its id."""
        return next((item for item in self.list_all("") if item["Id"] == reference), None)

    def post(self, path: str, *, repo: str, tag: str) -> None:
        """Give an image a name."""
        image = unquote(path.split("/")[2])
        if image not in self.there:
            raise NotFoundError(image)
        self.names[f"{repo}:{tag}"] = image

    def delete(self, path: str, **_: object) -> None:
        """Take a name, or an image without names."""
        reference = unquote(path.split("/", 2)[2])
        self.names.pop(reference, None)
        self.there.discard(reference)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give where names are noted, in a folder that is not there yet."""
    return tmp_path / "verify" / "97.names.json"


def answer(folder: Path, script: str) -> Answer:
    (folder / "run.sh").write_text(script)
    return Answer(folder, "answer", AnswerToml(title="x"))


def replace(engine: FakeEngine) -> None:
    """Put another image in the place of the course's, and bring one in."""
    engine.there |= {"sha256:theirs", "sha256:flat", "sha256:other"}
    engine.names |= {
        "drydock/parcel:1.0": "sha256:theirs",
        "flat:1": "sha256:flat",
        "other:1": "sha256:other",
    }


SCRIPT = "docker build -t drydock/parcel:1.0 . && docker import box.tar flat:1"
SAID = ["the answer replaced the image drydock/parcel:1.0; the course's image is restored"]


def test_a_name_of_the_courses_means_its_image_again_and_what_was_brought_in_goes(
    engine: FakeEngine, tmp_path: Path, file: Path
) -> None:
    keeper = Keeper(cast("Any", engine), file)
    keeper.look(answer(tmp_path, SCRIPT))
    replace(engine)
    assert keeper.put_back() == SAID
    assert engine.names["drydock/parcel:1.0"] == "sha256:ours"
    assert "sha256:theirs" not in engine.there
    # What the answer does not name is somebody else's.
    assert engine.names.keys() == {"drydock/parcel:1.0", "mine:1", "other:1"}
    assert not file.exists()


def test_what_another_lab_s_answer_puts_in_an_image_s_place_meanwhile_is_left_there(
    engine: FakeEngine, tmp_path: Path, file: Path
) -> None:
    keeper = Keeper(cast("Any", engine), file, ("drydock/toolbox:1.0",))
    keeper.look(answer(tmp_path, "docker run -d --name parcel nginx"))
    replace(engine)
    assert keeper.put_back() == []
    assert engine.names["drydock/parcel:1.0"] == "sha256:theirs"


def test_an_image_of_the_lab_is_restored_though_the_answer_does_not_write_its_name(
    engine: FakeEngine, tmp_path: Path, file: Path
) -> None:
    keeper = Keeper(cast("Any", engine), file, ("drydock/parcel:1.0",))
    keeper.look(answer(tmp_path, "for each in parcel; do docker tag flat:1 drydock/$each:1.0; done"))
    replace(engine)
    assert keeper.put_back() == SAID
    assert engine.names["drydock/parcel:1.0"] == "sha256:ours"


def test_an_image_that_the_answer_removed_is_told(engine: FakeEngine, file: Path) -> None:
    keeper = Keeper(cast("Any", engine), file, ("drydock/parcel:1.0",))
    keeper.look(None)
    del engine.names["drydock/parcel:1.0"]
    engine.there.discard("sha256:ours")
    assert keeper.put_back() == ["the answer removed drydock/parcel:1.0; it is built again when it is needed"]


def test_what_a_killed_verify_did_not_put_back_the_next_command_does(
    engine: FakeEngine, tmp_path: Path, file: Path
) -> None:
    Keeper(cast("Any", engine), file).look(answer(tmp_path, SCRIPT))
    replace(engine)
    assert image_names.put_back_noted(cast("Any", engine), file) == SAID
    assert engine.names.keys() == {"drydock/parcel:1.0", "mine:1", "other:1"}
    assert engine.names["drydock/parcel:1.0"] == "sha256:ours"
    # Once is enough: what is made afterwards is not compared with then.
    replace(engine)
    assert image_names.put_back_noted(cast("Any", engine), file) == []
    assert engine.names["drydock/parcel:1.0"] == "sha256:theirs"


def test_a_note_that_cannot_be_read_changes_nothing_and_goes(engine: FakeEngine, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"images": ')
    assert image_names.put_back_noted(cast("Any", engine), file) == []
    assert not file.exists()
    assert engine.names["drydock/parcel:1.0"] == "sha256:ours"
