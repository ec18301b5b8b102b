"""A sheet: a TOML file in which the learner writes down what was found, read with care.

People write numbers in many ways, and take lines away that they do not need; each of these ends the check with what is
wrong, where, and what to do.
"""

from __future__ import annotations

import math
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.verdicts import fail

if TYPE_CHECKING:
    from pathlib import Path


class Sheet:
    """What a sheet says, as `lab.sheet(…)` gives it.

    Args:
        file: its name in the work folder.
        tables: its tables, by name.
        again: how the learner gets it as the lab gave it.
    """

    def __init__(self, file: str, tables: dict[str, Any], again: str) -> None:
        self.file = file
        self._tables = tables
        self._again = again

    @property
    def source(self) -> str:
        """The command that shows it to the learner."""
        return f"cat {self.file}"

    def number(self, table: str, name: str) -> float:
        """Return a number; one in quotes, or with a decimal comma in them, is one too."""
        value = self._value(table, name)
        if isinstance(value, str):
            try:
                value = float(value.strip().replace(",", "."))
            except ValueError:
                self._fail_kind(table, name, "number", "a number alone, such as 12.5")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._fail_kind(table, name, "number", "a number alone, such as 12.5")
        return float(value)

    def text(self, table: str, name: str) -> str:
        """Return a text, without the space around it."""
        value = self._value(table, name)
        if not isinstance(value, str):
            self._fail_kind(table, name, "text", 'a text between quotes, such as "words"')
        return value.strip()

    def shown(self, table: str, name: str) -> str:
        """Return what stands there, for `seen`."""
        found = self._tables.get(table)
        if not isinstance(found, dict):
            return f"no [{table}]"
        return f"{name} = {found[name]!r}" if name in found else f"no {name} under [{table}]"

    def _value(self, table: str, name: str) -> Any:
        found = self._tables.get(table)
        if not isinstance(found, dict):
            heads = [f"[{each}]" for each, below in self._tables.items() if isinstance(below, dict)]
            self._fail_missing(table, name, f"the tables {', '.join(heads)}" if heads else "no table")
        if name not in found:
            self._fail_missing(table, name, f"under [{table}]: {', '.join(found) or 'nothing'}")
        return found[name]

    def _fail_missing(self, table: str, name: str, seen: str) -> NoReturn:
        fail(
            f"{self.file} has no `{name}` under `[{table}]`.",
            expected=f"a line `{name} = …` below the line `[{table}]`",
            seen=seen,
            source=self.source,
            hint=f"Write it there, or begin again: {self._again}",
        )

    def _fail_kind(self, table: str, name: str, kind: str, expected: str) -> NoReturn:
        fail(
            f"`{name}` under `[{table}]` in {self.file} is no {kind}.",
            expected=expected,
            seen=self.shown(table, name),
            source=self.source,
            hint="Units and remarks stand behind a `#`, on the same line."
            if kind == "number"
            else 'Put a " before it and one behind it; a text that has " in it stands between two \'.',
        )


def read(file: Path, lab: int, *, rule: str, like: str, hint: str = "") -> Sheet:
    """Read a sheet, or end the check where there is none, or it is no TOML; the arguments are those of `Lab.sheet`."""
    name, again = file.name, f"`lab reset {lab}` lays it there again, and sets your other files aside."
    source = f"cat {name}"
    try:
        # An editor on Windows may write a mark before the first letter.
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fail(
            f"There is no {name} in the work folder, so there is nothing to compare.",
            expected=f"{name}, as the lab gave it, filled in",
            seen=", ".join(sorted(each.name for each in file.parent.glob("*"))) or "an empty folder",
            source="ls",
            hint=again,
        )
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{name} cannot be read.", seen=str(error), source=source, hint="It is a text file, in UTF-8.")
    try:
        return Sheet(name, tomllib.loads(text), again)
    except tomllib.TOMLDecodeError as error:
        fail(
            f"{name} is not understood: {rule}",
            expected=like,
            seen=str(error),
            source=source,
            hint=f"The message names the line. {hint}".strip(),
        )
