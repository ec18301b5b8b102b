"""Grades as files: a table for people, the formats that Moodle and Canvas import, JUnit, and xAPI statements."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from checker import whole
from checker.classroom import xapi
from checker.classroom.grades import by_learner
from checker.classroom.names import cell, plain
from checker.errors import not_written
from checker.results import Kind, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from checker.classroom.grades import Grade

TEST_STUDENT = "Points Possible"
"""What Canvas looks for in the first column of its second row."""


def write_all(folder: Path, grades: Sequence[Grade], formats: Iterable[str], home: str) -> list[Path]:
    """Write gradebooks into a folder, each whole or not at all, and return their paths.

    Args:
        folder: the folder, made if it is missing.
        grades: the grades.
        formats: names out of `FORMATS`.
        home: the address of the system that learners' ids belong to, for xAPI.

    Raises:
        LabError: one cannot be written.
    """
    written = []
    for name in formats:
        ending, make = FORMATS[name]
        file = folder / f"{name}{ending}"
        try:
            whole.write(file, make(grades, home))
        except OSError as error:
            raise not_written(file, error, "") from error
        written.append(file)
    return written


def _table(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    # RFC 4180: lines end in CR LF.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([cell(str(each)) for each in row] for row in rows)
    return text.getvalue()


def _points(points: float) -> str:
    return f"{points:.2f}"


def table(grades: Sequence[Grade], _home: str) -> str:
    """Return a table for people: a row for each learner and lab."""
    heading = (
        "Learner",
        "ID",
        "Lab",
        "Title",
        "Points",
        "Of",
        "Evidence",
        "Refuted checks",
        "Passed",
        "Checks",
    )
    rows = [
        (
            each.learner,
            each.id,
            each.lab[:2],
            each.title,
            _points(each.points),
            _points(each.most),
            each.evidence.value,
            " ".join(each.refuted),
            each.passed,
            each.checks,
            each.attempts,
            each.hints,
            "yes" if each.solved else "no",
            each.made,
            each.note,
        )
        for each in grades
    ]
    return _table([(*heading, "Attempts", "Hints", "Solution asked for", "Handed in", "Note"), *rows])


def _columns(grades: Sequence[Grade]) -> dict[str, str]:
    return {
        each.lab: f"Lab {each.lab[:2]}: {each.title}" for each in sorted(grades, key=lambda each: each.lab)
    }


def moodle(grades: Sequence[Grade], _home: str) -> str:
    """Return Moodle's CSV: names, the ID number to map from, and for each lab a grade and its feedback.

    Moodle takes grades and feedback for one item from two columns (MoodleDocs, Grade import). A lab that a learner did
    not hand in stays empty, so that an import does not overwrite a grade.
    """
    columns = _columns(grades)
    heading = ["Full name", "ID number"]
    for title in columns.values():
        heading += [title, f"{title} (feedback)"]
    rows: list[list[str]] = []
    for (learner, account), found in by_learner(grades).items():
        row = [learner, account]
        for lab in columns:
            each = found.get(lab)
            row += [_points(each.points), _feedback(each)] if each else ["", ""]
        rows.append(row)
    return _table([heading, *rows])


def canvas(grades: Sequence[Grade], _home: str) -> str:
    """Return Canvas' CSV: five columns that say who it is, one for each lab, and a second row with the points possible.

    `ID` is Canvas' own number, which only an export from Canvas has; it stays empty, and `SIS User ID` has the learner's.
    """
    columns = _columns(grades)
    most = {each.lab: each.most for each in grades}
    blank = [""] * 4
    rows: list[list[str]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *columns.values()],
        [TEST_STUDENT.rjust(len(TEST_STUDENT) + 4), *blank, *(_points(most[lab]) for lab in columns)],
    ]
    for (learner, account), found in by_learner(grades).items():
        points = [_points(found[lab].points) if lab in found else "" for lab in columns]
        rows.append([learner, "", account, account, "", *points])
    return _table(rows)


def junit(grades: Sequence[Grade], _home: str) -> str:
    """Return JUnit XML: a suite for each learner and lab, a case for each check."""
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for each in grades:
        goals = [check for check in each.result.checks if check.kind is Kind.GOAL]
        failed = sum(check.counts in {Status.FAILED, Status.VIOLATED} for check in goals)
        skipped = sum(check.counts not in {Status.PASSED, Status.FAILED, Status.VIOLATED} for check in goals)
        name = _attribute(f"{each.learner} · {each.lab}")
        lines.append(
            f'  <testsuite name={name} tests="{len(goals)}" failures="{failed}" errors="0" skipped="{skipped}">'
        )
        values = {
            "evidence": each.evidence.value,
            "points": _points(each.points),
            "of": _points(each.most),
            "id": each.id,
        }
        lines.append("    <properties>")
        lines += [
            f"      <property name={quoteattr(key)} value={_attribute(value)}/>"
            for key, value in values.items()
        ]
        lines.append("    </properties>")
        for check in goals:
            lines.append(f"    <testcase classname={_attribute(each.lab)} name={_attribute(check.title)}>")
            why = check.why or ("claimed to pass, did not pass here" if check.refuted else "")
            if check.counts in {Status.FAILED, Status.VIOLATED}:
                lines.append(f"      <failure message={_attribute(why)}/>")
            elif check.counts is not Status.PASSED:
                lines.append(f"      <skipped message={_attribute(why)}/>")
            lines.append("    </testcase>")
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>", ""])


def _attribute(text: str) -> str:
    return quoteattr(plain(text, 600))


def _feedback(each: Grade) -> str:
    said = [f"{each.passed} of {each.checks} checks, {each.evidence}"]
    if each.refuted:
        said.append(f"claimed, but not seen: {', '.join(each.refuted)}")
    # Moodle shows feedback as HTML.
    return escape("; ".join(said))


FORMATS: dict[str, tuple[str, Callable[[Sequence[Grade], str], str]]] = {
    "table": (".csv", table),
    "moodle": (".csv", moodle),
    "canvas": (".csv", canvas),
    "junit": (".xml", junit),
    "xapi": (".json", xapi.statements),
}
"""What can be written, and the ending of the file's name."""
