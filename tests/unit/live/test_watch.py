"""What a page is told when nobody asked: such a verdict disturbs nothing, and what was asked for before stays on the page."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from checker.live import watch
from checker.live.hub import Hub
from checker.live.state import Phase
from checker.live.watch import Watch
from checker.results import CheckResult, Failure, Report, Status
from checker.session.session import Session

if TYPE_CHECKING:
    from checker.live.judge import Verdict

RUNS = CheckResult(id="service-runs", title="Copies run", status=Status.PASSED)
LOSS = CheckResult(id="node-replaced", title="A lost node's copies run elsewhere", status=Status.PASSED)
NO_ROOM = CheckResult(
    id="node-replaced",
    title=LOSS.title,
    status=Status.FAILED,
    failure=Failure(rationale="There is no room for a lost copy.", hint="How many nodes are left?"),
)
WAITS = CheckResult(
    id="node-replaced",
    title=LOSS.title,
    status=Status.NOT_RUN,
    reason="runs only when you ask for a check: it kills a node",
    waits=True,
)
NOT_RUN = CheckResult(
    id="node-replaced", title=LOSS.title, status=Status.NOT_RUN, reason="waits for “Copies run”"
)


@dataclass
class Played:
    """Gives the verdict that the test wants, and notes how it was asked for."""

    checks: tuple[CheckResult, ...] = (RUNS, WAITS)
    looked: list[bool] = field(default_factory=list)
    seconds = 0.0

    def ask(self, verdict: Verdict) -> Verdict:
        """Give it."""
        self.looked.append(verdict.looking)
        verdict.report = Report(
            lab="09-swarm", title="Swarm", checks=self.checks, started="2026-01-01", ms=1.0
        )
        verdict.given.set_result(None)
        return verdict


@dataclass
class Stage:
    """A lab that a page shows, and who judges it."""

    watch: Watch
    judge: Played
    attempts: list[Report]
    """What was kept of verdicts that nobody asked for."""

    def look(self, *checks: CheckResult) -> dict[str, Any]:
        """Return what a page knows of the last check after a verdict that nobody asked for."""
        return self._judge(checks, asked=False)

    def check(self, *checks: CheckResult) -> dict[str, Any]:
        """Return what a page knows of the last check after the learner pressed Check."""
        return self._judge(checks, asked=True)

    def _judge(self, checks: tuple[CheckResult, ...], *, asked: bool) -> dict[str, Any]:
        self.judge.checks = checks
        self.watch.judge(asked=asked, keep=asked)
        found: dict[str, Any] = self.watch.snapshot()["checks"][-1]
        return found


@pytest.fixture
def stage() -> Stage:
    """Lab 09, judged as the test says."""
    judge, attempts = Played(), list[Report]()
    record = SimpleNamespace(record_attempt=attempts.append, close=lambda: None)
    session: Any = SimpleNamespace(progress=record)
    return Stage(Watch(Session().catalogue.find("09"), Hub("run"), judge, lambda: session), judge, attempts)  # type: ignore[arg-type]


def test_only_the_button_check_lets_a_check_disturb_the_lab(stage: Stage) -> None:
    stage.watch.judge(asked=False, keep=False)
    stage.watch.judge(asked=True)
    assert stage.judge.looked == [True, False]


def test_what_waits_for_the_button_is_neither_passed_nor_failed_and_says_so(stage: Stage) -> None:
    check = stage.look(RUNS, WAITS)
    assert (check["state"], check["waits"]) == ("skipped", True)
    assert check["reason"] == "runs only when you ask for a check: it kills a node"
    verdict = stage.watch.snapshot()["verdict"]
    assert verdict["said"] == "Lab 9: 1 of 2 checks pass. 1 waits for the button Check."
    assert not verdict["done"]


def test_a_failure_that_was_asked_for_stays_on_the_page_and_is_marked_as_kept(stage: Stage) -> None:
    assert not stage.check(RUNS, NO_ROOM)["kept"]
    check = stage.look(RUNS, WAITS)
    assert (check["state"], check["reason"], check["kept"]) == (
        "fail",
        "There is no room for a lost copy.",
        True,
    )
    assert stage.watch.snapshot()["first"] == "node-replaced"
    # It passes when it is asked for, and an earlier failure does not come back.
    assert stage.check(RUNS, LOSS)["state"] == "pass"
    assert stage.look(RUNS, WAITS)["state"] == "skipped"


def test_a_kept_failure_goes_with_what_it_was_about(stage: Stage) -> None:
    stage.check(RUNS, NO_ROOM)
    failed = CheckResult(id="service-runs", title="Copies run", status=Status.COULD_NOT_RUN, reason="?")
    assert stage.look(failed, NOT_RUN)["state"] == "skipped"
    assert stage.look(RUNS, WAITS)["state"] == "skipped"


def test_a_pass_is_never_kept_because_only_a_proof_says_that_it_still_holds(stage: Stage) -> None:
    assert stage.check(RUNS, LOSS)["state"] == "pass"
    assert stage.look(RUNS, WAITS)["state"] == "skipped"
    assert stage.look(RUNS, LOSS)["state"] == "pass"


def test_a_lab_that_is_started_again_has_no_kept_failure(stage: Stage) -> None:
    stage.check(RUNS, NO_ROOM)
    stage.watch.set_phase(Phase.STARTING)
    assert stage.look(RUNS, WAITS)["state"] == "skipped"


def test_looking_at_a_failure_again_is_no_attempt_and_news_is_one(stage: Stage) -> None:
    stage.check(RUNS, NO_ROOM)
    stage.look(RUNS, WAITS)
    assert stage.attempts == []
    stage.look(CheckResult(id="service-runs", title="Copies run", status=Status.COULD_NOT_RUN), NOT_RUN)
    assert len(stage.attempts) == 1


@dataclass
class Overtaken:
    """Gives a verdict, but before it the engine tells of a change."""

    stage: Stage
    endless: bool = False
    """Whether it gives the verdict only once that is of no use any more."""
    seconds = 0.0

    def ask(self, verdict: Verdict) -> Verdict:
        """Begin it."""
        threading.Thread(target=self._give, args=[verdict]).start()
        return verdict

    def _give(self, verdict: Verdict) -> None:
        self.stage.watch.nudge()
        if self.endless:
            verdict.outdated.wait(60)
        self.stage.judge.ask(verdict)


def look_while_something_changes(stage: Stage, *, caused: bool = False) -> bool:
    """Return whether a look goes on to its end, while the engine tells of a change."""
    stage.watch._judge = Overtaken(stage)  # type: ignore[assignment]
    return stage.watch.judge_unless_outdated(caused=caused)


def test_a_change_ends_a_verdict_that_nothing_has_caused_and_no_page_is_told_of_it(stage: Stage) -> None:
    assert not look_while_something_changes(stage)
    assert stage.watch.state.tries == 0


def test_a_change_does_not_end_the_verdict_on_the_change_right_before_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "OUTDATED_SECONDS", 600.0)
    assert look_while_something_changes(stage, caused=True)
    assert stage.watch.state.tries == 1


def test_a_verdict_on_a_change_that_takes_long_ends_too_when_another_change_has_come(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "OUTDATED_SECONDS", 0.1)
    stage.watch._judge = Overtaken(stage, endless=True)  # type: ignore[assignment]
    assert not stage.watch.judge_unless_outdated(caused=True)
    assert stage.watch.state.tries == 0


def test_a_lab_that_changes_all_the_time_is_judged_all_the_same(stage: Stage) -> None:
    assert [look_while_something_changes(stage) for _ in range(6)] == [False, False, True] * 2
