"""What was proven before is left out of a run that is continued, until something of the course changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checker.authoring.ledger import Ledger, digest_of, time_left
from checker.authoring.prove import Proof
from checker.authoring.selection import Part, part_from
from checker.errors import MisuseError

if TYPE_CHECKING:
    from pathlib import Path


def proof(name: str, *, as_expected: bool = True, seconds: float = 10.0) -> Proof:
    return Proof(answer=name, title=name, as_expected=as_expected, verdict="passed", seconds=seconds)


def test_what_ended_as_it_must_is_proven_for_the_next_run_of_the_same_course(tmp_path: Path) -> None:
    file = tmp_path / "proofs" / "97.json"
    ledger = Ledger(file, "course")
    ledger.add(proof("solution"))
    ledger.add(proof("wrong/port", as_expected=False))
    later = Ledger(file, "course")
    assert later.is_proven("solution")
    assert not later.is_proven("wrong/port")
    assert not later.is_proven("wrong/other")
    assert not Ledger(file, "another course").is_proven("solution")


def test_the_time_left_is_that_of_the_last_run_and_for_what_is_new_the_usual(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "97.json", "course")
    assert ledger.seconds_for(["solution"]) is None
    ledger.add(proof("solution", seconds=30.0))
    ledger.add(proof("as shipped", seconds=10.0))
    assert ledger.seconds_for(["solution", "new"]) == pytest.approx(50.0)


def test_a_record_that_cannot_be_read_is_an_empty_one(tmp_path: Path) -> None:
    file = tmp_path / "97.json"
    file.write_text("{", encoding="utf-8")
    assert not Ledger(file, "course").is_proven("solution")


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.0, "about 10 s left"), (62.0, "about 60 s left"), (700.0, "about 12 min left")]
)
def test_the_time_left_is_said_as_a_person_would(seconds: float, text: str) -> None:
    assert time_left(seconds) == text


def test_a_digest_changes_with_any_file_and_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "check.py"
    file.write_text("a", encoding="utf-8")
    first = digest_of([tmp_path])
    file.write_text("b", encoding="utf-8")
    second = digest_of([tmp_path])
    file.rename(tmp_path / "other.py")
    assert len({first, second, digest_of([tmp_path])}) == 3


def test_the_parts_together_are_everything_and_share_nothing() -> None:
    tasks = list(range(10))
    parts = [Part(number, 3).of(tasks) for number in (1, 2, 3)]
    assert sorted(each for part in parts for each in part) == tasks


@pytest.mark.parametrize("text", ["3/2", "0/2", "1", "a/b", "1/2/3", "-1/2"])
def test_a_part_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MisuseError, match="is not a part such as 2/3"):
        part_from(text)
