"""The magic `%lab`: what is typed in a terminal, typed in a cell."""

from __future__ import annotations

import shlex
import subprocess
import sys
from typing import Any

from IPython.core.getipython import get_ipython

from checker.errors import LabError
from checker.notebook.course import check, hint, say
from checker.notebook.shown import tracebacks


def register() -> None:
    """Make `%lab` known to this kernel."""
    shell = get_ipython()
    if shell is not None:
        shell.register_magic_function(lab_magic, "line", "lab")  # type: ignore[arg-type]


def lab_magic(line: str) -> Any:
    """Run `lab` with what follows.

    `%lab check 4` and `%lab hint 4` answer in this kernel; `%lab traceback on` shows where an error came from;
    everything else runs the command: `%lab list`, `%lab shell 3 -- docker ps`. Questions are not asked, so add `--yes`.

    Raises:
        LabError: the command ended with an error.
    """
    words = shlex.split(line)
    match words:
        case ["check", number]:
            return check(number)
        case ["hint", number]:
            return hint(number)
        case ["traceback", ("on" | "off") as wanted]:
            return tracebacks(shown=wanted == "on")
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "checker", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        try:
            for said in child.stdout or ():
                say(said.rstrip("\n"))
        except BaseException:
            child.terminate()
            raise
    if child.returncode > 1:
        raise LabError(f"`lab {line}` ended with {child.returncode}.", remedy="It says above what to do.")
    return None
