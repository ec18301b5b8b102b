"""The service that the learner made: what it is to be, whether it has come to that, and what runs in its copies."""

from __future__ import annotations

import functools
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from checker.cluster.interface import ENDED_SECONDS, count_of
from checker.cluster.swarm import Service, Swarm, ended_in_place
from checker.cluster.swarm_losses import why_not_replaced
from checker.grading.author import could_not_run, wait_until

from .address import require_alone
from .unsettled import Short, closed_node, fail_closed, fail_unsettled, fail_without_service
from .words import WHY, last_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from checker.cluster.remote import Remote
    from checker.grading.author import Lab

PROGRAM = "/app/parcel.py"
"""Where the image keeps Parcel."""

CODE = re.compile(
    r"/app/[^/]+\.(py|pyc|so)|(/usr(/local)?)?/lib\d*(/.*)?|/usr(/local)?|/etc(/python.*|/ld\.so.*)?"
)
"""What Python loads code from for Parcel: the files beside it, its own library, and the settings that name others."""

LEAST = 2
"""How many copies there must be."""

SETTLE_SECONDS = 15.0
"""How long copies may take that are on their way: a check may come right after `docker service create --detach`."""

ARRIVE_SECONDS = 120.0
"""How long a copy may take until it runs and is healthy, on the slowest of machines, as long as none has ended."""

SPREAD_SECONDS = 3.0
"""How long a swarm may take until each node has its copy of a global service."""

LOSS_SECONDS = 60.0
"""How long a lost copy may take to be replaced: about 6 s until the node is given up, 5 s of the swarm's own pause, and
what the new copy needs; measured at 11 to 16 s on two cores."""

UPDATE_SECONDS = 30.0
"""How long an update may still take before a node is lost."""


