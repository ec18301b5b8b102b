"""Every notebook runs from top to bottom, its check tells right from wrong, and nothing is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.course.places import find
from checker.grading.author import wait_until
from checker.images.supply import lacking
from checker.site.executed import is_gap, notebooks, plain, read, verdict
from checker.site.notebooks import GUESS
from tests.docs.rehearsal import emptiness, figures, lab_of, rehearsal, there
from tests.docs.stage import ROOT
from tests.turns import is_due, why_not

if TYPE_CHECKING:
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.site.executed import Notebook, Run

NOTEBOOKS = notebooks(ROOT)

GONE_SECONDS = 10.0
"""How long the engine may list what it has removed."""


def require_turn_and_images(notebook: Notebook, engine: Engine) -> None:
    places = find(ROOT)
    lab = lab_of(notebook)
    if lab is not None and not is_due(lab, "notebook"):
        pytest.skip(why_not(lab, "notebook"))
    if lab is not None and (what := lacking(lab.images, places, lambda: engine)):
        pytest.skip(f"notebook {notebook.number} needs {what}, which this machine does not have")


def guess(run: Run, number: int) -> None:
    """Write a guess wherever one is asked for; the pages are of runs without."""
    asked = [cell for cell in run.node.cells if cell.source.startswith(GUESS)]
    assert asked, "nothing is predicted"
    for cell in asked:
        code, mark, remark = cell.source.partition("#")
        assert "None" in code
        cell.source = code.replace("None", str(number)) + mark + remark


def names(engine: Engine) -> set[str]:
    return {name.lstrip("/") for item in engine.list_all("containers") for name in item["Names"]}


def test_there_are_notebooks_and_each_measures_a_lab() -> None:
    assert NOTEBOOKS
    labs = {folder.name for folder in (ROOT / "labs").glob("[0-9][0-9]-*") if (folder / "lab.toml").is_file()}
    assert {path.stem for path in NOTEBOOKS} - labs == {"00-engine-from-python"}
    assert "03-isolation" in {path.stem for path in NOTEBOOKS}, "nothing tries a kernel that is killed"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_red_as_shipped_and_green_when_completed(
    path: Path, engine: Engine, tmp_path: Path
) -> None:
    notebook = read(path)
    require_turn_and_images(notebook, engine)
    end, judged = len(notebook.cells), notebook.index("check") + 1
    before = there(engine, notebook)
    with rehearsal(notebook, tmp_path, engine) as stage:
        with stage.kernel() as run:
            guess(run, 5)
            run.cells(0, judged, solved=False)
            for cell in filter(is_gap, notebook.cells):
                assert "it still has gaps" in plain(run.outputs(cell.id)), cell.id
            assert verdict(run.outputs("check")) == "red", plain(run.outputs("check"))
            run.cells(notebook.first_gap, end, solved=True)
            assert verdict(run.outputs("check")) == "green", plain(run.outputs("check"))
            assert figures(run), "no figure was drawn"
            assert emptiness(run) == []
            assert "guessed 5" in "".join(plain(cell.get("outputs", [])) for cell in run.node.cells)
        wait_until(lambda: there(engine, notebook) <= before, GONE_SECONDS)
        assert sorted(there(engine, notebook) - before) == [], "this was left on the engine"


# Its lab is in the test's name, as with the others: what works on one lab stays together when tests run side by side.
@pytest.mark.parametrize(
    "path", [each for each in NOTEBOOKS if each.stem == "03-isolation"], ids=lambda path: path.stem
)
def test_a_kernel_that_was_killed_leaves_what_the_next_run_cleans(
    path: Path, engine: Engine, tmp_path: Path
) -> None:
    notebook = read(path)
    require_turn_and_images(notebook, engine)
    before = there(engine, notebook)
    with rehearsal(notebook, tmp_path, engine) as stage:
        with stage.kernel() as run:
            run.cells(0, notebook.index("without-limit") + 1, solved=False)
            run.kill()
        assert "cruncher" in names(engine), "nothing was left, so nothing can be cleaned"
        with stage.kernel() as run:
            run.cells(0, notebook.index("start") + 1, solved=False)
            assert "cruncher" not in names(engine)
            run.cell(notebook.index("clean-up"), solved=False)
        wait_until(lambda: there(engine, notebook) <= before, GONE_SECONDS)
        assert sorted(there(engine, notebook) - before) == []
