"""What `lab verify --explain` prints: what an answer changes in the answer that it is based on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from checker.render.style import Style, printable

if TYPE_CHECKING:
    from checker.course.answer import Answer

_COLOURS = {"-": ("red",), "+": ("green",), "@": ("cyan",), "d": ("bold",), "w": ("bold",), "n": ("bold",)}


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """One answer and what differs."""

    answer: str
    title: str
    based_on: str
    """Empty for an answer that has all of its files in its folder."""
    files: tuple[str, ...]
    """What the answer consists of, its base included."""
    differences: dict[str, str]
    """For each file that differs, what is changed in it."""


def explained(answer: Answer) -> Explained:
    """Return an answer with what differs from its base."""
    return Explained(
        answer=answer.name,
        title=answer.toml.title,
        based_on=answer.toml.based_on,
        files=tuple(answer.contents),
        differences=answer.differences() if answer.base else {},
    )


def explained_lines(said: Explained, style: Style) -> list[str]:
    """Return the lines for one answer."""
    where = f"based on {said.based_on}" if said.based_on else f"whole: {', '.join(said.files)}"
    lines = [f"  {style.paint(said.answer, 'bold')}  {style.paint(where, 'dim')}"]
    lines += style.wrap(printable(said.title), "      ")
    if said.based_on and not said.differences:
        lines.append(style.paint("      Nothing differs.", "dim"))
    for text in said.differences.values():
        lines += [
            f"      {style.paint(printable(line), *_COLOURS.get(line[:1], ()))}".rstrip()
            for line in text.removesuffix("\n").split("\n")
        ]
    return [*lines, ""]
