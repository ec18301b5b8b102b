"""A lab in a notebook: found as everywhere, and told to the same operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import EngineError, MisuseError
from checker.notebook import check, lab
from checker.notebook import course as api
from checker.session import judging, operations

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from tests.conftest import Course

WAYS = """
usual = ["hand", "fleet"]
[ways.hand]
title = "by hand"
[ways.fleet]
title = "by fleet"
[ways.crew]
title = "by crew"
"""


def test_a_lab_is_found_by_number_and_by_name_and_nothing_is_started(fake: Lab) -> None:
    assert lab(int(fake.number)) == lab(fake.slug) == lab("fake")
    found = lab(fake.number)
    assert (found.number, found.slug, found.title) == (fake.number, fake.slug, "A fake lab")
    assert found.work.name == fake.slug


def test_what_carries_its_labels_belongs_to_the_lab(fake: Lab) -> None:
    assert lab(fake.number).labels == {"io.drydock.lab": fake.number}


def test_a_lab_that_is_not_there_is_told(fake: Lab) -> None:
    with pytest.raises(MisuseError, match="no lab"):
        lab(55)


@pytest.mark.parametrize(("ways", "chosen"), [((), ("hand", "fleet")), (("crew", "hand"), ("hand", "crew"))])
def test_a_reset_goes_to_the_ways_that_are_named_or_to_the_last_choice(
    fake: Lab, course: Course, monkeypatch: pytest.MonkeyPatch, ways: tuple[str, ...], chosen: tuple[str, ...]
) -> None:
    course.lab(toml=WAYS)
    api.session.cache_clear()
    seen: list[Any] = []
    monkeypatch.setattr(operations, "reset", lambda _, found, step: seen.append((set(found.chosen), step)))
    lab(fake.number).reset(1, ways=ways)
    assert seen == [(set(chosen), 1)]


def test_an_engine_that_came_back_is_found_again(fake: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise EngineError("The engine is away.")

    session = api.session()
    session.__dict__["engine"] = object()
    monkeypatch.setattr(judging, "check", away)
    with pytest.raises(EngineError):
        check(fake.number)
    assert "engine" not in session.__dict__
    assert fake.slug not in api._SHELLS
