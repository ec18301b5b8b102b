"""What a lab's images come to where a program that one of its ways needs is not to be had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.images import supply
from checker.images.program import MissingProgramError
from checker.session.preparing import ensure_images
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
            raise MissingProgramError("Ships are not to be had here.", remedy="Build one.")

    monkeypatch.setattr(supply, "ensure", ensure)
    monkeypatch.setattr(supply, "lacking", lambda names, *_: "Ships" if "ship:1.0" in names else "")


@pytest.mark.usefixtures("without_ships")
def test_where_a_way_is_missing_the_others_are_named(course: Course) -> None:
    lab: Lab = course.lab(toml=WAYS)
    session = Session()
    ensure_images(session, lab.choosing(["hand", "crew"]))
    with pytest.raises(MissingProgramError) as caught:
        ensure_images(session, lab)
    assert caught.value.what == "Ships are not to be had here."
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
