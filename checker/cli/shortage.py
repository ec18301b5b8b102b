"""What a machine can lack: room, files, processes, memory, a part of the environment. These are not bugs of `lab`, and each has a remedy."""

from __future__ import annotations

import errno
import os
import shlex
import sys

from checker.bootstrap import limits
from checker.errors import LabError

_ROOM = "Make room (`lab doctor` shows how much is left), and run the same command again."
_PROCESSES = "End other programs, or allow more processes (`ulimit -u`), and run the same command again."
_CAUSES = {
    errno.ENOSPC: ("a disk of this machine is full", _ROOM),
    getattr(errno, "EDQUOT", errno.ENOSPC): ("your share of a disk is used up", _ROOM),
    errno.EMFILE: (
        "this terminal allows a program too few open files",
        "Allow more (`ulimit -n 1024`), and run the same command again.",
    ),
    errno.ENFILE: (
        "too many files are open on this machine",
        "End other programs, and run the same command again.",
    ),
    errno.EAGAIN: ("no more processes can be started", _PROCESSES),
    errno.ENOMEM: (
        "there is too little memory",
        "End other programs or stop other labs, and run the same command again.",
    ),
}
_OF_LIMITS = {errno.EFBIG: limits.on_files, errno.ENOMEM: limits.on_memory}
"""What a limit of the terminal may be behind."""


def shortage(error: Exception) -> LabError | None:
    """Return the message for an error that only says what the machine lacks; None for any other.

    Args:
        error: what a verb ended with.
    """
    if part := _broken_part(error):
        return LabError(
            f"Part of lab's Python environment cannot be read: {part}.",
            remedy=f"Make it again: rm -r {shlex.quote(sys.prefix)}, then the same command.",
        )
    cause = None
    if isinstance(error, MemoryError):
        cause = limits.on_memory() or _CAUSES[errno.ENOMEM]
    elif isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        # Each thread reserves addresses for its stack.
        cause = limits.on_memory() or _CAUSES[errno.EAGAIN]
    elif isinstance(error, FileNotFoundError) and "No usable temporary directory" in str(error):
        # tempfile tries to write into each, so a full disk ends here too.
        return LabError(
            f"No folder for temporary files can be written: {str(error).partition('found in ')[2]}.",
            remedy="Make room there, or set TMPDIR to a folder that you may write to.",
        )
    elif isinstance(error, OSError):
        cause = _OF_LIMITS.get(error.errno or 0, lambda: None)() or _CAUSES.get(error.errno or 0)
    if cause is None:
        return None
    where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return LabError(f"The command was not completed: {cause[0]}{where}.", remedy=cause[1])


def _broken_part(error: Exception) -> str:
    """Return why a package cannot be imported; empty if it is something else, or one of our own modules."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] not in {"", "checker"}:
        return str(error)
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(sys.prefix + os.sep):
        return str(error)
    return ""
