"""Points for results: checks with weights, and what hints and attempts cost, as a teacher sets it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from checker.classroom.result import Evidence, Result  # noqa: TC001 - msgspec reads them when the program runs
from checker.course.toml import read_toml
from checker.errors import MisuseError
from checker.results import Kind, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from checker.course.catalogue import Catalogue, Lab

FILE = "grading.toml"
"""A file beside the archives, with the class's own rules."""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A grading.toml. Without one, every check counts the same, and hints and attempts cost nothing."""

    points: Annotated[
        float, Meta(gt=0, le=1000, description="The points of a lab in which every check passed.")
    ] = 100.0
    hint: Annotated[
        float, Meta(ge=0, le=1, description="The share of the points that each hint costs, such as 0.02.")
    ] = 0.0
    attempt: Annotated[
        float, Meta(ge=0, le=1, description="The share that each attempt after the free ones costs.")
    ] = 0.0
    free_attempts: Annotated[int, Meta(ge=0, description="How many attempts cost nothing.")] = 10
    solved: Annotated[
        float, Meta(ge=0, le=1, description="The share that is left if the solution was asked for first.")
    ] = 1.0
    least: Annotated[
        float,
        Meta(ge=0, le=1, description="The share of the earned points that hints and attempts never take."),
    ] = 0.5
    only_verified: Annotated[
        bool,
        Meta(description="Give no points for checks that were not seen to pass on the teacher's machine."),
    ] = True
    weights: Annotated[
        dict[str, dict[str, float]],
        Meta(description="Lab → check → weight; a check that is not named has weight 1."),
    ] = {}


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """The points of one learner for one lab."""

    learner: str
    id: str
    lab: str
    title: str
    points: float
    most: float
    evidence: Evidence
    refuted: tuple[str, ...]
    passed: int
    checks: int
    attempts: int
    hints: int
    solved: bool
    made: str
    note: str
    result: Result
    """What it was computed from."""

    @property
    def complete(self) -> bool:
        """Whether every goal passed."""
        return self.passed == self.checks


def read_rules(folder: Path, catalogue: Catalogue) -> Rules:
    """Return the rules beside the archives, or the usual ones.

    Raises:
        LabError: the file is wrong.
        MisuseError: it names a lab or a check that does not exist, or a weight is negative.
    """
    file = folder / FILE
    if not file.is_file():
        return Rules()
    rules = read_toml(file, Rules)
    labs = {path.name: path for path in catalogue.folders}
    for name, weights in rules.weights.items():
        if name not in labs:
            raise MisuseError(f"{file}: there is no lab `{name}`.", remedy=f"Labs: {', '.join(labs)}.")
        known = catalogue.read(labs[name]).check_ids
        for check, weight in weights.items():
            if check not in known:
                raise MisuseError(
                    f"{file}: lab {name[:2]} has no check `{check}`.", remedy=f"It has {', '.join(known)}."
                )
            if not 0 <= weight <= 1000:
                raise MisuseError(f"{file}: the weight of {check} is {weight:g}.", remedy="Use 0 to 1000.")
    return rules


def grades(results: Iterable[Result], rules: Rules, catalogue: Catalogue) -> list[Grade]:
    """Return the grade for each result, in the same order."""
    labs: dict[str, Lab] = {path.name: catalogue.read(path) for path in catalogue.folders}
    return [grade(each, rules, labs[each.lab]) for each in results]


def grade(result: Result, rules: Rules, lab: Lab) -> Grade:
    """Return the points for one result.

    A guard that was violated on the teacher's machine costs everything, as it does in a verdict. Of the checks that are
    not in the lab any more, nothing counts.

    Args:
        result: what was claimed, and what came out.
        rules: the class's rules.
        lab: the lab.
    """
    weights = rules.weights.get(lab.slug, {})
    status = {check.id: _status(check.counts, check.found, rules) for check in result.checks}
    total = sum(Decimal(str(weights.get(name, 1.0))) for name in lab.check_ids)
    earned = sum(
        (Decimal(str(weights.get(name, 1.0))) for name in lab.check_ids if status.get(name) is Status.PASSED),
        Decimal(0),
    )
    if any(check.kind is Kind.GUARD and check.counts is Status.VIOLATED for check in result.checks):
        earned = Decimal(0)
    share = earned / total if total else Decimal(0)
    return Grade(
        learner=result.learner,
        id=result.id,
        lab=lab.slug,
        title=lab.toml.title,
        points=_rounded(share * _kept(result, rules) * Decimal(str(rules.points))),
        most=_rounded(Decimal(str(rules.points))),
        evidence=result.evidence,
        refuted=result.refuted,
        passed=sum(status.get(name) is Status.PASSED for name in lab.check_ids),
        checks=len(lab.check_ids),
        attempts=result.attempts,
        hints=result.hints,
        solved=result.solved,
        made=result.made,
        note=result.note,
        result=result,
    )


def _status(counts: Status, found: Status | None, rules: Rules) -> Status:
    if rules.only_verified and found is not Status.PASSED:
        return Status.NOT_RUN if counts is Status.PASSED else counts
    return counts


def _kept(result: Result, rules: Rules) -> Decimal:
    """Return the share of the earned points that is left after hints, attempts and a solution."""
    left = Decimal(1) - result.hints * Decimal(str(rules.hint))
    left -= max(0, result.attempts - rules.free_attempts) * Decimal(str(rules.attempt))
    left = max(left, Decimal(str(rules.least)))
    return left * (Decimal(str(rules.solved)) if result.solved else Decimal(1))


def _rounded(points: Decimal) -> float:
    # Decimal, and halves away from zero: the same points on every machine, and as people round.
    return float(points.quantize(Decimal("0.01"), ROUND_HALF_UP))


def by_learner(found: Sequence[Grade]) -> dict[tuple[str, str], dict[str, Grade]]:
    """Return the grades of each learner, by the lab's slug; learners in the order of their names."""
    rows: dict[tuple[str, str], dict[str, Grade]] = {}
    for each in sorted(found, key=lambda each: (each.learner.casefold(), each.id, each.lab)):
        rows.setdefault((each.learner, each.id), {})[each.lab] = each
    return rows
