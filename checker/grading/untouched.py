"""Which containers nobody has touched since their files were last compared with their image's.

To compare all files of a container with its image's costs the engine a fifth of a second (overlay2 walks through both
trees). The files of a container that runs its image's own command change when somebody runs a command in it, copies
something into it, or attaches to it, and the engine has an event for each. While its events since the last comparison
are all there, and none of them is of this kind, the comparison still holds.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.grading.container import Container

EVENTS = 256
"""How many of its last events Docker Engine keeps (moby, daemon/events/events.go, eventsLimit)."""

KEPT = 50
"""Of how many containers this is kept; the oldest go first."""

MARGIN_SECONDS = 1.0
"""Events this much older than a comparison are looked at too: the engine's clock is known no better than that."""

HARMLESS = frozenset(
    {
        "create",
        "start",
        "die",
        "stop",
        "kill",
        "oom",
        "restart",
        "pause",
        "unpause",
        "rename",
        "update",
        "resize",
        "top",
    }
    | {"detach", "export", "commit", "archive-path", "exec_die", "exec_detach", "health_status"}
)
"""What happens to a container without a change of its files; a new start has a moment of its own."""


class _Compared(msgspec.Struct, frozen=True):
    """That the files of a container were those of its image."""

    since: float
    """When that was, in seconds since 1970, by the engine's clock."""
    started: str
    """When the container had been started, as the engine writes it."""
    execs: frozenset[str]
    """The commands in it that were the checker's own."""


class Untouched:
    """Remembers which containers' files were compared and nothing found, and says whether that still holds.

    Args:
        engine: the engine that runs them.
        folder: where that is kept from one command to the next; None keeps it in memory.
    """

    def __init__(self, engine: Engine, folder: Path | None = None) -> None:
        self._engine = engine
        self._folder = folder
        self._compared: dict[str, _Compared] = {}
        self._events: list[dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin a verdict: what happened is asked again."""
        with self._lock:
            self._events = None

    def holds(self, container: Container, image: dict[str, Any]) -> bool:
        """Whether nobody has touched a container since its files were compared and found to be its image's.

        Args:
            container: a container that runs.
            image: the engine's record of its image.
        """
        compared = self._find(container.id)
        if (
            compared is None
            or compared.started != container.attrs["State"]["StartedAt"]
            or not _runs_own_command(container, image)
        ):
            return False
        events = self._happened()
        since = compared.since - MARGIN_SECONDS
        # With an older event there, the engine has kept all that came after it.
        if not events or _moment(events[0]) >= since:
            return False
        own = compared.execs | self._engine.execs
        probe = _probe(image)
        return not any(
            _touches(event, own, probe)
            for event in events
            if event.get("Actor", {}).get("ID") == container.id and _moment(event) >= since
        )

    def compare(self, container: Container, look: Callable[[], list[str]]) -> list[str]:
        """Compare a container's files with its image's, and remember it when nothing differs.

        Args:
            container: a container that runs.
            look: asks the engine what differs.
        """
        since = self._engine.clock.now()
        # A command that is under way already can change files later, and no event tells of that.
        under_way = set(self._engine.inspect(container.id).get("ExecIDs") or ())
        found = look()
        before = self._find(container.id)
        own = frozenset(self._engine.execs)
        if found or not under_way <= own | (before.execs if before else frozenset()):
            self._forget(container.id)
        else:
            self._compared[container.id] = _Compared(since, container.attrs["State"]["StartedAt"], own)
        return found

    def keep(self) -> None:
        """Write down what is known, with the commands that the checker itself ran until now."""
        if self._folder is None or not self._compared:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for container, compared in self._compared.items():
                own = compared.execs | self._engine.execs
                fresh = self._folder / f"{container}.new"
                fresh.write_bytes(msgspec.json.encode(msgspec.structs.replace(compared, execs=own)))
                fresh.replace(self._folder / container)
            for old in sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)[:-KEPT]:
                old.unlink(missing_ok=True)
        except OSError:
            return  # then it is compared again

    def _forget(self, container: str) -> None:
        self._compared.pop(container, None)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / container).unlink(missing_ok=True)

    def _find(self, container: str) -> _Compared | None:
        if container not in self._compared and self._folder is not None:
            try:
                kept = msgspec.json.decode((self._folder / container).read_bytes(), type=_Compared)
            except (OSError, msgspec.DecodeError):
                return None
            self._compared[container] = kept
        return self._compared.get(container)

    def _happened(self) -> list[dict[str, Any]]:
        """Return all events that the engine still has, oldest first; none where it keeps more than Docker does."""
        with self._lock:
            if self._events is None:
                found: list[dict[str, Any]] = []
                try:
                    for event in self._engine.events(since=0, until=self._engine.clock.now()):
                        found.append(event)
                        if len(found) > EVENTS:
                            found.clear()
                            break
                except LabError:
                    found.clear()
                self._events = found
            return self._events


def _moment(event: dict[str, Any]) -> float:
    return int(event.get("timeNano", 0)) / 1e9


def _runs_own_command(container: Container, image: dict[str, Any]) -> bool:
    given, own = container.attrs["Config"], image.get("Config") or {}
    return all(given.get(each) == own.get(each) for each in ("Entrypoint", "Cmd", "Healthcheck"))


def _probe(image: dict[str, Any]) -> str:
    """Return the command of an image's health check as events write it; empty without one."""
    test = ((image.get("Config") or {}).get("Healthcheck") or {}).get("Test") or []
    kind, words = (test[0], list(test[1:])) if test else ("", [])
    return " ".join(["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words)


def _touches(event: dict[str, Any], own: frozenset[str] | set[str], probe: str) -> bool:
    action, _, command = str(event.get("Action", "")).partition(":")
    if action in HARMLESS:
        return False
    if action in {"exec_create", "exec_start"}:
        of_ours = event["Actor"].get("Attributes", {}).get("execID") in own
        return not of_ours and not (probe and command.strip() == probe)
    return True
