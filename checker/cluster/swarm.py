"""Swarm as checks see it: its manager's API, asked through a shell in the manager's node."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from checker.cluster.model import Instance, lose_node, start_node
from checker.errors import LabError
from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from checker.grading.author import Container, Lab

PORT = 2375
"""Where a node's engine listens, on the lab's network."""

ASK_SECONDS = 4.0
"""How long an engine may take to answer."""

MEMBER_SECONDS = 20.0
"""How long a node that runs again may take until the manager counts it as ready."""

_OWN = "--unix-socket /run/docker.sock http://engine"

_STARTING = frozenset({"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"})


class NotAManagerError(LabError):
    """The node that should manage the swarm does not: the swarm, or its majority, is gone."""


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


class Swarm:
    """The swarm of a lab, and the service on it that runs Parcel.

    Args:
        lab: the lab whose scene has the nodes.
        nodes: the members, by their services' names.
        manager: the one that manages the others.
        image: the service is found by an image with this word in its name, or by a name with it.
    """

    title = "Swarm"

    def __init__(
        self,
        lab: Lab,
        nodes: Sequence[str] = ("node-1", "node-2", "node-3"),
        manager: str = "node-1",
        image: str = "parcel",
    ) -> None:
        self.nodes = tuple(nodes)
        self.manager = manager
        self._lab = lab
        self._image = image

    # -- what there is -------------------------------------------------------------------------------------

    def members(self) -> list[Node]:
        """Return the swarm's nodes by name, those that are down included."""
        return self._look()[0]

    def services(self) -> list[Service]:
        """Return every service of the swarm."""
        return self._look()[1]

    def service(self) -> Service | None:
        """Return the service of the task: the one so named, or else the one that runs the image."""
        return self._choose(self.services())

    def _choose(self, services: Sequence[Service]) -> Service | None:
        def rank(service: Service) -> int:
            if service.name == self._image:
                return 0
            if service.name.endswith(f"_{self._image}"):
                return 1
            return 2 if self._image in service.image.rpartition("/")[2] else 3

        ranked = sorted(services, key=lambda service: (rank(service), service.name))
        return ranked[0] if ranked and rank(ranked[0]) < 3 else None

    def tasks(self) -> list[Task]:
        """Return every attempt of the task's service that the manager remembers, the newest first."""
        _, services, tasks = self._look()
        service = self._choose(services)
        return [task for task in tasks if service and task.service == service.id]

    def _look(self) -> tuple[list[Node], list[Service], list[Task]]:
        """Ask the manager for everything, by one command, and return nodes by name and tasks by age, the newest first."""
        nodes, services, tasks = self._ask_all("/nodes", "/services", "/tasks")
        members = sorted((_node(each) for each in nodes), key=lambda node: node.name)
        names = {node.id: node.name for node in members}
        found = sorted((_task(each, names) for each in tasks), key=lambda task: task.created, reverse=True)
        return members, [Service(record) for record in services], found

    def instances(self) -> list[Instance]:
        """Return the copies that are meant to run now."""
        return [
            Instance(
                id=task.id,
                node=task.node,
                version=task.image.rpartition(":")[2] if ":" in task.image else "",
                ready=task.state == "running",
                image=task.image,
            )
            for task in self.tasks()
            if task.wanted
        ]

    def shows(self) -> str:
        """Return the command that shows the learner the same thing."""
        service = self.service()
        return f"docker service ps {service.name}" if service else "docker service ls"

    def loose(self) -> list[tuple[str, str]]:
        """Return the containers that run the image on a node without a service behind them: node and name."""
        found = []
        for node in self.nodes:
            for item in self.ask("/containers/json", node=node, absent=[]):
                labels = item.get("Labels") or {}
                if self._image in item["Image"] and "com.docker.swarm.service.id" not in labels:
                    found.append((node, str(item["Names"][0]).lstrip("/")))
        return found

    # -- what is done to it --------------------------------------------------------------------------------

    def crash(self, instance: Instance) -> None:
        """Kill the main process of one copy."""
        task = next((each for each in self.tasks() if each.id == instance.id), None)
        if task and task.container:
            self.ask(f"/containers/{task.container}/kill", node=task.node, method="POST")

    def lose(self, node: str) -> None:
        """Kill a node."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost node, and wait until the manager counts it as ready; it was a member, and still is."""
        start_node(self._lab, node)
        if not wait_until(lambda: self._is_ready(node), MEMBER_SECONDS, every=0.1):
            raise LabError(
                f"{node} runs again, and its manager does not see it.",
                remedy=f"`lab reset {int(self._lab.number)}` begins with a new swarm.",
            )

    def _is_ready(self, name: str) -> bool:
        return any(node.ready for node in self.members() if node.name == name)

    # -- the engines ---------------------------------------------------------------------------------------

    @functools.cached_property
    def _shell(self) -> Container:
        return self._lab.node(self.manager)

    def ask(self, path: str, *, node: str = "", method: str = "GET", absent: Any = None) -> Any:
        """Send one request to a node's engine, the manager's when none is named, and return its answer.

        Args:
            path: of the engine's API.
            node: whose engine.
            method: the HTTP method.
            absent: returned when the node does not answer; without it that is an error.

        Raises:
            NotAManagerError: the manager's engine manages no swarm, or cannot decide.
            LabError: the engine does not answer, or refuses.
        """
        where = f"http://{node}:{PORT}" if node else _OWN
        (answer,) = self._send(node or self.manager, method, f"{where}{shlex.quote(path)}", 1, absent)
        return answer

    def _ask_all(self, *paths: str) -> list[Any]:
        urls = " ".join(f"http://engine{path}" for path in paths)
        return self._send(self.manager, "GET", f"--unix-socket /run/docker.sock {urls}", len(paths), None)

    def _send(self, node: str, method: str, where: str, count: int, absent: Any) -> list[Any]:
        """Send requests by one curl, and return what was answered to each."""
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time {ASK_SECONDS:g} -X {method} -w '\\n%{{http_code}}\\n' {where}",
            timeout=ASK_SECONDS * count + 2,
        )
        lines = [line for line in done.stdout.split("\n") if line]
        # An answer is one line of JSON, or none; the status stands in the next.
        answers: list[Any] = []
        body = ""
        for line in lines:
            if len(line) != 3 or not line.isdecimal():
                body = line
                continue
            status, said, body = int(line), body, ""
            if 200 <= status < 300:
                answers.append(json.loads(said) if said else None)
            elif not status and absent is not None:
                answers.append(absent)
            else:
                self._refuse(node, status, _message(said) or done.stderr.strip())
        return answers

    def _refuse(self, node: str, status: int, said: str) -> None:
        if status == 503 or (not status and node == self.manager):
            raise NotAManagerError(f"{self.manager} does not manage the swarm: {said}")
        raise LabError(f"The engine of {node} answers with {status or 'nothing'}: {said}")

    def get(self, node: str, path: str) -> tuple[int, Any]:
        """GET a path of what listens on the service's port of a node; return the status, 0 for none, and the answer."""
        done = self._shell.exec(
            f"curl -sS --noproxy '*' --max-time 2 -w '\\n%{{http_code}}' http://{node}:8080{shlex.quote(path)}",
            timeout=4.0,
        )
        body, _, code = done.stdout.rpartition("\n")
        try:
            return int(code or 0), json.loads(body)
        except ValueError:
            return 0, body


def _node(record: Mapping[str, Any]) -> Node:
    return Node(
        id=str(record["ID"]),
        name=str(record["Description"]["Hostname"]),
        ready=record["Status"]["State"] == "ready",
        manager=record["Spec"]["Role"] == "manager",
        availability=str(record["Spec"]["Availability"]),
    )


def _task(record: Mapping[str, Any], names: Mapping[str, str]) -> Task:
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


def _message(body: str) -> str:
    try:
        return str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        return body.strip()
