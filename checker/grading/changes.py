"""Reports what may change a verdict, as it happens: engine events, and changes of the learner's files."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

from checker.engine.api import ROLE
from checker.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

    from checker.engine.api import Engine

FILES_SECONDS = 0.4
"""Seconds between two looks at the work folder; engines send their events, but not every system does so for files."""

_NEXT = 1e-6
"""Seconds from an event to the next one that is not the same."""

# Health checks and our own shells cause these events all the time; none of them changes what a check sees.
# Docker says `exec_create`, Podman `exec`.
_NOISE = ("exec", "top", "attach", "resize", "archive-path", "extract-to-dir")


class Changes:
    """Reports changes through a queue, from threads that end with the process, or after `end`.

    Args:
        engine: whose events are followed.
        work: the learner's work folder.
    """

    def __init__(self, engine: Engine, work: Path) -> None:
        self.queue: queue.SimpleQueue[tuple[str, float]] = queue.SimpleQueue()
        self._engine = engine
        self._work = work
        self._health: dict[str, str] = {}
        self._ended = threading.Event()
        self._socket: socket.socket | None = None

    def end(self) -> None:
        """Stop to report; both threads end, also while nothing happens."""
        self._ended.set()
        self._shut()

    def _opened(self, connection: socket.socket) -> None:
        self._socket = connection
        if self._ended.is_set():
            self._shut()

    def _shut(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it is closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def follow(self) -> None:
        """Start to report changes."""
        threading.Thread(target=self._follow_engine, daemon=True).start()
        threading.Thread(target=self._follow_files, daemon=True).start()

    def _follow_engine(self) -> None:
        since = 0.0
        while not self._ended.is_set():
            try:
                # What happened while there was no connection is told by the next one.
                since = since or self._engine.clock.now()
                for event in self._engine.events(since=since, opened=self._opened):
                    if self._ended.is_set():
                        return
                    if _matters(event) and not self._is_known_health(event):
                        self.queue.put(("engine", float(event.get("timeNano", 0)) / 1e9))
                    since = max(since, float(event.get("timeNano", 0)) / 1e9 + _NEXT)
            except EngineError:
                pass
            # The connection to the engine ended: that is a change too, and the engine may come back.
            self.queue.put(("engine", time.time()))
            self._ended.wait(1.0)

    def _is_known_health(self, event: dict[str, Any]) -> bool:
        """Whether a container is as healthy as before: Podman tells of each health check, Docker of each change."""
        status = str(event.get("HealthStatus", ""))
        if not status:
            return False
        container = str(event.get("Actor", {}).get("ID", ""))
        before = self._health.get(container)
        self._health[container] = status
        return before == status

    def _follow_files(self) -> None:
        before = snapshot(self._work)
        while not self._ended.wait(FILES_SECONDS):
            now = snapshot(self._work)
            if now != before:
                before = now
                self.queue.put(("files", time.time()))


def _matters(event: dict[str, object]) -> bool:
    action = str(event.get("Action", ""))
    actor = event.get("Actor")
    attributes = actor.get("Attributes", {}) if isinstance(actor, dict) else {}
    return not action.startswith(_NOISE) and attributes.get(ROLE) != "checker"


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return each file below a folder with its size and time of change, in nanoseconds."""
    found: dict[str, tuple[int, int]] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)  # noqa: PTH118 - many files, often
            try:
                status = os.lstat(path)
            except OSError:
                continue
            found[path] = (status.st_size, status.st_mtime_ns)
    return found
