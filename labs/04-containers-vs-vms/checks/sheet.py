"""The learner's sheet, measurements.toml: what one box of each kind took, and how many fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.grading.author import require

if TYPE_CHECKING:
    from checker.grading.author import Lab, Sheet

FILE = "measurements.toml"
SOURCE = f"cat {FILE}"


@dataclass(frozen=True)
class Measured:
    """What the learner wrote of one box: seconds, MiB, MB."""

    first_answer_s: float
    memory_mib: float
    disk_mb: float


@dataclass(frozen=True)
class Measurements:
    """What the sheet says of one box of each kind."""

    container: Measured
    vm: Measured


def read(lab: Lab) -> Sheet:
    """Return the sheet; fail where there is none, or it is no TOML."""
    return lab.sheet(
        FILE,
        rule="a number stands alone behind its `=`, without a unit.",
        like="lines such as `memory_mib = 34.5`, or with a # and a remark behind",
        hint="Decimals have a point, and units are in the name.",
    )


def measurements(lab: Lab) -> Measurements:
    """Return what the sheet says of one box of each kind; fail where a number is missing, or is none."""
    sheet = read(lab)
    return Measurements(container=_measured(sheet, "container"), vm=_measured(sheet, "vm"))


def _measured(sheet: Sheet, table: str) -> Measured:
    return Measured(
        first_answer_s=_number(sheet, table, "first_answer_s"),
        memory_mib=_number(sheet, table, "memory_mib"),
        # A container that has written nothing adds nothing.
        disk_mb=_number(sheet, table, "disk_mb", zero=table == "container"),
    )


def _number(sheet: Sheet, table: str, name: str, *, zero: bool = False) -> float:
    value = sheet.number(table, name)
    require(
        value > 0 or (zero and value == 0),
        f"`{name}` under `[{table}]` is not measured yet.",
        expected="a number greater than 0",
        seen=sheet.shown(table, name),
        source=sheet.source,
        hint="The lesson measures each of the three for `practice`; “Your turn” does it for your own two boxes.",
    )
    return value


def count(lab: Lab, name: str) -> int:
    """Return how many boxes the sheet says fit; fail where it does not say yet."""
    sheet = read(lab)
    value = sheet.number("shelf", name)
    require(
        value >= 1 and value == int(value),
        f"`{name}` under `[shelf]` does not say yet how many fit.",
        expected="a whole number, 1 or more",
        seen=sheet.shown("shelf", name),
        source=sheet.source,
        hint="Divide the 512 MiB by what one takes, then start as many and see. Lesson, “Step 2”.",
    )
    return int(value)
