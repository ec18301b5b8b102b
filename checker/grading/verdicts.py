"""What a check says: `fail`, `require`, `could_not_run`, and the marks that order and bound checks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from checker.results import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

CHECK_SECONDS = 10.0
"""How long one check may take unless `@timeout` says otherwise."""

MARKS = "__drydock__"
"""The attribute under which a check function carries its marks."""

_F = TypeVar("_F", bound="Callable[..., object]")


class CheckFailed(AssertionError):  # noqa: N818 - a verdict, not an error
    """A check's verdict against the answer, with everything the learner is told."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.rationale)
        self.failure = failure


class NotJudged(Exception):  # noqa: N818 - a verdict, not an error
    """A check found right what can be tried in this place, and says what is not proven by that."""


class CouldNotRun(Exception):  # noqa: N818 - a verdict, not an error
    """A check found that it cannot judge; never counts against the learner."""


def fail(
    rationale: str, *, hint: str, expected: str = "", seen: str = "", source: str = "", evidence: str = ""
) -> NoReturn:
    """End the check: the answer is wrong.

    Args:
        rationale: what is wrong and why it matters, from what was observed.
        hint: where to look next; never the cure.
        expected: what a right answer shows.
        seen: what this one showed.
        source: the command or address that shows it.
        evidence: the line that it printed.
    """
    raise CheckFailed(
        Failure(
            rationale=rationale,
            hint=hint,
            expected=expected,
            seen=seen,
            source=source,
            evidence=evidence.rstrip("\n"),
            reason=_where(),
        )
    )


def _where() -> str:
    """Return where in a check's code, or in what it calls, the verdict is said: one check fails for many reasons."""
    frame = sys._getframe()  # noqa: SLF001 - the cheapest way to a line number
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).stem}:{frame.f_lineno}"


def require(
    condition: object,
    rationale: str,
    *,
    hint: str,
    expected: str = "",
    seen: str = "",
    source: str = "",
    evidence: str = "",
) -> None:
    """Fail, as `fail` does, unless the condition holds."""
    if not condition:
        fail(rationale, hint=hint, expected=expected, seen=seen, source=source, evidence=evidence)


def could_not_run(reason: str) -> NoReturn:
    """End the check without a verdict: the machine or the course is at fault, not the answer."""
    raise CouldNotRun(reason)


def not_judged(reason: str) -> NoReturn:
    """End the check short of a pass: what can be tried in this place was right, and this is what was not proven."""
    raise NotJudged(reason)


def _mark(function: _F, **marks: Any) -> _F:
    setattr(function, MARKS, {**getattr(function, MARKS, {}), **marks})
    return function


def needs(*checks: str) -> Callable[[_F], _F]:
    """Run this check only when the named ones have passed; otherwise it is not run, and says so."""
    return lambda function: _mark(function, needs=checks)


def guard(function: _F) -> _F:
    """Mark a check that protects what the task leaves alone: it fails as "this must not be changed"."""
    return _mark(function, guard=True)


def timeout(seconds: float) -> Callable[[_F], _F]:
    """Give a check this many seconds instead of ten."""
    return lambda function: _mark(function, seconds=seconds)
