"""The commands that a page may have run: those of the course, by place and digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import Places
from checker.live import blocks
from tests.conftest import ROOT
from tests.docs import lesson

if TYPE_CHECKING:
    from tests.unit.live.conftest import Live

COURSE = Places(ROOT, ROOT)
LABS = list(Catalogue(COURSE))


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.slug)
def test_a_lesson_has_the_commands_that_its_tests_run(lab: object) -> None:
    from checker.course.catalogue import Lab

    assert isinstance(lab, Lab)
    page = blocks.lesson_of(COURSE, lab)
    tested = [(each.text, each.classes) for each in lesson.read(page) if not each.solution]
    found = [(each.text, each.classes) for each in blocks.read(COURSE, lab)]
    assert found
    assert found == tested


def test_only_what_is_meant_for_the_toolbox_and_has_no_gaps_runs() -> None:
    found = {each.text.splitlines()[0]: each for each in blocks.read(COURSE, LABS[0])}
    assert found["docker port practice"].runs
    assert not found["lab start 1"].runs
    assert found["lab start 1"].verb(LABS[0]) == "start"
    assert found["lab start 1"].verb(LABS[1]) == ""
    assert not found["docker run ____ --name parcel -p ____:8080 \\"].runs


def test_t7_a_page_cannot_have_anything_else_run(live: Live) -> None:
    known = blocks.read(COURSE, LABS[0])
    host = next(each for each in known if "host" in each.classes)
    runs = next(each for each in known if each.runs)
    evil = hashlib.sha256(b"rm -rf /").hexdigest()
    for block, digest in (
        (runs.id, evil),
        ("b999", runs.digest),
        (host.id, host.digest),
        (runs.text, runs.digest),
        ("", ""),
    ):
        status, _, _ = live.ask(
            "POST", "/api/v1/labs/01/run", {"block": block, "digest": digest, "text": "id"}
        )
        assert status == 422, block
    assert live.engine.calls == []


@pytest.mark.parametrize("lab", ["1", "001", "99", "../01", "%2e%2e", "01-first-container", "٠١", ""])
def test_t7_only_a_lab_of_the_course_is_meant(live: Live, lab: str) -> None:
    path = f"/api/v1/labs/{lab.encode().hex() if not lab.isascii() else lab}/start"
    assert live.ask("POST", path)[0] in {404, 405}
    assert live.engine.calls == []
