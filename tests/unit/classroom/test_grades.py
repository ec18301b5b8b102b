"""Points from results, and the files that gradebooks import; the same grades give the same files."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import msgspec
import pytest

from checker.classroom.gradebooks import FORMATS, canvas, junit, moodle, table, write_all
from checker.classroom.grades import Grade, Rules, grade, read_rules
from checker.classroom.regrade import Found, compare
from checker.classroom.result import Result
from checker.classroom.xapi import statement, statements
from checker.errors import LabError, MisuseError
from checker.results import Status
from tests.unit.classroom.conftest import CHECKS, report_of
from tests.unit.classroom.statement_schema import STATEMENT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.course.catalogue import Lab
    from tests.conftest import Course
    from tests.unit.classroom.conftest import Handing

HOME = "https://moodle.example.org"


@pytest.fixture
def graded(handing: Handing, lab: Lab) -> Callable[..., Grade]:
    def make(
        *passed: str,
        rules: Rules | None = None,
        here: bool = True,
        guard: Status = Status.PASSED,
        **changes: Any,
    ) -> Grade:
        found = Found(report_of(lab, *passed, guard=guard)) if here else Found(None)
        result = compare(handing.handed(**changes), found, file="x")
        return grade(result, rules or Rules(), lab)

    return make


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_each_check_counts_the_same_without_rules(graded: Callable[..., Grade]) -> None:
    assert graded(*CHECKS).points == 100
    assert graded("it-holds").points == 33.33
    assert graded().points == 0


def test_weights_count(graded: Callable[..., Grade], lab: Lab) -> None:
    rules = Rules(points=20, weights={lab.slug: {"it-holds": 3, "it-lasts": 0}})
    assert graded("it-holds", rules=rules).points == 15
    assert graded("it-lasts", rules=rules).points == 0
    assert graded("it-holds", "it-answers", rules=rules).points == 20


def test_hints_and_attempts_cost_what_the_rules_say_but_never_more_than_they_may(
    graded: Callable[..., Grade],
) -> None:
    rules = Rules(hint=0.05, attempt=0.01, free_attempts=2, least=0.6)
    assert graded(*CHECKS, rules=rules, hints=2, attempts=5).points == 87
    assert graded(*CHECKS, rules=rules, hints=2, attempts=1).points == 90
    assert graded(*CHECKS, rules=rules, hints=500).points == 60
    assert graded(*CHECKS, rules=Rules(solved=0.5), solved=True).points == 50
    assert graded(*CHECKS, rules=rules, hints=-500, attempts=-9).points == 100


def test_a_claim_earns_nothing_unless_the_rules_say_so(graded: Callable[..., Grade]) -> None:
    assert graded(here=False).points == 0
    assert graded(here=False, rules=Rules(only_verified=False)).points == 100
    assert graded("it-holds", rules=Rules(only_verified=False)).points == 33.33  # refuted is refuted


def test_a_guard_that_was_violated_costs_everything(graded: Callable[..., Grade]) -> None:
    assert graded(*CHECKS, guard=Status.VIOLATED).points == 0


def test_rules_are_read_and_wrong_ones_are_named(course: Course, lab: Lab, tmp_path: Path) -> None:
    assert read_rules(tmp_path, course.catalogue) == Rules()
    file = tmp_path / "grading.toml"
    file.write_text(f"points = 10\n[weights.{lab.slug}]\nit-holds = 2\n")
    assert read_rules(tmp_path, course.catalogue).weights == {lab.slug: {"it-holds": 2}}
    for text, why in (
        (f"[weights.{lab.slug}]\nother = 2\n", "has no check `other`"),
        ("[weights.01-x]\nother = 2\n", "no lab `01-x`"),
        (f"[weights.{lab.slug}]\nit-holds = -2\n", "weight of it-holds is -2"),
        ("hint = 3\n", "hint"),
        ("hints = 0.1\n", "hints"),
    ):
        file.write_text(text)
        with pytest.raises((LabError, MisuseError), match=re.escape(why)):
            read_rules(tmp_path, course.catalogue)


def test_the_table_has_the_evidence_and_no_formulas(graded: Callable[..., Grade]) -> None:
    made = graded("it-holds", learner='=cmd|"/c calc"!A1', id="@7", typed=())
    heading, row = rows(table([made], HOME))
    found = dict(zip(heading, row, strict=True))
    assert found["Learner"] == '\'=cmd|"/c calc"!A1'
    assert found["ID"] == "'@7"
    assert (found["Evidence"], found["Points"], found["Refuted checks"]) == (
        "replayed",
        "33.33",
        "it-answers it-lasts",
    )


def test_moodle_gets_a_grade_and_feedback_for_each_lab_and_no_markup(graded: Callable[..., Grade]) -> None:
    ada, ben = graded(*CHECKS, learner="Ada", id="7"), graded("it-holds", learner="Ben", id="8")
    other = msgspec.structs.replace(ben, lab="98-other", title="<b>Other</b>")
    heading, *found = rows(moodle([ada, ben, other], HOME))
    assert heading[:4] == ["Full name", "ID number", "Lab 97: A fake lab", "Lab 97: A fake lab (feedback)"]
    assert found[0] == ["Ada", "7", "100.00", "3 of 3 checks, verified", "", ""]
    assert found[1][:3] == ["Ben", "8", "33.33"]
    assert "claimed, but not seen: it-answers, it-lasts" in found[1][3]


def test_canvas_gets_its_five_columns_and_the_points_possible_in_the_second_row(
    graded: Callable[..., Grade],
) -> None:
    heading, possible, row = rows(canvas([graded(*CHECKS, learner="Ada", id="7")], HOME))
    assert heading == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 97: A fake lab"]
    assert [each.strip() for each in possible] == ["Points Possible", "", "", "", "", "100.00"]
    assert row == ["Ada", "", "7", "7", "", "100.00"]


def test_junit_is_read_by_a_parser_and_has_hostile_names_as_text(graded: Callable[..., Grade]) -> None:
    made = graded("it-holds", learner='<x a="1">&\x1b[2J')
    (suite,) = ET.fromstring(junit([made], HOME))  # noqa: S314 - written just above
    assert suite.get("name") == f'<x a="1">& · {made.lab}'
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    assert [case.get("name") for case in suite.findall("testcase")] == ["it answers", "it holds", "it lasts"]
    messages = [failure.get("message") for failure in suite.iter("failure")]
    assert messages == ["it-answers is not so.", "it-lasts is not so."]


def test_each_statement_is_one_by_the_specification(graded: Callable[..., Grade]) -> None:
    validator = jsonschema.Draft202012Validator(STATEMENT, format_checker=jsonschema.FormatChecker())
    some = [
        graded(*CHECKS, learner="Ada", id="7"),
        graded("it-holds", learner="<i>Ben</i>"),
        graded(here=False, made="no time at all"),
        graded(made="9999-12-31T23:59:59-23:59"),
    ]
    for each in json.loads(statements(some, HOME)):
        validator.validate(each)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**statement(some[0], HOME), "more": 1})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**statement(some[0], HOME), "id": "7"})


def test_a_statement_says_how_it_went_and_what_is_behind_it(graded: Callable[..., Grade]) -> None:
    def brief(made: Grade) -> tuple[str, bool, str]:
        said = statement(made, HOME)
        return (
            said["verb"]["display"]["en"],
            said["result"]["success"],
            said["result"]["extensions"]["urn:drydock:evidence"],
        )

    assert brief(graded(*CHECKS)) == ("passed", True, "verified")
    assert brief(graded("it-holds")) == ("failed", False, "replayed")
    assert brief(graded(here=False)) == ("attempted", False, "claimed")


def test_the_same_grade_is_the_same_statement_and_another_grade_is_another(
    graded: Callable[..., Grade],
) -> None:
    assert statement(graded(*CHECKS), HOME) == statement(graded(*CHECKS), HOME)
    assert statement(graded(*CHECKS), HOME)["id"] != statement(graded("it-holds"), HOME)["id"]


def test_every_format_is_written_twice_with_the_same_bytes(
    graded: Callable[..., Grade], tmp_path: Path
) -> None:
    found = [graded(*CHECKS, learner="Ada"), graded("it-holds", learner="Ben")]
    first = [file.read_bytes() for file in write_all(tmp_path / "1", found, FORMATS, HOME)]
    second = [file.read_bytes() for file in write_all(tmp_path / "2", list(found), FORMATS, HOME)]
    assert first == second
    assert len(first) == 5


def test_a_folder_that_cannot_be_written_says_so(graded: Callable[..., Grade], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(LabError, match="cannot be written"):
        write_all(tmp_path / "out", [graded()], ["table"], HOME)


def test_a_refused_archive_has_no_grade() -> None:
    assert Result(file="x", refused="It is cut.").evidence.value == "claimed"
