"""What a person sees while the environment is made: a line with the seconds on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import TextIO


class ProblemError(Exception):
    """The environment cannot be made; says what failed, what to do, and shows the evidence."""

    def __init__(self, what: str, remedy: str = "", detail: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        """Return the message as `lab` writes it to stderr."""
        lines = [f"lab: {self.what}"]
        lines += [f"  | {line}" for line in self.detail.splitlines()]
        if self.remedy:
            lines.append(f"     {self.remedy}")
        return "\n".join(lines)


class Steps:
    """Progress on stderr, with the time since it began."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._began = time.monotonic()
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._step = ""
        self._drawn = False

    @property
    def seconds(self) -> float:
        """Seconds since the first step."""
        return time.monotonic() - self._began

    def begin(self, step: str) -> None:
        """Say what is being done now; it stays in view until the next one."""
        self._step = step
        if self._live:
            self.tick()
        else:
            self._write(f"{step}\n")

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self.end()
        self._write(f"{line}\n")

    def tick(self, doing: str = "") -> None:
        """Redraw the line with the time, and what within the step is being done."""
        if not self._live:
            return
        text = f"{self._step} ({self.seconds:.0f} s) {doing}".rstrip()
        width = shutil.get_terminal_size().columns - 1
        self._write(f"\r\x1b[2K{text[:width]}")
        self._drawn = True

    def end(self, line: str = "") -> None:
        """Leave the line, with a last word and the time."""
        if self._drawn:
            self._write("\r\x1b[2K")
            self._drawn = False
        if line:
            self._write(f"{line} ({self.seconds:.1f} s)\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
