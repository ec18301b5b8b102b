"""The findings of `lab doctor`: a line for each, and below it what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.doctor.finding import Finding, Mark
from checker.render.style import Style, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_MARKS = {
    Mark.FINE: ("✔", "ok", "green"),
    Mark.NOTE: ("!", "!", "yellow"),
    Mark.PROBLEM: ("✘", "x", "red"),
    Mark.UNKNOWN: ("–", "-", "dim"),
}


def finding_lines(findings: Sequence[Finding], style: Style) -> list[str]:
    """Return the findings by group, each with its remedy, and a last line."""
    lines: list[str] = []
    group = ""
    wide = max((len(finding.title) for finding in findings), default=0)
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines += [*([""] if lines else []), style.paint(group, "bold")]
        lines += _row(finding, wide, style)
    return [*lines, "", _closing(findings, style)]


def _row(finding: Finding, wide: int, style: Style) -> list[str]:
    symbol, plain, colour = _MARKS[finding.mark]
    mark = style.symbol(symbol, plain)
    narrow = style.width < 60
    indent = "      " if narrow else " " * (wide + 7)
    first = f"  {mark:<2} {finding.title}: " if narrow else f"  {mark:<2} {finding.title:<{wide}}  "
    rows = style.wrap(printable(finding.found), indent, first=first)
    rows[0] = rows[0].replace(mark, style.paint(mark, colour), 1)
    if finding.mark is Mark.UNKNOWN:
        rows = [style.paint(row, "dim") for row in rows]
    if finding.remedy:
        arrow = style.symbol("→", "->")
        told = style.wrap(printable(finding.remedy), indent + "  ", first=f"{indent}{arrow} ")
        told[0] = told[0].replace(arrow, style.paint(arrow, "cyan"), 1)
        rows += told
    return rows


def _closing(findings: Sequence[Finding], style: Style) -> str:
    problems = [finding for finding in findings if finding.mark is Mark.PROBLEM]
    notes = sum(finding.mark is Mark.NOTE for finding in findings)
    noted = f" {notes} note{'' if notes == 1 else 's'}." if notes else ""
    if problems:
        names = ", ".join(finding.title for finding in problems)
        if all(finding.labs for finding in problems):
            labs = sorted({lab for finding in problems for lab in finding.labs.split(", ")})
            which = f"lab {labs[0]}" if len(labs) == 1 else f"labs {', '.join(labs)}"
            said = f"This machine can run the course, except {which}. Problems: {names}.{noted}"
            return style.paint(said, "yellow", "bold")
        return style.paint(f"Labs may not run here. Problems: {names}.{noted}", "red", "bold")
    return style.paint(f"This machine can run the course.{noted}", "green", "bold")
