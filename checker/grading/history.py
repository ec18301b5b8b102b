"""The history of a container: when it started and died, from the engine's events and records."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.engine.api import IMAGE, LABEL
from checker.engine.clock import moment
from checker.engine.orphans import VARIABLE
from checker.grading.repeating import repeating

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

    from checker.engine.api import Engine
    from checker.grading.container import Container

LOOK_SECONDS = 1.0
"""How often a log of events is brought up to date while something runs."""

ACTIONS = ("create", "start", "attach", "detach", "kill", "stop", "die", "destroy")
"""The events of a container that are read; an engine keeps only the last 256 events of all objects together."""


KILL = {"9", "KILL", "SIGKILL"}
"""The names of the signal that no process can handle."""


def age(started_at: str, now: float) -> float:
    """Return how many seconds ago a time stamp of the engine was; never less than 0.

    Args:
        started_at: the time stamp.
        now: the time by the engine's clock (`engine.clock.now()`), in seconds since 1970; ours may differ.
    """
    return max(0.0, now - moment(started_at))


def ago(then: float, now: float) -> str:
    """Return in words how long ago a moment was; both are seconds since 1970 by the engine's clock."""
    seconds = max(0, round(now - then))
    if seconds < 120:
        return f"{seconds} s ago"
    return f"{round(seconds / 60)} min ago" if seconds < 7200 else f"{round(seconds / 3600)} h ago"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a container."""

    at: float
    """Seconds since 1970, by the engine's clock."""
    action: str
    container: str
    """The container's id."""
    signal: str = ""
    exit_code: int | None = None
    name: str = ""
    """The container's name."""
    image: str = ""
    """The name of the image that was given when the container was created."""
    version: str = ""
    """The version that the image states in its labels."""
    kind: str = ""
    """Which of the course's images it is, or is based on, such as `parcel`."""
    lab: str = ""
    """The number of the lab that it belongs to, if it belongs to one."""


def past_events(
    engine: Engine,
    name: str = "",
    *,
    since: float,
    until: float | None = None,
    actions: Sequence[str] = ACTIONS,
) -> list[Event]:
    """Return the events of the containers with a name or id, oldest first.

    Args:
        engine: whose events are read.
        name: a container's name or id; all containers if left out.
        since: seconds since 1970.
        until: the same; now if left out.
        actions: which events.
    """
    filters = {"type": ["container"], "event": list(actions)} | ({"container": [name]} if name else {})
    now = time.time()
    records = engine.events(since=since, until=now if until is None else min(until, now), filters=filters)
    # The engine also matches the beginning of a name: `parcel` gives the events of `parcel-b` too.
    return [read(record) for record in records if not name or name in _names(record)]


def commands_run(container: Container, since: float) -> list[str]:
    """Return the commands that somebody ran in a container with `docker exec`, oldest first; its health check and bare shells are left out.

    The checker's own are left out too.

    Args:
        container: the container.
        since: seconds since 1970, by the engine's clock.
    """
    test = (container.attrs["Config"].get("Healthcheck") or {}).get("Test") or [""]
    events = past_events(container.engine, container.id, since=since, actions=("exec_create",))
    told = [each.action.partition(":")[2].strip() for each in events]
    return [each for each in told if each not in {"/bin/sh", " ".join(test[1:])} and VARIABLE not in each]


def _names(record: dict[str, Any]) -> set[str]:
    actor = record.get("Actor", {})
    return {str(actor.get("ID", "")), str(actor.get("Attributes", {}).get("name", ""))}


def read(record: dict[str, Any]) -> Event:
    """Read one record of the engine's event stream."""
    attributes = record.get("Actor", {}).get("Attributes", {})
    code = str(attributes.get("exitCode", ""))
    return Event(
        at=int(record.get("timeNano", 0)) / 1e9,
        action=str(record.get("Action", "")),
        container=str(record.get("Actor", {}).get("ID", "")),
        signal=str(attributes.get("signal", "")),
        exit_code=int(code) if code.lstrip("-").isdigit() else None,
        name=str(attributes.get("name", "")),
        image=str(attributes.get("image", "")),
        version=str(attributes.get("org.opencontainers.image.version", "")),
        kind=str(attributes.get(IMAGE, "")),
        lab=str(attributes.get(LABEL, "")),
    )


