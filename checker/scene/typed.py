"""The commands that a learner types in a lab's toolbox: where its shell records them, and how the record is read.

The record lies in the toolbox itself: `lab stop` and `lab reset` remove it together with what the commands made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from checker.engine.shell import Shell

if TYPE_CHECKING:
    from checker.scene.scene import Scene

FILE = "/tmp/.drydock-typed"  # noqa: S108 - inside the toolbox, nobody else's
"""Where the toolbox's shell records what is typed, with a line `#SECONDS` before each command."""

MOST_BYTES = 1_000_000
"""How much of the record is read; a day of typing is a hundredth of that."""

ENVIRONMENT = {
    "HISTFILE": FILE,
    # Each command is in the file before the next one can be typed, whatever happens to the terminal.
    "PROMPT_COMMAND": "history -a",
    # bash writes the time before each command if this is set, so that commands of several lines stay whole.
    "HISTTIMEFORMAT": "%F %T ",
    "HISTSIZE": "100000",
}
"""What makes bash in the toolbox record."""

RECORD_ONE = f'printf "#%s\\n%s\\n" "$(date +%s)" "$LAB_TYPED" >>{FILE}; '
"""Shell text that records the command in `LAB_TYPED`, for commands that no interactive shell reads."""

_STAMP = re.compile(r"^#(\d{9,11})$")


class Typed(msgspec.Struct, frozen=True):
    """One command.

    Args:
        at: when it was typed, in seconds since 1970, by the learner's clock.
        text: the command, which can have several lines.
    """

    at: int
    text: str


def read(scene: Scene) -> tuple[Typed, ...]:
    """Return what was typed in a running lab's toolbox, in the order in which it was typed.

    Raises:
        LabError: the toolbox does not run.
    """
    with Shell(scene.engine, scene.toolbox()) as shell:
        return parse(shell.run(f"head -c {MOST_BYTES} {FILE} 2>/dev/null || true").stdout)


def parse(text: str) -> tuple[Typed, ...]:
    """Read bash's record of commands; text before the first time is ignored."""
    found: list[Typed] = []
    at: int | None = None
    lines: list[str] = []

    def end() -> None:
        command = "\n".join(lines).strip("\n")
        if at is not None and command.strip():
            found.append(Typed(at, command))

    for line in text.split("\n"):
        if stamp := _STAMP.match(line):
            end()
            at, lines = int(stamp[1]), []
        else:
            lines.append(line)
    end()
    # Each terminal writes at its own prompt; the order of the file is that of their ends, not of their beginnings.
    return tuple(sorted(found, key=lambda each: each.at))
