"""The learner's sheet, where.toml: a box for each program, what it said, and two kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from checker.grading.author import Lab, Sheet

FILE = "where.toml"


def read(lab: Lab) -> Sheet:
    """Return the sheet; fail where there is none, or it is no TOML."""
    return lab.sheet(
        FILE,
        rule="what stands behind an `=` is in quotes, on one line.",
        like='lines such as `box = "vm"`; a text that has " in it stands between two \'',
        hint="Each text begins and ends on its line, with the same quote.",
    )
