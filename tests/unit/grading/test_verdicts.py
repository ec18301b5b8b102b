"""Reasons in a file: their texts, with what a check has found."""

from __future__ import annotations

from types import SimpleNamespace
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


VARIANTS = """
[ended]
expected = "copies that run"

[ended.by-itself]
rationale = "{copy.name} on {copy.node} has ended."
hint = "What are its last words?"

[ended.by-itself.by-a-kill]
hint = "Who killed {copy.name}?"
"""


def test_a_table_in_another_has_the_texts_of_the_outer_one_except_for_its_own(tmp_path: Path) -> None:
    (tmp_path / "reasons.toml").write_text(VARIANTS)
    why = Reasons(tmp_path / "reasons.toml")
    assert list(why.texts) == ["ended.by-itself", "ended.by-itself.by-a-kill"], "no hint, no reason"
    with pytest.raises(CheckFailed) as failed:
        why.fail("ended.by-itself.by-a-kill", copy=SimpleNamespace(name="a", node="host-1"))
    found = failed.value.failure
    assert found.rationale == "a on host-1 has ended."
    assert (found.expected, found.hint) == ("copies that run", "Who killed a?")


def test_two_reasons_given_on_one_line_are_two(tmp_path: Path) -> None:
    (tmp_path / "reasons.toml").write_text(VARIANTS)
    why = Reasons(tmp_path / "reasons.toml")
    copy, told = SimpleNamespace(name="a", node="host-1"), []
    for name in why.texts:
        with pytest.raises(CheckFailed) as failed:
            why.fail(name, copy=copy)
        told.append(failed.value.failure.reason)
    assert told == list(why.texts)
