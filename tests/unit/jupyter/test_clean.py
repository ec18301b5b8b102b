"""Notebooks are committed without what a run left, and cleaning twice changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from checker.errors import LabError
from checker.jupyter import clean
from tests.unit.jupyter.conftest import cell, notebook

if TYPE_CHECKING:
    from pathlib import Path


def cells_of(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(clean.cleaned(text))["cells"]
    return found


def test_outputs_counts_timings_and_machine_facts_go() -> None:
    text = notebook(
        cell("markdown", "# A claim", id="claim"),
        cell(
            "code",
            "1 + 1",
            id="first-sum",
            metadata={"execution": {"iopub.execute_input": "2026-11-28"}, "tags": ["your-turn"]},
            attachments={},
        ),
        widgets={"state": {}},
        drydock={"minutes": 4},
    )
    made = json.loads(clean.cleaned(text))
    assert "4 CPUs" not in clean.cleaned(text)
    assert made["cells"][1] == {
        "cell_type": "code",
        "execution_count": None,
        "id": "first-sum",
        "metadata": {"tags": ["your-turn"]},
        "outputs": [],
        "source": ["1 + 1"],
    }
    assert made["metadata"] == {
        "drydock": {"minutes": 4},
        "kernelspec": {"display_name": "Drydock", "language": "python", "name": "python3"},
        "language_info": clean.LANGUAGE,
    }
    assert "version" not in made["metadata"]["language_info"]


def test_cleaning_twice_changes_nothing_and_the_text_is_as_jupyter_writes_it() -> None:
    once = clean.cleaned(notebook(cell("markdown", "# Größe"), cell("code", "a = 1\n\nb = 2\n\n")))
    assert clean.cleaned(once) == once
    # What nbformat writes: one blank of indentation, keys in order, letters as they are.
    assert json.dumps(json.loads(once), indent=1, sort_keys=True, ensure_ascii=False) + "\n" == once
    assert "Größe" in once


def test_ids_that_an_author_gave_stay_and_those_of_a_machine_become_words() -> None:
    made = cells_of(
        notebook(
            cell("markdown", "Predict first.", id="predict"),
            cell("code", "latency = measure(5)", id="3f2a9c1d"),
            cell("code", "latency = measure(5)", id="0b1c2d3e-0000-4000-8000-123456789abc"),
            cell("code", "%lab check 4"),
            cell("markdown", "## ¿Qué?", id="Upper_Case"),
            cell("code", "…", id="predict"),
        )
    )
    assert [each["id"] for each in made] == [
        "predict",
        "latency-measure-5",
        "latency-measure-5-2",
        "lab-check-4",
        "que",
        "predict-2",
    ]


def test_a_cell_whose_words_make_no_id_is_called_by_its_kind() -> None:
    assert [each["id"] for each in cells_of(notebook(cell("code", "42"), cell("code", "…")))] == [
        "code-42",
        "code",
    ]


def test_empty_cells_go_unless_an_author_tagged_them() -> None:
    made = cells_of(
        notebook(cell("code", "1"), cell("code", "", metadata={"tags": ["your-turn"]}), cell("code", "\n \n"))
    )
    assert [each["metadata"] for each in made] == [{}, {"tags": ["your-turn"]}]


def test_a_line_break_of_markdown_stays() -> None:
    (made,) = cells_of(notebook(cell("markdown", "one  \ntwo\n\n\n")))
    assert made["source"] == ["one  \n", "two"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"cells": [], "nbformat": 3}', '{"cells": [{}], "nbformat": 4}']
)
def test_what_is_no_notebook_is_named_and_left_alone(text: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.ipynb"
    file.write_text(text)
    with pytest.raises(LabError, match=r"odd\.ipynb"):
        clean.clean(file)
    assert file.read_text() == text


def test_the_command_cleans_and_the_check_only_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "04-a.ipynb"
    before = notebook(cell("code", "1"))
    file.write_text(before)
    assert clean.main(["--check", str(file)]) == 1
    assert file.read_text() == before
    assert clean.main([str(file)]) == 0
    assert clean.main(["--check", str(file)]) == 0
    assert clean.main([str(tmp_path / "none.ipynb")]) == 3
    said = capsys.readouterr()
    assert said.out == f"{file} is not clean\ncleaned {file}\n"
    assert "none.ipynb cannot be cleaned" in said.err
