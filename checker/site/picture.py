"""Draws a terminal as an SVG picture from the output of a real command.

`python -m checker.site.picture FILE.svg -- ./lab check 1` runs the command and draws its output. All terminal
pictures on the pages are made this way. For authors, on Linux and macOS.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import unicodedata
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

TIMEOUT = 300.0
"""Seconds the command may take."""

_SIZE = 15
"""Text size in pixels; in common monospaced fonts, a character is 0.602 times as wide."""
_COLUMN = 9.03
_LINE = 22
_MARGIN = 20
_BAR = 36
_PAPER, _INK, _DIM, _RULE = "#0f1c25", "#dbe4e8", "#93a5ae", "#28404e"
_COLOURS = {
    "30": "#93a5ae",
    "31": "#ff9a92",
    "32": "#7fd8a2",
    "33": "#f0c674",
    "34": "#86cbe8",
    "35": "#cfa8f5",
    "36": "#86cbe8",
    "37": "#dbe4e8",
}
_ESCAPE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07")


@dataclass(frozen=True)
class Pen:
    """How the next characters look."""

    colour: str = _INK
    bold: bool = False

    def after(self, codes: str) -> Pen:
        """Return the pen after an escape sequence with these codes."""
        pen = self
        for code in codes.split(";"):
            if code in {"", "0"}:
                pen = Pen()
            elif code == "1":
                pen = replace(pen, bold=True)
            elif code == "2":
                pen = replace(pen, colour=_DIM)
            elif code == "22":
                pen = replace(pen, bold=False)
            elif code == "39":
                pen = replace(pen, colour=_INK)
            elif code.removeprefix("9") in "01234567" and code.startswith("9") and len(code) == 2:
                pen = replace(pen, colour=_COLOURS[f"3{code[1]}"])
            elif code in _COLOURS:
                pen = replace(pen, colour=_COLOURS[code])
        return pen


def width(text: str) -> int:
    """Return how many columns a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def runs(line: str, pen: Pen) -> tuple[list[tuple[Pen, str]], Pen]:
    """Split a line into pieces with the same look, and return the pen at the end."""
    found, start = [], 0
    for match in _ESCAPE.finditer(line):
        found.append((pen, line[start : match.start()]))
        if match[2] == "m":
            pen = pen.after(match[1])
        start = match.end()
    found.append((pen, line[start:]))
    return [(look, text) for look, text in found if text], pen


def draw(output: str, *, title: str, description: str, columns: int = 0) -> str:
    """Return the picture of a terminal that shows this output.

    Args:
        output: the output of the command, colours included.
        title: the text in the title bar of the window, usually the command.
        description: the same in words, for people who do not see the picture.
        columns: the width of the terminal; wider if a line is longer.
    """
    lines = output.replace("\r\n", "\n").rstrip().expandtabs(8).split("\n")
    plain = [_ESCAPE.sub("", line) for line in lines]
    columns = max(columns, *(width(line) for line in plain))
    wide = round(columns * _COLUMN) + 2 * _MARGIN
    high = _BAR + len(lines) * _LINE + 2 * _MARGIN - 6
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f'<rect x=".5" y=".5" width="{wide - 1}" height="{high - 1}" rx="8" fill="{_PAPER}" stroke="{_RULE}"/>',
        f'<path d="M0 {_BAR}h{wide}" stroke="{_RULE}"/>',
        "".join(
            f'<circle cx="{_MARGIN + 4 + 18 * n}" cy="{_BAR / 2:g}" r="5" fill="{colour}"/>'
            for n, colour in enumerate(("#ef7d5a", "#3b8fb5", "#5f9e7b"))
        ),
        (
            f'<text x="{wide / 2:g}" y="{_BAR / 2 + 4.5:g}" text-anchor="middle" fill="{_DIM}" '
            f'font-family="ui-sans-serif, system-ui, sans-serif" font-size="13">{escape(title)}</text>'
        ),
        (
            "<g font-family=\"ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace\" "
            f'font-size="{_SIZE}" xml:space="preserve">'
        ),
    ]
    pen = Pen()
    for row, line in enumerate(lines):
        stretches, pen = runs(line, pen)
        column, y = 0, _BAR + _MARGIN + 8 + row * _LINE
        for look, text in stretches:
            if text.strip():
                drawn.append(_stretch(look, text, column, y))
            column += width(text)
    return "\n".join([*drawn, "</g>", "</svg>", ""])


def _stretch(pen: Pen, text: str, column: int, y: int) -> str:
    """Draw one piece; its length is given, so that columns are aligned in every font."""
    lead = len(text) - len(text.lstrip(" "))
    text = text.strip(" ")
    bold = ' font-weight="700"' if pen.bold else ""
    x, length = _MARGIN + (column + lead) * _COLUMN, width(text) * _COLUMN
    return (
        f'<text x="{x:.1f}" y="{y}" fill="{pen.colour}"{bold} textLength="{length:.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text)}</text>'
    )


def capture(command: list[str], columns: int) -> str:
    """Run a command as on a colour terminal of this width, and return its output."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=TIMEOUT,
        check=False,
    )
    return done.stdout


def main() -> None:
    """Run a command and write the picture of its output."""
    parser = argparse.ArgumentParser(description="Draw a terminal that shows the output of a command.")
    parser.add_argument("file", type=Path, help="the SVG to write")
    parser.add_argument("--title", help="the title of the window; the command by default")
    parser.add_argument("--columns", type=int, default=88, help="width of the terminal")
    parser.add_argument("command", nargs="+", help="the command, after --")
    args = parser.parse_args()
    output = capture(args.command, args.columns)
    description = " / ".join(line.strip() for line in _ESCAPE.sub("", output).splitlines() if line.strip())
    title = args.title or " ".join(args.command)
    args.file.parent.mkdir(parents=True, exist_ok=True)
    args.file.write_text(
        draw(output, title=title, description=description, columns=args.columns), "utf-8", newline="\n"
    )


if __name__ == "__main__":
    main()
