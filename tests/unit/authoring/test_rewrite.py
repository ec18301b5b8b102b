"""Writing a measurement into a lab.toml: the table, and not one byte besides."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from checker.authoring.rewrite import with_measured
from checker.course.model import Measured
from checker.errors import LabError

BEFORE = """title = "A lab"   # as it is
minutes = 5

[[steps]]
title = "Run it"
"""


def measured(**changes: Any) -> Measured:
    fields: dict[str, Any] = {
        "memory_mb": 12.5,
        "disk_mb": 101.0,
        "start_s": 1.25,
        "check_s": 0.123,
        "engine": "28.1",
        "system": "Débian 13",
        "date": "2026-05-01",
        "images": {"drydock/parcel:1.0": "5c83f5626685, 102 MB"},
    }
    return Measured(**{**fields, **changes})


def test_a_first_measurement_is_appended_after_a_blank_line() -> None:
    after = with_measured(BEFORE, measured())
    assert after.startswith(BEFORE + "\n[measured]\n")
    found = tomllib.loads(after)["measured"]
    assert found["memory_mb"] == 12.5
    assert found["system"] == "Débian 13"
    assert found["images"] == {"drydock/parcel:1.0": "5c83f5626685, 102 MB"}


def test_a_later_measurement_replaces_the_table_and_its_sub_table() -> None:
    first = with_measured(BEFORE, measured())
    second = with_measured(first, measured(memory_mb=99.0, images={}))
    assert second == with_measured(BEFORE, measured(memory_mb=99.0, images={}))


def test_what_checks_recorded_is_kept_by_subject_and_replaced_as_a_whole() -> None:
    recorded = {"by hand": {"replaced after a node's loss": "2 s", "requests lost": "0 requests"}}
    first = with_measured(BEFORE, measured(recorded=recorded))
    assert tomllib.loads(first)["measured"]["recorded"] == recorded
    assert with_measured(first, measured()) == with_measured(BEFORE, measured())


def test_measuring_twice_the_same_changes_nothing() -> None:
    once = with_measured(BEFORE, measured())
    assert with_measured(once, measured()) == once


def test_what_stands_after_the_table_stays_byte_for_byte() -> None:
    after_it = '\n# A remark about hints.\n[hints]\nruns = ["a", "b", "c"]  # three\n'
    text = BEFORE + "\n[measured]\nmemory_mb = 1.0\n" + after_it
    changed = with_measured(text, measured(images={}))
    assert changed.startswith(BEFORE)
    assert changed.endswith(after_it)
    assert tomllib.loads(changed)["hints"] == {"runs": ["a", "b", "c"]}


def test_a_file_without_a_last_line_end_gets_one() -> None:
    after = with_measured(BEFORE.rstrip(), measured())
    assert after.startswith(BEFORE + "\n[measured]\n")


def test_line_ends_of_windows_are_kept() -> None:
    after = with_measured(BEFORE.replace("\n", "\r\n"), measured())
    assert after.count("\n") == after.count("\r\n")


@pytest.mark.parametrize(
    "text",
    [
        "measured = { memory_mb = 1.0 }\n" + BEFORE,
        'title = """\n[measured]\nnot a table\n"""\nminutes = 5\n',
        "minutes = \n",
    ],
)
def test_a_file_that_cannot_be_changed_safely_is_refused(text: str) -> None:
    with pytest.raises(LabError, match="cannot be replaced"):
        with_measured(text, measured())
