"""Every notebook has its page, written from a run of the notebook as it is now; and how such a page is made."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from checker.site.executed import is_gap, notebooks, read, verdict
from checker.site.notebook_cost import COST, Cost, write_cost
from checker.site.notebooks import GUESS, heading, page_of
from checker.site.tables import markdown_table

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
NOTEBOOKS = notebooks(ROOT)
COSTS = Cost(
    seconds=130.0,
    memory=512_400_000,
    disk=420_000_000,
    system="Debian, x86_64, 2 CPUs",
    engine="26.1",
    python="Python 3.11.2",
    date="2026-11-28",
)


def page_for(path: Path) -> str:
    return (DOCS / "notebooks" / f"{path.stem}.md").read_text("utf-8")


def parts(page: str) -> dict[str, str]:
    found = re.split(r"^<!-- cell: (\S+) -->\n", page, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_there_are_notebooks_and_their_pages_and_no_others() -> None:
    assert NOTEBOOKS
    assert {path.stem for path in NOTEBOOKS} == {page.stem for page in (DOCS / "notebooks").glob("[0-9]*.md")}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_is_of_the_notebook_as_it_is_now(path: Path) -> None:
    notebook, shown = read(path), parts(page_for(path))
    again = f"write it again: python -m checker.site.notebooks {path.stem[:2]}"
    assert list(shown) == [cell.id for cell in notebook.cells], again
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert f"}}\n{cell.source}\n```\n" in shown[cell.id], f"{cell.id}: {again}"
        else:
            for paragraph in cell.source.split("\n\n"):
                assert paragraph in shown[cell.id], f"{cell.id}: {again}"
        if is_gap(cell):
            answer = "\n".join(f"    {line}".rstrip() for line in notebook.answers[cell.id].split("\n"))
            assert answer in shown[cell.id], f"{cell.id}: {again}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_shows_figures_each_with_its_sentence_and_its_table(path: Path) -> None:
    page, number = page_for(path), path.stem[:2]
    shown = re.findall(r"^!\[(.+)\]\(\.\./assets/notebooks/(\S+)\)", page, re.MULTILINE)
    assert shown, "no figure"
    files = {file.name for file in (DOCS / "assets" / "notebooks").glob(f"{number}-*.svg")}
    assert {name for _, name in shown} == files
    for sentence, name in shown:
        assert len(sentence) > 20, name
        assert "nan" not in sentence.split(), name
        assert 'role="img"' in (DOCS / "assets" / "notebooks" / name).read_text("utf-8"), name
    assert 'abstract "The numbers as a table"' in page


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_page_tells_its_machine_its_day_and_how_to_open_it(path: Path) -> None:
    page, number = page_for(path), int(path.stem[:2])
    note = page.partition('!!! note "An executed copy"')[2].partition("\n\n**")[0]
    assert re.search(r"on \d{4}-\d\d-\d\d\.", note)
    assert re.search(r"The machine: .+ CPUs, engine \S+, Python \S+; it took \d+ s\.", note)
    assert f"lab notebook {number}\n" in note
    assert f"notebooks/{path.stem}.md" in (ROOT / "mkdocs.yml").read_text("utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_a_lesson(path: Path) -> None:
    notebook = read(path)
    text = "\n".join(str(cell.source) for cell in notebook.cells)
    assert re.search(r"^\*\*The claim:\*\* ", str(notebook.cells[0].source), re.MULTILINE)
    assert re.search(r"^\*\*It costs\*\* .*\d+ minutes? .*\d+ MB .*\d+ MB ", text, re.MULTILINE), (
        "not measured yet"
    )
    guesses = [cell for cell in notebook.cells if str(cell.source).startswith(GUESS)]
    assert guesses, "nothing is predicted"
    for cell in guesses:
        name = str(cell.source).split()[0]
        assert len(re.findall(rf"\b{name}\b", text)) > 1, f"{name} is never compared with what was measured"
    assert "picture(" in text
    order = [
        next(place for place, cell in enumerate(notebook.cells) if cell.id == name)
        for name in ("check", "clean-up")
    ]
    assert notebook.first_gap < order[0] < order[1] == len(notebook.cells) - 1


def test_the_first_code_cell_is_the_same_in_every_notebook() -> None:
    first = {
        next(str(cell.source) for cell in read(path).cells if cell.cell_type == "code") for path in NOTEBOOKS
    }
    assert len(first) == 1
    assert "except (ImportError, SyntaxError, TypeError)" in next(iter(first))


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        (["  ✔ It holds", "All 1 checks pass."], "green"),
        (["  ✔ It holds", "  ✘ It is small"], "red"),
        (["  ✔ It holds", "  ? It is small", "  – It is cheap"], "nothing"),
        (["  ✔ It holds", "  ? It is small"], "nothing"),
        (["✔ What crashed runs again."], "green"),
        (["It was not run."], "nothing"),
    ],
)
def test_a_verdict_is_green_only_if_everything_was_judged(lines: list[str], word: str) -> None:
    assert verdict([SimpleNamespace(output_type="stream", text="\n".join(lines))]) == word


# -- how a page is made ----------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a small notebook with a cell of each kind."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "id": "title", "source": "# A title\n\n**The claim:** it holds.\n\n**It costs** nothing measured yet."},
        {"cell_type": "code", "id": "predict", "source": "guess_ms = None  # a number"},
        {"cell_type": "code", "id": "plot", "source": "picture(figure, 'x', table)"},
        {"cell_type": "code", "id": "turn", "source": "# Your turn: do it\nrun(...)"},
        {"cell_type": "code", "id": "check", "source": "check(3)"},
    ]  # fmt: skip
    for cell in cells:
        cell |= {"metadata": {}, "source": cell["source"].splitlines(keepends=True)}
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
    file = tmp_path / "notebooks" / "03-small.ipynb"
    (file.parent / "solutions").mkdir(parents=True)
    file.write_text(
        json.dumps(
            {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
            indent=1, ensure_ascii=False, sort_keys=True,
        )
        + "\n"
    )  # fmt: skip
    (file.parent / "solutions" / "03-small.py").write_text("# %% turn\n# Your turn: do it\nrun(1)\n")
    return file


def shows(**data: str) -> Any:
    class Output(SimpleNamespace):
        def get(self, name: str, default: Any = None) -> Any:
            return getattr(self, name, default)

    return Output(
        output_type="execute_result", data={name.replace("_", "/", 1): text for name, text in data.items()}
    )


def prints(text: str) -> Any:
    return SimpleNamespace(output_type="stream", text=text)


def test_a_page_has_the_cells_as_shipped_their_outputs_and_the_answer_folded(path: Path) -> None:
    table = "<table><thead><tr><th></th><th>ms</th></tr></thead><tbody><tr><th>a</th><td>4.0</td></tr></tbody></table>"
    drawn = shows(text_html=table, text_plain="It takes [4] ms.\n\n  ms\na 4.0")
    drawn.data["image/svg+xml"] = "<svg></svg>"
    outputs = [
        [],
        [],
        [drawn],
        [prints("10 %\r100 %\n"), prints("done\n")],
        [shows(text_plain="  ✔ It holds", text_html="<table>")],
    ]
    page, figures = page_of(read(path), outputs, COSTS)
    shown = parts(page)
    assert figures == {"03-plot.svg": "<svg></svg>\n"}
    assert r"![It takes \[4\] ms.](../assets/notebooks/03-plot.svg)" in shown["plot"]
    assert "In words: It takes [4] ms." in shown["plot"]
    assert "    |  | ms |\n    | --- | ---: |\n    | a | 4.0 |" in shown["plot"]
    assert "```{.python .gaps}\nguess_ms = None  # a number\n```" in shown["predict"]
    assert "```{.python .gaps}\n# Your turn: do it\nrun(...)\n```" in shown["turn"]
    assert (
        '??? example "One answer"\n\n    ```{.python .cell}\n    # Your turn: do it\n    run(1)\n    ```'
        in shown["turn"]
    )
    assert "```{.text .printed}\n100 %\ndone\n```" in shown["turn"]
    assert "```{.text .printed}\n  ✔ It holds\n```" in shown["check"]
    assert "lab notebook 3\n" in shown["title"]
    assert "Debian, x86_64, 2 CPUs, engine 26.1, Python 3.11.2; it took 130 s." in shown["title"]


def test_the_same_run_makes_the_same_page(path: Path) -> None:
    outputs: list[list[Any]] = [[], [], [prints("x\n")], [], []]
    assert page_of(read(path), outputs, COSTS) == page_of(read(path), outputs, COSTS)


def test_a_page_is_described_by_its_claim(path: Path) -> None:
    assert heading(read(path)) == ("A title", '"It holds."')


def test_what_a_run_cost_is_written_into_the_first_cell_and_nothing_else_changes(path: Path) -> None:
    before = path.read_text("utf-8")
    write_cost(path, COSTS)
    after = path.read_text("utf-8")
    line = COST.search(str(read(path).cells[0].source))
    assert line
    assert line[0] == (
        "**It costs** 3 minutes to run, at most 512 MB of memory for its containers, and 420 MB of disk for their "
        "images; measured on Debian, x86_64, 2 CPUs, on 2026-11-28."
    )
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new
    ]
    assert len(changed) == 1
    write_cost(path, COSTS)
    assert path.read_text("utf-8") == after


def test_a_first_cell_without_a_line_for_the_cost_is_refused(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("**It costs**", "It costs"))
    with pytest.raises(ValueError, match="no line that begins"):
        write_cost(path, COSTS)


def test_an_answer_for_no_cell_is_refused(path: Path) -> None:
    answers = path.parent / "solutions" / "03-small.py"
    answers.write_text(answers.read_text("utf-8").replace("# %% turn", "# %% tern"))
    with pytest.raises(ValueError, match="tern"):
        read(path)


def test_a_table_with_names_of_its_index_and_cells_over_several_rows_is_one_row_a_line() -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.MultiIndex.from_tuples(
        [("alone", "v1"), ("alone", "v2"), ("beside", "v1")], names=["phase", "version"]
    )
    frame = pandas.DataFrame({"answer [ms]": [4.0, 5.0, 9.0], "a | b": ["x", "y", "<z>"]}, index=index)
    assert markdown_table(frame.to_html()).splitlines() == [
        "| phase | version | answer [ms] | a \\| b |",
        "| --- | --- | ---: | --- |",
        "| alone | v1 | 4.0 | x |",
        "|  | v2 | 5.0 | y |",
        "| beside | v1 | 9.0 | <z> |",
    ]
