"""Every lesson's commands run, in order, and print what its page promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import find
from checker.images.supply import lacking
from tests.docs.lesson import read, unknown_classes
from tests.docs.play import play
from tests.docs.stage import ROOT, staged
from tests.turns import is_due, why_not

if TYPE_CHECKING:
    from pathlib import Path

    from checker.engine.api import Engine

PAGES = sorted((ROOT / "docs" / "lessons").glob("[0-9][0-9]-*.md"))


def test_there_are_lessons_and_each_has_its_lab() -> None:
    assert PAGES
    assert {page.stem for page in PAGES} == {
        folder.name for folder in (ROOT / "labs").glob("[0-9][0-9]-*") if (folder / "lab.toml").is_file()
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_marked_in_a_way_that_means_something(page: Path) -> None:
    assert unknown_classes(page) == []
    blocks = read(page)
    assert sum(block.runs for block in blocks) >= 5
    assert sum(block.output is not None for block in blocks) >= 3
    assert any("gaps" in block.classes for block in blocks), "nothing is left to the learner"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_lesson_runs_as_its_page_says(page: Path, engine: Engine, tmp_path: Path) -> None:
    places = find(ROOT)
    lab = Catalogue(places).find(page.name[:2])
    if not is_due(lab, "lesson"):
        pytest.skip(why_not(lab, "lesson"))
    if what := lacking(lab.images, places, lambda: engine):
        pytest.skip(f"lesson {page.name[:2]} needs {what}, which this machine does not have")
    with staged(page.name[:2], tmp_path, engine) as stage:
        played = play(page, stage)
    assert played.ran, "no block was run"
    assert played.compared, "no output was compared"
    assert not played.problems, "\n\n".join(played.problems)
