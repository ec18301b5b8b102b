"""Runs the long commands that make images, logs their output, and ends them when they stop working or when we end."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    lines: tuple[str, ...]
    """Everything that it wrote to both streams."""
    log: Path
    timed_out: bool = False

    @property
    def ok(self) -> bool:
        """Whether it ended by itself, with exit code 0."""
        return self.code == 0 and not self.timed_out

    @property
    def last_line(self) -> str:
        """The last line that says something."""
        return next((line for line in reversed(self.lines) if line.strip()), "no reason given")


LOOK_SECONDS = 30.0
"""How often a silent command is examined."""


def run(
    command: Sequence[str],
    log: Path,
    *,
    silence: float,
    environment: Mapping[str, str] | None = None,
    each_line: Callable[[str], None] = lambda _line: None,
    work: Callable[[], float] = lambda: 0.0,
    waiting: Callable[[float], None] = lambda _seconds: None,
) -> Ended:
    """Run a command and keep its output; the command always ends before this call returns or raises.

    There is no limit on the time it takes, because a slow or busy machine is no fault. Only a command that neither
    writes nor works is killed.

    Args:
        command: the program and its arguments.
        log: the file for its output; an existing file is replaced.
        silence: it is killed after this many seconds without a line and without work.
        environment: its environment; ours if None.
        each_line: called with every line as it comes.
        work: returns a number that grows while the command works without writing a line.
        waiting: called from time to time, while it is silent, with the seconds that it has run.

    Raises:
        LabError: there is no such program, or the log cannot be written.
    """
    lines: list[str] = []
    with _opened(log) as kept, _started(command, environment) as process:
        watch = _Watch(process, silence, work, waiting)
        try:
            assert process.stdout is not None  # noqa: S101 - _started asks for it
            for line in process.stdout:
                watch.heard()
                kept.write(line)
                lines.append(line.rstrip())
                each_line(lines[-1])
            process.wait()
        except BaseException:
            # Also on Ctrl-C: half a build must not continue unnoticed.
            process.kill()
            process.wait()
            raise
        finally:
            watch.end()
    return Ended(process.returncode, tuple(lines), log, watch.expired)


def _opened(log: Path) -> TextIO:
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return log.open("w", encoding="utf-8")
    except OSError as error:
        raise not_written(log, error) from error


def _started(command: Sequence[str], environment: Mapping[str, str] | None) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise LabError(f"{command[0]} could not be started: {error}.") from error


class _Watch:
    """A thread that kills a command when it has neither written nor worked for too long."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        silence: float,
        work: Callable[[], float],
        waiting: Callable[[float], None],
    ) -> None:
        self.expired = False
        self._process = process
        self._silence = silence
        self._work = work
        self._waiting = waiting
        self._began = self._last = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def heard(self) -> None:
        """Note a sign of life."""
        self._last = time.monotonic()

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        done = 0.0
        while not self._over.wait(min(LOOK_SECONDS, self._silence)):
            if (now := self._work()) != done:
                done = now
                self.heard()
            silent = time.monotonic() - self._last
            if silent >= self._silence:
                self.expired = True
                self._process.kill()
                return
            self._waiting(time.monotonic() - self._began)


def is_disk_full(lines: Sequence[str]) -> bool:
    """Whether the output says that a disk is full."""
    return any("no space left on device" in line.lower() for line in lines)


DISK_FULL_REMEDY = "Free disk space: `lab images prune` removes old images of the course, `docker system df` shows what uses space."
