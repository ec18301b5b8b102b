"""Errors outside a learner's answer: one base class, and the exit codes of `lab`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from checker.bootstrap.owner import why_not_written

if TYPE_CHECKING:
    from pathlib import Path


class ExitCode(enum.IntEnum):
    """The exit codes of `lab`."""

    OK = 0
    CHECK_FAILED = 1
    MISUSE = 2
    COULD_NOT_RUN = 3
    INTERRUPTED = 130


class LabError(Exception):
    """Something went wrong that has nothing to do with the learner's answer.

    Args:
        what: what failed, and where, in one sentence.
        remedy: what to do about it, shown on a separate line.
        detail: evidence shown below it, such as the last lines of a log.
        code: the exit code of the command.
    """

    code = ExitCode.COULD_NOT_RUN

    def __init__(
        self, what: str, *, remedy: str = "", detail: str = "", code: ExitCode | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.detail = detail
        if code is not None:
            self.code = code


class MisuseError(LabError):
    """The command line asks for something that does not exist or is not possible."""

    code = ExitCode.MISUSE


class EngineError(LabError):
    """The container engine cannot be reached, or refused a request."""


def not_written(path: Path, error: OSError, setting: str = "DRYDOCK_STATE") -> LabError:
    """Return the error for a path that could not be written: the reason and the remedy.

    Args:
        path: the path.
        error: how it failed.
        setting: the variable that moves the path elsewhere; empty if there is none.
    """
    why, remedy = why_not_written(path, error, setting)
    return LabError(f"{path} cannot be written: {why}.", remedy=remedy)
