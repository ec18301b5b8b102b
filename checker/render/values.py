"""A learner's own values of a lab as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.course.catalogue import Lab
    from checker.render.style import Style


def own_values_lines(lab: Lab, style: Style) -> list[str]:
    """Return the learner's values beside those of the lesson, and what the lab picks; nothing outside of such a class."""
    if not lab.seed:
        return []
    picked = [
        line
        for value in lab.toml.values.values()
        if value.fault
        for line in style.wrap(
            f"In this class, the lab picks {value.title}. Then type `lab lose {int(lab.number)}`, without a name.",
            "  ",
            first="  ",
        )
    ]
    return [*_table(lab, style), *picked]


def _table(lab: Lab, style: Style) -> list[str]:
    if not lab.own:
        return []
    heading = ("in the lesson", "for you", "")
    rows = [
        (value.lesson, lab.values[name], value.title)
        for name, value in lab.toml.values.items()
        if not value.fault
    ]
    first, second = (max(len(row[at]) for row in (heading, *rows)) for at in (0, 1))
    lines = style.wrap("In this class, each learner's task is a little different. Yours:", "  ", first="  ")
    lines.append(style.paint(f"    {heading[0]:<{first}}  {heading[1]}", "bold"))
    for lesson, yours, title in rows:
        start = f"    {lesson:<{first}}  {yours:<{second}}  "
        lines += style.wrap(title, " " * len(start), first=start)
    lesson, yours, _ = rows[0]
    more = ", and so on" if len(rows) > 1 else ""
    said = f"Where the lesson says {lesson}, type {yours}{more}. `lab values {int(lab.number)}` shows this again."
    return [*lines, *style.wrap(said, "  ", first="  ")]
