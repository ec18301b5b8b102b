"""Reasons in a file: their texts, with what a check has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from checker.grading.verdicts import CheckFailed, Reasons

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
[closed]
rationale = "{nodes} {nodes:takes|take} no new pods."
expected = "{count} {count:node|nodes} within {seconds:.1f} s, {{as}} {name} says"
hint = "Ask {nodes:it|them}."
"""


@pytest.mark.parametrize(
    ("words", "rationale", "expected", "hint"),
    [
        (
            {"nodes": ["a"], "count": 1},
            "a takes no new pods.",
            "1 node within 2.5 s, {as} {x} says",
            "Ask it.",
        ),
        (
            {"nodes": ["a", "b"], "count": 0},
            "a and b take no new pods.",
            "0 nodes within 2.5 s, {as} {x} says",
            "Ask them.",
        ),
    ],
)
def test_lists_and_numbers_are_written_as_people_say_them(
    tmp_path: Path, words: dict[str, Any], rationale: str, expected: str, hint: str
) -> None:
    (tmp_path / "reasons.toml").write_text(TEXT)
    why = Reasons(tmp_path / "reasons.toml")
    with pytest.raises(CheckFailed) as failed:
        why.require(False, "closed", seconds=2.5, name="{x}", **words)  # noqa: FBT003 - a condition
    found = failed.value.failure
    assert (found.rationale, found.expected, found.hint) == (rationale, expected, hint)
