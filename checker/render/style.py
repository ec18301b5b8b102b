"""Colour, width and symbols, chosen once for each stream."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from dataclasses import dataclass
from typing import TextIO

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True)
class Style:
    """How to write to one stream."""

    colour: bool
    width: int
    unicode: bool
    terminal: bool

    def paint(self, text: str, *names: str) -> str:
        """Put text in the named colours, if the stream shows colour."""
        if not self.colour or not text:
            return text
        return f"\033[{';'.join(_CODES[name] for name in names)}m{text}\033[0m"

    def symbol(self, symbol: str, plain: str) -> str:
        """Return the symbol, or its plain form if the stream cannot show it."""
        return symbol if self.unicode else plain

    def wrap(self, text: str, indent: str = "", first: str | None = None) -> list[str]:
        """Break text into lines of the stream's width. Words are never cut, so commands can be copied."""
        lines: list[str] = []
        for paragraph in text.splitlines() or [""]:
            lines += textwrap.wrap(
                paragraph,
                width=max(20, self.width),
                initial_indent=indent if first is None or lines else first,
                subsequent_indent=indent,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [indent.rstrip()]
        return lines


def style_of(stream: TextIO | None = None) -> Style:
    """Return the style for a stream, from the stream, NO_COLOR, FORCE_COLOR, TERM and COLUMNS."""
    stream = stream or sys.stdout
    terminal = stream.isatty()
    if os.environ.get("NO_COLOR"):
        colour = False
    elif os.environ.get("FORCE_COLOR"):
        colour = True
    else:
        colour = terminal and os.environ.get("TERM") != "dumb"
    columns = shutil.get_terminal_size((100, 24)).columns
    encoding = (getattr(stream, "encoding", None) or "ascii").lower()
    if not encoding.startswith("utf") and isinstance(stream, io.TextIOWrapper):
        # A character that the stream cannot encode shows as `?`; it must not end the command.
        stream.reconfigure(errors="replace")
    return Style(
        colour=colour, width=min(max(columns, 20), 100), unicode=encoding.startswith("utf"), terminal=terminal
    )


# ECMA-48: a control sequence is ESC [, parameters, intermediates and a final byte.
_CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_KEPT_OUT = {"Cc", "Cf", "Cs", "Co", "Cn"}


def printable(text: str) -> str:
    """Make text from elsewhere harmless: remove its colours, and replace everything else that a terminal would obey."""
    plain = _CONTROL_SEQUENCE.sub("", text.replace("\r\n", "\n"))
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _KEPT_OUT else "\N{REPLACEMENT CHARACTER}"
        for char in plain
    )
