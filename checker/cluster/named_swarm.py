"""Services with names on a swarm: found by their aliases, stopped by scaling, started on another node if allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.named import Copy, revision_of, stores_of
from checker.grading.author import wait_until
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from checker.cluster.swarm import Service, Swarm, Task

STOP_SECONDS = 20.0
PLACED_SECONDS = 5.0
"""How long the swarm may take to find a node for a copy, or to say that none is suitable."""

START_SECONDS = 20.0


class NamedOnSwarm:
    """The services of a swarm.

    Args:
        swarm: the swarm.
    """

    title = "Swarm"
    lists = "docker service ls"

    def __init__(self, swarm: Swarm) -> None:
        self._swarm = swarm

    def copies(self) -> list[Copy]:
        """Return the running copies of all services, oldest first."""
        _, services, tasks = self._swarm.look()
        known = {service.id: service for service in services}
        running = [
            each
            for each in tasks
            if each.wanted and each.state == "running" and each.container and each.service in known
        ]
        found = [self._copy(each, known[each.service]) for each in running]
        return sorted((each for each in found if each is not None), key=lambda each: each.created)

    def _copy(self, task: Task, service: Service) -> Copy | None:
        record = self._swarm.inspect(task)
        if not record:
            return None
        pairs = (entry.partition("=") for entry in record["Config"].get("Env") or [])
        return Copy(
            id=str(record["Id"]),
            name=service.name,
            started=str(record["State"]["StartedAt"]),
            created=str(record["Created"]),
            revision=revision_of(record, record.get("Mounts") or []),
            inspected=f"docker service inspect {service.name}",
            names=frozenset({service.name, *service.aliases}),
            env={key: value for key, _, value in pairs},
            stores=stores_of(record.get("Mounts") or [], task.node),
            node=task.node,
        )

    def logs(self, copy: Copy, tail: int) -> str:
        """Return the last lines that a copy wrote, read from its node's engine."""
        return self._swarm.container_logs(copy.node, copy.id, tail)

    def shows_logs(self, name: str) -> str:
        """Return the command that shows the log of a service."""
        service = self._service(name)
        return f"docker service logs {service.name if service else name}"

    def ended(self, name: str) -> str:
        """Return why the newest task of a service ended or waits."""
        service = self._service(name)
        tasks = [each for each in self._swarm.look()[2] if service and each.service == service.id]
        return next((each.error for each in tasks if each.error), "")

    def aside(self, name: str) -> str:  # noqa: ARG002 - the interface has it
        """Return nothing: whatever is on a cluster is in its one network."""
        return ""

    def read_files(self, copy: Copy) -> dict[str, bytes]:  # noqa: ARG002 - the interface has it
        """Return nothing: the files of a copy are on its node."""
        return {}

    def stored(self, copy: Copy) -> None:
        """Return None: the files of a copy are on its node."""

    def stop(self, copy: Copy, *, at_once: bool = False) -> None:  # noqa: ARG002 - scaling asks a program to end
        """Scale the copy's service to none, and wait until no copy of it runs."""
        self._swarm.scale(copy.name, 0)
        wait_until(lambda: all(each.name != copy.name for each in self.copies()), STOP_SECONDS, every=0.1)

    def start(self, copy: Copy) -> str:
        """Scale the copy's service to one. If its settings allow another node, it runs on another one.

        Where its node is the only one that they allow, it runs there again.
        """
        with self._swarm.closed(copy.node):
            self._swarm.scale(copy.name, 1)
            # Running elsewhere, or refused by every other node.
            wait_until(lambda: self._is_placed(copy.name), PLACED_SECONDS, every=0.1)
        there: list[Copy] = []

        def runs() -> bool:
            nonlocal there
            there = [each for each in self.copies() if each.name == copy.name]
            return bool(there)

        if not wait_until(runs, START_SECONDS, every=0.1):
            could_not_run(
                f"The swarm did not start {copy.name} again: `docker service ps {copy.name}` says why."
            )
        node = there[0].node
        return f"it ran on {copy.node} and runs on {node} now" if node != copy.node else ""

    def _is_placed(self, name: str) -> bool:
        _, services, tasks = self._swarm.look()
        ids = {each.id for each in services if each.name == name}
        return any(
            each.wanted and (bool(each.node) or "no suitable node" in each.error)
            for each in tasks
            if each.service in ids
        )

    def _service(self, name: str) -> Service | None:
        services = self._swarm.services()
        return next((each for each in services if name in {each.name, *each.aliases}), None)
