"""What can go wrong outside a learner's answer: one base class, and the exit codes of `lab`."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from checker.bootstrap.owner import why_not_written

if TYPE_CHECKING:
    from pathlib import Path


class ExitCode(enum.IntEnum):
    """What `lab` tells the shell."""

    OK = 0
    CHECK_FAILED = 1
    MISUSE = 2
    COULD_NOT_RUN = 3
    INTERRUPTED = 130


class LabError(Exception):
    """Something stopped the work that is not the learner's answer.

    Args:
        what: what failed, and where, in one sentence.
        remedy: what to do about it; shown on a line of its own.
        detail: evidence to show below, such as the last lines of a log.
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
    """The command line asked for something that does not exist or cannot be done."""

    code = ExitCode.MISUSE


class EngineError(LabError):
    """The container engine could not be reached, or refused."""


def not_written(path: Path, error: OSError, setting: str = "DRYDOCK_STATE") -> LabError:
    """Return what is told of a place that could not be written: what is in the way, and the way out.

    Args:
        path: the place.
        error: how it failed.
        setting: the variable that moves the place elsewhere; empty when there is none.
    """
    why, remedy = why_not_written(path, error, setting)
    return LabError(f"{path} cannot be written: {why}.", remedy=remedy)
