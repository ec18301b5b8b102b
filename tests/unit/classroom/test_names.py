"""Texts from learners are made harmless, and names of files that lead out of a folder are found."""

from __future__ import annotations

import pytest

from checker.classroom.names import cell, key, learner, plain, why_unsafe
from checker.errors import LabError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada\x1b[31m L\x1b[0m", "Ada L"),
        ("\x1b]0;title\x07Ada", "Ada"),
        ("\x1b]52;c;cm0=\x1b\\Ada", "Ada"),
        ("Ada\u202eadA\u2066", "AdaadA"),
        ("A\tb\r\nc", "A b c"),
        ("e\u0301", "é"),
        ("\ue000\x00\x9b31m", "31m"),
        ("<b>&\"'", "<b>&\"'"),
    ],
)
def test_a_text_keeps_only_what_can_be_seen(text: str, shown: str) -> None:
    assert plain(text, 80) == shown


def test_a_text_of_a_megabyte_is_cut() -> None:
    assert plain("ab" * 500_000, 10) == "ababababab"


def test_a_name_without_anything_to_see_is_refused() -> None:
    with pytest.raises(LabError, match="name is empty"):
        learner(" \u200b\n")


def test_two_spellings_of_one_name_are_found() -> None:
    assert key("ＡＤＡ  l") == key("ada L\u200b")
    assert key("Ada") != key("Ade")


@pytest.mark.parametrize("path", ["a", "a/b.txt", ".hidden", "Ünï/c d", "a..b/...x"])
def test_an_ordinary_path_is_safe(path: str) -> None:
    assert not why_unsafe(path)


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a//b", "a\\b", "C:a", "a/con", "NUL.txt", "a.", "a ", "a\n"]
)
def test_a_path_that_could_lead_elsewhere_is_not(path: str) -> None:
    assert why_unsafe(path)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_cell_cannot_become_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert cell(f"x{text}") == f"x{text}"
