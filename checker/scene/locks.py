"""A lock, so that only one `lab` at a time changes a scene; the system releases it when its holder dies."""

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

    A program that changes a scene for us inherits them: if we are killed, the lock is held until it has ended too.
    """
    return tuple(_held)


def lab_lock(host: str, number: str, what: str = "") -> Path:
    """Return the file that is locked while a lab's scene changes, or during another operation on it.

    A scene is in the engine, so all checkouts of this person that use the same engine share the lock.

    Args:
        host: the engine's address.
        number: the lab's number, such as "03".
        what: the name of a separate lock, for an operation that may run beside a change; empty for the scene's lock.
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
        doing: what the holder does, such as `lab start 3`; shown to anyone who finds the lock held.
        wait: seconds to wait for another holder.
        tell: called once with a message when there is another holder to wait for.
        needed: False to continue without a lock if it cannot be made, for example on a full disk.

    Raises:
        LabError: another process still holds it, and the message says which and what it does; or it cannot be made.
    """
    try:
        opened = _opened(file)
    except LabError:
        if needed:
            raise
        yield
        return
    with opened as handle:
        _wait_for(handle, wait, tell)
        what = f"`{doing}`" if doing.startswith("lab ") else doing
        _say(handle, f"{what} (PID {os.getpid()})\n")
        _held.append(handle.fileno())
        try:
            yield
        finally:
            _held.remove(handle.fileno())
            _say(handle, "")
            release(handle.fileno())


def _wait_for(handle: IO[str], seconds: float, tell: Callable[[str], None] | None) -> None:
    """Take the lock as soon as no other process holds it."""
    give_up = time.monotonic() + seconds
    told = False
    while not take(handle.fileno()):
        handle.seek(0)
        holder = handle.read().strip()
        busy = f"Another command is still running{holder and f': {holder}'}"
        if time.monotonic() >= give_up:
            raise LabError(f"{busy}.", remedy="Wait until it ends, or stop it, and try again.")
        if tell and not told:
            tell(f"{busy}; waiting for it")
            told = True
        time.sleep(0.05)


def _say(handle: IO[str], who: str) -> None:
    """Write who holds the lock, for others to read; on a full disk the text is missing, but the lock still holds."""
    with contextlib.suppress(OSError):
        handle.seek(0)
        handle.truncate()
        handle.write(who)
        handle.flush()
