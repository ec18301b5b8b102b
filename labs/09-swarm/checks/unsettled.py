"""Why a service does not come to what was asked for: no service at all, or copies that do not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn

from checker.cluster.interface import count_of

from .address import require_alone
from .words import SAID, WHY, last_words, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.swarm import Node, Service, Swarm, Task
    from checker.grading.author import Lab

LOOK_BACK = 6
"""How many tasks are looked at for a health check that fails; the newest tell what happens now."""


def fail_without_service(lab: Lab, swarm: Swarm) -> NoReturn:
    """Fail because the swarm has no service that runs Parcel."""
    if loose := swarm.loose():
        node, name = loose[0]
        seen = ", ".join(f"{each} on {where}" for where, each in loose)
        WHY.fail("no-service.container-on-a-node", node=node, name=name, seen=seen)
    if here := [each.name for each in lab.containers() if "parcel" in each.image]:
        WHY.fail("no-service.container-outside", name=here[0], seen=f"{here[0]}, and no service")
    others = ", ".join(service.name for service in swarm.services())
    WHY.fail("no-service.at-all", seen=f"services: {others}" if others else "no service")


def closed_node(swarm: Swarm) -> Node | None:
    """Return a node that is there and was told to take no copies; None when there is none."""
    return next((node for node in swarm.members() if node.ready and node.availability != "active"), None)


class Short(NamedTuple):
    """A service that has not come to what was asked for."""

    service: Service
    wanted: int
    """How many copies it is to run."""
    running: int
    failed: Task | None
    """Its newest task that says why it ended or waits; None when none does."""

    @property
    def said(self) -> str:
        """What that task says."""
        return self.failed.error.strip() if self.failed else ""

    @property
    def seen(self) -> str:
        """How many copies run, for `seen`."""
        return f"{count_of(self.running)} running"


def fail_unsettled(swarm: Swarm, service: Service, wanted: int) -> NoReturn:
    """Fail because not all copies of a service run, for the reason that the swarm or the copies themselves give."""
    every = swarm.tasks()
    # What ended before the last change of the service says nothing of what it is now.
    tasks = [task for task in every if task.definition == every[0].definition]
    running = sum(task.wanted and task.state == "running" for task in every)
    failed = next((task for task in tasks if task.error and task.state != "shutdown"), None)
    short, evidence = Short(service, wanted, running, failed), shown(failed)
    if "No such image" in short.said:
        image = service.container.get("Image", "")
        reason = "short.no-image.by-digest" if "@" in image else "short.no-image"
        WHY.fail(reason, short=short, image=image, seen=short.seen, evidence=evidence)
    if "port is already allocated" in short.said or "no suitable node" in short.said:
        require_alone(swarm, service)
    if "no suitable node" in short.said:
        _fail_without_room(swarm, short)
    if "exec: " in short.said and service.command:
        reason = "short.no-program.options" if service.command[0].startswith("-") else "short.no-program"
        command = " ".join(service.command)[:SAID]
        WHY.fail(reason, short=short, command=command, seen=short.seen, evidence=evidence)
    if failed and "non-zero exit" in short.said and "unhealthy" not in short.said:
        killed = any("(137)" in task.error and _is_out_of_memory(swarm, task) for task in tasks[:LOOK_BACK])
        reason, said = ("out-of-memory", evidence) if killed else ("program-ends", last_words(swarm, failed))
        WHY.fail(f"short.{reason}", short=short, limit=_limit(service), seen=short.seen, evidence=said)
    if (ailing := _failed_probe(swarm, tasks)) or "unhealthy" in short.said:
        shows = f"docker service {'inspect --pretty' if ailing else 'ps --no-trunc'} {service.name}"
        seen, evidence = (ailing, "") if ailing else (short.seen, evidence)
        WHY.fail("short.unhealthy", short=short, source=shows, seen=seen, evidence=evidence)
    reason = "short.coming-and-going" if running >= wanted else "short.for-no-known-reason"
    seen = ", ".join(f"{task.state} on {task.node or 'no node yet'}" for task in every[:3]) or "no task"
    WHY.fail(reason, short=short, seen=seen, evidence=evidence)


def _fail_without_room(swarm: Swarm, short: Short) -> NoReturn:
    """Fail because the swarm finds no node for a copy."""
    lost, closed = [node.name for node in swarm.members() if not node.ready], closed_node(swarm)
    reason = "short.no-room"
    if "insufficient resources" in short.said:
        reason = "short.no-room.reserved"
    elif lost and short.running < short.wanted:
        reason = "short.no-room.node-lost"
    elif closed and "not available" in short.said:
        fail_closed("node-closed", short, closed)
    elif short.running >= short.wanted:
        # With as many copies as nodes there would be no room either if none were lost.
        by_loss = lost and short.wanted < len(swarm.nodes)
        reason = "short.no-room.stuck-by-a-loss" if by_loss else "short.no-room.stuck"
    WHY.fail(reason, short=short, lost=lost, seen=short.seen, evidence=shown(short.failed))


def fail_closed(reason: str, short: Short, node: Node) -> NoReturn:
    """Fail because a node was told to take no copies."""
    seen = f"{node.name}: availability {node.availability}"
    WHY.fail(reason, short=short, node=node, seen=seen, evidence=shown(short.failed))


def _is_out_of_memory(swarm: Swarm, task: Task) -> bool:
    return bool((swarm.inspect(task).get("State") or {}).get("OOMKilled"))


def _limit(service: Service) -> str:
    """Return the memory limit of each copy, as it follows “limit”; empty when there is none."""
    limits = (service.spec["TaskTemplate"].get("Resources") or {}).get("Limits") or {}
    most = int(limits.get("MemoryBytes") or 0) >> 20
    return f" of {most} MB" if most else ""


def _failed_probe(swarm: Swarm, tasks: Sequence[Task]) -> str:
    """Say how the health check of the newest copies ended; empty when it did not fail, or has not run yet.

    A copy whose check fails is ended politely, and so its task is `complete` and has no error to show.
    """
    for record in map(swarm.inspect, tasks[:LOOK_BACK]):
        log = ((record.get("State") or {}).get("Health") or {}).get("Log") or []
        if log and log[-1]["ExitCode"]:
            test = (record["Config"].get("Healthcheck") or {}).get("Test") or []
            said = " ".join(str(log[-1].get("Output", "")).split())
            ended = f"`{' '.join(test[1:])}` ended with {log[-1]['ExitCode']}"
            return f"{ended}: {said}"[: len(ended) + SAID] if said else ended
    return ""
