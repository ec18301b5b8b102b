"""The three standard streams: those that were closed, a full disk, a reader that has left."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

COULD_NOT_RUN = 3


class _File(io.FileIO):
    """A standard stream that remembers why it could not be written any more.

    Args:
        number: the stream's descriptor.
        forgiving: whether a write that fails counts as done.
    """

    def __init__(self, number: int, *, forgiving: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self._forgiving = forgiving
        self.failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write bytes; after the first failure they are dropped, as are those of the programs that we start."""
        try:
            return super().write(data)
        except OSError as error:
            self.failure = error
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            if self._forgiving:
                return len(data)
            raise


_output: _File | None = None


def complete() -> None:
    """Put the null device in place of each standard stream that this process was started without.

    Otherwise the next file that is opened, such as a database, gets the number of the missing stream, and what a
    program that we start writes to its output goes into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        # Only a copy made by `dup2` goes on to the programs that we start.
        spare = os.dup(null) if null == number else null
        os.dup2(spare, number)
        os.close(spare)
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open(number, mode, encoding="utf-8", errors="replace", closefd=False))  # noqa: SIM115


def watch() -> None:
    """Remember it when stdout cannot be written, and continue when stderr cannot.

    Work that was begun must not stop half-way because nobody reads its progress any more.
    """
    global _output  # noqa: PLW0603 - a process has one stdout
    _output = _File(sys.stdout.fileno(), forgiving=False)
    sys.stdout = _text(_output, sys.stdout)
    sys.stderr = _text(_File(sys.stderr.fileno(), forgiving=True), sys.stderr)


def _text(file: _File, before: TextIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=bool(before.line_buffering),
    )


def has_failed() -> bool:
    """Whether stdout could not be written, so that an error of the system was about the output and nothing else."""
    return _output is not None and _output.failure is not None


def finish(code: int) -> int:
    """Write out the rest of the output, and return the exit code of the command.

    Args:
        code: the exit code, as far as the command itself is concerned.
    """
    failure: OSError | None = None
    try:
        sys.stdout.flush()
    except OSError as error:
        failure = error
    failure = (_output and _output.failure) or failure
    if failure is None or failure.errno == errno.EPIPE:
        return code
    sys.stderr.write(
        f"lab: the output could not be written: {failure.strerror}.\n"
        "     Make room where it goes (a file on a full disk?), and run the same command again.\n"
    )
    return COULD_NOT_RUN