class EventLog:
    """The events of a lab's containers since a moment, also those that the engine has forgotten by now.

    It remembers 256 events at most, and each health check and each `docker exec` adds three. Containers that belong
    to no lab count, for a learner can start some outside of the toolbox.

    Args:
        engine: whose events are read, now and at every look.
        since: seconds since 1970.
        lab: the lab's number.
    """

    def __init__(self, engine: Engine, since: float, lab: str) -> None:
        self._engine = engine
        self._since = since
        self._labs = {"", lab}
        self._seen: set[Event] = set()
        self.look()

    def look(self) -> None:
        """Add what the engine remembers now."""
        found = past_events(self._engine, since=self._since)
        self._seen.update(each for each in found if each.lab in self._labs)

    def between(self, begin: float, end: float) -> list[Event]:
        """Return the events between two moments, oldest first; both are seconds since 1970."""
        self.look()
        return sorted((each for each in self._seen if begin <= each.at <= end), key=lambda each: each.at)

    def watching(self) -> AbstractContextManager[None]:
        """Look again and again while the block runs."""
        return repeating(self.look, LOOK_SECONDS)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a container's main process ended."""

    died: Event
    told: float | None
    """When it was first asked to end by a signal that it can handle, such as SIGTERM."""
    killed: float | None
    """When it was first sent SIGKILL."""

    @property
    def forced(self) -> float | None:
        """When it was killed, and so could finish nothing; when it died of it, if the engine recorded the signal later."""
        return self.died.at if self.killed is None and self.died.exit_code == 137 else self.killed


def endings(events: Iterable[Event]) -> list[Ending]:
    """Return how the containers in a list of events ended, in the order of their ends."""
    found: list[Ending] = []
    sent: dict[str, list[Event]] = {}
    for event in events:
        if event.action == "start":
            sent.pop(event.container, None)
        elif event.action == "kill":
            sent.setdefault(event.container, []).append(event)
        elif event.action == "die":
            signals = sent.pop(event.container, [])
            told = [each.at for each in signals if each.signal not in KILL]
            killed = [each.at for each in signals if each.signal in KILL]
            found.append(Ending(event, min(told, default=None), min(killed, default=None)))
    return found


@dataclass(frozen=True, slots=True)
class Life:
    """One finished run of a container's main process."""

    started: float
    died: float
    exit_code: int | None

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.died - self.started


def lives(events: Iterable[Event]) -> list[Life]:
    """Return the runs in a container's events, without those whose start the engine no longer remembers."""
    found, started = [], 0.0
    for event in events:
        if event.action == "start":
            started = event.at
        elif event.action == "die" and started:
            found.append(Life(started, event.at, event.exit_code))
            started = 0.0
    return found


STEADY_SECONDS = 30.0
"""How long a container must run after its restart policy restarted it until it counts as up."""


def keeps_dying(container: Container, events: Iterable[Event]) -> bool:
    """Whether a container's restart policy keeps restarting it, even if it runs right now.

    It counts as up again when it has run for STEADY_SECONDS, and for twice as long as its longest run before.
    """
    if container.status == "restarting":
        return True
    if not container.restarts:
        return False
    longest = max((life.seconds for life in lives(events)), default=0.0)
    return age(container.started_at, container.engine.clock.now()) < max(STEADY_SECONDS, 2 * longest)


def killed_by_kernel(container: Container, events: Iterable[Event]) -> bool:
    """Whether the kernel ended a container's main process for want of memory, even if its restart policy has started it since.

    An engine keeps OOMKilled for the present run only, and sets it too if another process of the container was killed.

    Args:
        container: a container that ended.
        events: what happened to it.
    """
    last = next(reversed(endings(events)), None)
    code = last.died.exit_code if last else container.exit_code
    possible = container.oom_killed or (last is not None and bool(container.host_config.get("Memory")))
    return code == 137 and possible and (last is None or last.told is last.killed is None)


class Removal:
    """Why a container is gone, from the events of the last container of its name.

    Args:
        events: the events of all containers of one name, oldest first.
    """

    def __init__(self, events: list[Event]) -> None:
        last = events[-1].container if events else ""
        self._events = [event for event in events if event.container == last]

    def _has(self, action: str) -> bool:
        return any(event.action == action for event in self._events)

    @property
    def known(self) -> bool:
        """Whether the engine still remembers its end."""
        return self._has("destroy") or self._has("die")

    @property
    def at(self) -> float:
        """When the last of its events was, in seconds since 1970; 0 if there is none."""
        return self._events[-1].at if self._events else 0.0

    @property
    def death(self) -> Event | None:
        """Its last end."""
        return next((event for event in reversed(self._events) if event.action == "die"), None)

    @property
    def by_hand(self) -> bool:
        """Whether somebody removed it: while it ran, after a stop, or long after it ended.

        With `--rm`, a container is removed as soon as it ends. A forced removal sends SIGKILL first, so a SIGKILL
        counts as removed by hand too.
        """
        gone = next((event.at for event in reversed(self._events) if event.action == "destroy"), None)
        if gone is None or self.death is None:
            return gone is not None
        killed = any(event.action == "kill" and event.signal in KILL for event in self._events)
        return killed or self._has("stop") or gone - self.death.at > 2.0

    @property
    def tied(self) -> bool:
        """Whether the command that started it stayed attached to it."""
        attached = False
        for event in self._events:
            if event.action in {"attach", "detach"}:
                attached = event.action == "attach"
        return attached
