"""What is refused before a lab is begun: a way whose program was not found, an engine that cannot build."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import LabError
from checker.images import supply
from checker.images.third_party import MissingProgramError
from checker.session.preparing import ensure_images, prepare, require_engine
from checker.session.session import Session

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course

WAYS = """
usual = ["hand", "fleet"]
[ways.hand]
title = "by hand"
images = ["host:1.0"]
[ways.fleet]
title = "by fleet"
images = ["ship:1.0"]
[ways.crew]
title = "by crew"
images = ["host:1.0"]
"""


@pytest.fixture
def without_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody have ships."""

    def ensure(names: tuple[str, ...], _: Any) -> None:
        if "ship:1.0" in names:
            raise MissingProgramError("Ships were not found.", remedy="Build one.")

    monkeypatch.setattr(supply, "ensure", ensure)
    monkeypatch.setattr(supply, "lacking", lambda names, *_: "Ships" if "ship:1.0" in names else "")


@pytest.mark.usefixtures("without_ships")
def test_where_a_way_is_missing_the_others_are_named(course: Course) -> None:
    lab: Lab = course.lab(toml=WAYS)
    session = Session()
    ensure_images(session, lab.choosing(["hand", "crew"]))
    with pytest.raises(MissingProgramError) as caught:
        ensure_images(session, lab)
    assert caught.value.what == "Ships were not found."
    assert (
        caught.value.remedy
        == "Build one. On this machine lab 97 works with hand, crew: lab start 97 --with hand,crew"
    )
    assert caught.value.code == 3


@pytest.mark.usefixtures("without_ships")
def test_where_too_few_ways_are_left_nothing_is_promised(course: Course) -> None:
    lab = course.lab(toml=WAYS.partition("[ways.crew]")[0])
    with pytest.raises(MissingProgramError) as caught:
        ensure_images(Session(), lab)
    assert caught.value.remedy == "Build one."


PODMAN = {"Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}]}


def test_a_lab_in_which_images_are_built_is_refused_on_podman_before_anything_is_made(course: Course) -> None:
    session: Any = SimpleNamespace(engine=SimpleNamespace(get=lambda _: PODMAN))
    with pytest.raises(LabError, match="Podman, has no BuildKit") as caught:
        prepare(session, course.lab(toml='needs = ["builder"]\n'), force=False)
    assert "Docker Desktop" in caught.value.remedy


@pytest.mark.parametrize(
    ("need", "word"), [("privileged", "runs an engine in a container"), ("limits", "sets limits")]
)
def test_an_engine_without_cgroups_is_refused_for_labs_that_need_them(
    course: Course, need: str, word: str
) -> None:
    session: Any = SimpleNamespace(engine=SimpleNamespace(get=lambda _: {"CgroupDriver": "none"}))
    with pytest.raises(LabError, match=word) as caught:
        prepare(session, course.lab(toml=f'needs = ["{need}"]\n'), force=False)
    assert "rootless" in caught.value.what
    assert "delegates" in caught.value.remedy


def test_what_only_one_way_needs_is_asked_for_only_with_this_way(course: Course) -> None:
    session: Any = SimpleNamespace(engine=SimpleNamespace(get=lambda _: {"CgroupDriver": "none"}))
    lab = course.lab(toml=WAYS.replace("[ways.crew]", 'needs = ["privileged"]\n[ways.crew]'))
    require_engine(session, lab.choosing(["hand", "crew"]))
    with pytest.raises(LabError, match="runs an engine in a container"):
        require_engine(session, lab.choosing(["hand", "fleet"]))


@pytest.mark.parametrize(
    ("needs", "version"),
    [
        ("builder", {"Components": [{"Name": "Engine"}]}),
        ("builder", {}),
        ("privileged", PODMAN),
        ("limits", {"CgroupDriver": "systemd"}),
        ("nomad", {"CgroupDriver": "none"}),
    ],
)
def test_every_other_lab_and_engine_goes_on(
    course: Course, monkeypatch: pytest.MonkeyPatch, needs: str, version: dict[str, Any]
) -> None:
    from checker.session import preparing

    went: list[str] = []
    monkeypatch.setattr(preparing, "require_room", lambda *_, **__: went.append("room"))
    monkeypatch.setattr(preparing, "ensure_images", lambda *_: went.append("images"))
    session: Any = SimpleNamespace(engine=SimpleNamespace(get=lambda _: version))
    prepare(session, course.lab(toml=f'needs = ["{needs}"]\n'), force=False)
    assert went == ["room", "images"]
