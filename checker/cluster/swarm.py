"""Swarm as a cluster: its nodes, services and tasks, asked of its manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.model import Instance, lose_node, start_node, tell_of_lost
from checker.cluster.remote import Remote
from checker.cluster.swarm_api import Engines, NotAManagerError
from checker.cluster.swarm_records import Node, Port, Service, Task, node_of, task_of
from checker.errors import LabError
from checker.grading.author import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Lab

__all__ = ["Node", "NotAManagerError", "Port", "Service", "Swarm", "Task"]

MEMBER_SECONDS = 20.0
"""How long a node that runs again may take until the manager counts it as ready."""


class Swarm(Engines):
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
        super().__init__(lab, manager)
        self.nodes = tuple(nodes)
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
        nodes, services, tasks = self.ask_all("/nodes", "/services", "/tasks")
        members = sorted((node_of(each) for each in nodes), key=lambda node: node.name)
        names = {node.id: node.name for node in members}
        found = sorted((task_of(each, names) for each in tasks), key=lambda task: task.created, reverse=True)
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

    def remote(self, task: Task) -> Remote:
        """Return the copy of a task that runs, as its node's engine knows it."""

        def run(command: str) -> str:
            return str(self._lab.node(task.node).exec(command).stdout)

        return Remote(task.container, lambda path: self.ask(path, node=task.node, absent={}), run)

    # -- what is done to it --------------------------------------------------------------------------------

    def ailing(self) -> str:
        """Return which of its nodes are lost, and the way back; empty when none is."""
        return tell_of_lost(self._lab, self.nodes)

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
