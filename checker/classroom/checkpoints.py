"""The checkpoints of a class's file: what was committed goes from SQLite's log into the file, beside the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVERY_SECONDS = 5.0
"""How long the log may grow. 500 learners write less than 1 MB a second."""


class Checkpoints:
    """Waits for the disk in a thread of its own, so that no request does.

    The log begins again from its start only when all of it is in the file. Commits go on meanwhile, so all of it rarely is: a
    second checkpoint, of the little that came since the first began, has the commits wait.

    Args:
        file: the database.
        go_on: called when commits need not wait any more.
    """

    def __init__(self, file: Path, go_on: Callable[[], None]) -> None:
        self._db = sqlite3.connect(file, isolation_level=None, timeout=0, check_same_thread=False)
        self._go_on = go_on
        self._busy = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._last = time.monotonic()
        self._over = False
        self.held = False
        """Whether commits have to wait."""

    def written(self) -> None:
        """Note a commit; if it is time, begin a checkpoint."""
        if self._task is None and time.monotonic() - self._last >= EVERY_SECONDS:
            self._task = asyncio.get_running_loop().create_task(self._both())

    async def _both(self) -> None:
        try:
            await asyncio.to_thread(self._checkpoint)
            self.held = True
            await asyncio.to_thread(self._checkpoint)
        finally:
            self.held, self._task, self._last = False, None, time.monotonic()
            self._go_on()

    def _checkpoint(self) -> None:
        # A disk that is full now: the log keeps everything, and the next checkpoint tries again.
        with self._busy, contextlib.suppress(sqlite3.Error):
            if not self._over:
                self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Wait for one that runs, and begin no more."""
        with self._busy:
            self._over, self.held = True, False
            self._db.close()
