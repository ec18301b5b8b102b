"""The learner's sheet, where.toml: a box for each program, what it said, and two kernels."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

from checker.grading.author import fail

if TYPE_CHECKING:
    from checker.grading.author import Lab

FILE = "where.toml"
SOURCE = f"cat {FILE}"


def read(lab: Lab) -> dict[str, Any]:
    """Return the sheet's tables; fail where there is none, or it is no TOML."""
    try:
        text = (lab.work / FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fail(
            f"There is no {FILE} in the work folder, so there is nothing to compare.",
            expected=f"{FILE}, as the lab gave it, filled in",
            seen=", ".join(sorted(each.name for each in lab.work.glob("*"))) or "an empty folder",
            source="ls",
            hint="`lab reset 5` lays it there again, and sets your other files aside.",
        )
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{FILE} cannot be read.", seen=str(error), source=SOURCE, hint="It is a text file, in UTF-8.")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fail(
            f"{FILE} is not understood: what stands behind an `=` is in quotes, on one line.",
            expected='lines such as `box = "vm"`; a text that has " in it stands between two \'',
            seen=str(error),
            source=SOURCE,
            hint="The message names the line. A message that holds quotes goes between single ones.",
        )


def text(tables: dict[str, Any], table: str, name: str) -> str:
    """Return a text of the sheet; empty where there is none."""
    found = tables.get(table)
    value = found.get(name, "") if isinstance(found, dict) else ""
    return value.strip() if isinstance(value, str) else ""
