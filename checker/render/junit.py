"""A Report as JUnit XML, for teachers who grade with their own tools."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from checker.errors import MisuseError
from checker.render.style import printable
from checker.results import Report, Status

if TYPE_CHECKING:
    from pathlib import Path


def write_junit(report: Report, file: Path) -> None:
    """Write the report to a file. A check that could not run is an error; a check that was not run is skipped.

    Raises:
        MisuseError: the file cannot be written.
    """
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    failures = len(report.having(Status.FAILED, Status.VIOLATED))
    errors = len(report.having(Status.COULD_NOT_RUN))
    skipped = len(report.having(Status.NOT_RUN, Status.NOT_JUDGED))
    lines.append(
        f'<testsuite name={quoteattr(report.lab)} tests="{len(report.checks)}" failures="{failures}" '
        f'errors="{errors}" skipped="{skipped}" time="{report.ms / 1000:.3f}" timestamp={quoteattr(report.started)}>'
    )
    for check in report.checks:
        lines.append(
            f'  <testcase classname={quoteattr(report.lab)} name={quoteattr(printable(check.title))} time="{check.ms / 1000:.3f}">'
        )
        if check.failure:
            facts = [
                check.failure.rationale,
                f"expected: {check.failure.expected}",
                f"seen: {check.failure.seen}",
                check.failure.evidence,
                f"hint: {check.failure.hint}",
            ]
            text = printable("\n".join(facts)).replace("\t", " ")
            lines.append(f"    <failure type={quoteattr(check.status)} message={quoteattr(text)}/>")
        elif check.status is Status.COULD_NOT_RUN:
            lines.append(f"    <error message={quoteattr(printable(check.reason))}/>")
        elif check.status in {Status.NOT_RUN, Status.NOT_JUDGED}:
            lines.append(f"    <skipped message={quoteattr(printable(check.reason))}/>")
        lines.append("  </testcase>")
    lines.append("</testsuite>")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise MisuseError(
            f"{file} cannot be written: {error.strerror}.", remedy="Name another file."
        ) from error
