"""The record of a grading run: Status, Failure, CheckResult, Measurement, Report. Every face renders this one."""

from __future__ import annotations

import enum

import msgspec

from checker.errors import ExitCode

SCHEMA = 1
"""Version of the JSON form; it grows when a field changes its meaning or goes away."""


class Status(enum.StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    VIOLATED = "violated"
    """A guard failed: something was changed that was not to be changed."""
    COULD_NOT_RUN = "could-not-run"
    """The environment's fault or ours; never counts against the learner."""
    NOT_RUN = "not-run"
    """A check that this one needs did not pass."""
    NOT_JUDGED = "not-judged"
    """What could be tried here was right; what the check asks for cannot be tried in this place, and is not proven."""


class Kind(enum.StrEnum):
    """Whether a check is what the task asks for, or protects what the task leaves alone."""

    GOAL = "goal"
    GUARD = "guard"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a check failed, told so that a learner knows what to look at next.

    `rationale` says what is wrong and why it matters, `expected` and `seen` are compared, `source` is the
    command or address that shows it, `evidence` is what it printed, `hint` says where to look, never the fix.
    """

    rationale: str
    hint: str
    expected: str = ""
    seen: str = ""
    source: str = ""
    evidence: str = ""
    reason: str = ""
    """Which of a check's reasons this is: where in its code it was said. Hints begin again when it changes."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One check's outcome; `ms` is wall time in milliseconds, `reason` is set unless it passed or failed."""

    id: str
    title: str
    status: Status
    kind: Kind = Kind.GOAL
    step: int = 0
    ms: float = 0.0
    failure: Failure | None = None
    reason: str = ""


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number that a check measured and that is worth keeping: `name` of `subject`, `value` in `unit`."""

    name: str
    value: float
    unit: str
    subject: str = ""
    at: str = ""
    """When the run that measured it began, ISO 8601; set where it is read from the record."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All checks of one run over one lab, in the order of the task."""

    lab: str
    title: str
    checks: tuple[CheckResult, ...]
    started: str
    """When the run began, ISO 8601 with offset."""
    ms: float
    schema: int = SCHEMA
    measurements: tuple[Measurement, ...] = ()
    """What the checks measured, in the order in which they recorded it."""

    def having(self, *statuses: Status) -> tuple[CheckResult, ...]:
        """Return the checks that ended in one of the statuses."""
        return tuple(check for check in self.checks if check.status in statuses)

    @property
    def passed(self) -> bool:
        """Whether every check passed; a run without checks never passes."""
        return bool(self.checks) and all(check.status is Status.PASSED for check in self.checks)

    @property
    def right(self) -> bool:
        """Whether every check passed that can be judged in this place, and at least one did."""
        judged = [check.status for check in self.checks if check.status is not Status.NOT_JUDGED]
        return bool(judged) and all(status is Status.PASSED for status in judged)

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns: a failed check outweighs one that could not run."""
        if self.passed:
            return ExitCode.OK
        if self.having(Status.FAILED, Status.VIOLATED):
            return ExitCode.CHECK_FAILED
        return ExitCode.COULD_NOT_RUN

    @property
    def first_problem(self) -> CheckResult | None:
        """The check to look at first: a violated guard, else the first failure, else what could not run."""
        for statuses in ((Status.VIOLATED,), (Status.FAILED,), (Status.COULD_NOT_RUN,)):
            if found := self.having(*statuses):
                return found[0]
        return None
