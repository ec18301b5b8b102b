"""An answer, shown so that a learner can copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.course.contents import Kind

if TYPE_CHECKING:
    from checker.course.answer import Answer
    from checker.render.style import Style


def answer_lines(answer: Answer, style: Style) -> list[str]:
    """Return the answer's files and the commands of its script."""
    lines = [style.paint(answer.toml.title, "bold")]
    for name, entry in answer.files.items():
        if entry.kind is Kind.FOLDER:
            continue
        lines += ["", style.paint(f"file {name}", "cyan")]
        if entry.text is None:
            lines.append(f"  ({len(entry.data)} bytes)")
        else:
            lines += [f"  {line}" for line in entry.text.splitlines()]
    if answer.script is not None:
        lines += ["", style.paint("in the toolbox", "cyan")]
        lines += [f"  {line}" for line in answer.script.splitlines() if not line.startswith("#!")]
    return [*lines, ""]
