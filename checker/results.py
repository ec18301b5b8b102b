"""The record of a grading run: Status, Failure, CheckResult, Measurement, Report. Every renderer shows this record."""

from __future__ import annotations

import enum

import msgspec

from checker.errors import ExitCode

SCHEMA = 1
"""Version of the JSON format; it increases when a field changes its meaning or is removed."""


class Status(enum.StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    VIOLATED = "violated"
    """A guard failed: something was changed that must not be changed."""
    COULD_NOT_RUN = "could-not-run"
    """The fault lies with the environment or with the course; it never counts against the learner."""
    NOT_RUN = "not-run"
    """Another check, which this one needs, did not pass."""
    NOT_JUDGED = "not-judged"
    """Everything that could be tried here was right, but the rest cannot be tried in this place and is not proven."""


class Kind(enum.StrEnum):
    """Whether a check tests what the task asks for, or protects what the task leaves alone."""

    GOAL = "goal"
    GUARD = "guard"


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a check failed, so that a learner knows what to look at next.

    `rationale` says what is wrong and why it matters, `expected` and `seen` were compared, `source` is the
    command or address that shows it, `evidence` is its output, `hint` says where to look, but never gives the fix.
    """

    rationale: str
    hint: str
    expected: str = ""
    seen: str = ""
    source: str = ""
    evidence: str = ""
    reason: str = ""
    """Which of a check's reasons this is: its name, or where in the code it was said. Hints begin again when it changes."""


class CheckResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one check; `ms` is wall time in milliseconds, `reason` is set unless it passed or failed."""

    id: str
    title: str
    status: Status
    kind: Kind = Kind.GOAL
    step: int = 0
    ms: float = 0.0
    failure: Failure | None = None
    reason: str = ""
    waits: bool = False
    """Whether it was not run because nobody asked for this verdict, and it disturbs the lab."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number that a check measured and that is stored: `name` of `subject`, `value` in `unit`."""

    name: str
    value: float
    unit: str
    subject: str = ""
    at: str = ""
    """When the run that measured it began, ISO 8601; set if it is read from the record."""


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All checks of one run of one lab, in the order of the task."""

    lab: str
    title: str
    checks: tuple[CheckResult, ...]
    started: str
    """When the run began, ISO 8601 with offset."""
    ms: float
    schema: int = SCHEMA
    measurements: tuple[Measurement, ...] = ()
    """What the checks measured, in the order in which it was recorded."""

    def having(self, *statuses: Status) -> tuple[CheckResult, ...]:
        """Return the checks that ended with one of these statuses."""
        return tuple(check for check in self.checks if check.status in statuses)

    @property
    def passed(self) -> bool:
        """Whether every check passed; a run without checks never passes."""
        return bool(self.checks) and all(check.status is Status.PASSED for check in self.checks)

    @property
    def right(self) -> bool:
        """Whether every check that can be judged in this place passed, and there was at least one."""
        judged = [check.status for check in self.checks if check.status is not Status.NOT_JUDGED]
        return bool(judged) and all(status is Status.PASSED for status in judged)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the command; a failed check counts more than one that could not run."""
        if self.passed:
            return ExitCode.OK
        if self.having(Status.FAILED, Status.VIOLATED):
            return ExitCode.CHECK_FAILED
        return ExitCode.COULD_NOT_RUN

    @property
    def first_problem(self) -> CheckResult | None:
        """The check to look at first: a violated guard, else the first failed check, else the first that could not run."""
        for statuses in ((Status.VIOLATED,), (Status.FAILED,), (Status.COULD_NOT_RUN,)):
            if found := self.having(*statuses):
                return found[0]
        return None
