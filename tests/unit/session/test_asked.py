"""What a check said when the learner asked for it stays, until it is asked for again or there is nothing to wait for."""

from __future__ import annotations

from checker.results import CheckResult, Report, Status
from checker.session.asked import Asked

RUNS = CheckResult(id="runs", title="Copies run", status=Status.PASSED)
LOST = CheckResult(id="lost", title="A lost node", status=Status.FAILED)
WAITS = CheckResult(
    id="lost", title="A lost node", status=Status.NOT_RUN, reason="it kills a node", waits=True
)
NOT_RUN = CheckResult(id="lost", title="A lost node", status=Status.NOT_RUN, reason="waits for “Copies run”")


def report(*checks: CheckResult) -> Report:
    return Report(lab="09-swarm", title="Swarm", checks=checks, started="2026-01-01", ms=1.0)


def test_a_failure_stays_while_its_check_waits_and_is_named_as_kept() -> None:
    asked = Asked()
    assert asked.fill_in(report(RUNS, LOST), looking=False).checks == (RUNS, LOST)
    assert asked.kept == frozenset()
    for _ in range(2):
        assert asked.fill_in(report(RUNS, WAITS), looking=True).checks == (RUNS, LOST)
        assert asked.kept == {"lost"}


def test_a_failure_goes_when_its_check_waits_for_another_one() -> None:
    asked = Asked()
    asked.fill_in(report(RUNS, LOST), looking=False)
    assert asked.fill_in(report(NOT_RUN), looking=True).checks == (NOT_RUN,)
    assert asked.fill_in(report(RUNS, WAITS), looking=True).checks == (RUNS, WAITS)


def test_nothing_is_kept_of_what_was_only_looked_at_or_forgotten() -> None:
    asked = Asked()
    asked.fill_in(report(RUNS, LOST), looking=True)
    assert asked.fill_in(report(RUNS, WAITS), looking=True).checks == (RUNS, WAITS)
    asked.fill_in(report(RUNS, LOST), looking=False)
    asked.forget()
    assert asked.fill_in(report(RUNS, WAITS), looking=True).checks == (RUNS, WAITS)
    assert asked.kept == frozenset()
