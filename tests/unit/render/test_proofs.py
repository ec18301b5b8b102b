"""What `lab verify` says of each answer, and of all: nothing is called right of which nothing was expected."""

from __future__ import annotations

from checker.authoring.expectations import paragraph
from checker.authoring.prove import Proof
from checker.render.proofs import proof_lines, total_lines, totals
from checker.render.style import Style
from checker.results import CheckResult, Failure, Status

PLAIN = Style(colour=False, unicode=True, width=100, terminal=False)


def proof(name: str = "wrong/x", **fields: object) -> Proof:
    return Proof(**{"answer": name, "title": "x", "as_expected": True, "verdict": "failed", **fields})  # type: ignore[arg-type]


def test_what_nobody_expected_anything_of_is_not_counted_as_right() -> None:
    free = [
        proof("answer/a", expected=False, verdict="passed"),
        proof("answer/b", expected=False),
        proof("answer/c", expected=False),
    ]
    assert total_lines({"01-x": free}, PLAIN) == [
        "",
        "3 answers without an expected verdict: 2 failed, 1 passed.",
    ]
    both = [*free, proof(), proof(as_expected=False)]
    assert total_lines({"01-x": both}, PLAIN)[1] == "1 of 2 answers ended as expected."
    assert totals({"01-x": both}) == {
        "proofs": 5,
        "as_expected": 1,
        "not_as_expected": 1,
        "nothing_expected": 3,
        "passed": 1,
    }
    assert proof_lines(free[0], PLAIN)[0].startswith("  · answer/a")


def test_a_surprise_shows_that_the_script_failed() -> None:
    lines = proof_lines(
        proof(as_expected=False, problem="it passes\nrun.sh ended with 3.\nno such file"), PLAIN
    )
    assert [line.strip() for line in lines[1:]] == ["it passes", "run.sh ended with 3.", "no such file"]


def test_a_script_that_failed_is_told_of_an_answer_without_expectation() -> None:
    lines = proof_lines(proof("answer/a", expected=False, script="run.sh ended with 3."), PLAIN)
    assert lines[-1].strip() == "run.sh ended with 3."


def test_the_parts_of_a_reason_are_joined_with_words() -> None:
    failure = Failure(
        rationale="It does not answer.",
        expected="an answer",
        seen="nothing",
        evidence="log:\n  x",
        source="curl",
        hint="look",
    )
    check = CheckResult(id="a", title="A", status=Status.FAILED, failure=failure)
    assert paragraph(check) == (
        "It does not answer. Expected: an answer. Seen: nothing. Evidence: log: x. Source: curl."
    )
