"""Running the long commands that make images: their output kept in a log, with a time limit, ended with us."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    lines: tuple[str, ...]
    """All it wrote, both streams."""
    log: Path
    timed_out: bool = False


def run(
    command: Sequence[str],
    log: Path,
    *,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    each_line: Callable[[str], None] = lambda _line: None,
) -> Ended:
    """Run a command and keep what it writes; whatever happens to us, it does not outlive this call.

    Args:
        command: the program and its arguments.
        log: where its output goes; made new.
        seconds: after this long it is killed.
        environment: its environment; ours when None.
        each_line: told every line as it comes.

    Raises:
        LabError: there is no such program.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        kept = log.open("w", encoding="utf-8")
    except OSError as error:
        raise not_written(log, error) from error
    lines: list[str] = []
    try:
        process = subprocess.Popen(
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
        kept.close()
        raise LabError(f"{command[0]} could not be started: {error}.") from error
    expired = threading.Event()

    def end() -> None:
        expired.set()
        process.kill()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    with process, kept:
        try:
            assert process.stdout is not None  # noqa: S101 - asked for above
            for line in process.stdout:
                kept.write(line)
                lines.append(line.rstrip())
                each_line(lines[-1])
            process.wait()
        except BaseException:
            # Ctrl-C too: half a build must not go on behind the person's back.
            process.kill()
            process.wait()
            raise
        finally:
            timer.cancel()
    return Ended(process.returncode, tuple(lines), log, expired.is_set())


def is_disk_full(lines: Sequence[str]) -> bool:
    """Whether the output says that a disk is full."""
    return any("no space left on device" in line.lower() for line in lines)


DISK_FULL_REMEDY = "Free some: `lab images prune` removes old images of the course, `docker system df` shows what takes room."
