"""What is written of labs on other engines: one line for each case, and a page that says no more than was tried."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from checker.course.catalogue import Catalogue
from checker.course.places import find
from tests.conftest import ROOT
from tests.engines import cases, record
from tests.engines.kinds import KINDS, Kind, chosen
from tests.engines.record import Entry, Outcome, Record

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [("29", "Engine 29"), ("podman", "Podman 5")]
LABS = [("01", "First"), ("02", "Second")]
PODMAN = Kind("podman", "Podman 5", "podman-5", lacks=(("builder", "has no BuildKit"),))


def entry(engine: str = "29", lab: str = "01", case: str = "solution", **changes: Any) -> Entry:
    made = Entry(
        engine=engine,
        lab=lab,
        case=case,
        outcome=Outcome.WORKS,
        version="29.9, API 1.56",
        store="containerd's store",
        client="docker 28.5.2",
        machine="2 cores",
        date=dt.date(2026, 11, 28),
    )
    return msgspec.structs.replace(made, **changes)


def cell(*entries: Entry) -> str:
    shown = record.page(Record(entries=entries), NAMES, LABS)
    (row,) = (line for line in shown.splitlines() if line.startswith("| 01 First"))
    return row.split("|")[2].strip()


def test_a_lab_works_only_when_all_of_it_was_tried() -> None:
    three = [entry(case=case) for case in ("as shipped", "solution", "wrong/root")]
    assert cell() == "–"
    assert cell(three[1]) == "works so far"
    assert cell(*three) == "works"


def test_of_a_lab_that_is_refused_nothing_else_is_kept() -> None:
    tried = [entry(case=case, outcome=Outcome.FAILS) for case in ("as shipped", "solution")]
    refused = entry(case="as shipped", outcome=Outcome.REFUSED)
    other = entry(engine="podman")
    assert Record(entries=(*tried, other)).having(refused).entries == (refused, other)


@pytest.mark.parametrize("bad", [Outcome.FAILS, Outcome.REFUSED])
def test_one_case_that_went_wrong_is_shown_with_its_sentence(bad: Outcome) -> None:
    entries = (entry(case="as shipped"), entry(outcome=bad, sentence="The port is taken."))
    assert cell(*entries) == bad.value
    shown = record.page(Record(entries=entries), NAMES, LABS)
    assert f"- **Engine 29, lab 01, solution** {bad.value}: The port is taken.\n" in shown


def test_what_is_said_alike_of_several_labs_is_written_once() -> None:
    entries = tuple(
        entry(lab=lab, outcome=Outcome.REFUSED, sentence=f"Lab {lab} needs limits.") for lab in ("01", "02")
    )
    shown = record.page(Record(entries=entries), NAMES, LABS)
    assert "- **Engine 29, labs 01 and 02, solution** refused: The lab needs limits.\n" in shown
    assert shown.count("needs limits") == 1


def test_the_last_try_of_a_case_replaces_the_one_before_and_leaves_the_rest() -> None:
    before = Record(entries=(entry(outcome=Outcome.FAILS), entry("podman"), entry(case="wrong/a")))
    after = before.having(entry()).having(entry(case="wrong/b"))
    assert [(each.engine, each.case, each.outcome) for each in after.entries] == [
        ("29", "solution", Outcome.WORKS),
        ("29", "wrong/b", Outcome.WORKS),
        ("podman", "solution", Outcome.WORKS),
    ]


def test_what_worked_the_second_time_is_told_with_what_was_said_the_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cases, "RECORD", tmp_path / "record.json")
    lab = Catalogue(find(ROOT)).find("01")
    facts = {"version": "29", "store": "s", "client": "c", "machine": "m"}
    tries = [proof(as_expected=False, problem="It was slow."), proof(as_expected=True)]
    noted = cases.note(chosen("29")[0], lab, "solution", tries, facts)
    assert (noted.outcome, noted.tries, noted.sentence) == (Outcome.WORKS, 2, "It was slow.")
    assert cell(*(entry(case=case, tries=2, sentence="Slow.") for case in record.CASES)) == "works"
    shown = record.page(record.read(cases.RECORD), [("29", "Engine 29")], LABS)
    assert "- Engine 29, lab 01, solution: It was slow.\n" in shown
    assert "**Engine 29, lab 01, solution**" not in shown


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = Record(entries=(entry(), entry("podman", outcome=Outcome.REFUSED, sentence="No.")))
    record.write(written, tmp_path / "record.json")
    assert record.read(tmp_path / "record.json") == written
    assert record.read(tmp_path / "none.json") == Record()


def test_a_sentence_names_no_path_of_the_machine_and_has_an_end() -> None:
    said = record.sentence("✘ Look at\n  /course/.lab/x.log, not at `/etc/hosts` or /api/count.")
    assert said == "Look at …, not at `/etc/hosts` or /api/count."
    assert len(record.sentence("word " * 500)) <= record.SENTENCE + 1


def proof(*, as_expected: bool, problem: str = "") -> dict[str, Any]:
    return {"as_expected": as_expected, "problem": problem, "verdict": "could-not-run"}


@pytest.mark.parametrize(
    ("number", "given", "expected"),
    [
        ("01", proof(as_expected=True), Outcome.WORKS),
        ("01", proof(as_expected=False, problem="Podman, has no BuildKit"), Outcome.FAILS),
        ("02", proof(as_expected=False, problem="this engine, Podman, has no BuildKit"), Outcome.REFUSED),
        ("02", proof(as_expected=False, problem="unknown mount option"), Outcome.FAILS),
        # It was to be refused: that it works now is news, and the table of engines is to be changed.
        ("02", proof(as_expected=True), Outcome.FAILS),
    ],
)
def test_only_the_sentence_that_a_lab_owes_counts_as_refused(
    number: str, given: dict[str, Any], expected: Outcome
) -> None:
    lab = Catalogue(find(ROOT)).find(number)
    assert cases.outcome(PODMAN, lab, given)[0] is expected


def test_engines_are_chosen_by_name_and_a_misspelt_one_is_told() -> None:
    assert [kind.name for kind in chosen("podman, 29")] == ["29", "podman"]
    assert chosen("") == KINDS
    with pytest.raises(ValueError, match="no engine `30`; engines: 28, 28c, 28r, 29, podman"):
        chosen("30")


def test_the_page_says_what_the_record_says() -> None:
    assert cases.PAGE.read_text("utf-8") == cases.text()
