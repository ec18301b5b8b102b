"""One lab as a page shows it: whether it runs, what is being done with it, and the last verdict."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from checker.render.style import printable
from checker.results import Kind, Report, Status

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.results import CheckResult


class Phase(enum.StrEnum):
    """Where a lab's scene is."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    BROKEN = "broken"
    STOPPING = "stopping"


_STATES = {
    Status.PASSED: "pass",
    Status.FAILED: "fail",
    Status.VIOLATED: "fail",
    Status.COULD_NOT_RUN: "error",
    Status.NOT_RUN: "skipped",
    Status.NOT_JUDGED: "unknown",
}

TEXT_BYTES = 4096
"""How much of a reason or of evidence a page gets."""


def shown(text: str) -> str:
    """Return text from a lab as a page may show it: without control characters, and not too long."""
    return printable(text)[-TEXT_BYTES:]


@dataclass
class LabState:
    """What pages know about one lab; changed by one thread at a time, which holds the watcher's lock."""

    lab: Lab
    phase: Phase = Phase.ABSENT
    text: str = ""
    """What is being done, or what is wrong, in a sentence."""
    report: Report | None = None
    kept: frozenset[str] = frozenset()
    """The checks of the report whose result is from an earlier verdict, which the learner asked for."""
    problem: str = ""
    """Why there is no verdict."""
    tries: int = 0
    op: dict[str, Any] = field(default_factory=dict)
    trying: str = ""

    def phase_record(self) -> dict[str, Any]:
        """Return the phase as an event has it."""
        return {"lab": self.lab.number, "phase": str(self.phase), "text": self.text}

    def checks(self) -> list[dict[str, Any]]:
        """Return every check of the lab as an event has it, in the order of the task."""
        if self.report is None:
            return [
                {"lab": self.lab.number, "id": name, "title": "", "state": "unknown", "kind": "goal"}
                for name in self.lab.check_ids
            ]
        return [self.check_record(check) for check in self.report.checks]

    def check_record(self, check: CheckResult) -> dict[str, Any]:
        """Return one check as an event has it."""
        record: dict[str, Any] = {
            "lab": self.lab.number,
            "id": check.id,
            "title": shown(check.title),
            "kind": str(check.kind),
            "step": check.step,
            "state": _STATES[check.status],
            "reason": shown(check.reason),
            "waits": check.waits,
            "kept": check.id in self.kept,
            "ms": check.ms,
        }
        if check.failure is not None:
            failure = check.failure
            record |= {
                "reason": shown(failure.rationale),
                "expected": shown(failure.expected),
                "actual": shown(failure.seen),
                "source": shown(failure.source),
                "evidence": shown(failure.evidence),
                "look": shown(failure.hint),
                "hintable": len(self.lab.toml.hints.get(check.id, ())) or 1,
            }
        return record

    def verdict_record(self) -> dict[str, Any]:
        """Return the count and the sentence about the last verdict."""
        if self.report is None:
            return {"lab": self.lab.number, "passed": 0, "total": 0, "said": self.problem, "done": False}
        passed, total = count(self.report)
        return {
            "lab": self.lab.number,
            "passed": passed,
            "total": total,
            "said": sentence(self.report),
            "done": self.report.right,
            # What is no longer checked goes from the page, and the order is that of the task.
            "ids": [check.id for check in self.report.checks],
        }

    def snapshot(self) -> dict[str, Any]:
        """Return everything about the lab."""
        lab = self.lab
        return {
            "lab": lab.number,
            "slug": lab.slug,
            "title": lab.toml.title,
            "phase": self.phase_record(),
            "checks": self.checks(),
            "steps": [step.title for step in lab.toml.steps],
            "verdict": self.verdict_record(),
            "first": self.report.first_problem.id if self.report and self.report.first_problem else "",
            "op": self.op,
        }


def count(report: Report) -> tuple[int, int]:
    """Return how many of a report's goals passed, and how many there are; guards are no goals."""
    goals = [check for check in report.checks if check.kind is Kind.GOAL]
    return sum(check.status is Status.PASSED for check in goals), len(goals)


def sentence(report: Report) -> str:
    """Return a verdict in one sentence, or two, for those who listen to the page."""
    passed, total = count(report)
    head = f"Lab {int(report.lab[:2])}: "
    if report.passed:
        return head + ("the check passes." if total == 1 else f"all {total} checks pass.")
    text = head + f"{passed} of {total} checks pass."
    first = report.first_problem
    if first is None:
        waiting = sum(check.waits for check in report.checks)
        return text + (f" {waiting} wait{'s' * (waiting == 1)} for the button Check." if waiting else "")
    words = {Status.VIOLATED: "Changed", Status.COULD_NOT_RUN: "Could not run"}
    return f"{text} {words.get(first.status, 'Failed')}: {shown(first.title)}."
