"""A sheet: a TOML file in which the learner writes down findings.

People write numbers in many ways, and delete lines that they think they do not need. If a sheet cannot be read, the
check ends and says what is wrong, where, and what to do.
"""

from __future__ import annotations

import codecs
import math
import re
import stat
import tomllib
from typing import TYPE_CHECKING, Any, NoReturn

from checker.grading.verdicts import fail

if TYPE_CHECKING:
    from pathlib import Path

_TYPESET = {
    "“": 'a typographic quote; TOML needs the straight one, "',
    "”": 'a typographic quote; TOML needs the straight one, "',
    "„": 'a typographic quote; TOML needs the straight one, "',
    "«": 'a typographic quote; TOML needs the straight one, "',
    "»": 'a typographic quote; TOML needs the straight one, "',
    "‘": "a typographic quote; TOML needs the straight one, '",
    "’": "a typographic quote; TOML needs the straight one, '",
    "\u00a0": "a space that is not an ordinary one; write it with the space bar",
    "\u202f": "a space that is not an ordinary one; write it with the space bar",
    "\u200b": "a character without a width; remove it",
}
"""What word processors, chats and pages put in the place of plain characters, and what is wrong with it."""

LARGEST = 1_000_000
"""The bytes of the largest file that is read as a sheet; those of the labs have up to 3,000."""

_TWICE = re.compile(r"twice|[Cc]annot (?:overwrite|redefine|mutate)")
"""What the parser says of a table or a name that is there a second time."""

_QUOTED = re.compile(r"""=\s*(["'])(?!\1)(.*)\1\s*(?:#.*)?$""")
"""A text in quotes, to the last quote on its line."""

_UNREADABLE = (
    (re.compile(r"[-+]?\d+(,\d+)+(\.\d+)?"), "a number has no comma in it; a decimal has a point."),
    (re.compile(r"[-+]?\.\d+"), "a number begins with a digit, also before its point: 0.6, not .6."),
    (re.compile(r"[-+]?\d+\."), "a point in a number has a digit behind it: 12 or 12.0, not 12."),
    (re.compile(r"[-+]?0\d+(\.\d*)?"), "a number of several digits does not begin with 0: 7.5, not 07.5."),
)
"""How people write numbers that TOML cannot read, and what is wrong with each."""


class Sheet:
    """What a sheet says, as `lab.sheet(…)` gives it.

    Args:
        file: its name in the work folder.
        tables: its tables, by name.
        again: how the learner gets the original sheet back.
    """

    def __init__(self, file: str, tables: dict[str, Any], again: str) -> None:
        self.file = file
        self._tables = tables
        self._again = again

    @property
    def source(self) -> str:
        """The command that shows the sheet to the learner."""
        return f"cat {self.file}"

    def number(self, table: str, name: str) -> float:
        """Return a number; a number in quotes is accepted too, also with a decimal comma."""
        value = self._value(table, name)
        if isinstance(value, str):
            try:
                value = float(value.strip().replace(",", "."))
            except ValueError:
                self._fail_kind(table, name, "number", "only a number, such as 12.5")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self._fail_kind(table, name, "number", "only a number, such as 12.5")
        return float(value)

    def text(self, table: str, name: str) -> str:
        """Return a text, without spaces around it."""
        value = self._value(table, name)
        if not isinstance(value, str):
            self._fail_kind(table, name, "text", 'a text between quotes, such as "words"')
        return value.strip()

    def shown(self, table: str, name: str) -> str:
        """Return what the line says, for `seen`."""
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
            hint=f"Write it there, or start again: {self._again}",
        )

    def _fail_kind(self, table: str, name: str, kind: str, expected: str) -> NoReturn:
        fail(
            f"`{name}` under `[{table}]` in {self.file} is not a {kind}.",
            expected=expected,
            seen=self.shown(table, name),
            source=self.source,
            hint="Write units and remarks after a `#`, on the same line."
            if kind == "number"
            else 'Put a " before and after it; if the text itself contains ", put a \' before and after it.',
        )


def read(file: Path, lab: int, *, rule: str, like: str, hint: str = "") -> Sheet:
    """Read a sheet; if there is none or it is not TOML, end the check. The arguments are those of `Lab.sheet`."""
    name, again = (
        file.name,
        f"`lab reset {lab}` puts a new one there, and moves your other files to work/set-aside/.",
    )
    source = f"cat {name}"
    try:
        text = text_of(file)
    except FileNotFoundError:
        fail(
            f"There is no {name} in the work folder, so there is nothing to compare.",
            expected=f"{name}, as the lab gave it, filled in",
            seen=", ".join(sorted(each.name for each in file.parent.glob("*"))) or "an empty folder",
            source="ls",
            hint=again,
        )
    except (OSError, UnicodeDecodeError) as error:
        fail(
            f"{name} cannot be read.", seen=str(error), source=source, hint="It must be a text file in UTF-8."
        )
    try:
        return Sheet(name, tomllib.loads(text), again)
    except tomllib.TOMLDecodeError as error:
        line = _line_of(text, str(error))
        facts = {"expected": like, "seen": str(error), "source": source, "evidence": line.strip()}
        if _TWICE.search(str(error)):
            fail(
                f"{name} says the same thing twice: a line in [ ], or a name under it, may be there only once.",
                **facts,
                hint="The message names the second place. Keep one of the two, with your values, and remove the other.",
            )
        if odd := next((each for each in line.partition("#")[0] if each in _TYPESET), ""):
            fail(
                f"{name} is not valid TOML: a line contains {_TYPESET[odd]}.",
                **facts,
                hint="Text that is copied from a page or a chat often has such characters. Type the line again.",
            )
        if (quoted := _QUOTED.search(line)) and quoted[1] in quoted[2]:
            own, other = quoted[1], "'" if quoted[1] == '"' else '"'
            fail(
                f"{name} is not valid TOML: a text contains {own}, which is also the quote around it, so it ends there.",
                **facts,
                hint=f"Put a {other} before and after the text instead.",
            )
        value = line.partition("=")[2].partition("#")[0].strip()
        if why := next((why for form, why in _UNREADABLE if form.fullmatch(value)), ""):
            fail(
                f"{name} is not valid TOML: {why}",
                **facts,
                hint="Type the number on this line again. The others may need the same.",
            )
        fail(
            f"{name} is not valid TOML: {rule}",
            **facts,
            hint=f"The message names the line. {hint}".strip(),
        )


def text_of(file: Path) -> str:
    """Return the text of a file that a learner wrote; an editor on Windows may write a byte order mark, or UTF-16.

    What is no file is refused, because reading a pipe would wait forever.

    Args:
        file: the file.

    Raises:
        OSError: it cannot be read, is no file, or is too large for one that somebody wrote.
        UnicodeDecodeError: it is neither UTF-8 nor UTF-16.
    """
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{file.name} is a folder, a pipe or a device, not a file")
    if status.st_size > LARGEST:
        raise OSError(f"{file.name} has {status.st_size} bytes; such a file has at most {LARGEST}")
    data = file.read_bytes()
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if wide else "utf-8-sig")


def _line_of(text: str, error: str) -> str:
    """Return the line that the parser's message names; empty if it names none."""
    named = re.search(r"at line (\d+)", error)
    lines = text.split("\n")
    return lines[int(named[1]) - 1] if named and int(named[1]) <= len(lines) else ""
