"""The pytest plugin that turns a lab's test functions into checks, and their outcomes into a record."""

from __future__ import annotations

import contextlib
import inspect
import io
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from checker.errors import LabError
from checker.grading.deadline import DeadlineError, deadline
from checker.grading.fixtures import LAB
from checker.grading.pausing import Outdated, is_outdated
from checker.grading.verdicts import CHECK_SECONDS, MARKS, CheckFailed, CouldNotRun, NotJudged, Waits
from checker.results import CheckResult, Failure, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest

    from checker.course.catalogue import Lab as CourseLab
    from checker.grading.author import Lab

SPOKEN_CHARACTERS = 64 * 1024
"""How much of a check's output is kept; a check has no reason to print."""


@dataclass(frozen=True)
class Check:
    """One check, as its function declares it."""

    id: str
    title: str
    kind: Kind
    step: int
    needs: tuple[str, ...]
    seconds: float


class Sink(io.StringIO):
    """Takes a check's output up to a limit, so that a large output fills neither memory nor the terminal."""

    def write(self, text: str) -> int:
        """Keep the text until the limit is reached."""
        if self.tell() < SPOKEN_CHARACTERS:
            super().write(text[:SPOKEN_CHARACTERS])
        return len(text)


def read_check(function: Callable[..., object], lab: CourseLab) -> Check:
    """Read what a check's function declares."""
    check_id = function.__name__.removeprefix("test_").replace("_", "-")
    marks = getattr(function, MARKS, {})
    title = (inspect.getdoc(function) or "").strip().partition("\n")[0].rstrip(".")
    return Check(
        id=check_id,
        title=lab.put_in(title) or check_id,
        kind=Kind.GUARD if marks.get("guard") else Kind.GOAL,
        step=lab.step_of(check_id),
        needs=tuple(marks.get("needs", ())),
        seconds=float(marks.get("seconds", CHECK_SECONDS)),
    )


