"""The records that a swarm's manager answers with, as far as checks read them: members, services, tasks."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """`running`, `pending`, `rejected` and the like."""
    wanted: bool
    """Whether it is still meant to run."""
    error: str
    """Why it ended, or why it waits; empty when there is no reason."""
    container: str
    image: str
    created: str


@dataclass(frozen=True)
class Port:
    """A port that a service publishes."""

    published: int
    target: int
    mode: str
    """`ingress`, which is the routing mesh, or `host`."""


@dataclass(frozen=True)
class Service:
    """A service: what the swarm was asked to keep running.

    Args:
        record: what the manager's API says of it.
    """

    record: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.record["ID"])

    @property
    def name(self) -> str:
        """Its name; in a stack it begins with the stack's."""
        return str(self.spec["Name"])

    @property
    def spec(self) -> Mapping[str, Any]:
        """What was asked for."""
        found: Mapping[str, Any] = self.record["Spec"]
        return found

    @property
    def container(self) -> Mapping[str, Any]:
        """What each copy's container is to be."""
        found: Mapping[str, Any] = self.spec["TaskTemplate"].get("ContainerSpec") or {}
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
        """How many copies are wanted; None for one on each node."""
        if self.mode != "Replicated":
            return None
        return int(self.spec["Mode"]["Replicated"].get("Replicas") or 0)

    @property
    def env(self) -> dict[str, str]:
        """The environment that it sets."""
        pairs = (entry.partition("=") for entry in self.container.get("Env") or [])
        return {name: value for name, _, value in pairs}

    @property
    def laid_in(self) -> list[tuple[str, str]]:
        """What is laid into each copy beside its image: the place, and what comes there."""
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
    def ports(self) -> list[Port]:
        """What it publishes; a port that the swarm chose is among them."""
        found = (self.record.get("Endpoint") or {}).get("Ports") or (self.spec.get("EndpointSpec") or {}).get(
            "Ports"
        )
        return [
            Port(
                int(each.get("PublishedPort") or 0),
                int(each["TargetPort"]),
                str(each.get("PublishMode", "ingress")),
            )
            for each in found or []
            if each.get("Protocol", "tcp") == "tcp"
        ]

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return dt.datetime.fromisoformat(str(self.record["CreatedAt"])).timestamp()

    @property
    def digest(self) -> str:
        """A digest of what was asked for; another one after every change."""
        return hashlib.sha256(json.dumps(self.record["Spec"], sort_keys=True).encode()).hexdigest()


def node_of(record: Mapping[str, Any]) -> Node:
    """Return the member that the manager's API tells of."""
    return Node(
        id=str(record["ID"]),
        name=str(record["Description"]["Hostname"]),
        ready=record["Status"]["State"] == "ready",
        manager=record["Spec"]["Role"] == "manager",
        availability=str(record["Spec"]["Availability"]),
    )


def task_of(record: Mapping[str, Any], names: Mapping[str, str]) -> Task:
    """Return the task that the manager's API tells of; `names` are the members' names by their ids."""
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
    )
