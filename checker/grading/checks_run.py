"""One run of a lab's checks: each with its fixtures and within its time, and their results."""

from __future__ import annotations

import contextlib
import io
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from checker.errors import LabError
from checker.grading.deadline import DeadlineError, deadline
from checker.grading.pausing import Outdated, is_outdated
from checker.grading.verdicts import CHECK_SECONDS, CheckFailed, CouldNotRun, NotJudged, Waits
from checker.results import CheckResult, Failure, Kind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    import pytest

    from checker.grading.author import Lab
    from checker.grading.collected import Check, Collected

SPOKEN_CHARACTERS = 64 * 1024
"""How much of a check's output is kept; a check has no reason to print."""


class Sink(io.StringIO):
    """Takes a check's output up to a limit, so that a large output fills neither memory nor the terminal."""

    def write(self, text: str) -> int:
        """Keep the text until the limit is reached."""
        if self.tell() < SPOKEN_CHARACTERS:
            super().write(text[:SPOKEN_CHARACTERS])
        return len(text)


class ChecksRun:
    """Runs a lab's checks in the order of the task, and keeps their results.

    Args:
        collected: the checks.
        wanted: runs only these checks and what they need; None for all.
        clock: returns the time in seconds.
        seconds: the time limit of the whole run.
        to_first_failure: does not run the rest once a check has failed.
        trying: called with the title of each check when it begins.
    """

    def __init__(
        self,
        collected: Collected,
        wanted: Collection[str] | None,
        clock: Callable[[], float],
        seconds: float,
        *,
        to_first_failure: bool = False,
        trying: Callable[[str], None] | None = None,
    ) -> None:
        self.results: dict[str, CheckResult] = {}
        """By id, in the order of the task."""
        self._collected = collected
        self._planned = collected.planned(wanted)
        self._clock = clock
        self._ends = clock() + seconds
        self._seconds = seconds
        self._to_first_failure = to_first_failure
        self._trying = trying or (lambda _: None)
        self._failed = False

    def judge(self, lab: Lab) -> None:
        """Run the checks on a lab."""
        with self._collected.ready_for(lab, self._planned) as items:
            for check, item, following in zip(self._planned, items, [*items[1:], None], strict=True):
                self._judge(check, item)
                self._tear_down(item, following, check)

    def _judge(self, check: Check, item: pytest.Item) -> None:
        met = {Status.PASSED, Status.NOT_JUDGED}
        blocked = [need for need in check.needs if self._status(need) not in met]
        if self._failed and self._to_first_failure:
            self._record(check, Status.NOT_RUN, reason="the run ended at the first failure")
        elif is_outdated():
            self._record(check, Status.NOT_RUN, reason=str(Outdated()))
        elif blocked:
            names = " and ".join(f"“{self._collected.checks[need].title}”" for need in blocked)
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

    def _tear_down(self, item: pytest.Item, nextitem: pytest.Item | None, check: Check) -> None:
        # If something cannot be put back, later checks are not reliable, so this check does not pass either.
        try:
            # A check that may take long may have changed what takes long to put back.
            with self._bounded(max(CHECK_SECONDS, check.seconds)):
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
