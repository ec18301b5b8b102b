"""What an answer puts in a course image's place is taken out again; what is somebody else's stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

import pytest

from checker.authoring.keeper import Keeper
from checker.course.answer import Answer
from checker.course.model import AnswerToml
from checker.engine.api import NotFoundError

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


def answer(folder: Path, script: str) -> Answer:
    (folder / "run.sh").write_text(script)
    return Answer(folder, "answer", AnswerToml(title="x"))


def test_a_name_of_the_courses_means_its_image_again(engine: FakeEngine, tmp_path: Path) -> None:
    keeper = Keeper(cast("Any", engine))
    keeper.look()
    engine.there.add("sha256:theirs")
    engine.names["drydock/parcel:1.0"] = "sha256:theirs"
    said = keeper.put_back(answer(tmp_path, "docker build -t drydock/parcel:1.0 ."))
    assert said == ["the answer put another image in the place of drydock/parcel:1.0; the course's is back"]
    assert engine.names["drydock/parcel:1.0"] == "sha256:ours"
    assert "sha256:theirs" not in engine.there


def test_an_image_that_the_answer_removed_is_told(engine: FakeEngine) -> None:
    keeper = Keeper(cast("Any", engine))
    keeper.look()
    del engine.names["drydock/parcel:1.0"]
    engine.there.discard("sha256:ours")
    assert keeper.put_back(None) == [
        "the answer removed drydock/parcel:1.0; it is made again when it is needed"
    ]


def test_what_the_answer_brought_in_goes_and_what_it_does_not_name_stays(
    engine: FakeEngine, tmp_path: Path
) -> None:
    keeper = Keeper(cast("Any", engine))
    keeper.look()
    for name in ("flat:1", "other:1"):
        engine.names[name] = f"sha256:{name}"
        engine.there.add(f"sha256:{name}")
    assert keeper.put_back(answer(tmp_path, "docker import box.tar flat:1")) == []
    assert engine.names.keys() == {"drydock/parcel:1.0", "mine:1", "other:1"}
