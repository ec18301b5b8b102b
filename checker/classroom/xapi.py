"""Grades as xAPI statements, version 1.0.3: who did which lab, how it went, and what stands behind it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from checker.results import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.classroom.grades import Grade

VERSION = "1.0.3"
"""The version of the specification (adlnet/xAPI-Spec, xAPI-Data.md)."""

VERBS = {
    "passed": "http://adlnet.gov/expapi/verbs/passed",
    "failed": "http://adlnet.gov/expapi/verbs/failed",
    "attempted": "http://adlnet.gov/expapi/verbs/attempted",
}
"""The verbs of ADL's vocabulary that are used."""

ACTIVITY = "http://adlnet.gov/expapi/activities/assessment"

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:drydock:statement")
"""What the ids of statements are made from, so that the same grade is the same statement: a store takes it once."""

_IRI = "urn:drydock"


def statements(grades: Sequence[Grade], home: str) -> str:
    """Return the statements as a JSON array, one for each learner and lab.

    Args:
        grades: the grades.
        home: the address of the system that the learners' ids belong to, such as the school's Moodle.
    """
    return (
        msgspec.json.format(
            msgspec.json.encode([statement(each, home) for each in grades]), indent=1
        ).decode()
        + "\n"
    )


def statement(grade: Grade, home: str) -> dict[str, Any]:
    """Return one statement; xAPI-Data.md, 2.4."""
    verb = _verb(grade)
    content: dict[str, Any] = {
        "actor": {
            "objectType": "Agent",
            "name": grade.learner,
            "account": {"homePage": home, "name": grade.id or grade.learner},
        },
        "verb": {"id": VERBS[verb], "display": {"en": verb}},
        "object": {
            "objectType": "Activity",
            "id": f"{_IRI}:lab:{quote(grade.lab)}",
            "definition": {"name": {"en": grade.title}, "type": ACTIVITY},
        },
        "result": {
            "score": {
                "scaled": round(grade.points / grade.most, 4),
                "raw": grade.points,
                "min": 0,
                "max": grade.most,
            },
            "success": grade.complete,
            "completion": True,
            "extensions": {
                f"{_IRI}:evidence": grade.evidence.value,
                f"{_IRI}:refuted": list(grade.refuted),
                f"{_IRI}:attempts": grade.attempts,
                f"{_IRI}:hints": grade.hints,
                f"{_IRI}:solution-asked-for": grade.solved,
                f"{_IRI}:checks": {check.id: check.counts.value for check in grade.result.checks},
            },
        },
        "context": {"platform": "Drydock", "language": "en"},
    }
    # A clock of the learner's that is wrong still gives a time; one that is no time at all is left out.
    if moment := _timestamp(grade.made):
        content["timestamp"] = moment
    # The same content has the same id; a grade that changed is another statement.
    named = uuid.uuid5(NAMESPACE, msgspec.json.encode(content, order="deterministic").decode())
    return {"id": str(named), "version": VERSION, **content}


def _verb(grade: Grade) -> str:
    if grade.complete:
        return "passed"
    judged = any(check.found is Status.FAILED for check in grade.result.checks)
    return "failed" if judged else "attempted"


def _timestamp(made: str) -> str:
    """Return a time as ISO 8601 in UTC with milliseconds; empty if it is none, or has no offset."""
    try:
        moment = dt.datetime.fromisoformat(made)
        if moment.tzinfo is None:
            return ""
        return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""
