"""How a notebook shows the course's records, and an error: as a sentence, not as a traceback."""

from __future__ import annotations

from typing import Any

from IPython.core.getipython import get_ipython

from checker.errors import LabError
from checker.notebook.course import LabHandle
from checker.render.report import report_lines
from checker.render.report_html import report_html
from checker.render.style import Style
from checker.results import Report

_PLAIN = Style(colour=False, width=100, unicode=True, terminal=False)

_TRACEBACKS = {"shown": False}


def register() -> None:
    """Register with this kernel; a second call changes nothing."""
    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Report, report_html)
    formatters["text/plain"].for_type(Report, _plain_report)
    formatters["text/plain"].for_type(LabHandle, _plain_lab)
    # IPython asks the exception itself; other front ends of the same kernel get the same.
    LabError._render_traceback_ = _told  # type: ignore[attr-defined]


def tracebacks(*, shown: bool) -> None:
    """Show the traceback of an error, or only its sentence."""
    _TRACEBACKS["shown"] = shown
    if shown:
        del LabError._render_traceback_  # type: ignore[attr-defined]
    else:
        LabError._render_traceback_ = _told  # type: ignore[attr-defined]


def _plain_report(report: Report, printer: Any, cycle: bool) -> None:
    del cycle
    printer.text("\n".join(report_lines(report, _PLAIN)))


def _plain_lab(lab: LabHandle, printer: Any, cycle: bool) -> None:
    del cycle
    state = "running" if lab.running else "not started"
    printer.text(f"Lab {lab.number} · {lab.title}: {state}\n  your files: {lab.work}")


def _told(error: LabError) -> list[str]:
    """Return the lines that stand for a traceback."""
    lines = [f"\033[31m✘ {error.what}\033[0m"]
    lines += [f"    │ {line}" for line in error.detail.splitlines()]
    if error.remedy:
        lines.append(f"  → {error.remedy}")
    return lines
