"""The service that the learner made, and what may be wrong with it before anything is tried."""

from __future__ import annotations

import functools
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.swarm import NotAManagerError, Service, Swarm
from checker.errors import LabError
from checker.grading.author import age, could_not_run, fail, moment, require, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checker.cluster.remote import Remote
    from checker.cluster.swarm import Node, Task
    from checker.grading.author import Lab, Timeline

PORT = 8080
"""Where the front asks on each node, and where Parcel listens."""

BEGINNING_SECONDS = 10.0
"""How long after a service was made its first copies are ordered at most."""

PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""

ENDED_SECONDS, ENDED_MOST = 120.0, 2
"""So many copies that ended in one place within this time are too many."""

LEAST = 2
"""How many copies there must be."""

WAIT_SECONDS = 3.0
"""How long a copy must have found no node until it counts as one for which there is no room."""

SETTLE_SECONDS = 15.0
"""How long copies may take that are on their way: a check may come right after `docker service create --detach`."""


ARRIVE_SECONDS = 120.0
"""How long a copy may take until it runs and is healthy, on the slowest of machines, as long as none has ended."""

LOOK_BACK = 6
"""How many tasks are looked at for a health check that fails; the newest tell what happens now."""

SAID = 160
"""How many characters are shown of what a health check said."""


