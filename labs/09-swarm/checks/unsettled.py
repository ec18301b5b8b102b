"""Why a service does not come to what was asked for: no service at all, or copies that do not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from checker.errors import LabError
from checker.grading.author import fail

from .address import require_alone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.swarm import Node, Service, Swarm, Task
    from checker.grading.author import Lab

LOOK_BACK = 6
"""How many tasks are looked at for a health check that fails; the newest tell what happens now."""

SAID = 160
"""How many characters are shown of what a program said."""


def count_of(number: int) -> str:
    """Return a number of copies in words."""
    return f"{number} {'copy' if number == 1 else 'copies'}"


def shown(task: Task | None) -> str:
    """Return what the swarm says of a task; empty without one."""
    return f"{task.state}: {task.error}" if task else ""


def last_words(swarm: Swarm, task: Task | None) -> str:
    """Return the last line that a copy wrote before it ended; empty if it wrote none, or cannot be asked any more."""
    if task is None or not (task.container and task.node) or "non-zero exit" not in task.error:
        return ""
    try:
        lines = swarm.container_logs(task.node, task.container, 1).strip().splitlines()
    except LabError:
        return ""
    return lines[-1][:SAID] if lines and "No such container" not in lines[-1] else ""


def fail_without_service(lab: Lab, swarm: Swarm) -> NoReturn:
    """Fail because the swarm has no service that runs Parcel."""
    loose = swarm.loose()
    if loose:
        node, name = loose[0]
        fail(
            f"Parcel runs on {node} as the container `{name}`, and no service stands behind it: somebody started it, "
            "and when it ends, or its node does, nobody starts another.",
            expected="a service that runs Parcel",
            seen=", ".join(f"{each} on {where}" for where, each in loose),
            source="docker service ls",
            hint="`docker run` and `docker compose up` start containers on the one engine that they speak to. "
            "Which command asks the swarm? Lesson, “Ask for a state”.",
        )
    here = [each for each in lab.containers() if "parcel" in each.image]
    if here:
        fail(
            f"The container `{here[0].name}` runs on the engine of your own machine, outside the swarm.",
            expected="a service that runs Parcel on the swarm",
            seen=f"{here[0].name}, and no service",
            source="docker service ls",
            hint="In the toolbox, `docker` speaks to node-1 as long as DOCKER_HOST says so: `echo $DOCKER_HOST`.",
        )
    others = [service.name for service in swarm.services()]
    fail(
        "The swarm has no service that runs Parcel, so it has nothing to keep running.",
        expected="a service with the image drydock/parcel:1.0",
        seen=f"services: {', '.join(others)}" if others else "no service",
        source="docker service ls",
        hint="Lesson, “Ask for a state”, makes one by `docker service create`.",
    )


def fail_unsettled(swarm: Swarm, service: Service, wanted: int) -> NoReturn:
    """Fail because not all copies of a service run, for the reason that the swarm or the copies themselves give."""
    every = swarm.tasks()
    # What ended before the last change of the service says nothing of what it is now.
    tasks = [task for task in every if task.definition == every[0].definition]
    running = [task for task in every if task.wanted and task.state == "running"]
    reason = next((task for task in tasks if task.error and task.state != "shutdown"), None)
    said = reason.error.strip() if reason else ""
    facts = {
        "expected": f"{count_of(wanted)} running",
        "seen": f"{count_of(len(running))} running",
        "source": f"docker service ps --no-trunc {service.name}",
        "evidence": shown(reason),
    }
    if "No such image" in said:
        _fail_without_image(service, facts)
    if "port is already allocated" in said:
        require_alone(swarm, service)
    if "no suitable node" in said:
        require_alone(swarm, service)
        _fail_without_room(swarm, service, wanted, len(running), said, facts)
    if "exec: " in said:
        _fail_without_program(service, facts)
    _fail_ended(swarm, service, tasks, reason, facts)
    _fail_unhealthy(swarm, service, tasks, said, facts)
    coming = len(running) >= wanted
    facts["expected"] += ", and nothing under way" * coming
    facts["seen"] = (
        ", ".join(f"{task.state} on {task.node or 'no node yet'}" for task in every[:3]) or "no task"
    )
    fail(
        f"The copies of `{service.name}` do not stay: they end, and the swarm starts others in their place."
        if coming
        else f"{_of(service, wanted, len(running))}. The command returned because the swarm took the order, not because "
        "it was carried out.",
        **facts,
        hint="`docker service ps` lists each attempt with its state and, with `--no-trunc`, the whole reason.",
    )


def _of(service: Service, wanted: int, running: int) -> str:
    return f"Of {count_of(wanted)} that `{service.name}` is to run, {running} run{'s' * (running == 1)}"


def _fail_without_image(service: Service, facts: dict[str, str]) -> NoReturn:
    image = str(service.container.get("Image", ""))
    fail(
        f"`{service.name}` was made, and its copies do not run: no node has the image {image}. The command "
        "returned because the swarm took the order, not because it was carried out.",
        **facts | {"expected": f"{facts['expected']}, of an image that every node has"},
        hint="An image has a digest behind `@` only where it came from a registry, and the nodes' images did not: name "
        "them by their tags, drydock/parcel:1.0 and drydock/parcel:2.0."
        if "@" in image
        else "Each node has drydock/parcel:1.0 and drydock/parcel:2.0, and a swarm carries no images. Compare "
        "the name and the tag, letter by letter.",
    )


def closed_nodes(members: Sequence[Node]) -> list[Node]:
    """Return the nodes that are there and were told to take no copies."""
    return [node for node in members if node.ready and node.availability != "active"]


def fail_closed(service: Service, closed: Node, begins: str, facts: dict[str, str]) -> NoReturn:
    """Fail because a node was told to take no copies."""
    fail(
        f"{begins}: {closed.name} was told to take none, so its place is missing.",
        **facts
        | {
            "expected": f"{facts.get('expected', 'copies running')}, with three nodes that take them",
            "seen": f"{closed.name}: availability {closed.availability}",
            "source": "docker node ls",
        },
        hint=f"`docker node update --help`: which option sets the availability of {closed.name}? The port of the "
        f"others is not what keeps `{service.name}` away.",
    )


def _fail_without_room(
    swarm: Swarm, service: Service, wanted: int, running: int, said: str, facts: dict[str, str]
) -> NoReturn:
    runs = _of(service, wanted, running)
    if "insufficient resources" in said:
        fail(
            f"{runs}: each copy reserves more memory or processors than a node has left, so no node takes it.",
            **facts,
            hint=f"`docker service inspect --pretty {service.name}` lists under “Resources” what each copy reserves. Parcel "
            "needs less than 64 MB, and nothing reserved.",
        )
    members = swarm.members()
    lost = [node.name for node in members if not node.ready]
    if lost and running < wanted:
        fail(
            f"{runs}: {' and '.join(lost)} is lost, and no other node is left that may take another one.",
            **facts | {"expected": f"{facts['expected']}, on three nodes"},
            hint="`lab lose 9 --back` brings a lost node back.",
        )
    closed = closed_nodes(members)
    if closed and "not available" in said:
        fail_closed(service, closed[0], runs, facts)
    if running >= wanted:
        fail(
            f"The update of `{service.name}` is stuck: a new copy must start before an old one stops, and besides the nodes of "
            f"the {running} copies that run, no node is left for it.",
            **facts | {"expected": f"{count_of(wanted)}, and one more during the update"},
            hint="The order `start-first` needs room for one more copy; a port in host mode leaves one copy for each node. "
            "How many nodes are there, and how many copies? Lesson, the end of “A rollout that nobody notices”.",
        )
    fail(
        f"{runs}: no node is left that may take another one.",
        **facts,
        hint="The reason above counts the nodes by what keeps each from it: a port of the node can be held once, "
        "and a constraint leaves some nodes out.",
    )


def _fail_without_program(service: Service, facts: dict[str, str]) -> None:
    words = [*(service.container.get("Command") or []), *(service.container.get("Args") or [])]
    if not words:
        return
    fail(
        f"The copies of `{service.name}` cannot start: their command is `{' '.join(words)[:SAID]}`, and "
        "their image has no such program.",
        **facts | {"expected": "the image's own command"},
        hint="What comes behind the image's name becomes the command of each copy. On which side of it do options belong?"
        if words[0].startswith("-")
        else "What comes behind the image's name becomes the command of each copy, in place of the image's own.",
    )


def _fail_unhealthy(
    swarm: Swarm, service: Service, tasks: Sequence[Task], said: str, facts: dict[str, str]
) -> None:
    ailing = _failed_probe(swarm, tasks)
    if not ailing and "unhealthy" not in said:
        return
    if ailing:
        facts |= {
            "seen": ailing,
            "source": f"docker service inspect --pretty {service.name}",
            "evidence": "",
        }
    fail(
        f"The copies of `{service.name}` start, are found unhealthy and are ended again, one after the other.",
        **facts | {"expected": f"{facts['expected']} and healthy"},
        hint="The health check decides what counts as well, and runs in the container, with what its image has. "
        "Try its command in one that runs: `docker -H tcp://NODE:2375 exec CONTAINER …; echo $?`. A copy needs "
        "3 s to warm up.",
    )


def _failed_probe(swarm: Swarm, tasks: Sequence[Task]) -> str:
    """Say how the health check of the newest copies ended; empty when it did not fail, or has not run yet.

    A copy whose check fails is ended politely, and so its task is `complete` and has no error to show.
    """
    for task in tasks[:LOOK_BACK]:
        if not (task.container and task.node):
            continue
        try:
            record = swarm.inspect(task)
        except LabError:
            continue  # it was removed meanwhile
        log = ((record.get("State") or {}).get("Health") or {}).get("Log") or []
        if log and log[-1]["ExitCode"]:
            test = (record["Config"].get("Healthcheck") or {}).get("Test") or []
            said = " ".join(str(log[-1].get("Output", "")).split())
            return f"`{' '.join(test[1:])}` ended with {log[-1]['ExitCode']}" + f": {said}"[:SAID] * bool(
                said
            )
    return ""


def _fail_ended(
    swarm: Swarm, service: Service, tasks: Sequence[Task], reason: Task | None, facts: dict[str, str]
) -> None:
    """Fail when the program itself ends, and not because its health check fails, with its last words."""
    if not reason or "non-zero exit" not in reason.error or "unhealthy" in reason.error:
        return
    killed = next((task for task in tasks[:LOOK_BACK] if _is_out_of_memory(swarm, task)), None)
    if killed:
        limits = (service.spec["TaskTemplate"].get("Resources") or {}).get("Limits") or {}
        most = int(limits.get("MemoryBytes") or 0) >> 20
        fail(
            f"The copies of `{service.name}` are killed by the kernel: they need more memory than their limit"
            f"{f' of {most} MB' * bool(most)}.",
            **facts,
            hint=f"`docker service inspect --pretty {service.name}` lists the limit under “Resources”.",
        )
    fail(
        f"The program in the copies of `{service.name}` ends, and the swarm starts others in their place, which end too.",
        **facts | {"evidence": last_words(swarm, reason) or facts["evidence"]},
        hint=f"`docker service logs {service.name}` shows what the copies say before they end.",
    )


def _is_out_of_memory(swarm: Swarm, task: Task) -> bool:
    if not (task.container and task.node) or "(137)" not in task.error:
        return False
    try:
        return bool((swarm.inspect(task).get("State") or {}).get("OOMKilled"))
    except LabError:
        return False
