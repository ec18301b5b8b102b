"""The learner's scripts in the work folder, run as the learner runs them: in the toolbox."""

from __future__ import annotations

import contextlib
import re
import shlex
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from checker.grading.verdicts import require

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.engine.shell import Completed
    from checker.grading.container import Container

TIMED_OUT = 124
"""The exit code of `timeout` when it ended the command (coreutils)."""

KILLED, KILL_SECONDS = 137, 3
"""Its exit code when it had to end the command with SIGKILL, and how many seconds after SIGTERM it sends that."""

LINE_BYTES = 4096
"""How much of a script's first line is read."""

_HELP = re.compile(r"^(?:See|Run) '.+ --help'.*$|^Usage:  .+(?:\n\n.+)?$", re.MULTILINE)
"""What `docker` and `kubectl` write below an error: where their help is, and how a command is used."""


@dataclass(frozen=True)
class Run:
    """How a script ended that a check ran.

    Args:
        shown: the command that does the same, as a learner types it.
        done: exit code and output.
        seconds: how long it was allowed to take.
        remark: what is to be known of the file if the script fails.
    """

    shown: str
    done: Completed
    seconds: float
    remark: str = ""

    @property
    def ok(self) -> bool:
        """Whether it ended with exit code 0."""
        return self.done.rc == 0

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because its time was over."""
        return self.done.rc == TIMED_OUT

    @property
    def ending(self) -> str:
        """How it ended, as a clause that follows its name."""
        if self.timed_out:
            return f"did not finish within {self.seconds:g} s"
        return f"ended with exit code {self.done.rc}"

    @property
    def last(self) -> str:
        """The last line that it printed as its result."""
        return _last(self.done.stdout)

    @property
    def evidence(self) -> str:
        """The last line of its errors; without errors, the last line that it printed. If it failed, also what is wrong with its file."""
        lines = [_last(_HELP.sub("", self.done.stderr)) or self.last, "" if self.ok else self.remark]
        return "\n".join(filter(None, lines))

    def require_ok(self, hint: str) -> None:
        """Require that it ended with exit code 0, in time."""
        require(
            self.ok,
            f"`{self.shown}` {self.ending}.",
            expected="exit code 0",
            seen=f"exit code {self.done.rc}",
            source=f"{self.shown}; echo $?",
            evidence=self.evidence,
            hint=hint,
        )


class Script:
    """A script in the work folder, as `lab.script(…)` gives it.

    Args:
        file: its path.
        toolbox: where it runs.
    """

    def __init__(self, file: Path, toolbox: Callable[[], Container]) -> None:
        self.file = file
        self._toolbox = toolbox

    def require(self, rationale: str, *, expected: str, hint: str) -> str:
        """Return what it says; if there is no such file, the check fails with this reason."""
        require(
            self.file.is_file(),
            rationale,
            expected=expected,
            seen=", ".join(sorted(each.name for each in self.file.parent.iterdir())) or "an empty folder",
            source="ls",
            hint=hint,
        )
        return self.file.read_text(encoding="utf-8", errors="replace")

    def run(self, *words: str, seconds: float) -> Run:
        """Run it with these arguments; without input, for this number of seconds at most."""
        name, said = self.file.name, " ".join(map(shlex.quote, words))
        toolbox = self._toolbox()
        folder = shlex.quote(str(toolbox.attrs["Config"]["WorkingDir"]))
        begin = time.monotonic()
        done = toolbox.exec(
            # An executable one may be in any language: its first line says in which.
            f"cd {folder} && if [ -x {name} ]; then set -- ./{name}; else set -- bash {name}; fi; "
            # A script may catch SIGTERM to clean up, and go on.
            f'timeout --kill-after={KILL_SECONDS} {seconds:g} "$@" {said} < /dev/null',
            seconds + KILL_SECONDS + 5,
        )
        if done.rc == KILLED and time.monotonic() - begin >= seconds:
            done = replace(done, rc=TIMED_OUT)
        remark = self._remark() if done.rc and self.file.is_file() else ""
        return Run(f"sh {name} {said}".rstrip(), done, seconds, remark)

    def _remark(self) -> str:
        """Return what makes a shell misread the file, and what corrects it; empty if nothing does."""
        with contextlib.suppress(OSError), self.file.open("rb") as script:
            return remark_on_line_ends(self.file.name, script.readline(LINE_BYTES))
        return ""


def remark_on_line_ends(name: str, text: bytes) -> str:
    """Return that the lines of a script end as on Windows, and what corrects it; empty if they do not.

    Args:
        name: its name, as the learner types it.
        text: its first line, or all of it.
    """
    if not text.partition(b"\n")[0].endswith(b"\r"):
        return ""
    quoted = shlex.quote(name)
    return (
        f"The lines of {quoted} end as on Windows (CR LF), and a shell, or the program of the first line, may take the CR for a part of the last word. "
        f"This removes it: sed -i 's/\\r$//' {quoted}"
    )


def _last(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")