class Parcel:
    """The service of the task, asked for once in each run of the checks.

    Args:
        lab: the lab.
        swarm: the lab's swarm.
    """

    def __init__(self, lab: Lab, swarm: Swarm) -> None:
        self.lab = lab
        self.swarm = swarm
        self._waits_since: float | None = None
        self._missing_since: float | None = None

    @functools.cached_property
    def service(self) -> Service:
        """The service as it was when it was first asked for; without one, the check that needs it could not run."""
        found = self.swarm.service()
        if found is None:
            could_not_run("The service went away while it was judged; check again.")
        return found

    @functools.cached_property
    def wanted(self) -> int:
        """How many copies the swarm is to keep running."""
        replicas = self.service.replicas
        return len(self.open_nodes()) if replicas is None else replicas

    def open_nodes(self) -> list[str]:
        """Return the nodes that take copies now."""
        return [node.name for node in self.swarm.members() if node.ready and node.availability == "active"]

    def closed_nodes(self) -> list[Node]:
        """Return the nodes that are there and were told to take no copies."""
        return [node for node in self.swarm.members() if node.ready and node.availability != "active"]

    def _fail_closed(
        self, service: Service, closed: list[Node], begins: str, facts: dict[str, str]
    ) -> NoReturn:
        fail(
            f"{begins}: {closed[0].name} was told to take none, so its place is missing.",
            **facts
            | {
                "expected": f"{facts.get('expected', 'copies running')}, with three nodes that take them",
                "seen": f"{closed[0].name}: availability {closed[0].availability}",
                "source": "docker node ls",
            },
            hint=f"`docker node update --help`: which option sets the availability of {closed[0].name}? The port of the "
            f"others is not what keeps `{service.name}` away.",
        )

    # -- is there one --------------------------------------------------------------------------------------

    def require_whole_swarm(self) -> None:
        """Require that the three nodes are one swarm, managed so that the loss of a worker costs nothing."""
        try:
            members = self.swarm.members()
        except NotAManagerError as error:
            fail(
                "node-1 does not manage a swarm any more, so nobody keeps anything running.",
                expected="node-1 manages, node-2 and node-3 work",
                seen=error.what,
                source="docker node ls",
                hint="`lab reset 9` begins with a new swarm.",
            )
        there = {node.name for node in members}
        missing = [name for name in self.swarm.nodes if name not in there]
        require(
            not missing,
            f"{' and '.join(missing)} left the swarm: there is less room for copies than the task needs.",
            expected="node-1, node-2 and node-3 in the list of nodes",
            seen=_listed(members),
            source="docker node ls",
            hint="`lab reset 9` begins with a new swarm.",
        )
        managers = [node.name for node in members if node.manager]
        require(
            len(managers) % 2 == 1,
            f"The swarm has {len(managers)} managers, {' and '.join(managers)}. More than half of them must agree on "
            "every decision: of two, both. Lose either, and nobody decides any more.",
            expected="node-1 manages, node-2 and node-3 work",
            seen=_listed(members),
            source="docker node ls",
            hint="Lesson, the question about a second manager. `docker node demote` makes a manager a worker again.",
        )
        require(
            managers == [self.swarm.manager],
            f"{' and '.join(managers)} manage the swarm. Three managers survive the loss of one, and yet the task leaves the "
            "nodes and who manages them as they are: what is tried here is what the swarm does when a worker is lost.",
            expected="node-1 manages, node-2 and node-3 work",
            seen=_listed(members),
            source="docker node ls",
            hint="`docker node demote` makes a manager a worker again.",
        )

    def require_service(self) -> None:
        """Require a service that is to keep two copies or more running, and that it does."""
        service = self.swarm.service()
        if service is None:
            self._fail_without_service()
        if service.mode not in {"Replicated", "Global"}:
            fail(
                f"`{service.name}` is a job: it is done when its copies have ended, and a service never is.",
                expected="a service that keeps its copies running",
                seen=f"mode {service.mode}",
                source="docker service ls",
                hint="Look at `--mode` in what you typed; the lesson's practice service does without it.",
            )
        wanted = self.wanted
        require(
            wanted >= LEAST,
            f"`{service.name}` is to run {_copies(wanted)}. A swarm replaces what is lost, but until it has noticed and "
            "started another one, nobody answers.",
            expected=f"at least {LEAST} copies wanted",
            seen=f"{_copies(wanted)} wanted",
            source="docker service ls",
            hint="Lesson, “Ask for a state”: how many did `practice` have, and which word asked for them?",
        )
        settled = wait_until(lambda: self._is_settled(wanted), SETTLE_SECONDS, every=0.2)
        # On a slow machine copies may be on their way for much longer; as long as none has ended, that is no fault.
        settled = settled or wait_until(
            lambda: self._is_settled(wanted) or not self._is_on_its_way(), ARRIVE_SECONDS, every=0.2
        )
        if not settled or not self._is_settled(wanted):
            self._fail_unsettled(service, wanted)
        self._require_steady(service)

    def _require_steady(self, service: Service) -> None:
        """Fail when copies run at this moment that end again and again, and are replaced each time."""
        tasks = self.swarm.tasks()
        now = self.lab.engine.clock.now()
        for running in (task for task in tasks if task.wanted):
            ended = [
                task
                for task in tasks
                if not task.wanted
                and task.state in {"failed", "complete"}
                and (task.slot, task.image) == (running.slot, running.image)
                and (task.slot or task.node == running.node)
                and age(task.created, now) < ENDED_SECONDS
            ]
            # One may have died with a node that was lost.
            if len(ended) >= ENDED_MOST:
                fail(
                    f"The copies of `{service.name}` do not stay: they end, and the swarm starts others in their place. Each time, "
                    "one copy less answers.",
                    expected=f"copies of `{service.name}` that run, and go on",
                    seen=f"{len(ended)} that ended within {ENDED_SECONDS / 60:g} minutes, where one runs now",
                    source=f"docker service ps --no-trunc {service.name}",
                    evidence=_shown(ended[0]),
                    hint="`docker service logs` shows what the copies say before they end.",
                )

    def _remotes(self) -> Iterator[Remote]:
        """Yield the copies that run, as their nodes' engines know them."""
        for task in self.swarm.tasks():
            if task.wanted and task.state == "running" and task.container and task.node:
                yield self.swarm.remote(task)

    def setting(self, name: str) -> str:
        """Return a variable that Parcel was started with, also by the copies' own command; empty when there is none."""
        container = self.service.container
        if name in self.service.env and not (container.get("Command") or container.get("Args")):
            return self.service.env[name]
        for remote in self._remotes():
            if process := remote.find(PROGRAM):
                return remote.environment(process).get(name, "")
        return self.service.env.get(name, "")

    def require_program(self) -> None:
        """Require that the image's Parcel runs in each copy, and nothing that answers in its place."""
        service = self.service
        for remote in self._remotes():
            found = remote.processes()
            require(
                not found or remote.find(PROGRAM),
                f"What answers for `{service.name}` is not the Parcel of its image: the copies were ordered with a program of "
                "their own.",
                expected=f"python3 {PROGRAM} in each copy",
                seen=found[0].told if found else "",
                source=f"docker service inspect --pretty {service.name}",
                hint="What stands behind the image's name in the order takes the place of the program that the image names.",
            )
        over = [
            f"{told} at {place}"
            for place, told in service.laid_in
            if PurePosixPath(PROGRAM).is_relative_to(place)
        ]
        require(
            not over,
            f"What answers for `{service.name}` is not the Parcel of its image: the order lays something else over it.",
            expected=f"{PROGRAM} as the image has it",
            seen=over[0] if over else "",
            source=f"docker service inspect --pretty {service.name}",
            hint="Which option of the order has a target in /app? What Parcel needs to be told, its environment can tell it.",
        )

    def _is_settled(self, wanted: int) -> bool:
        tasks = [task for task in self.swarm.tasks() if task.wanted]
        return len(tasks) == wanted and all(task.state == "running" for task in tasks)

    def _is_on_its_way(self) -> bool:
        """Whether a copy that has a node is being started, and none has ended."""
        tasks = self.swarm.tasks()
        ended = any(task.state in {"failed", "rejected", "complete"} for task in tasks)
        return not ended and any(
            task.wanted and task.node and task.state not in {"running", "pending"} for task in tasks
        )

    def _fail_without_service(self) -> NoReturn:
        loose = self.swarm.loose()
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
        here = [each for each in self.lab.containers() if "parcel" in each.image]
        if here:
            fail(
                f"The container `{here[0].name}` runs on the engine of your own machine, outside the swarm.",
                expected="a service that runs Parcel on the swarm",
                seen=f"{here[0].name}, and no service",
                source="docker service ls",
                hint="In the toolbox, `docker` speaks to node-1 as long as DOCKER_HOST says so: `echo $DOCKER_HOST`.",
            )
        others = [service.name for service in self.swarm.services()]
        fail(
            "The swarm has no service that runs Parcel, so it has nothing to keep running.",
            expected="a service with the image drydock/parcel:1.0",
            seen=f"services: {', '.join(others)}" if others else "no service",
            source="docker service ls",
            hint="Lesson, “Ask for a state”, makes one by `docker service create`.",
        )

    def _fail_unsettled(self, service: Service, wanted: int) -> NoReturn:
        tasks = self.swarm.tasks()
        running = [task for task in tasks if task.wanted and task.state == "running"]
        reason = next((task for task in tasks if task.error and task.state != "shutdown"), None)
        said = f"{reason.error.strip()}" if reason else ""
        runs = f"{len(running)} run{'s' * (len(running) == 1)}"
        facts = {
            "expected": f"{_copies(wanted)} running",
            "seen": f"{_copies(len(running))} running",
            "source": f"docker service ps --no-trunc {service.name}",
            "evidence": _shown(reason),
        }
        if "No such image" in said:
            fail(
                f"`{service.name}` was made, and its copies do not run: no node has the image {service.image}. The command "
                "returned because the swarm took the order, not because it was carried out.",
                **facts | {"expected": f"{facts['expected']}, of an image that every node has"},
                hint="Each node has drydock/parcel:1.0 and drydock/parcel:2.0, and a swarm carries no images. Compare "
                "the name and the tag, letter by letter.",
            )
        if "no suitable node" in said:
            self.require_alone()
        if "no suitable node" in said and (closed := self.closed_nodes()):
            self._fail_closed(
                service, closed, f"Of {_copies(wanted)} that `{service.name}` is to run, {runs}", facts
            )
        if "no suitable node" in said:
            fail(
                f"Of {_copies(wanted)} that `{service.name}` is to run, {runs}: no node is left that may take another one.",
                **facts,
                hint="The reason above counts the nodes by what keeps each from it: a port of the node can be held once, "
                "and a constraint leaves some nodes out.",
            )
        ailing = self._failed_probe(tasks)
        if ailing or "unhealthy" in said:
            facts["expected"] += " and healthy"
            if ailing:
                facts |= {
                    "seen": ailing,
                    "source": f"docker service inspect --pretty {service.name}",
                    "evidence": "",
                }
            fail(
                f"The copies of `{service.name}` start, are found unhealthy and are ended again, one after the other.",
                **facts,
                hint="The health check decides what counts as well, and runs in the container, with what its image has. "
                "Try its command in one that runs: `docker -H tcp://NODE:2375 exec CONTAINER …; echo $?`. A copy needs "
                "3 s to warm up.",
            )
        coming = len(running) >= wanted
        facts["expected"] += ", and nothing under way" * coming
        facts["seen"] = (
            ", ".join(f"{task.state} on {task.node or 'no node yet'}" for task in tasks[:3]) or "no task"
        )
        fail(
            f"The copies of `{service.name}` do not stay: they end, and the swarm starts others in their place."
            if coming
            else f"Of {_copies(wanted)} that `{service.name}` is to run, {runs}. "
            "The command returned because the swarm took the order, not because it was carried out.",
            **facts,
            hint="`docker service ps` lists each attempt with its state and, with `--no-trunc`, the whole reason.",
        )

    def _failed_probe(self, tasks: Sequence[Task]) -> str:
        """Say how the health check of the newest copies ended; empty when it did not fail, or has not run yet.

        A copy whose check fails is ended politely, and so its task is `complete` and has no error to show.
        """
        for task in tasks[:LOOK_BACK]:
            if not (task.container and task.node):
                continue
            try:
                record = self.swarm.ask(f"/containers/{task.container}/json", node=task.node, absent={})
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

    def has_no_room(self) -> str:
        """Say that a lost copy waits for a node that can take it, in the swarm's own words; empty when none does."""
        waiting = [task for task in self.swarm.tasks() if task.wanted and not task.node and task.error]
        if not waiting:
            self._waits_since = None
            return ""
        self._waits_since = self._waits_since or time.monotonic()
        if time.monotonic() - self._waits_since < WAIT_SECONDS:
            return ""  # a port may be about to be given back
        return (
            f"The swarm has no room for a lost copy: {waiting[0].error.strip()}. It waits, and fewer than "
            f"{_copies(self.wanted)} run until the node comes back."
        )

    def gave_up(self) -> str:
        """Say why the swarm does not replace a lost copy; empty as long as it may."""
        return self.has_no_room() or self._is_not_to_restart()

    def _is_not_to_restart(self) -> str:
        """Say that nothing is under way in a lost copy's place, and that the order wants it so."""
        policy = self.service.spec["TaskTemplate"].get("RestartPolicy") or {}
        there = sum(task.wanted for task in self.swarm.tasks())
        if policy.get("Condition") != "none" or there >= self.wanted:
            self._missing_since = None
            return ""
        self._missing_since = self._missing_since or time.monotonic()
        if time.monotonic() - self._missing_since < WAIT_SECONDS:
            return ""
        return (
            f"A lost copy of `{self.service.name}` is not to start again: its restart condition is `none`, and for a swarm a copy "
            f"that was lost with its node is one that ended. Nothing is under way in its place, and {_copies(there)} "
            f"run{'s' * (there == 1)} from now on."
        )

    # -- the move to another version -----------------------------------------------------------------------

    def require_moved_itself(self, before: str, after: str, everything: Timeline) -> None:
        """Require that a move between two versions can have been this service's own.

        Args:
            before: the old version.
            after: the new one.
            everything: the record of the users since the lab was started.
        """
        service = self.service
        hint = (
            "`docker service update --help`: which option gives a service that runs another image? Go back to "
            f"{before} with the same command first."
        )
        moves = [move for move in everything.rollouts() if (move.before, move.after) == (before, after)]
        if moves and moves[-1].begin < service.created:
            fail(
                f"Users saw a move from {before} to {after}, and `{service.name}` did not make it: it was made afterwards. What "
                "a service that is gone has shown says nothing of this one.",
                expected=f"a move from {before} to {after} by the service that runs now",
                seen=f"the move began {service.created - moves[-1].begin:.0f} s before `{service.name}` was made",
                source=f"docker service inspect --format '{{{{.CreatedAt}}}}' {service.name}; lab timeline 9",
                hint=hint,
            )
        if not moves or not self._never_ran(before):
            return
        fail(
            f"`{service.name}` never ran version {before}: {after} came with a service of its own, and took the place of another. "
            "Then nobody sees to it that both serve in between, and all that the first was told has to be told once more.",
            expected=f"one service that ran {before} and was updated to {after}",
            seen=f"every copy that `{service.name}` had was of version {after}",
            source=f"docker service ps {service.name}",
            hint=hint,
        )

    def _never_ran(self, version: str) -> bool:
        """Whether all that the swarm remembers of the service, from its beginning, is of other versions."""
        previous = (self.service.record.get("PreviousSpec") or {}).get("TaskTemplate") or {}
        images = [str((previous.get("ContainerSpec") or {}).get("Image", ""))]
        tasks = self.swarm.tasks()
        images += [task.image for task in tasks]
        if any(image.partition("@")[0].endswith(f":{version}") for image in images):
            return False
        first = min((moment(task.created) for task in tasks), default=0.0)
        # A swarm forgets old tasks; only one that remembers the first can say what never was.
        return bool(tasks) and first - self.service.created < BEGINNING_SECONDS

    # -- its address ---------------------------------------------------------------------------------------

    def require_alone(self) -> None:
        """Require that nothing else on the nodes answers at the service's port in its place."""
        service = self.service
        other = next(
            (
                each
                for each in self.swarm.services()
                if each.id != service.id and any(port.published == PORT for port in each.ports)
            ),
            None,
        )
        if other:
            fail(
                f"The service `{other.name}` publishes port {PORT} of the nodes too: users get its answers in the place of "
                f"`{service.name}`, and each of the two keeps the other off a node.",
                expected=f"port {PORT} published by `{service.name}` alone",
                seen=f"`{other.name}` ({other.image}) publishes {PORT}",
                source="docker service ls",
                hint=f"Is `{other.name}` left over from the lesson? `docker service rm` takes a service away with its copies.",
            )

    def why_unanswered(self, seen: str) -> NoReturn:
        """Fail with the reason why the front gets no answer."""
        service = self.service
        ports = service.ports
        source = "docker service inspect --format '{{json .Endpoint.Ports}}' " + service.name
        which = "In `published=…,target=…`, the first is the node's port, the second the one inside the container."
        right = [port for port in ports if port.published == PORT]
        if not ports:
            fail(
                f"`{service.name}` publishes no port: its copies answer each other inside the swarm, and nobody else.",
                expected=f"port {PORT} of the nodes leads to port {PORT} of a copy",
                seen="no published port",
                source=source,
                hint="The front asks port 8080 of each node. Lesson, “Ask for a state”: what did `practice` publish?",
            )
        if not right:
            fail(
                f"`{service.name}` publishes port {ports[0].published or 'that the node chooses'}, and the front asks port "
                f"{PORT} of each node.",
                expected=f"published port {PORT}",
                seen=", ".join(f"{port.published or 'chosen'} → {port.target}" for port in ports),
                source=source,
                hint=which,
            )
        if right[0].target != PORT:
            fail(
                f"Port {PORT} of the nodes leads to port {right[0].target} of the copies, and Parcel listens on {PORT}.",
                expected=f"{PORT} → {PORT}",
                seen=f"{PORT} → {right[0].target}",
                source=source,
                hint=which,
            )
        facts = {"seen": seen, "source": "curl http://localhost:8090/"}
        if right[0].mode == "ingress":
            fail(
                f"`{service.name}` publishes through the routing mesh, and no node answers. The mesh hands a request on by "
                "IPVS, a part of the kernel that not every machine has.",
                expected=f"HTTP 200 from port {PORT} of a node",
                **facts,
                hint="`lab start 9` says whether the routing mesh works on this machine. Where it does not, publish in "
                "host mode, as the lesson does.",
            )
        fail(
            f"Copies of `{service.name}` run and publish port {PORT}, and the front finds none of them ready.",
            expected="HTTP 200 from http://localhost:8090/",
            **facts,
            hint="The front asks each copy at /readyz. `docker service logs` shows what the copies say.",
        )


def _copies(number: int) -> str:
    return f"{number} {'copy' if number == 1 else 'copies'}"


def _shown(task: Task | None) -> str:
    return f"{task.state}: {task.error}" if task else ""


def _listed(members: list[Node]) -> str:
    return ", ".join(f"{node.name} ({'manager' if node.manager else 'worker'})" for node in members)
