"""What belongs to a lab: by label, by Compose project, or by a course image with a name that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.engine.api import Engine
from checker.engine.endpoint import Endpoint
from checker.scene.ownership import owned_containers, owned_images, remove_owned, strangers

if TYPE_CHECKING:
    from tests.conftest import Course


class Fake(Engine):
    """An engine that lists what a test names."""

    def __init__(self, *items: dict[str, Any]) -> None:
        super().__init__(Endpoint("unix:///x", "test"))
        self.items = list(items)

    def list_all(self, kind: str, **_: Any) -> list[dict[str, Any]]:  # noqa: ARG002
        """List them."""
        return self.items


PROJECT = "com.docker.compose.project"


@pytest.mark.parametrize(
    ("labels", "name", "ours"),
    [
        ({"io.drydock.lab": "97"}, "anything", True),
        ({PROJECT: "drydock-97"}, "anything", True),
        ({PROJECT: "drydock-97-work"}, "anything", True),
        ({"io.drydock.image": "parcel"}, "parcel", True),
        ({"io.drydock.image": "parcel"}, "another", False),
        ({"io.drydock.image": "parcel", "io.drydock.lab": "02"}, "parcel", False),
        ({"io.drydock.lab": "02"}, "parcel", False),
        ({PROJECT: "drydock-9"}, "parcel", False),
        ({PROJECT: "drydock-97-other"}, "parcel", False),
        ({PROJECT: "drydock-970"}, "parcel", False),
        ({}, "parcel", False),
        ({}, "drydock-97-toolbox-1", False),
    ],
)
def test_a_container_is_the_labs_or_is_not(
    course: Course, labels: dict[str, str], name: str, ours: bool
) -> None:
    lab = course.lab(toml='containers = ["parcel"]\n')
    engine = Fake({"Id": "x", "Names": [f"/{name}"], "Labels": labels})
    assert bool(owned_containers(engine, lab)) is ours
    assert strangers(engine, lab) == ([name] if not ours and name == "parcel" else [])


def test_containers_without_labels_or_names_are_nobodys(course: Course) -> None:
    engine = Fake({"Id": "x", "Names": None, "Labels": None})
    assert owned_containers(engine, course.lab()) == []


@pytest.mark.parametrize(
    ("labels", "tags", "ours"),
    [
        ({"io.drydock.lab": "97"}, ["mine:1"], True),
        ({"io.drydock.lab": "97"}, None, True),
        ({"io.drydock.lab": "97", "io.drydock.image": "python"}, ["mine:1"], True),
        ({"io.drydock.lab": "97", "io.drydock.image": "python"}, ["drydock/python:1.0"], False),
        (
            {"io.drydock.lab": "97", "io.drydock.image": "python", "io.drydock.variant": "true"},
            ["drydock/python:1.7"],
            True,
        ),
    ],
)
def test_an_image_that_the_learner_built_is_the_labs_and_the_courses_own_is_not(
    course: Course, labels: dict[str, str], tags: list[str] | None, ours: bool
) -> None:
    engine = Fake({"Id": "sha256:x", "RepoTags": tags, "Labels": labels})
    assert bool(owned_images(engine, course.lab())) is ours


class Busy(Fake):
    """An engine on which a container is about to be made by another that is being removed."""

    def __init__(self, number: str) -> None:
        label = {"io.drydock.lab": number}
        super().__init__({"Id": "toolbox", "Names": ["/toolbox"], "Labels": label})
        self._next = [{"Id": "late", "Names": ["/late"], "Labels": label}]

    def list_all(self, kind: str, **_: Any) -> list[dict[str, Any]]:
        """List the containers."""
        return list(self.items) if kind == "containers" else []

    def delete(self, path: str, **_: Any) -> None:
        """Remove one, and make what was under way."""
        self.items = [item for item in self.items if item["Id"] != path.rpartition("/")[2]] + self._next
        self._next = []


def test_what_comes_into_being_while_a_lab_is_removed_is_removed_too(course: Course) -> None:
    engine = Busy(course.number)
    assert remove_owned(engine, course.lab()) == ["toolbox", "late"]
    assert engine.items == []
