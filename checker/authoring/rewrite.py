"""Writes a measurement into a lab.toml, and changes no other byte of the file."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

from checker.errors import LabError

if TYPE_CHECKING:
    from checker.course.model import Measured

TABLE = "measured"

_HEADER = re.compile(r"^\s*\[\[?\s*([A-Za-z0-9_-]+)")


def with_measured(text: str, measured: Measured) -> str:
    """Return the text of a lab.toml with its [measured] table replaced, or appended if there is none.

    Args:
        text: the file, with its own line ends.
        measured: the measurement.

    Raises:
        LabError: the file cannot be changed safely (`measured` is an inline table, or a line inside a text looks
            like a table); nothing was changed.
    """
    end = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines(keepends=True)
    first, last = _extent(lines)
    table = [line + end for line in table_lines(measured)]
    if first is None:
        if lines and not lines[-1].endswith(("\n", "\r")):
            lines[-1] += end
        changed = [*lines, *([end] if lines and lines[-1].strip() else []), *table]
    else:
        changed = [*lines[:first], *table, *lines[last:]]
    result = "".join(changed)
    _require_same_otherwise(text, result)
    return result


def table_lines(measured: Measured) -> list[str]:
    """Return the table as TOML."""
    lines = [f"[{TABLE}]"]
    lines += [
        f"{name} = {_value(getattr(measured, name))}"
        for name in measured.__struct_fields__
        if name not in {"images", "ways", "recorded"}
    ]
    if measured.images:
        lines += ["", f"[{TABLE}.images]"]
        lines += [f"{_text(name)} = {_text(told)}" for name, told in measured.images.items()]
    if measured.ways:
        lines += ["", f"[{TABLE}.ways]"]
        lines += [f"{_text(name)} = {_value(memory)}" for name, memory in measured.ways.items()]
    for subject, values in measured.recorded.items():
        lines += ["", f"[{TABLE}.recorded.{_text(subject)}]"]
        lines += [f"{_text(name)} = {_text(value)}" for name, value in values.items()]
    return lines


def _extent(lines: list[str]) -> tuple[int | None, int]:
    """Return where the table and its sub-tables begin and end, without the comments and blank lines after it."""
    first: int | None = None
    last = 0
    inside = False
    for number, line in enumerate(lines):
        if match := _HEADER.match(line):
            inside = match[1] == TABLE
            if inside and first is None:
                first = number
        if inside and line.strip() and not line.lstrip().startswith("#"):
            last = number + 1
    return first, last


def _require_same_otherwise(before: str, after: str) -> None:
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise _unsafe() from error
    old.pop(TABLE, None)
    if TABLE not in new:
        raise _unsafe()
    new.pop(TABLE)
    if old != new:
        raise _unsafe()


def _unsafe() -> LabError:
    return LabError(
        "The [measured] table of lab.toml cannot be replaced without changing the rest of the file.",
        remedy="Remove the table, or the text that looks like one, yourself. Then measure again.",
    )


def _value(value: float | str) -> str:
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    # A JSON string is a TOML basic string, if characters beyond ASCII are not escaped.
    return json.dumps(text, ensure_ascii=False)
