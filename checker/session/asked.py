"""What checks that disturb a lab said when the learner asked for them, kept while later verdicts only look."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker.results import Status

if TYPE_CHECKING:
    from checker.results import CheckResult, Report


class Asked:
    """Keeps failures of checks that run only when they are asked for.

    Otherwise a failure would disappear from the screen a moment after the learner has asked for the check.
    """

    def __init__(self) -> None:
        self._failed: dict[str, CheckResult] = {}
        self.kept: frozenset[str] = frozenset()
        """The checks whose result in the last report is from an earlier verdict."""

    def fill_in(self, report: Report, *, looking: bool) -> Report:
        """Return a report in which what was not run has the failure that it had when it was last asked for.

        Args:
            report: a verdict.
            looking: whether nobody asked for it.
        """
        if not looking:
            failed = report.having(Status.FAILED, Status.VIOLATED, Status.COULD_NOT_RUN)
            self._failed = {check.id: check for check in failed}
            self.kept = frozenset()
            return report
        waiting = {check.id for check in report.checks if check.waits}
        self._failed = {name: check for name, check in self._failed.items() if name in waiting}
        self.kept = frozenset(self._failed)
        return msgspec.structs.replace(
            report, checks=tuple(self._failed.get(check.id, check) for check in report.checks)
        )

    def forget(self) -> None:
        """Keep nothing: the lab is another one now, or begins again."""
        self._failed = {}
        self.kept = frozenset()
