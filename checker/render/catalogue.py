"""`lab list`: the labs and the learner's progress in each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.render.report import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.course.catalogue import Lab
    from checker.progress import Standing
    from checker.render.style import Style


NARROW = 60


def list_lines(
    rows: Sequence[tuple[Lab, Standing]], style: Style, lacking: Mapping[str, str] | None = None
) -> list[str]:
    """Return one row for each lab, and a last line that says what to do next.

    Args:
        rows: each lab with the learner's progress.
        style: the style of the terminal.
        lacking: by slug, what is missing on this machine and needed before the lab can start.
    """
    lacking = lacking or {}
    cells, colours = [], []
    following = ""
    for lab, standing in rows:
        mark, plain, colour, state = "○", "o", "dim", "not started"
        if standing.passed_at:
            mark, plain, colour, state = "✔", "ok", "green", "passed"
            if standing.solved:
                state = "passed, after seeing the solution"
        elif standing.attempts:
            mark, plain, colour = "◐", "~", "yellow"
            state = f"{standing.last_passed} of {standing.last_total} checks"
        if lab.chosen and style.width >= NARROW:
            state += f"; ways: {', '.join(lab.chosen)}"
        if lab.slug in lacking:
            state += f"; needs {lacking[lab.slug]}, which is missing here"
        elif not standing.passed_at and not following:
            following = str(int(lab.number))
        # On a narrow terminal the progress matters more than how long a lab takes.
        minutes = () if style.width < NARROW else (f"{lab.toml.minutes} min",)
        cells.append((style.symbol(mark, plain), lab.number, lab.toml.title, *minutes, state))
        colours.append(colour)
    lines = [
        style.paint(line, colour) if colour != "dim" else line
        for line, colour in zip(table(cells, style), colours, strict=True)
    ]
    if following:
        lines += ["", f"Next: lab start {following}"]
    elif rows:
        lines += ["", "You have passed every lab."]
    return lines
