"""An answer, shown so that a learner can copy it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.course.catalogue import Answer
    from checker.render.style import Style


def answer_lines(answer: Answer, style: Style) -> list[str]:
    """Return the answer's files and the commands of its script."""
    lines = [style.paint(answer.toml.title, "bold")]
    if answer.files.is_dir():
        for file in sorted(path for path in answer.files.rglob("*") if path.is_file()):
            lines += ["", style.paint(f"file {file.relative_to(answer.files).as_posix()}", "cyan")]
            try:
                lines += [f"  {line}" for line in file.read_text(encoding="utf-8").splitlines()]
            except UnicodeDecodeError:
                lines.append(f"  ({file.stat().st_size} bytes)")
    if answer.script.is_file():
        lines += ["", style.paint("in the toolbox", "cyan")]
        lines += [
            f"  {line}"
            for line in answer.script.read_text(encoding="utf-8").splitlines()
            if not line.startswith("#!")
        ]
    return [*lines, ""]
