"""The service that the learner made: what it is to be, whether it has come to that, and who ran what."""

from __future__ import annotations

import functools
import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from checker.cluster.interface import ENDED_SECONDS
from checker.cluster.swarm import NotAManagerError, Service, Swarm, ended_in_place
from checker.grading.author import could_not_run, fail, moment, require, wait_until

from .address import require_alone
from .move import BEGINNING_SECONDS
from .unsettled import (
    closed_nodes,
    count_of,
    fail_closed,
    fail_unsettled,
    fail_without_service,
    last_words,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.cluster.remote import Remote
    from checker.cluster.swarm import Node
    from checker.grading.author import Lab, Timeline

PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""

REMEMBERED = 5
"""How many ended tasks of each copy a swarm keeps by default."""

LEAST = 2
"""How many copies there must be."""

WAIT_SECONDS = 3.0
"""How long a copy must have found no node until it counts as one for which there is no room."""

SETTLE_SECONDS = 15.0
"""How long copies may take that are on their way: a check may come right after `docker service create --detach`."""


ARRIVE_SECONDS = 120.0
"""How long a copy may take until it runs and is healthy, on the slowest of machines, as long as none has ended."""

SPREAD_SECONDS = 3.0
"""How long a swarm may take until each node has its copy of a global service."""

UPDATE_SECONDS = 30.0
"""How long an update may still take before a node is lost."""

SLOW_SECONDS = 45.0
"""A restart delay from which on a lost copy cannot be back within the minute that it has."""


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
        if replicas is not None:
            return replicas
        # Which nodes have a copy of a global service, its constraints and the nodes' availability decide.
        wait_until(self._global_nodes, SPREAD_SECONDS, every=0.1)
        return len(self._global_nodes())

    @property
    def wanted_after_loss(self) -> int:
        """How many copies must run while a node that carries one is lost: a global service has none in its place."""
        return self.wanted if self.service.replicas is not None else self.wanted - 1

    def _global_nodes(self) -> set[str]:
        return {task.node for task in self.swarm.tasks() if task.wanted and task.node}

    def closed_nodes(self) -> list[Node]:
        """Return the nodes that are there and were told to take no copies."""
        return closed_nodes(self.swarm.members())

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
        # The manager lists one that has left as down, like one that is lost.
        missing += [node.name for node in members if not node.ready and self._has_left(node.name)]
        require(
            not missing,
            f"{' and '.join(missing)} left the swarm: there is less room for copies than the task needs.",
            expected="node-1, node-2 and node-3 in the list of nodes, and Ready",
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
        self._require_memory()

    def _require_memory(self) -> None:
        """Require that the swarm remembers tasks that ended, from which everybody reads what happened to copies."""
        kept = self.swarm.ask("/swarm")["Spec"]["Orchestration"].get("TaskHistoryRetentionLimit", REMEMBERED)
        require(
            not 0 <= kept < REMEMBERED,
            f"The swarm keeps {kept} ended tasks of each copy, and kept {REMEMBERED} when the lab began: that a copy ended, and why, "
            "is soon nowhere to be read.",
            expected=f"a task history of {REMEMBERED} or more",
            seen=f"Task History Retention Limit: {kept}",
            source="docker info",
            hint="`docker swarm update --help` lists the swarm's own settings.",
        )

    def _has_left(self, name: str) -> bool:
        """Whether a node's engine runs, and belongs to no swarm."""
        said = self.swarm.ask("/info", node=name, absent={})
        return (said.get("Swarm") or {}).get("LocalNodeState") == "inactive"

    def require_service(self) -> None:
        """Require a service that is to keep two copies or more running, and that it does."""
        service = self.swarm.service()
        if service is None:
            fail_without_service(self.lab, self.swarm)
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
            wanted >= LEAST or service.mode != "Global",
            f"`{service.name}` is a global service, with one copy on each node that may have one, and "
            f"{'no node may' if not wanted else 'that is one node'}.",
            expected=f"at least {LEAST} nodes that may have a copy",
            seen=f"{count_of(wanted)} wanted",
            source="docker service ls",
            hint=f"`docker service inspect --pretty {service.name}` lists its constraints, and `docker node ls` which nodes "
            "take copies.",
        )
        require(
            wanted >= LEAST,
            f"`{service.name}` is to run {count_of(wanted)}. A swarm replaces what is lost, but until it has noticed and "
            "started another one, nobody answers.",
            expected=f"at least {LEAST} copies wanted",
            seen=f"{count_of(wanted)} wanted",
            source="docker service ls",
            hint="Lesson, “Ask for a state”: how many did `practice` have, and which word asked for them?",
        )
        settled = wait_until(lambda: self._is_settled(wanted), SETTLE_SECONDS, every=0.2)
        # On a slow machine copies may be on their way for much longer; as long as none has ended, that is no fault.
        settled = settled or wait_until(
            lambda: self._is_settled(wanted) or not self._is_on_its_way(), ARRIVE_SECONDS, every=0.2
        )
        if not settled or not self._is_settled(wanted):
            fail_unsettled(self.swarm, service, wanted)
        self._require_steady(service)

    def _require_steady(self, service: Service) -> None:
        """Fail when copies run at this moment that end again and again, and are replaced each time."""
        ended = ended_in_place(self.swarm.tasks(), self.lab.engine.clock.now())
        if not ended:
            return
        if "port is already allocated" in ended[0].error:
            require_alone(self.swarm, service)
        fail(
            f"The copies of `{service.name}` do not stay: they end, and the swarm starts others in their place. Each time, "
            "one copy less answers.",
            expected=f"copies of `{service.name}` that run, and go on",
            seen=f"{len(ended)} that ended within {ENDED_SECONDS / 60:g} minutes, where one runs now",
            source=f"docker service ps --no-trunc {service.name}",
            evidence=last_words(self.swarm, ended[0]) or shown(ended[0]),
            hint="`docker service logs` shows what the copies say before they end.",
        )

    def _remotes(self) -> Iterator[tuple[str, Remote]]:
        """Yield the copies that run, as their nodes' engines know them, each with its node."""
        for task in self.swarm.tasks():
            if task.wanted and task.state == "running" and task.container and task.node:
                yield task.node, self.swarm.remote(task)

    def started_with(self) -> Iterator[tuple[str, str, str]]:
        """Yield what the programs in each copy were started with, where the copies have a command of their own.

        Yields:
            The node, the place as it follows “in”, and what stands there.
        """
        if not (self.service.container.get("Command") or self.service.container.get("Args")):
            return  # then it is the service's
        for node, remote in self._remotes():
            for each in remote.processes():
                yield node, "its command line", " ".join(each.words)
            if process := remote.find(PROGRAM):
                for name, value in remote.environment(process).items():
                    yield node, f"its environment, as {name}", value

    def setting(self, name: str) -> str:
        """Return a variable that Parcel was started with, also by the copies' own command; empty when there is none."""
        container = self.service.container
        if name in self.service.env and not (container.get("Command") or container.get("Args")):
            return self.service.env[name]
        for _, remote in self._remotes():
            if process := remote.find(PROGRAM):
                return remote.environment(process).get(name, "")
        return self.service.env.get(name, "")

    def require_program(self) -> None:
        """Require that the image's Parcel runs in each copy, and nothing that answers in its place."""
        service = self.service
        for _, remote in self._remotes():
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
        every = self.swarm.tasks()
        # What ended before the last change of the service says nothing of what it is now.
        tasks = [task for task in every if task.definition == every[0].definition]
        ended = any(task.state in {"failed", "rejected", "complete"} for task in tasks)
        return not ended and any(
            task.wanted and task.node and task.state not in {"running", "pending"} for task in tasks
        )

    def has_no_room(self) -> str:
        """Say that a lost copy waits for a node that can take it, in the swarm's own words; empty when none does.

        It fails at once if a node was told to take no copies.
        """
        waiting = [task for task in self.swarm.tasks() if task.wanted and not task.node and task.error]
        if not waiting:
            self._waits_since = None
            return ""
        self._waits_since = self._waits_since or time.monotonic()
        if time.monotonic() - self._waits_since < WAIT_SECONDS:
            return ""  # a port may be about to be given back
        if (closed := self.closed_nodes()) and "not available" in waiting[0].error:
            facts = {"expected": f"{count_of(self.wanted)} running", "evidence": shown(waiting[0])}
            fail_closed(self.service, closed[0], "The swarm has no room for a lost copy", facts)
        return (
            f"The swarm has no room for a lost copy: {waiting[0].error.strip()}. It waits, and fewer than "
            f"{count_of(self.wanted)} run until the node comes back."
        )

    def gave_up(self) -> str:
        """Say why the swarm does not replace a lost copy; empty as long as it may."""
        return self.has_no_room() or self._is_not_to_restart() or self._is_slow_to_restart()

    def _is_slow_to_restart(self) -> str:
        """Say that the service's restart delay is too long for a lost copy to be back in time."""
        policy = self.service.spec["TaskTemplate"].get("RestartPolicy") or {}
        delay = int(policy.get("Delay") or 0) / 1e9
        waits = any(task.wanted and task.state == "ready" for task in self.swarm.tasks())
        if delay < SLOW_SECONDS or not waits:
            return ""
        return (
            f"A lost copy of `{self.service.name}` has a new node and waits there: the restart delay of the service is "
            f"{delay:g} s, and it applies to a copy that was lost with its node too."
        )

    def _is_not_to_restart(self) -> str:
        """Say that nothing is under way in a lost copy's place, and that the order wants it so."""
        policy = self.service.spec["TaskTemplate"].get("RestartPolicy") or {}
        attempts = int(policy.get("MaxAttempts") or 0)
        there = sum(task.wanted for task in self.swarm.tasks())
        if not (policy.get("Condition") == "none" or attempts) or there >= self.wanted_after_loss:
            self._missing_since = None
            return ""
        self._missing_since = self._missing_since or time.monotonic()
        if time.monotonic() - self._missing_since < WAIT_SECONDS:
            return ""
        return (
            f"A lost copy of `{self.service.name}` is not to start again: "
            + (
                "its restart condition is `none`"
                if not attempts
                else f"it has used up its restarts, at most {attempts}"
            )
            + ", and for a swarm a copy "
            f"that was lost with its node is one that ended. Nothing is under way in its place, and {count_of(there)} "
            f"run{'s' * (there == 1)} from now on."
        )

    def require_enough_left(self) -> None:
        """Require that a global service has enough copies left when a node is lost, for it starts none elsewhere."""
        left = self.wanted_after_loss
        require(
            left >= LEAST or self.service.replicas is not None,
            f"`{self.service.name}` is a global service on {self.wanted} nodes: it has one copy on each of them, and starts none "
            f"elsewhere. When one of them is lost, {count_of(left)} run{'s' * (left == 1)}.",
            expected=f"{count_of(LEAST)} or more, also when a node is lost",
            seen=", ".join(f"a copy on {each}" for each in sorted(self._global_nodes())),
            source=f"docker service ps {self.service.name}",
            hint=f"`docker node ls` shows which nodes take copies, and `docker service inspect --pretty {self.service.name}` "
            "lists constraints. Which of them keep a third node out?",
        )

    def require_no_update(self) -> None:
        """Wait until no update of the service is under way; a node that is lost in one would disturb the learner's rollout."""

        def is_over() -> bool:
            service = self.swarm.service()
            status = (service.record.get("UpdateStatus") or {}) if service else {}
            return status.get("State") not in {"updating", "rollback_started"}

        if not wait_until(is_over, UPDATE_SECONDS, every=0.2):
            could_not_run(
                f"`{self.service.name}` is being updated, and this check does not disturb that. Check again when it is over."
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


def _listed(members: list[Node]) -> str:
    return ", ".join(
        f"{node.name} ({'manager' if node.manager else 'worker'}{', down' * (not node.ready)})"
        for node in members
    )
