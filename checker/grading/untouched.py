"""Which containers nobody has touched since their files were last compared with those of their image.

To compare all files of a container with its image takes the engine 0.2 s (overlay2 reads both trees). In a container
that runs its image's own command, files change if somebody runs a command in it, copies something into it, or attaches
to it. The engine has an event for each of these. If it still has all events since the last comparison, and none of them
is of this kind, the comparison is still valid.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import msgspec

from checker import whole
from checker.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from checker.engine.api import Engine
    from checker.grading.container import Container

EVENTS = 256
"""How many of its last events Docker Engine keeps (moby, daemon/events/events.go, eventsLimit)."""

SLACK_SECONDS = 1e-5
"""How much earlier than a known event's time events are asked for, because times are rounded on the way."""

SETTLED_SECONDS = 1.0
"""How long after an event another one with an earlier time may still appear."""

STORED_SECONDS = 10.0
"""How much longer a comparison must have held to be stored again."""

KEPT = 50
"""For how many containers this is kept; the oldest are removed first."""

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
"""Events that do not change a container's files; a new start is seen from the time of the start."""


_UNKNOWN = ""


class _Compared(msgspec.Struct, frozen=True):
    """A comparison which found that the files of a container were those of its image."""

    since: float
    """The moment of the engine's last event before it, in seconds since 1970, by the engine's clock."""
    started: str
    """When the container had started, as the engine writes it; empty when its files were not those of its image."""
    execs: frozenset[str]
    """The commands that the checker itself ran in it."""


class Untouched:
    """Remembers in which containers a comparison found no difference, and says whether that is still valid.

    Args:
        engine: the engine that runs them.
        folder: where this is kept from one command to the next; None keeps it in memory.
    """

    def __init__(self, engine: Engine, folder: Path | None = None) -> None:
        self._engine = engine
        self._folder = folder
        self._compared: dict[str, _Compared] = {}
        self._events: list[dict[str, Any]] | None = None
        self._from = 0.0
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Begin a verdict: read the engine's events again."""
        with self._lock:
            self._events = None

    def holds(self, container: Container, image: dict[str, Any]) -> bool:
        """Whether nobody has touched a container since a comparison found that its files are those of its image.

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
        # Its time is not exact to the nanosecond, so a little earlier.
        events = self._happened(compared.since - SLACK_SECONDS)
        # If the engine still has that event, it has all that came after it.
        if not events or _moment(events[0]) > compared.since:
            return False
        own = compared.execs | self._engine.execs
        probe = _probe(image)
        if any(
            _touches(event, own, probe)
            for event in events
            if event.get("Actor", {}).get("ID") == container.id and _moment(event) > compared.since
        ):
            return False
        # So the next time fewer events are read, and the engine may forget these.
        settled = _moment(events[-1]) - SETTLED_SECONDS
        since = max(
            each for each in (compared.since, *map(_moment, events)) if each <= max(settled, compared.since)
        )
        self._compared[container.id] = msgspec.structs.replace(compared, since=since)
        return True

    def compare(self, container: Container, look: Callable[[], list[str]]) -> list[str]:
        """Compare a container's files with those of its image, and remember it if nothing differs.

        Args:
            container: a container that runs.
            look: asks the engine what differs.
        """
        events = self._happened(0.0)
        since = _moment(events[-1]) if events else 0.0
        # A command that already runs can change files later, and there is no event for that.
        under_way = set(self._engine.inspect(container.id).get("ExecIDs") or ())
        found = look()
        before = self._find(container.id)
        # Shells that another command of the course has open in it are known from what that command stored.
        own = self._engine.execs | (under_way & (before.execs if before else frozenset()))
        same = bool(events) and not found and under_way <= own
        started = container.attrs["State"]["StartedAt"] if same else _UNKNOWN
        # Kept in either case: the next comparison, perhaps by another command, has to know these shells as ours.
        self._compared[container.id] = _Compared(since, started, frozenset(own))
        return found

    def keep(self) -> None:
        """Store what is known, with the commands that the checker itself has run so far."""
        if self._folder is None or not self._compared:
            return
        wrote = False
        try:
            for container in list(self._compared):
                known = self._find(container)
                if known and _worth_storing(known, self._stored(container)):
                    whole.write(self._folder / container, msgspec.json.encode(known).decode())
                    wrote = True
            for old in (
                sorted(self._folder.iterdir(), key=lambda file: file.stat().st_mtime)[:-KEPT] if wrote else ()
            ):
                old.unlink(missing_ok=True)
        except OSError:
            return  # the next command compares again

    def _find(self, container: str) -> _Compared | None:
        """Return the latest comparison, by this command or by another one, with what both have run in the container."""
        ours, stored = self._compared.get(container), self._stored(container)
        both = [each for each in (ours, stored) if each]
        if not both:
            return None
        # Of two from the same moment, the one that found a difference.
        latest = max(both, key=lambda each: (each.since, each.started == _UNKNOWN))
        own = self._engine.execs.union(*(each.execs for each in both))
        self._compared[container] = msgspec.structs.replace(latest, execs=frozenset(own))
        return self._compared[container]

    def _stored(self, container: str) -> _Compared | None:
        if self._folder is None:
            return None
        try:
            return msgspec.json.decode((self._folder / container).read_bytes(), type=_Compared)
        except (OSError, msgspec.DecodeError):
            return None

    def _happened(self, since: float) -> list[dict[str, Any]]:
        """Return the engine's events from a moment on, oldest first; none if these are more than Docker keeps.

        They are asked for once a verdict, or again if an earlier moment is named.
        """
        with self._lock:
            if self._events is None or since < self._from:
                self._from = since
                found: list[dict[str, Any]] = []
                try:
                    for event in self._engine.events(since=since, until=self._engine.clock.now()):
                        found.append(event)
                        if len(found) > EVENTS:
                            found.clear()
                            break
                except LabError:
                    found.clear()
                self._events = found
            return self._events


def _worth_storing(known: _Compared, stored: _Compared | None) -> bool:
    """Whether a comparison is news to the next command; that it still holds a few seconds later is not."""
    if stored is None or known.since - stored.since > STORED_SECONDS:
        return True
    return msgspec.structs.replace(known, since=stored.since) != stored


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
