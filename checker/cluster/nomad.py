"""Nomad as a cluster: a job's allocations and deployments, read from the server's API inside its container."""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster.interface import (
    ENDED_MOST,
    ENDED_SECONDS,
    Instance,
    Lasting,
    Order,
    lose_node,
    repository_of,
    start_node,
    tag_of,
    tell_of_lost,
)
from checker.cluster.nomad_api import Api
from checker.cluster.nomad_records import (
    Allocation,
    CheckResult,
    Course,
    Deployment,
    Evaluation,
    Group,
    Job,
    JobVersions,
    Node,
    Occupant,
    Stub,
    Unplaced,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from checker.grading.author import Lab

__all__ = ["CLIENTS", "SERVER", "Allocation", "Deployment", "Group", "Job", "Nomad", "settled"]

SERVER = "server"
CLIENTS = ("client-1", "client-2", "client-3")
DEFAULT = "default"
"""The namespace of a job without one."""

UNPLACED_SECONDS = 6.0
"""How long a lost copy must have found no client until it counts as one for which there is no place."""

_TELLING = {"Driver Failure", "Setup Failure", "Failed Artifact Download", "Terminated"}
"""Events that say why a task does not run; those after them only say what Nomad does about it."""

_COUNTED = {
    "Version",
    "VersionTag",
    "Stable",
    "Status",
    "StatusDescription",
    "SubmitTime",
    "CreateIndex",
    "ModifyIndex",
    "JobModifyIndex",
}
"""Fields of a job that change even when the job does not."""


class Nomad:
    """A Nomad cluster with the task's job on it.

    Args:
        lab: the lab whose scene has it.
        job: the job's name.
        image: if no job has that name, use the job that runs an image of this repository.
    """

    title = "Nomad"
    nodes = CLIENTS

    def __init__(self, lab: Lab, job: str = "parcel", image: str = "") -> None:
        self._lab = lab
        self._job = job
        self._image = image
        self.api = Api(lab.node(SERVER))

    @functools.cached_property
    def _found(self) -> tuple[str, str]:
        """The job's name and its namespace, which may be any; a job in the default one comes first.

        Of several jobs that run the image, it is the one with the most copies: a trial may be left.
        """
        stubs = [each for each in self.api.get("jobs?namespace=*", list[Stub]) or [] if not each.stop]
        stubs.sort(
            key=lambda each: (each.id != self._job, each.namespace != DEFAULT, each.namespace, each.id)
        )
        if self._image:
            copies = [self._copies(each) for each in stubs]
            chosen = [stub for stub, number in zip(stubs, copies, strict=True) if number == max(copies) > 0]
        else:
            chosen = [each for each in stubs if each.id == self._job]
        return (chosen[0].id, chosen[0].namespace) if chosen else (self._job, DEFAULT)

    def _copies(self, stub: Stub) -> int:
        """Return how many copies of the image a job wants."""
        job = self.api.get(_in_namespace(f"job/{stub.id}", stub.namespace), Job)
        return sum(group.count for group in job.task_groups if self._runs_it(group)) if job else 0

    @property
    def name(self) -> str:
        """The job's name."""
        return self._found[0]

    @property
    def namespace(self) -> str:
        """The namespace that the job is in."""
        return self._found[1]

    @property
    def option(self) -> str:
        """The `nomad` command's option for the job's namespace, with a space before it; empty for the default."""
        return "" if self.namespace == DEFAULT else f" -namespace {self.namespace}"

    def at(self, path: str) -> str:
        """Return a path of the API with the job's namespace."""
        return _in_namespace(path, self.namespace)

    def _runs_it(self, group: Group) -> bool:
        return any(repository_of(task.image) == self._image for task in group.main_tasks)

    # -- what runs -----------------------------------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        """The current job; None when there is none, or it was stopped."""
        found = self.api.get(self.at(f"job/{self.name}"), Job)
        return None if found is None or found.stop else found

    def fingerprint(self) -> str:
        """Return a hash of the job on this cluster, which stays the same until somebody changes the job."""
        spec: dict[str, Any] = self.api.get(self.at(f"job/{self.name}"), dict[str, Any]) or {}
        said = {name: value for name, value in spec.items() if name not in _COUNTED}
        text = msgspec.json.encode([self.api.server.id, said], order="sorted")
        return hashlib.sha256(text).hexdigest()

    def terms(self) -> str:
        """Return what decides whether a lost copy is replaced: the job, and which clients take nothing new."""
        return " ".join([self.fingerprint(), *self.closed()])

    def versions(self) -> dict[int, Job]:
        """Return the job's versions by their number."""
        found = self.api.get(self.at(f"job/{self.name}/versions"), JobVersions)
        return {job.version: job for job in (found.versions if found else None) or ()}

    def allocations(self) -> list[Allocation]:
        """Return the job's allocations, the oldest first, including those that have ended."""
        found = self.api.get(self.at(f"job/{self.name}/allocations"), list[Allocation]) or []
        return sorted(found, key=lambda each: each.create_index)

    def deployments(self) -> list[Deployment]:
        """Return the job's deployments, the newest first."""
        found = self.api.get(self.at(f"job/{self.name}/deployments"), list[Deployment]) or []
        return sorted(found, key=lambda each: -each.create_index)

    def instances(self) -> list[Instance]:
        """Return the copies of the job that should run now."""
        answers = self.api.ask(
            [self.at(f"job/{self.name}/allocations"), self.at(f"job/{self.name}/versions")]
        )
        found = self.api.read(answers[0], list[Allocation]) or []
        versions = {
            job.version: job
            for job in (self.api.read(answers[1], JobVersions) or JobVersions()).versions or ()
        }
        wanted = sorted((each for each in found if each.wanted), key=lambda each: each.create_index)
        checks = self.check_results([each for each in wanted if each.client_status == "running"])
        instances = []
        for each in wanted:
            job = versions.get(each.job_version)
            group = (
                next((group for group in job.task_groups if group.name == each.task_group), None)
                if job
                else None
            )
            image = group.image if group else ""
            answering = all(result.status == "success" for result in checks.get(each.id, ()))
            instances.append(
                Instance(
                    id=each.id,
                    node=each.node_name,
                    version=tag_of(image),
                    ready=each.client_status == "running" and answering,
                    image=image,
                )
            )
        return instances

    def unsteady(self) -> str:
        """Return which allocation's task was restarted again and again; empty when all stay."""
        now = self._lab.engine.clock.now()
        for each in self.instances():
            found = self.api.get(self.at(f"allocation/{each.id}"), Course)
            for name, state in (found.task_states or {}).items() if found else ():
                ends = [event.time / 1e9 for event in state.events or () if event.type == "Terminated"]
                if state.restarts >= ENDED_MOST and max(ends, default=0.0) > now - ENDED_SECONDS:
                    return f"the task {name} on {each.node} was restarted {state.restarts} times"
        return ""

    def orders(self) -> list[list[Order]]:
        """Return the job's versions, the newest first."""
        told = self.api.get(self.at(f"job/{self.name}/versions"), dict[str, Any]) or {}
        source = f"nomad job history -p{self.option} {self.name}"
        found = []
        for each in told.get("Versions") or []:
            groups = msgspec.convert(each, Job, strict=False).task_groups
            image = next((group.image for group in groups), "")
            found.append(Order(tag_of(image), json.dumps(each.get("TaskGroups")), source))
        return [found]

    def check_results(self, allocations: Sequence[Allocation]) -> dict[str, list[CheckResult]]:
        """Return the last results of the checks of running allocations, by allocation."""
        if not allocations:
            return {}
        answers = self.api.ask([self.at(f"client/allocation/{each.id}/checks") for each in allocations])
        return {
            each.id: list((self.api.read(answer, dict[str, CheckResult]) or {}).values())
            for each, answer in zip(allocations, answers, strict=True)
        }

    def refused(self, instance: Instance) -> CheckResult | None:
        """Return a check that a running instance does not pass; None when it passes all."""
        running = [
            each for each in self.allocations() if each.id == instance.id and each.client_status == "running"
        ]
        found = self.check_results(running).get(instance.id, ())
        return next((each for each in found if each.status != "success"), None)

    def last_event(self, instance: Instance) -> str:
        """Return the event that says why an instance does not run, or else its last one, in Nomad's words."""
        found = self.api.get(self.at(f"allocation/{instance.id}"), Course)
        states = (found.task_states or {}).values() if found else ()
        events = sorted(
            (event for state in states for event in state.events or ()), key=lambda each: each.time
        )
        said = [each for each in events if each.type in _TELLING] or events
        return f"{said[-1].type}: {said[-1].display_message}" if said else ""

    def unplaced(self) -> Unplaced | None:
        """Return why the scheduler's last evaluation could not place copies of the job; None when it placed all."""
        found = self.api.get(self.at(f"job/{self.name}/evaluations"), list[Evaluation]) or []
        for each in sorted(found, key=lambda each: -each.create_index):
            if each.failed_tg_allocs:
                return next(iter(each.failed_tg_allocs.values()))
            if each.status == "complete":
                return None
        return None

    def loose(self) -> list[tuple[str, str]]:
        """Return the containers that run Parcel on a client but belong to no job: client and name."""
        found = []
        for client in self.nodes:
            said = self._lab.node(client).exec(
                "docker ps --format '{{.Names}}\t{{.Image}}\t{{.Label \"com.hashicorp.nomad.alloc_id\"}}'"
            )
            for line in said.stdout.splitlines():
                name, image, allocation = (*line.split("\t"), "", "")[:3]
                if repository_of(image) == "drydock/parcel" and not allocation:
                    found.append((client, name))
        return found

    def holders(self, port: int) -> list[tuple[str, str]]:
        """Return the clients on which another job holds a port, each with that job's name and namespace."""
        found = self.api.get("allocations?namespace=*&resources=true", list[Occupant]) or []
        return sorted(
            (each.node_name, each.job + f" of the namespace {each.namespace}" * (each.namespace != DEFAULT))
            for each in found
            if each.holds(port) and (each.job, each.namespace) != (self.name, self.namespace)
        )

    def shows(self) -> str:
        """Return the command that shows a learner the same."""
        return f"nomad job status{self.option} {self.name}"

    def others(self) -> list[str]:
        """Return the names of all jobs of the cluster, those that were stopped among them."""
        found = self.api.get("jobs?namespace=*", list[Stub]) or []
        return sorted(f"{each.id}{' (stopped)' * each.stop}" for each in found)

    def closed(self) -> list[str]:
        """Return the clients that are there and take nothing new: drained, or made ineligible."""
        found = self.api.get("nodes", list[Node]) or []
        return sorted(
            each.name
            for each in found
            if each.status == "ready" and each.scheduling_eligibility not in {"", "eligible"}
        )

    def is_ready(self, node: str) -> bool:
        """Whether the server counts a client as ready."""
        return any(each.name == node and each.ready for each in self.api.get("nodes", list[Node]) or ())

    # -- what a check does to it ---------------------------------------------------------------------------

    def why_not_replaced(self) -> Callable[[], str]:
        """Return a function that says, after a client was lost, why waiting for new copies is useless.

        Returns:
            A function to be called repeatedly; it returns the reason, or "" while a copy may still get a place.
        """
        waits = Lasting(UNPLACED_SECONDS)

        def why() -> str:
            unplaced = self.unplaced()
            if not waits.holds(unplaced) or unplaced is None:
                return ""
            closed = [f"{client} was told to take nothing new" for client in self.closed()]
            return (
                f"Nomad finds no client for a lost copy: {'; '.join(filter(None, [*closed, unplaced.why]))}. The copy waits until "
                "the lost client is back."
            )

        return why

    def ailing(self) -> str:
        """Return which of its nodes are lost, and how to bring them back; empty when none is."""
        return tell_of_lost(self._lab, self.nodes)

    def crash(self, instance: Instance) -> None:
        """Kill an instance's process, as a crash would."""
        self.api.post(self.at(f"client/allocation/{instance.id}/signal"), '{"Signal": "SIGKILL"}')

    def lose(self, node: str) -> None:
        """Kill a client, its engine and everything that runs there, as a power cut would."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a client again, and wait until it is healthy, which means that the server counts it as ready."""
        start_node(self._lab, node)


def settled(nomad: Nomad) -> bool:
    """Whether no deployment of a job is under way that ends by itself: none runs, or it waits for a person or a place."""
    newest = next(iter(nomad.deployments()), None)
    if newest is None or newest.status != "running":
        return True
    return nomad.unplaced() is not None if newest.lacks_places else newest.waits


def _in_namespace(path: str, namespace: str) -> str:
    return path if namespace in {"", DEFAULT} else f"{path}?namespace={namespace}"
