"""Swarm as a cluster: its nodes, services and tasks, read from its manager."""

from __future__ import annotations

import contextlib
import json
import shlex
from typing import TYPE_CHECKING, Any

from checker.cluster.interface import (
    Instance,
    Order,
    lose_node,
    run_uninterrupted,
    start_node,
    tag_of,
    tell_of_lost,
)
from checker.cluster.remote import Remote
from checker.cluster.swarm_api import ASK_SECONDS, PORT, Engines, NotAManagerError
from checker.cluster.swarm_records import (
    Node,
    Port,
    Service,
    Task,
    digest,
    ended_in_place,
    node_of,
    task_of,
)
from checker.errors import LabError
from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checker.grading.author import Lab

__all__ = ["Node", "NotAManagerError", "Port", "Service", "Swarm", "Task", "ended_in_place"]

MEMBER_SECONDS = 20.0
"""How long a restarted node may take until the manager counts it as ready."""


PRACTICE = "practice"
"""The name of the lessons' own service, which is the task's only where there is no other."""


class Swarm(Engines):
    """The swarm of a lab, and the service on it that runs Parcel.

    Args:
        lab: the lab whose scene has the nodes.
        nodes: the names of the members' services.
        manager: the manager among them.
        image: the word by which the service is found, in its own name or in its image's.
    """

    title = "Swarm"

    def __init__(
        self,
        lab: Lab,
        nodes: Sequence[str] = ("node-1", "node-2", "node-3"),
        manager: str = "node-1",
        image: str = "parcel",
    ) -> None:
        super().__init__(lab, manager)
        self.nodes = tuple(nodes)
        self._image = image

    # -- what there is -------------------------------------------------------------------------------------

    def members(self) -> list[Node]:
        """Return the swarm's nodes by name, including those that are down."""
        return self.look()[0]

    def services(self) -> list[Service]:
        """Return every service of the swarm."""
        return self.look()[1]

    def service(self) -> Service | None:
        """Return the task's service: the one with the name, or else the one that runs the image."""
        return self._choose(self.services())

    def chosen(self, services: Sequence[Service]) -> list[Service]:
        """Return, of these services, those whose copies count: the task's alone, unless a lab counts more."""
        found = self._choose(services)
        return [found] if found else []

    def _choose(self, services: Sequence[Service]) -> Service | None:
        def rank(service: Service) -> int:
            if service.name == self._image:
                return 0
            if service.name.endswith(f"_{self._image}"):
                return 1
            return 2 if self._image in service.image.rpartition("/")[2] else 3

        ranked = sorted(services, key=lambda service: (rank(service), service.name == PRACTICE, service.name))
        return ranked[0] if ranked and rank(ranked[0]) < 3 else None

    def service_on(self, node: str) -> Service | None:
        """Return that of the chosen services which has a copy on a node; None when none has."""
        _, services, tasks = self.look()
        there = {task.service for task in tasks if task.wanted and task.node == node}
        return next((each for each in self.chosen(services) if each.id in there), None)

    def tasks(self) -> list[Task]:
        """Return every task of the chosen services that the manager remembers, the newest first."""
        _, services, tasks = self.look()
        own = {service.id for service in self.chosen(services)}
        return [task for task in tasks if task.service in own]

    def look(self) -> tuple[list[Node], list[Service], list[Task]]:
        """Read everything from the manager with one command: nodes by name, and tasks with the newest first."""
        nodes, services, tasks = self.ask_all("/nodes", "/services", "/tasks")
        records = sorted((node_of(each) for each in nodes), key=lambda node: node.name)
        names = {node.id: node.name for node in records}
        # A node that left and joined again has a second record, and the first stays, down.
        ready = {node.name for node in records if node.ready}
        members = [node for node in records if node.ready or node.name not in ready]
        found = sorted((task_of(each, names) for each in tasks), key=lambda task: task.created, reverse=True)
        return members, [Service(record) for record in services], found

    def instances(self) -> list[Instance]:
        """Return the copies that should run now."""
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
        names = " ".join(service.name for service in self.chosen(self.services()))
        return f"docker service ps {names}" if names else "docker service ls"

    def unsteady(self) -> str:
        """Return how many tasks have ended where one runs now; empty when all copies stay."""
        ended = ended_in_place(self.tasks(), self._lab.engine.clock.now())
        return f"{len(ended)} tasks ended on {ended[0].node}, and others took their place" if ended else ""

    def orders(self) -> list[list[Order]]:
        """Return what each chosen service says of its copies, and what it said before its last change."""
        found = []
        for service in self.chosen(self.services()):
            told = [each for each in (service, service.previous) if each]
            source = f"docker service inspect {service.name}"
            found.append([Order(tag_of(each.image), json.dumps(each.container), source) for each in told])
        return found

    def terms(self) -> str:
        """Return a digest of what decides whether a lost copy is replaced: the swarm's settings, its services, and its nodes' orders.

        A node's order has its role, its availability and its labels. Whether the node is lost is no part of it.
        """
        settings, nodes, services = self.ask_all("/swarm", "/nodes", "/services")
        told = sorted((str(each["ID"]), digest(each["Spec"])) for each in (*nodes, *services))
        return digest([settings["Spec"], told])

    def loose(self) -> list[tuple[str, str]]:
        """Return the containers that run the image on a node but belong to no service: node and name."""
        found = []
        for node in self.nodes:
            for item in self.ask("/containers/json", node=node, absent=[]):
                labels = item.get("Labels") or {}
                if self._image in item["Image"] and "com.docker.swarm.service.id" not in labels:
                    found.append((node, str(item["Names"][0]).lstrip("/")))
        return found

    def inspect(self, task: Task) -> dict[str, Any]:
        """Return the record of a task's container from its node's engine; empty when there is none, or it cannot be asked."""
        if not (task.container and task.node):
            return {}
        try:
            return dict(self.ask(f"/containers/{task.container}/json", node=task.node, absent={}))
        except LabError:
            return {}  # it was removed

    def image(self, node: str, name: str) -> dict[str, Any]:
        """Return the record of an image from a node's engine; empty when it has none of this name."""
        # A docker command takes ten times as long to start as curl.
        url = shlex.quote(f"http://{node}:{PORT}/images/{name}/json")
        said = self.run(f"curl -s --noproxy '*' --max-time {ASK_SECONDS:g} {url}; true")
        found: dict[str, Any] = json.loads(said or "{}")
        return found if "Id" in found else {}

    def container_logs(self, node: str, container: str, tail: int) -> str:
        """Return the last lines that a container on a node wrote, to both streams."""
        return str(self.run(f"docker --host tcp://{node}:{PORT} logs --tail {tail} {container} 2>&1; true"))

    def remote(self, task: Task) -> Remote:
        """Return the copy of a running task, as its node's engine knows it."""

        def run(command: str) -> str:
            return str(self._lab.node(task.node).exec(command).stdout)

        return Remote(task.container, lambda path: self.ask(path, node=task.node, absent={}), run)

    def remotes(self) -> Iterator[tuple[str, Remote]]:
        """Yield the copies that run, as their nodes' engines know them, each with its node."""
        for task in self.tasks():
            if task.wanted and task.state == "running" and task.container and task.node:
                yield task.node, self.remote(task)

    # -- what is done to it --------------------------------------------------------------------------------

    def ailing(self) -> str:
        """Return which of its nodes are lost, and how to bring them back; empty when none is."""
        return tell_of_lost(self._lab, self.nodes)

    def scale(self, service: str, count: int) -> None:
        """Tell the swarm how many copies of a service should run; it does not wait for them."""
        self.run(f"docker service scale --detach {shlex.quote(service)}={count}")

    @contextlib.contextmanager
    def closed(self, node: str) -> Iterator[None]:
        """Keep the swarm from starting anything on a node while the block runs; what runs there is not touched."""
        try:
            self.run(f"docker node update --availability pause {node}")
            yield
        finally:
            run_uninterrupted(lambda: self._open(node))

    def _open(self, node: str) -> None:
        self.run(f"docker node update --availability active {node}")

    def crash(self, instance: Instance) -> None:
        """Kill the main process of one copy."""
        task = next((each for each in self.tasks() if each.id == instance.id), None)
        if task and task.container:
            self.ask(f"/containers/{task.container}/kill", node=task.node, method="POST")

    def lose(self, node: str) -> None:
        """Kill a node."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a lost node, which is still a member of the swarm, and wait until the manager counts it as ready."""
        start_node(self._lab, node)
        if not wait_until(lambda: self._is_ready(node), MEMBER_SECONDS, every=0.1):
            raise LabError(
                f"{node} is running again, but the swarm's manager does not count it as ready.",
                remedy=f"`lab reset {int(self._lab.number)}` starts with a new swarm.",
            )

    def _is_ready(self, name: str) -> bool:
        return any(node.ready for node in self.members() if node.name == name)
