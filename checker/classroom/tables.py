"""The tables of a class on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.classroom.columns import columns
from checker.classroom.names import plain
from checker.classroom.result import Evidence, Result
from checker.render.style import printable
from checker.results import Kind, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.classroom.grades import Grade
    from checker.render.style import Style

_COLOURS = {Evidence.VERIFIED: "green", Evidence.REPLAYED: "yellow", Evidence.CLAIMED: "dim"}


def result_lines(results: Sequence[Result], refused: Sequence[Result], style: Style) -> list[str]:
    """Return the table of what was graded again, what was refuted, and what was refused."""
    lines: list[str] = []
    rows = [("learner", "lab", "passed", "evidence", "attempts", "hints")]
    rows += [
        (
            each.learner,
            each.lab[:2],
            _passed(each),
            "claimed, refuted" if each.refuted and each.evidence is Evidence.CLAIMED else each.evidence.value,
            str(each.attempts),
            str(each.hints),
        )
        for each in results
    ]
    if results:
        heading, *rest = columns(rows)
        lines.append(style.paint(heading, "bold"))
        for line, each in zip(rest, results, strict=True):
            lines.append(style.paint(line, "red" if each.refuted else _COLOURS[each.evidence]))
            lines += _below(each, style)
    for each in refused:
        lines += style.wrap(f"refused: {printable(each.file)}. {printable(each.refused)}", "    ", first="")
    return [*lines, "", closing(results, refused)]


def _passed(result: Result) -> str:
    goals = [check for check in result.checks if check.kind is Kind.GOAL]
    passed = sum(check.counts is Status.PASSED for check in goals)
    return f"{passed} of {len(goals)}"


def _below(result: Result, style: Style) -> list[str]:
    lines: list[str] = []
    refuted = [check for check in result.checks if check.refuted]
    if refuted:
        # The first says why; the others mostly wait for it.
        first, *rest = refuted
        said = f"claimed to pass, did not pass here: {first.id}"
        said += f" ({first.why})" if first.why else ""
        said += "".join(f", {check.id}" for check in rest)
        lines += style.wrap(printable(plain(said, 900)), "      ", first="    ")
    if result.note:
        lines += style.wrap(printable(f"note: {result.note}"), "      ", first="    ")
    return lines


def closing(results: Sequence[Result], refused: Sequence[Result]) -> str:
    """Return one line with the counts."""
    counts = {each: sum(result.evidence is each for result in results) for each in Evidence}
    said = ", ".join(f"{count} {each}" for each, count in reversed(counts.items()) if count)
    refuted = sum(bool(result.refuted) for result in results)
    parts = [f"{len(results)} handed in: {said}" if results else "nothing could be graded"]
    if refuted:
        parts.append(f"{refuted} with claims that did not come out here")
    if refused:
        parts.append(f"{len(refused)} refused")
    return "; ".join(parts) + "."


def grade_lines(grades: Sequence[Grade], refused: Sequence[Result], style: Style) -> list[str]:
    """Return the table of points, and which archives have none."""
    rows = [("learner", "lab", "points", "passed", "evidence")]
    rows += [
        (
            each.learner,
            each.lab[:2],
            f"{each.points:.2f} of {each.most:.2f}",
            f"{each.passed} of {each.checks}",
            each.evidence.value,
        )
        for each in grades
    ]
    heading, *rest = columns(rows)
    lines = [style.paint(heading, "bold"), *rest] if grades else []
    for each in refused:
        lines += style.wrap(f"no points: {printable(each.file)}. {printable(each.refused)}", "    ", first="")
    claimed = sum(each.evidence is Evidence.CLAIMED for each in grades)
    if claimed:
        lines += [
            "",
            f"{claimed} of {len(grades)} are only claimed: nothing of them was seen to pass here.",
            "They get no points unless grading.toml says so.",
        ]
    return lines
