"""A Report as HTML for a notebook's cell: each status by word, sign and colour, and what to look at first."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from checker.render.style import printable
from checker.results import Kind, Status

if TYPE_CHECKING:
    from checker.results import CheckResult, Report

_LOOKS = {
    Status.PASSED: ("✔", "passed", "--jp-success-color1", "#2e7d32"),
    Status.FAILED: ("✘", "failed", "--jp-error-color1", "#b23a1e"),
    Status.VIOLATED: ("✘", "was changed", "--jp-error-color1", "#b23a1e"),
    Status.COULD_NOT_RUN: ("?", "could not run", "--jp-warn-color1", "#8a5a00"),
    Status.NOT_RUN: ("–", "not run", "--jp-ui-font-color2", "#616161"),
    Status.NOT_JUDGED: ("○", "not judged here", "--jp-warn-color1", "#8a5a00"),
}
"""Sign, word, JupyterLab's own colour, and a colour where there is no JupyterLab."""

_CELL = "text-align:left;vertical-align:top"
_ALERT = "border-left:3px solid {};padding:.2em 0 .2em .8em;margin:.6em 0;max-width:60em"


def report_html(report: Report) -> str:
    """Return a report as a table and, below it, what is said of the first problem.

    What a learner's containers said is shown as text: nothing of it is taken for HTML.
    """
    goals = [check for check in report.checks if check.kind is Kind.GOAL]
    passed = sum(check.status is Status.PASSED for check in goals)
    total = len(goals)
    caption = f"Lab {report.lab[:2]} · {report.title}: {passed} of {total} checks pass"
    # A guard that holds is no news.
    shown = [check for check in report.checks if check.kind is Kind.GOAL or check.status is not Status.PASSED]
    rows = "".join(_row(check) for check in shown)
    return (
        f'<table style="text-align:left"><caption style="{_CELL};caption-side:top">'
        f"<strong>{escape(caption)}</strong> ({report.ms / 1000:.2f} s)</caption>"
        f'<thead><tr><th scope="col" style="{_CELL}">Status</th>'
        f'<th scope="col" style="{_CELL}">Check</th></tr></thead><tbody>{rows}</tbody></table>'
        f"{_problem(report.first_problem)}"
    )


def _row(check: CheckResult) -> str:
    sign, word, theirs, ours = _LOOKS[check.status]
    said = f"<br><small>{escape(printable(check.reason))}</small>" if check.reason else ""
    return (
        f'<tr><td style="{_CELL};white-space:nowrap;color:var({theirs}, {ours})">'
        f'<span aria-hidden="true">{sign}</span> {word}</td>'
        f'<th scope="row" style="{_CELL};font-weight:normal">{escape(printable(check.title))}{said}</th></tr>'
    )


def _problem(check: CheckResult | None) -> str:
    if check is None or check.failure is None:
        return ""
    failure = check.failure
    _, _, theirs, ours = _LOOKS[check.status]
    facts = (
        ("expected", failure.expected),
        ("seen", failure.seen),
        ("shown by", failure.source),
        ("hint", failure.hint),
    )
    listed = "".join(
        f"<dt><strong>{name}</strong></dt><dd>{escape(printable(text))}</dd>" for name, text in facts if text
    )
    evidence = f"<pre>{escape(printable(failure.evidence))}</pre>" if failure.evidence else ""
    return (
        f'<div style="{_ALERT.format(f"var({theirs}, {ours})")}"><p><strong>{escape(printable(check.title))}</strong><br>'
        f"{escape(printable(failure.rationale))}</p><dl>{listed}</dl>{evidence}</div>"
    )