class GradingPlugin:
    """Collects one lab's checks, runs them in the order of the task, and keeps their results.

    Args:
        lab: what the checks judge.
        wanted: runs only these checks and what they need; None for all.
        seconds: the time limit of the whole run.
        to_first_failure: does not run the rest once a check has failed.
        trying: called with the title of each check when it begins.
    """

    def __init__(
        self,
        lab: Lab,
        wanted: frozenset[str] | None,
        clock: Callable[[], float],
        seconds: float,
        *,
        to_first_failure: bool = False,
        trying: Callable[[str], None] | None = None,
    ) -> None:
        self.lab = lab
        self.wanted = wanted
        self.results: dict[str, CheckResult] = {}
        self.errors: list[str] = []
        self.planned: tuple[Check, ...] = ()
        """The checks of this run, in the order of the task."""
        self._checks: dict[str, Check] = {}
        self._clock = clock
        self._ends = clock() + seconds
        self._seconds = seconds
        self._to_first_failure = to_first_failure
        self._trying = trying or (lambda _: None)
        self._failed = False

    def pytest_configure(self, config: pytest.Config) -> None:
        """Hand the lab to the fixtures."""
        config.stash[LAB] = self.lab

    # -- collection ----------------------------------------------------------------------------------------

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep what went wrong while reading the check files."""
        if report.failed:
            self.errors.append(str(report.longrepr))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Order the checks: guards first, then goals as lab.toml lists them; keep only the wanted ones."""
        course_lab = self.lab.course_lab
        by_id: dict[str, pytest.Item] = {}
        for item in items:
            check = self._check_of(item)
            if check.id in by_id:
                self.errors.append(f"Two checks are named {check.id}.")
            by_id[check.id] = item
            self._checks[check.id] = check
        goals = [check.id for check in self._checks.values() if check.kind is Kind.GOAL]
        if missing := [check for check in course_lab.check_ids if check not in goals]:
            self.errors.append(f"lab.toml lists checks that no test defines: {', '.join(missing)}.")
        if extra := [check for check in goals if check not in course_lab.check_ids]:
            self.errors.append(f"These checks belong to no step in lab.toml: {', '.join(extra)}.")
        for check in self._checks.values():
            if unknown := [name for name in check.needs if name not in self._checks]:
                self.errors.append(f"Check {check.id} needs {', '.join(unknown)}, which no test defines.")
        guards = [check.id for check in self._checks.values() if check.kind is Kind.GUARD]
        ordered = guards + [check for check in course_lab.check_ids if check in by_id]
        for place, name in enumerate(ordered):
            if late := [need for need in self._checks[name].needs if need in ordered[place:]]:
                self.errors.append(f"Check {name} needs {', '.join(late)}, which does not come before it.")
        if self.wanted is not None:
            wanted = self._with_needs(self.wanted) | set(guards)
            ordered = [check for check in ordered if check in wanted]
        self.planned = tuple(self._checks[check] for check in ordered)
        items[:] = [] if self.errors else [by_id[check] for check in ordered]

    def _check_of(self, item: pytest.Item) -> Check:
        return read_check(cast("pytest.Function", item).function, self.lab.course_lab)

    def _with_needs(self, wanted: frozenset[str]) -> set[str]:
        found: set[str] = set()
        todo = [check for check in wanted if check in self._checks]
        while todo:
            if (name := todo.pop()) not in found:
                found.add(name)
                todo += [need for need in self._checks[name].needs if need in self._checks]
        return found

    # -- running -------------------------------------------------------------------------------------------

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run one check with its fixtures, within its time limit, and record the result."""
        check = self._check_of(item)
        met = {Status.PASSED, Status.NOT_JUDGED}
        blocked = [need for need in check.needs if self._status(need) not in met]
        if self._failed and self._to_first_failure:
            self._record(check, Status.NOT_RUN, reason="the run ended at the first failure")
        elif is_outdated():
            self._record(check, Status.NOT_RUN, reason=str(Outdated()))
        elif blocked:
            names = " and ".join(f"“{self._checks[need].title}”" for need in blocked)
            self._record(check, Status.NOT_RUN, reason=f"waits for {names}")
        else:
            self._trying(check.title)
            start = self._clock()
            status, failure, reason = self._run(item, check)
            self._failed = self._failed or status in {Status.FAILED, Status.VIOLATED}
            took = (self._clock() - start) * 1000
            # A check that ran and is not run is one that stopped before it would have disturbed something.
            waits = status is Status.NOT_RUN
            self._record(check, status, failure=failure, reason=reason, ms=took, waits=waits)
        self._tear_down(item, nextitem, check)
        return True

    def _tear_down(self, item: pytest.Item, nextitem: pytest.Item | None, check: Check) -> None:
        # If something cannot be put back, later checks are not reliable, so this check does not pass either.
        try:
            with self._bounded(CHECK_SECONDS):
                item.session._setupstate.teardown_exact(nextitem)  # noqa: SLF001 - fixtures of the session end with the last check
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - as in _run
            if self._status(check.id) is Status.PASSED:
                self._record(check, Status.COULD_NOT_RUN, reason=_unexpected(error))

    @contextlib.contextmanager
    def _bounded(self, seconds: float) -> Iterator[None]:
        sink = Sink()
        with contextlib.redirect_stdout(sink), contextlib.redirect_stderr(sink), deadline(seconds):
            yield

    def _status(self, check: str) -> Status | None:
        return self.results[check].status if check in self.results else None

    def _record(
        self,
        check: Check,
        status: Status,
        *,
        failure: Failure | None = None,
        reason: str = "",
        ms: float = 0.0,
        waits: bool = False,
    ) -> None:
        self.results[check.id] = CheckResult(
            id=check.id,
            title=check.title,
            kind=check.kind,
            step=check.step,
            status=status,
            failure=failure,
            reason=reason,
            ms=round(ms, 1),
            waits=waits,
        )

    def _run(self, item: pytest.Item, check: Check) -> tuple[Status, Failure | None, str]:
        left = self._ends - self._clock()
        if left <= 0:
            return (
                Status.COULD_NOT_RUN,
                None,
                f"the run had used up its {self._seconds:g} s before this check",
            )
        limit = min(check.seconds, left)
        try:
            with self._bounded(limit):
                item.session._setupstate.setup(item)  # noqa: SLF001 - what pytest's own protocol calls
                item.runtest()
        except CheckFailed as failed:
            return (Status.VIOLATED if check.kind is Kind.GUARD else Status.FAILED), failed.failure, ""
        except (NotJudged, Waits, Outdated, CouldNotRun) as reason:
            return _WITHOUT_A_VERDICT[type(reason)], None, str(reason)
        except DeadlineError:
            return Status.COULD_NOT_RUN, None, f"it took longer than {limit:g} s and was ended"
        except LabError as error:
            return Status.COULD_NOT_RUN, None, " ".join(filter(None, (error.what, error.remedy)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a check raises is the check's fault, not the answer's
            return Status.COULD_NOT_RUN, None, _unexpected(error)
        return Status.PASSED, None, ""

    def complete(self) -> tuple[CheckResult, ...]:
        """Return a result for every check of this run; a check that the run did not reach could not run."""
        for check in self.planned:
            if check.id not in self.results:
                self._record(check, Status.COULD_NOT_RUN, reason="the run ended before this check")
        return tuple(self.results[check.id] for check in self.planned)


_WITHOUT_A_VERDICT: dict[type[BaseException], Status] = {
    NotJudged: Status.NOT_JUDGED,
    Waits: Status.NOT_RUN,
    Outdated: Status.NOT_RUN,
    CouldNotRun: Status.COULD_NOT_RUN,
}


def _unexpected(error: BaseException) -> str:
    if isinstance(error, DeadlineError):
        return "it took too long to put back what the check had changed, and was ended"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if "/checks/" in Path(frame.filename).as_posix()] or frames
    where = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else "unknown place"
    return f"the check itself failed with an error: {type(error).__name__}: {error} ({where})"
