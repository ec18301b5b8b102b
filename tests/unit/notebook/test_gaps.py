"""Cells that the learner completes: left out with a sentence while a gap is left, and run as they are afterwards."""

from __future__ import annotations

import contextlib
import io

import pytest

from checker.notebook.gaps import gaps_in, without_gaps


def printed(source: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec("".join(without_gaps(source.splitlines(keepends=True))), {})  # noqa: S102 - a cell of this test
    return out.getvalue()


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("# Your turn: go\nrun(...)\n", [2]),
        ("# Your turn: go\nrun(a=...,\n    b=[...])\n", [2, 3]),
        ("\n# Your turn: go\nx = ...\n", [3]),
        ('# Your turn: go\nprint("...")\n', []),
        ("# Your turn: go\nrun(1)\n", []),
        ("run(...)\n", []),
        ("# Your turn: go\nrun(\n", []),
    ],
    ids=["one", "two lines", "blank line first", "in a text", "filled", "not the learner's", "no Python"],
)
def test_gaps_are_found_where_they_are(source: str, lines: list[int]) -> None:
    assert gaps_in(source) == lines


def test_a_cell_with_gaps_says_so_and_does_nothing_else() -> None:
    said = printed("# Your turn: go\nprint('it ran')\nx = ...\ny = ...\nz = [...]\n")
    assert said.splitlines() == [
        "This cell was not run: it still has gaps, in lines 3, 4 and 5.",
        "Replace every ... and run the cell again. Until then, the cells below run without it.",
    ]


def test_one_gap_is_one_line() -> None:
    assert "in line 2." in printed("# Your turn: go\nx = ...\n")


def test_a_completed_cell_runs_as_it_is() -> None:
    assert printed("# Your turn: go\nprint('it ran')\n") == "it ran\n"


def test_a_cell_that_is_not_the_learners_may_say_anything() -> None:
    assert printed("x = ...\nprint(x is ...)\n") == "True\n"
