"""The learner's record: what is stored about attempts, hints and solutions, and questions about the past."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from checker.progress.database import Database
from checker.results import Kind, Measurement, Report, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Standing:
    """A learner's progress in one lab."""

    attempts: int = 0
    passed_at: str = ""
    last_passed: int = 0
    """How many goals passed in the last attempt that counts; guards are not included."""
    last_total: int = 0
    hints: int = 0
    solved: bool = False
    """Whether the learner asked for the solution before the first pass."""


def _now() -> str:
    """Return the time in UTC, as text that can be compared."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


def _utc(moment: str) -> str:
    """Return a time as `_now` writes it, so that times can be compared as text."""
    return dt.datetime.fromisoformat(moment).astimezone(dt.UTC).isoformat(timespec="milliseconds")


def _decoded(row: tuple[str] | None) -> Report | None:
    """Return a stored report; None if there is none, or if this version of the course can no longer read it."""
    try:
        return msgspec.json.decode(row[0], type=Report) if row else None
    except msgspec.DecodeError:
        return None


class Progress:
    """The learner's record.

    Args:
        file: the database; created if it does not exist.
        tell: called with a message if a damaged file was set aside.
    """

    def __init__(self, file: Path, tell: Callable[[str], None] | None = None) -> None:
        self._database = Database(file, tell)

    @property
    def file(self) -> Path:
        """The database."""
        return self._database.file

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # -- writing -------------------------------------------------------------------------------------------

    def record_attempt(self, report: Report) -> None:
        """Store a grading run. If nothing could be judged, it is stored but does not count."""
        counted = bool(report.having(Status.PASSED, Status.FAILED, Status.VIOLATED))
        counted = counted and (report.right or bool(report.having(Status.FAILED, Status.VIOLATED)))
        started = _utc(report.started)
        with self._database.transaction() as db:
            attempt = db.execute(
                "INSERT INTO attempt (lab, started, ms, passed, counted, report) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    report.lab,
                    started,
                    report.ms,
                    report.passed,
                    counted,
                    msgspec.json.encode(report).decode(),
                ),
            ).lastrowid
            db.executemany(
                "INSERT INTO measurement (attempt, lab, at, name, subject, value, unit) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (attempt, report.lab, started, each.name, each.subject, each.value, each.unit)
                    for each in report.measurements
                ],
            )

    def record_solution(self, lab: str) -> None:
        """Record that the learner asked for the solution."""
        with self._database.transaction() as db:
            db.execute("INSERT INTO solved (lab, at) VALUES (?, ?)", (lab, _now()))

    def climb(self, lab: str, check: str, rungs: int, reason: str = "") -> int:
        """Record one more hint and return its number, from 1; after the last hint, the last one is given again.

        Args:
            lab: the lab's slug.
            check: the check that fails.
            rungs: how many hints it has.
            reason: why it fails, `Failure.reason`; with another reason the hints start again.
        """
        with self._database.transaction() as db:
            used = db.execute(
                "SELECT coalesce(max(rung), 0) FROM hint WHERE lab = ? AND check_id = ? AND reason = ?",
                (lab, check, reason),
            ).fetchone()[0]
            rung: int = min(used + 1, rungs)
            db.execute(
                "INSERT INTO hint (lab, check_id, rung, reason, at) VALUES (?, ?, ?, ?, ?)",
                (lab, check, rung, reason, _now()),
            )
        return rung

    def forget_hints(self, lab: str) -> None:
        """Start the hints of a lab again at the first one."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM hint WHERE lab = ?", (lab,))

    # -- reading -------------------------------------------------------------------------------------------

    def _rows(self, question: str, lab: str) -> list[Any]:
        return self._database.rows(question, lab)

    def _first(self, question: str, lab: str) -> Any:
        return next(iter(self._rows(question, lab)), None)

    def _value(self, question: str, lab: str) -> Any:
        return self._rows(question, lab)[0][0]

    def last_report(self, lab: str) -> Report | None:
        """Return the last grading run of a lab."""
        row = self._first("SELECT report FROM attempt WHERE lab = ? ORDER BY id DESC LIMIT 1", lab)
        return _decoded(row)

    def measurements(self, lab: str) -> list[Measurement]:
        """Return the measurements of a lab: the latest value for each name and subject, in the order recorded."""
        rows = self._rows(
            "SELECT name, value, unit, subject, at FROM measurement WHERE id IN"
            " (SELECT max(id) FROM measurement WHERE lab = ? GROUP BY name, subject) ORDER BY id",
            lab,
        )
        return [
            Measurement(name=name, value=value, unit=unit, subject=subject, at=at)
            for name, value, unit, subject, at in rows
        ]

    def history(self, lab: str) -> list[Measurement]:
        """Return all measurements ever made in a lab, the oldest first; `at` says when the run began."""
        rows = self._rows(
            "SELECT name, value, unit, subject, at FROM measurement WHERE lab = ? ORDER BY id", lab
        )
        return [
            Measurement(name=name, value=value, unit=unit, subject=subject, at=at)
            for name, value, unit, subject, at in rows
        ]

    def standing(self, lab: str) -> Standing:
        """Return the learner's progress in a lab."""
        attempts = self._value("SELECT count(*) FROM attempt WHERE lab = ? AND counted", lab)
        first = self._value("SELECT min(started) FROM attempt WHERE lab = ? AND passed", lab) or ""
        hints = self._value("SELECT count(DISTINCT check_id || rung) FROM hint WHERE lab = ?", lab)
        solved = self._value("SELECT min(at) FROM solved WHERE lab = ?", lab)
        row = self._first(
            "SELECT report FROM attempt WHERE lab = ? AND counted ORDER BY id DESC LIMIT 1", lab
        )
        last = _decoded(row)
        # Count as `lab check` does: guards are not goals.
        goals = [check for check in last.checks if check.kind is Kind.GOAL] if last else []
        return Standing(
            attempts=attempts,
            passed_at=first,
            last_passed=sum(check.status is Status.PASSED for check in goals),
            last_total=len(goals),
            hints=hints,
            solved=bool(solved) and (not first or solved < first),
        )
