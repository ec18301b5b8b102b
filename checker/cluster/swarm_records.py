"""The parts of a swarm manager's records that checks read: members, services, tasks."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.interface import ENDED_MOST, ENDED_SECONDS
from checker.grading.history import age

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STARTING = frozenset({"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"})


@dataclass(frozen=True)
class Node:
    """One member of the swarm."""

    id: str
    name: str
    ready: bool
    manager: bool
    availability: str
    """`active`, `pause` or `drain`."""


@dataclass(frozen=True)
class Task:
    """One attempt of a service to run a copy."""

    id: str
    service: str
    node: str
    slot: int
    state: str
    """Such as `running`, `pending` or `rejected`."""
    wanted: bool
    """Whether it should still run."""
    error: str
    """Why it ended or waits; empty when there is no reason."""
    container: str
    image: str
    created: str
    definition: str = ""
    """A digest of what it was to run, which differs after every change of its service."""

    @property
    def ended(self) -> bool:
        """Whether it ended by itself, or could not be started; one that the swarm has shut down did not."""
        return self.state in {"failed", "rejected", "complete"}


@dataclass(frozen=True)
class Port:
    """A port that a service publishes."""

    published: int
    target: int
    mode: str
    """`ingress`, which is the routing mesh, or `host`."""


@dataclass(frozen=True)
class Service:
    """A service: what the swarm keeps running.

    Args:
        record: its record in the manager's API.
    """

    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.record["ID"])

    @property
    def name(self) -> str:
        """Its name; in a stack it begins with the stack's name."""
        return str(self.spec["Name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its desired state."""
        found: Mapping[str, Any] = self.record["Spec"]
        return found

    @property
    def container(self) -> Mapping[str, Any]:
        """The definition of each copy's container."""
        found: Mapping[str, Any] = self.spec["TaskTemplate"].get("ContainerSpec") or {}
        return found

    @property
    def command(self) -> list[str]:
        """What each copy runs in place of its image's command: entry point and arguments; empty when it runs the image's."""
        return [*(self.container.get("Command") or []), *(self.container.get("Args") or [])]

    @property
    def previous(self) -> Service | None:
        """The service as it was before its last change; None when it was never changed."""
        before = self.record.get("PreviousSpec")
        return Service({**self.record, "Spec": before, "Endpoint": None}) if before else None

    @property
    def update(self) -> Mapping[str, str]:
        """The `State` of its last update, such as `rollback_completed`, with a `Message`; empty when it was never updated."""
        found: Mapping[str, str] = self.record.get("UpdateStatus") or {}
        return found

    @property
    def image(self) -> str:
        """The image that it runs, without a digest."""
        return str(self.container.get("Image", "")).partition("@")[0]

    @property
    def mode(self) -> str:
        """`Replicated`, `Global`, or one of the two kinds of jobs."""
        return str(next(iter(self.spec.get("Mode") or {"Replicated": {}})))

    @property
    def replicas(self) -> int | None:
        """How many copies should run; None for one on each node."""
        if self.mode != "Replicated":
            return None
        return int(self.spec["Mode"]["Replicated"].get("Replicas") or 0)

    @property
    def env(self) -> dict[str, str]:
        """The environment that it sets."""
        pairs = (entry.partition("=") for entry in self.container.get("Env") or [])
        return {name: value for name, _, value in pairs}

    @property
    def aliases(self) -> frozenset[str]:
        """The names besides its own that lead to it on its networks; in a stack, the name without the stack's."""
        task = self.spec["TaskTemplate"]
        attached = [*(task.get("Networks") or []), *(self.spec.get("Networks") or [])]
        stack = (self.spec.get("Labels") or {}).get("com.docker.stack.namespace")
        short = [self.name.removeprefix(f"{stack}_")] if stack else []
        return frozenset([*(name for each in attached for name in each.get("Aliases") or []), *short])

    @property
    def laid_in(self) -> list[tuple[str, str]]:
        """What each copy gets besides its image: the path, and what is mounted there."""
        container = self.container
        mounts = [
            (
                str(each.get("Target", "")),
                f"{each.get('Type', 'bind')} mount of {each.get('Source') or 'nothing'}",
            )
            for each in container.get("Mounts") or []
        ]
        files = [
            (str((each.get("File") or {}).get("Name", "")), f"{kind} {each.get(f'{kind.title()}Name')}")
            for kind in ("config", "secret")
            for each in container.get(f"{kind.title()}s") or []
        ]
        return [(place, told) for place, told in mounts + files if place.startswith("/")]

    @property
    def _published(self) -> list[Mapping[str, Any]]:
        ends = self.record.get("Endpoint") or {}, self.spec.get("EndpointSpec") or {}
        return next((each["Ports"] for each in ends if each.get("Ports")), [])

    @property
    def ports(self) -> list[Port]:
        """The TCP ports that it publishes, including those that the swarm chose."""
        return [
            Port(
                int(each.get("PublishedPort") or 0),
                int(each["TargetPort"]),
                str(each.get("PublishMode", "ingress")),
            )
            for each in self._published
            if each.get("Protocol", "tcp") == "tcp"
        ]

    @property
    def protocols(self) -> set[str]:
        """The protocols of the ports that it publishes, such as `tcp`."""
        return {str(each.get("Protocol", "tcp")) for each in self._published}

    @property
    def created(self) -> float:
        """When it was created, in seconds since 1970."""
        return dt.datetime.fromisoformat(str(self.record["CreatedAt"])).timestamp()

    @property
    def digest(self) -> str:
        """A digest of its desired state, which differs after every change."""
        return digest(self.record["Spec"])


def node_of(record: Mapping[str, Any]) -> Node:
    """Return the member that a record of the manager's API describes."""
    return Node(
        id=str(record["ID"]),
        name=str(record["Description"]["Hostname"]),
        ready=record["Status"]["State"] == "ready",
        manager=record["Spec"]["Role"] == "manager",
        availability=str(record["Spec"]["Availability"]),
    )


def task_of(record: Mapping[str, Any], names: Mapping[str, str]) -> Task:
    """Return the task that a record of the manager's API describes; `names` are the members' names by their ids."""
    status = record["Status"]
    state = str(status["State"])
    wanted = record.get("DesiredState") in {"running", "ready", "accepted"}
    return Task(
        id=str(record["ID"]),
        service=str(record.get("ServiceID", "")),
        node=names.get(str(record.get("NodeID", "")), ""),
        slot=int(record.get("Slot") or 0),
        state=state,
        wanted=wanted and (state == "running" or state in _STARTING),
        error=str(status.get("Err") or ""),
        container=str((status.get("ContainerStatus") or {}).get("ContainerID") or ""),
        image=str((record["Spec"].get("ContainerSpec") or {}).get("Image", "")).partition("@")[0],
        created=str(record["CreatedAt"]),
        definition=digest(record["Spec"]),
    )


def ended_in_place(tasks: Sequence[Task], now: float) -> list[Task]:
    """Return the tasks that have lately ended where one runs now, if these are many: then copies do not stay.

    Args:
        tasks: the tasks of one service, or of several.
        now: the time by the engine's clock, in seconds since 1970.
    """
    for running in (task for task in tasks if task.wanted):
        ended = [
            task
            for task in tasks
            if not task.wanted
            and task.state in {"failed", "complete"}
            # What ended before the last change of the service ended under other rules.
            and (task.service, task.slot, task.definition)
            == (running.service, running.slot, running.definition)
            and (task.slot or task.node == running.node)
            and age(task.created, now) < ENDED_SECONDS
        ]
        # One may have died with a node that was lost.
        if len(ended) >= ENDED_MOST:
            return ended
    return []


def digest(spec: Any) -> str:
    """Return a digest of a part of the manager's records."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
