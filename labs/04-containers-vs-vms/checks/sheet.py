"""The learner's sheet: measurements.toml, read with care, for people write numbers in many ways."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.grading.author import fail, require

if TYPE_CHECKING:
    from checker.grading.author import Lab

FILE = "measurements.toml"
SOURCE = f"cat {FILE}"


@dataclass(frozen=True)
class Measured:
    """What the learner wrote of one box: seconds, MiB, MB."""

    first_answer_s: float
    memory_mib: float
    disk_mb: float


@dataclass(frozen=True)
class Sheet:
    """What the sheet says of one box of each kind."""

    container: Measured
    vm: Measured


def read(lab: Lab) -> dict[str, Any]:
    """Return the file's tables; fail where there is no file, or it is no TOML."""
    try:
        # An editor on Windows may write a mark before the first letter.
        text = (lab.work / FILE).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fail(
            f"There is no {FILE} in the work folder, so there is nothing to compare.",
            expected=f"{FILE}, as the lab gave it, filled in",
            seen=", ".join(sorted(each.name for each in lab.work.glob("*"))) or "an empty folder",
            source="ls",
            hint="`lab reset 4` lays it there again, and sets your other files aside.",
        )
    except (OSError, UnicodeDecodeError) as error:
        fail(
            f"{FILE} cannot be read.",
            seen=str(error),
            source=SOURCE,
            hint="It is a text file, in UTF-8.",
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fail(
            f"{FILE} is not understood: a number stands alone behind its `=`, without a unit.",
            expected="lines such as `memory_mib = 34.5`, or with a # and a remark behind",
            seen=str(error),
            source=SOURCE,
            hint="The message names the line. Decimals have a point, and units are in the name.",
        )


def sheet(lab: Lab) -> Sheet:
    """Return what the sheet says of one box of each kind; fail where a number is missing, or is none."""
    tables = read(lab)
    return Sheet(container=_measured(tables, "container"), vm=_measured(tables, "vm"))


def _measured(tables: dict[str, Any], table: str) -> Measured:
    return Measured(
        first_answer_s=_number(tables, table, "first_answer_s"),
        memory_mib=_number(tables, table, "memory_mib"),
        # A container that has written nothing adds nothing.
        disk_mb=_number(tables, table, "disk_mb", zero=table == "container"),
    )


def number(tables: dict[str, Any], table: str, name: str) -> float | None:
    """Return a number of the sheet; None where there is none."""
    found = tables.get(table)
    value = found.get(name) if isinstance(found, dict) else None
    if isinstance(value, str):
        try:
            value = float(value.strip().replace(",", "."))
        except ValueError:
            return None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def _number(tables: dict[str, Any], table: str, name: str, *, zero: bool = False) -> float:
    value = number(tables, table, name)
    require(
        value is not None and (value > 0 or (zero and value == 0)),
        f"`{name}` under `[{table}]` is not measured yet.",
        expected="a number greater than 0",
        seen=_shown(tables, table, name),
        source=SOURCE,
        hint="The lesson measures each of the three for `practice`; “Your turn” does it for your own two boxes.",
    )
    return value or 0.0


def count(lab: Lab, name: str) -> int:
    """Return how many boxes the sheet says fit; fail where it does not say yet."""
    tables = read(lab)
    value = number(tables, "shelf", name)
    require(
        value is not None and value >= 1 and value == int(value),
        f"`{name}` under `[shelf]` does not say yet how many fit.",
        expected="a whole number, 1 or more",
        seen=_shown(tables, "shelf", name),
        source=SOURCE,
        hint="Divide the 512 MiB by what one takes, then start as many and see. Lesson, “Step 2”.",
    )
    return int(value or 0)


def _shown(tables: dict[str, Any], table: str, name: str) -> str:
    found = tables.get(table)
    if not isinstance(found, dict):
        return f"no [{table}]"
    return f"{name} = {found[name]!r}" if name in found else f"no {name} under [{table}]"
