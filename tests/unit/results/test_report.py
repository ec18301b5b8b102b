"""What a report says of itself: passed or not, the exit code, what to look at first."""

from __future__ import annotations

import msgspec
import pytest

from checker.errors import ExitCode
from checker.results import CheckResult, Failure, Kind, Report, Status

P, F, V, C, N = Status.PASSED, Status.FAILED, Status.VIOLATED, Status.COULD_NOT_RUN, Status.NOT_RUN


def report(*statuses: Status) -> Report:
    checks = [
        CheckResult(id=f"c{number}", title=f"Check {number}", status=status, failure=failure(status))
        for number, status in enumerate(statuses)
    ]
    return Report(
        lab="97-fake", title="Fake", checks=tuple(checks), started="2026-01-01T00:00:00+00:00", ms=1.0
    )


def failure(status: Status) -> Failure | None:
    return Failure(rationale="why", hint="where") if status in {F, V} else None


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        ((P, P), ExitCode.OK),
        ((P, F), ExitCode.CHECK_FAILED),
        ((P, V), ExitCode.CHECK_FAILED),
        ((C, F), ExitCode.CHECK_FAILED),
        ((P, C), ExitCode.COULD_NOT_RUN),
        ((C, N), ExitCode.COULD_NOT_RUN),
        ((P, N), ExitCode.COULD_NOT_RUN),
        ((P, Status.NOT_JUDGED), ExitCode.COULD_NOT_RUN),
        ((Status.NOT_JUDGED, F), ExitCode.CHECK_FAILED),
        ((), ExitCode.COULD_NOT_RUN),
    ],
)
def test_the_exit_code_follows_from_the_checks(statuses: tuple[Status, ...], code: ExitCode) -> None:
    assert report(*statuses).exit_code is code
    assert report(*statuses).passed is (code is ExitCode.OK)


@pytest.mark.parametrize(
    ("statuses", "first"),
    [
        ((P, P), None),
        ((P, F, F), "c1"),
        ((F, V), "c1"),
        ((C, F), "c1"),
        ((P, C, N), "c1"),
        ((N, P), None),
    ],
)
def test_the_first_problem_is_a_violation_then_a_failure_then_what_could_not_run(
    statuses: tuple[Status, ...], first: str | None
) -> None:
    problem = report(*statuses).first_problem
    assert (problem.id if problem else None) == first


def test_a_report_survives_json() -> None:
    before = report(P, F, V, C, N)
    encoded = msgspec.json.encode(before)
    assert msgspec.json.decode(encoded, type=Report) == before
    assert msgspec.json.decode(encoded)["checks"][1]["failure"]["rationale"] == "why"


def test_a_guard_is_told_apart() -> None:
    check = CheckResult(id="g", title="G", status=P, kind=Kind.GUARD)
    assert b'"kind":"guard"' in msgspec.json.encode(check)


def test_what_is_not_judged_is_no_pass_and_nothing_wrong() -> None:
    found = report(P, Status.NOT_JUDGED)
    assert (found.passed, found.right, found.first_problem) == (False, True, None)
    for statuses in ((Status.NOT_JUDGED,), (P, C, Status.NOT_JUDGED), (P, N), ()):
        assert not report(*statuses).right
