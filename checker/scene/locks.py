"""One `lab` at a time changes a scene: a lock that the system releases when its holder dies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from checker.bootstrap.lock import release, take
from checker.errors import LabError, not_written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_held: list[int] = []


def held() -> tuple[int, ...]:
    """Return the descriptors of the locks that this process holds.

    What changes a scene for us is given them: should we be killed, the lock is taken until that has ended too.
    """
    return tuple(_held)


def lab_lock(host: str, number: str, what: str = "") -> Path:
    """Return the file that is locked while a lab's scene changes, or while something else of it is under way.

    A scene lives in the engine, so every checkout of this person that uses the same engine shares the lock.

    Args:
        host: the engine's address.
        number: the lab's number, such as "03".
        what: a lock of its own for something that may go on beside a change; empty for the scene's.
    """
    who = str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
    engine = hashlib.sha256(host.encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"drydock-{who}" / f"{engine}-{number}{what and '-' + what}.lock"


def _opened(file: Path) -> IO[str]:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return file.open("a+", encoding="utf-8")
    except OSError as error:
        raise not_written(file, error) from error


@contextlib.contextmanager
def locked(
    file: Path,
    doing: str,
    *,
    wait: float = 0.0,
    tell: Callable[[str], None] | None = None,
    needed: bool = True,
) -> Iterator[None]:
    """Hold a lock file while the block runs.

    Args:
        file: the lock file; its text says who holds it.
        doing: what the holder does, for whoever finds it taken, such as `lab start 3`.
        wait: seconds to wait for another holder.
        tell: told once when there is somebody to wait for.
        needed: False where a lock that cannot be made, on a full disk, is done without.

    Raises:
        LabError: another process holds it still, and the message says which and what it does; or it cannot be made.
    """
    try:
        opened = _opened(file)
    except LabError:
        if needed:
            raise
        yield
        return
    with opened as handle:
        give_up = time.monotonic() + wait
        told = False
        while not take(handle.fileno()):
            handle.seek(0)
            holder = handle.read().strip() or "another process"
            if time.monotonic() >= give_up:
                raise LabError(
                    f"`{holder}` is at work.", remedy="Wait until it ends, or end it, and try again."
                )
            if tell and not told:
                tell(f"`{holder}` is at work; waiting for it")
                told = True
            time.sleep(0.05)
        _say(handle, f"{doing} (process {os.getpid()})\n")
        _held.append(handle.fileno())
        try:
            yield
        finally:
            _held.remove(handle.fileno())
            _say(handle, "")
            release(handle.fileno())


def _say(handle: IO[str], who: str) -> None:
    """Write who holds the lock, for others to read; a full disk takes the words, and not the lock."""
    with contextlib.suppress(OSError):
        handle.seek(0)
        handle.truncate()
        handle.write(who)
        handle.flush()