class Parcel:
    """The service of the task, asked for once in each run of the checks.

    Args:
        lab: the lab.
        swarm: the lab's swarm.
    """

    def __init__(self, lab: Lab, swarm: Swarm) -> None:
        self.lab = lab
        self.swarm = swarm

    @functools.cached_property
    def service(self) -> Service:
        """The service as it was when it was first asked for; without one, the check that needs it could not run."""
        found = self.swarm.service()
        if found is None:
            could_not_run("The service went away while it was judged; check again.")
        return found

    # -- how many copies -----------------------------------------------------------------------------------

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

    def require_service(self) -> None:
        """Require a service that is to keep two copies or more running, and that it does."""
        service = self.swarm.service()
        if service is None:
            fail_without_service(self.lab, self.swarm)
        lasting = service.mode in {"Replicated", "Global"}
        WHY.require(lasting, "a-job", service=service, seen=f"mode {service.mode}")
        wanted = self.wanted
        if wanted < LEAST:
            reason = "few-wanted.of-a-global-service" if service.mode == "Global" else "few-wanted"
            WHY.fail(reason, service=service, wanted=wanted, seen=f"{count_of(wanted)} wanted")
        if not wait_until(self._is_settled, SETTLE_SECONDS, every=0.2):
            # On a slow machine copies may be on their way for much longer; as long as none has ended, that is no fault.
            wait_until(lambda: self._is_settled() or not self._is_on_its_way(), ARRIVE_SECONDS, every=0.2)
        if not self._is_settled():
            fail_unsettled(self.swarm, service, wanted)
        self._require_steady(service)

    def _is_settled(self) -> bool:
        tasks = [task for task in self.swarm.tasks() if task.wanted]
        return len(tasks) == self.wanted and all(task.state == "running" for task in tasks)

    def _is_on_its_way(self) -> bool:
        """Whether a copy that has a node is being started, and none has ended."""
        every = self.swarm.tasks()
        # What ended before the last change of the service says nothing of what it is now.
        tasks = [task for task in every if task.definition == every[0].definition]
        coming = [
            task for task in tasks if task.wanted and task.node and task.state not in {"running", "pending"}
        ]
        return bool(coming) and not any(task.ended for task in tasks)

    def _require_steady(self, service: Service) -> None:
        """Fail when copies run at this moment that end again and again, and are replaced each time."""
        ended = ended_in_place(self.swarm.tasks(), self.lab.engine.clock.now())
        if not ended:
            return
        if "port is already allocated" in ended[0].error:
            require_alone(self.swarm, service)
        seen = f"{len(ended)} that ended within {ENDED_SECONDS / 60:g} minutes, where one runs now"
        WHY.fail("do-not-stay", service=service, seen=seen, evidence=last_words(self.swarm, ended[0]))

    # -- what runs in the copies ---------------------------------------------------------------------------

    def started_with(self) -> Iterator[tuple[str, str, str]]:
        """Yield what the programs in each copy were started with, where the copies have a command of their own.

        Yields:
            The node, the place as it follows “in”, and what stands there.
        """
        if not self.service.command:
            return  # then it is the service's
        for node, remote in self.swarm.remotes():
            for each in remote.processes():
                yield node, "its command line", " ".join(each.words)
            if process := remote.find(PROGRAM):
                for name, value in remote.environment(process).items():
                    yield node, f"its environment, as {name}", value

    def setting(self, name: str) -> str:
        """Return a variable that Parcel was started with, also by the copies' own command; empty when there is none."""
        told = self.service.env.get(name, "")
        if name in self.service.env and not self.service.command:
            return told
        running = ((remote, remote.find(PROGRAM)) for _, remote in self.swarm.remotes())
        return next((remote.environment(found).get(name, "") for remote, found in running if found), told)

    def require_program(self) -> None:
        """Require that the image's Parcel runs in each copy, and nothing that answers in its place."""
        for _, remote in self.swarm.remotes():
            other = remote.in_place_of(PROGRAM)
            WHY.require(not other, "another-program", service=self.service, seen=other)
        for place, told in self.service.laid_in:
            over = PurePosixPath(PROGRAM).is_relative_to(place)
            seen = f"{told} at {place}"
            WHY.require(not over, "another-program.laid-over", service=self.service, seen=seen)
            self._require_no_other_code([seen] if CODE.fullmatch(place.rstrip("/")) else [])
        for node, remote in self.swarm.remotes():
            # Looked at once for each copy: an engine may have to walk through all files of the image for it.
            self.lab.prove_once("unchanged", remote.id, test=lambda: self._require_unchanged(node, remote))  # noqa: B023 - called at once

    def _require_unchanged(self, node: str, remote: Remote) -> None:
        """Require that a copy loads the code of its image, and that nobody has changed this code in it."""
        edited = [line for line in remote.edited_files() if CODE.fullmatch(line[2:])]
        self._require_no_other_code([f"{each}, on {node}" for each in (*remote.other_code(PROGRAM), *edited)])

    def _require_no_other_code(self, found: list[str]) -> None:
        WHY.require(not found, "another-program.other-code", service=self.service, seen="".join(found[:1]))

    # -- while a node is lost ------------------------------------------------------------------------------

    def require_enough_left(self) -> None:
        """Require that a global service has enough copies left when a node is lost, for it starts none elsewhere."""
        left = self.wanted_after_loss
        seen = ", ".join(f"a copy on {each}" for each in sorted(self._global_nodes()))
        enough = left >= LEAST or self.service.replicas is not None
        WHY.require(enough, "few-left", service=self.service, wanted=self.wanted, left=left, seen=seen)

    def require_no_update(self) -> None:
        """Wait until no update of the service is under way; a node that is lost in one would disturb the learner's rollout."""

        def is_over() -> bool:
            service = self.swarm.service()
            return not service or service.update.get("State") not in {"updating", "rollback_started"}

        if not wait_until(is_over, UPDATE_SECONDS, every=0.2):
            could_not_run(
                f"`{self.service.name}` is being updated, and this check does not disturb that. Check again when it is over."
            )

    @functools.cached_property
    def _why_not_replaced(self) -> Callable[[], str]:
        return why_not_replaced(self.swarm, self.service, self.wanted, self.wanted_after_loss, LOSS_SECONDS)

    def gave_up(self) -> str:
        """Say why the swarm does not replace a lost copy; empty as long as it may. It fails if a node was told to take none."""
        why = self._why_not_replaced()
        if "not available" in why and (closed := closed_node(self.swarm)):
            there = [task for task in self.swarm.tasks() if task.wanted]
            waiting = next((task for task in there if not task.node and task.error), None)
            short = Short(self.service, self.wanted, len(there), waiting)
            fail_closed("node-closed.after-a-loss", short, closed)
        return why
