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


def answer_record(answer: Answer) -> dict[str, object]:
    """Return the same for programs: the text of each file, None for one that is not text, and the script."""
    return {
        "title": answer.toml.title,
        "files": {name: entry.text for name, entry in answer.files.items() if entry.kind is not Kind.FOLDER},
        "script": answer.script,
    }
