"""What a verdict must be for a proof to hold: each function returns what is not as expected, empty if all is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.grading import own_values
from checker.results import CheckResult, Report, Status

if TYPE_CHECKING:
    from checker.course.answer import Answer


def must_not_be_hurt(report: Report) -> str:
    """Require that no guard is violated, and that every check could run."""
    if hurt := report.having(Status.VIOLATED):
        return f"guard {hurt[0].id} is violated: {paragraph(hurt[0])}"
    if lost := report.having(Status.COULD_NOT_RUN):
        return f"check {lost[0].id} could not run: {lost[0].reason}"
    return ""


def must_fail(report: Report) -> str:
    """Require that a lab fails as it is shipped."""
    if report.passed:
        return "it passes although nothing was done"
    return must_not_be_hurt(report)


def must_pass(report: Report) -> str:
    """Require that a right answer passes."""
    first = report.first_problem
    return "" if report.passed else f"check {first.id}: {paragraph(first)}" if first else "no check was run"


def must_fail_for_its_values(report: Report) -> str:
    """Require that an answer with another learner's values fails because of them."""
    first = report.first_problem
    if first is None:
        return "it passes, and its values are not this learner's"
    if first.failure is None or not first.failure.reason.startswith(own_values.REASON):
        return f"check {first.id} fails for another reason than whose value it is: {paragraph(first)}"
    return ""


def anything(_: Report) -> str:
    """Require nothing."""
    return ""


def must_name(report: Report, answer: Answer) -> str:
    """Require that a wrong answer fails in the check, and for the reason, that its answer.toml states."""
    first = report.first_problem
    if report.passed or first is None:
        return f"it passes; check {answer.toml.check} had to fail"
    if first.id != answer.toml.check:
        return f"check {first.id} fails first, not {answer.toml.check}: {paragraph(first)}"
    if first.status.value != answer.toml.outcome.value:
        return f"check {first.id} ended as {first.status}, not {answer.toml.outcome}: {paragraph(first)}"
    wanted = " ".join(answer.toml.reason.split())
    said = paragraph(first), " ".join(text for _, text in _parts(first))
    return (
        ""
        if any(wanted in each for each in said)
        else f"check {first.id} fails for another reason than “{wanted}”: {paragraph(first)}"
    )


def paragraph(check: CheckResult) -> str:
    """Return everything that the learner reads about a check, as one paragraph."""
    return " ".join(f"{word}: {text}" if word else text for word, text in _parts(check) if text)


def _parts(check: CheckResult) -> list[tuple[str, str]]:
    if check.failure is None:
        return [("", check.reason)]
    parts = (
        ("", check.failure.rationale),
        ("Expected", check.failure.expected),
        ("Seen", check.failure.seen),
        ("Evidence", check.failure.evidence),
        ("Source", check.failure.source),
    )
    return [(word, _sentence(text) if word else " ".join(text.split())) for word, text in parts]


def _sentence(text: str) -> str:
    """Return a text on one line that ends like a sentence."""
    line = " ".join(text.split())
    return line if not line or line[-1] in ".!?…”`" else f"{line}."
