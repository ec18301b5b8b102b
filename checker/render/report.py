"""A Report for the terminal: a table, then what to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.render.style import Style, printable
from checker.results import CheckResult, Kind, Report, Status

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARKS = {
    Status.PASSED: ("✔", "ok", "green"),
    Status.FAILED: ("✘", "x", "red"),
    Status.VIOLATED: ("✘", "x", "red"),
    Status.COULD_NOT_RUN: ("?", "?", "yellow"),
    Status.NOT_RUN: ("–", "-", "dim"),
    Status.NOT_JUDGED: ("○", "o", "yellow"),
}

EVIDENCE_LINES = 6
"""How many lines of evidence are shown; the command under `shown by` shows the rest."""


def report_lines(report: Report, style: Style, *, everything: bool = False) -> list[str]:
    """Return the lines of a report.

    Args:
        report: what to show.
        style: how to write.
        everything: explain every problem, not only the first one.
    """
    goals = [check for check in report.checks if check.kind is Kind.GOAL]
    lines = [
        style.paint(
            f"Lab {report.lab[:2]} · {report.title}"
            if style.unicode
            else f"Lab {report.lab[:2]}: {report.title}",
            "bold",
        ),
        "",
    ]
    for check in report.checks:
        # Nobody needs to read about a guard that passed.
        if check.kind is Kind.GUARD and check.status is Status.PASSED and not everything:
            continue
        lines += _row(check, style, everything=everything)
    problems = [check for check in report.checks if check.failure or check.status is Status.COULD_NOT_RUN]
    first = report.first_problem
    for check in problems if everything else filter(None, [first]):
        lines += ["", *explanation(check, style)]
    passed = sum(check.status is Status.PASSED for check in goals)
    lines += ["", _summary(report, passed, len(goals), len(problems), style, everything=everything)]
    return lines


def _row(check: CheckResult, style: Style, *, everything: bool) -> list[str]:
    symbol, plain, colour = _MARKS[check.status]
    mark = style.symbol(symbol, plain)
    title = check.title if check.kind is Kind.GOAL else f"untouched: {check.title}"
    rows = style.wrap(title, " " * (len(mark) + 3), first=f"  {mark} ")
    if check.status is Status.NOT_RUN:
        # The whole row is dim: a mark with another colour would end the dimming at the mark.
        why = style.wrap(check.reason, " " * (len(mark) + 3)) if everything else []
        return [style.paint(line, colour) for line in [*rows, *why]]
    rows[0] = rows[0].replace(mark, style.paint(mark, colour), 1)
    if check.status is Status.NOT_JUDGED:
        # Never left out: a reader must not think that the check passed.
        said = style.wrap(f"Not judged: {printable(check.reason)}", " " * (len(mark) + 3))
        rows += [style.paint(line, "dim") for line in said]
    return rows


def explanation(check: CheckResult, style: Style) -> list[str]:
    """Return the explanation of one check that did not pass."""
    if check.status is Status.COULD_NOT_RUN:
        head = f"Could not run: {check.title}"
        return [
            *(style.paint(line, "yellow", "bold") for line in style.wrap(head)),
            *style.wrap(printable(check.reason), "  "),
            *style.wrap("This does not count as an attempt. If it happens again, run: lab doctor", "  "),
        ]
    failure = check.failure
    if failure is None:
        return []
    head = f"This must not be changed: {check.title}" if check.status is Status.VIOLATED else check.title
    lines = [
        *(style.paint(line, "red", "bold") for line in style.wrap(head)),
        *style.wrap(printable(failure.rationale), "  "),
    ]
    facts = (("expected", failure.expected), ("seen", failure.seen), ("shown by", failure.source))
    for name, text in facts:
        if text:
            lines += _fact(name, printable(text), style)
    if failure.evidence:
        lines.append(style.paint("  evidence", "dim"))
        bar = style.symbol("│", "|")
        shown = printable(failure.evidence).splitlines()
        lines += [f"    {style.paint(bar, 'dim')} {line}" for line in shown[-EVIDENCE_LINES:]]
    lines += _fact("hint", printable(failure.hint), style, colour="cyan")
    return lines


def _fact(name: str, text: str, style: Style, colour: str = "dim") -> list[str]:
    label = f"  {name:<9} "
    rows = style.wrap(text, " " * len(label), first=label)
    rows[0] = style.paint(label, colour) + rows[0][len(label) :]
    return rows


def _summary(
    report: Report, passed: int, total: int, problems: int, style: Style, *, everything: bool
) -> str:
    took = f"{report.ms / 1000:.2f} s"
    if report.passed:
        words = "The check passes." if total == 1 else f"All {total} checks pass."
        return style.paint(words, "green", "bold") + style.paint(f"  {took}", "dim")
    text = "The check does not pass." if total == 1 and not passed else f"{passed} of {total} checks pass."
    if report.right:
        unproven = len(report.having(Status.NOT_JUDGED))
        text += f" {unproven} cannot be judged here; all others pass."
    if problems > 1 and not everything:
        text += f" `lab check {int(report.lab[:2])} --all` explains the {_others(problems - 1)}."
    return style.paint(text, "bold") + style.paint(f"  {took}", "dim")


def one_line(report: Report) -> str:
    """Return a report in one sentence, for screen readers and for logs."""
    goals = [check for check in report.checks if check.kind is Kind.GOAL]
    passed = sum(check.status is Status.PASSED for check in goals)
    first = report.first_problem
    if report.passed:
        words = "the check passes" if len(goals) == 1 else f"all {len(goals)} checks pass"
        return f"Lab {report.lab[:2]}: {words}."
    if first is None:
        return f"Lab {report.lab[:2]}: {passed} of {len(goals)} checks pass; the others were not judged."
    return f"Lab {report.lab[:2]}: {passed} of {len(goals)} checks pass. First: {first.title}."


def table(rows: Iterable[tuple[str, ...]], style: Style) -> list[str]:
    """Align rows of text in columns; the last column gets the rest of the width and is cut off at the edge."""
    kept = [tuple(row) for row in rows]
    if not kept:
        return []
    widths = [max(len(row[column]) for row in kept) for column in range(len(kept[0]) - 1)]
    lines = []
    for row in kept:
        start = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False))
        line = f"{start}  {row[-1]}" if start else row[-1]
        lines.append(
            line
            if len(line) <= style.width or not style.terminal
            else line[: style.width - 1] + style.symbol("…", "~")
        )
    return lines


def _others(count: int) -> str:
    return "other one" if count == 1 else f"other {count}"
