"""Nomad as a cluster: a job's allocations and deployments, asked of the server's API from within its container."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from checker.cluster.model import Instance, lose_node, start_node
from checker.errors import LabError
from checker.grading.verdicts import could_not_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.grading.author import Container, Lab

API = "http://127.0.0.1:4646"
"""Where the server answers in its own container."""

SERVER = "server"
CLIENTS = ("client-1", "client-2", "client-3")

ANSWER_SECONDS = 10
"""How long one question may take; an answer comes within 20 ms."""

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
"""Fields of a job that change although the job does not."""

_T = TypeVar("_T")


class _Record(msgspec.Struct, frozen=True, rename="pascal"):
    """A record of Nomad's API: its names are ours, written as there; fields that nobody asks for are left out."""


class Health(_Record, frozen=True):
    """What a deployment thinks of an allocation."""

    healthy: bool | None = None
    canary: bool = False


class Event(_Record, frozen=True):
    """Something that happened to a task."""

    type: str = ""
    display_message: str = ""
    time: int = 0


class TaskState(_Record, frozen=True):
    """How a task of an allocation is."""

    state: str = ""
    failed: bool = False
    restarts: int = 0
    events: list[Event] | None = None


class Allocation(_Record, frozen=True):
    """One copy of a group, placed on a client."""

    id: str = msgspec.field(name="ID")
    node_name: str
    task_group: str
    job_version: int
    desired_status: str
    client_status: str
    next_allocation: str = ""
    deployment_status: Health | None = None
    task_states: dict[str, TaskState] | None = None
    create_index: int = 0

    @property
    def wanted(self) -> bool:
        """Whether it is meant to run now: placed, not yet replaced, and not told to stop."""
        over = self.client_status in {"complete", "lost"} or bool(self.next_allocation)
        return self.desired_status == "run" and not over

    @property
    def canary(self) -> bool:
        """Whether it came as a canary."""
        return self.deployment_status is not None and self.deployment_status.canary


class Port(_Record, frozen=True):
    """A port that a group asks for."""

    label: str = ""
    value: int = 0
    to: int = 0


class GroupNetwork(_Record, frozen=True):
    """A group's network."""

    mode: str = ""
    reserved_ports: list[Port] | None = None
    dynamic_ports: list[Port] | None = None


class ServiceCheck(_Record, frozen=True):
    """A check of a service, as the job has it."""

    type: str = ""


class Service(_Record, frozen=True):
    """A service that a group or a task registers."""

    provider: str = ""
    checks: list[ServiceCheck] | None = None


class Update(_Record, frozen=True):
    """How a group is brought from one version to the next."""

    canary: int = 0
    auto_revert: bool = False
    auto_promote: bool = False


class Task(_Record, frozen=True):
    """A task of a group."""

    name: str
    driver: str
    config: dict[str, Any] | None = None
    services: list[Service] | None = None

    @property
    def image(self) -> str:
        """The image that it runs; empty for one that runs none."""
        return str((self.config or {}).get("image") or "")


class Group(_Record, frozen=True):
    """A group of a job: tasks that are placed together, and how many times."""

    name: str
    tasks: list[Task]
    count: int = 1
    networks: list[GroupNetwork] | None = None
    services: list[Service] | None = None
    update: Update | None = None

    @property
    def image(self) -> str:
        """The image of its first task that runs one."""
        return next((task.image for task in self.tasks if task.image), "")

    @property
    def version(self) -> str:
        """The tag of its image; empty for an image named without."""
        return tag_of(self.image)

    @property
    def checks(self) -> list[ServiceCheck]:
        """Every check that it has, whatever service it belongs to."""
        services = [*(self.services or ()), *(each for task in self.tasks for each in task.services or ())]
        return [check for service in services for check in service.checks or ()]


class Job(_Record, frozen=True):
    """A job, in one of its versions."""

    id: str = msgspec.field(name="ID")
    type: str
    version: int
    task_groups: list[Group]
    stop: bool = False
    stable: bool = False

    @property
    def tag(self) -> str:
        """The version of what it runs: the tag of its first group's image."""
        return next((group.version for group in self.task_groups if group.image), "")


class JobVersions(_Record, frozen=True):
    """The versions of a job that Nomad remembers, the newest first."""

    versions: list[Job] | None = None


class GroupDeployment(_Record, frozen=True):
    """How far a deployment is with a group."""

    promoted: bool = False
    desired_canaries: int = 0
    placed_canaries: list[str] | None = None
    desired_total: int = 0
    placed_allocs: int = 0
    healthy_allocs: int = 0
    unhealthy_allocs: int = 0


class Deployment(_Record, frozen=True):
    """One move of a job to a new version."""

    id: str = msgspec.field(name="ID")
    job_version: int
    status: str
    status_description: str = ""
    task_groups: dict[str, GroupDeployment] = {}
    create_index: int = 0

    @property
    def canaries(self) -> int:
        """How many canaries it asked for."""
        return sum(group.desired_canaries for group in self.task_groups.values())

    @property
    def canaries_placed(self) -> int:
        """How many canaries found a place."""
        return sum(len(group.placed_canaries or ()) for group in self.task_groups.values())

    @property
    def promoted(self) -> bool:
        """Whether every group that has canaries was promoted."""
        return all(group.promoted for group in self.task_groups.values() if group.desired_canaries)

    @property
    def waits(self) -> bool:
        """Whether it is under way and its canaries wait for somebody to promote them."""
        return self.status == "running" and self.canaries > 0 and not self.promoted


class Unplaced(_Record, frozen=True):
    """Why copies of a group found no client."""

    coalesced_failures: int = 0
    constraint_filtered: dict[str, int] | None = None
    dimension_exhausted: dict[str, int] | None = None

    @property
    def why(self) -> str:
        """The reasons, each with the number of clients that it rules out."""
        reasons = {**(self.constraint_filtered or {}), **(self.dimension_exhausted or {})}
        return ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))


class Evaluation(_Record, frozen=True):
    """One look of the scheduler at a job."""

    status: str
    create_index: int = 0
    failed_tg_allocs: dict[str, Unplaced] | None = msgspec.field(name="FailedTGAllocs", default=None)


class Driver(_Record, frozen=True):
    """A way to run tasks that a client has."""

    healthy: bool = False


class Node(_Record, frozen=True):
    """A client as the server knows it."""

    name: str
    status: str
    scheduling_eligibility: str = ""
    drivers: dict[str, Driver] | None = None

    @property
    def ready(self) -> bool:
        """Whether the server places work there, and its engine can take it."""
        docker = (self.drivers or {}).get("docker")
        return (
            self.status == "ready"
            and self.scheduling_eligibility == "eligible"
            and bool(docker and docker.healthy)
        )


class CheckResult(_Record, frozen=True):
    """What a check of a service found when it last asked."""

    status: str
    check: str = ""
    output: str = ""


@dataclass(frozen=True)
class Api:
    """Nomad's HTTP API, asked by curl over the server's persistent shell.

    Args:
        server: the server's container.
    """

    server: Container

    def ask(self, paths: Sequence[str], *, method: str = "GET", body: str = "") -> list[bytes]:
        """Return the answers to several questions, each on a line of its own; empty for what is not there.

        Raises:
            CouldNotRun: the server does not answer.
        """
        data = f" --data-raw {shlex.quote(body)}" if body else ""
        asked = " ; ".join(
            f"curl -sS --noproxy '*' --max-time {ANSWER_SECONDS} -X {method}{data} -w '\\n%{{http_code}}\\n' "
            f"{shlex.quote(f'{API}/v1/{path}')} 2>&1"
            for path in paths
        )
        said = self.server.exec(asked, timeout=(ANSWER_SECONDS + 2) * max(1, len(paths))).stdout_bytes
        lines = [line for line in said.split(b"\n") if line]
        answers: list[bytes] = []
        current: list[bytes] = []
        for line in lines:
            if len(line) == 3 and line.isdigit():
                answers.append(self._judged(int(line), b"\n".join(current), method, paths[len(answers)]))
                current = []
            else:
                current.append(line)
        return answers

    @staticmethod
    def _judged(status: int, body: bytes, method: str, path: str) -> bytes:
        if status == 404:
            return b""
        if status != 200:
            text = body.decode(errors="replace").strip()[:200]
            could_not_run(f"Nomad's server did not answer {method} /v1/{path}: {text or status}")
        return body

    def get(self, path: str, kind: type[_T]) -> _T | None:
        """Return one answer as a record; None for what is not there."""
        return self.read(self.ask([path])[0], kind)

    def post(self, path: str, body: str) -> bytes:
        """Send something, and return the answer."""
        return self.ask([path], method="POST", body=body)[0]

    @staticmethod
    def read(answer: bytes, kind: type[_T]) -> _T | None:
        """Return an answer as a record; None for an empty one, and for Nomad's `null`, which means the same."""
        if not answer or answer == b"null":
            return None
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.MsgspecError as error:
            raise LabError(f"Nomad answered something unexpected: {error}.") from error


class Nomad:
    """A Nomad cluster with the task's job on it.

    Args:
        lab: the lab whose scene has it.
        job: the job's name.
    """

    title = "Nomad"
    nodes = CLIENTS

    def __init__(self, lab: Lab, job: str = "parcel") -> None:
        self._lab = lab
        self.name = job
        self.api = Api(lab.node(SERVER))

    # -- what runs -----------------------------------------------------------------------------------------

    @property
    def job(self) -> Job | None:
        """The job as it is now; None when there is none, or it was stopped."""
        found = self.api.get(f"job/{self.name}", Job)
        return None if found is None or found.stop else found

    def fingerprint(self) -> str:
        """Return what the job is now, on this cluster, as a hash: the same until somebody changes it."""
        spec: dict[str, Any] = self.api.get(f"job/{self.name}", dict[str, Any]) or {}
        said = {name: value for name, value in spec.items() if name not in _COUNTED}
        text = msgspec.json.encode([self.api.server.id, said], order="sorted")
        return hashlib.sha256(text).hexdigest()

    def versions(self) -> dict[int, Job]:
        """Return the job's versions by their number."""
        found = self.api.get(f"job/{self.name}/versions", JobVersions)
        return {job.version: job for job in (found.versions if found else None) or ()}

    def allocations(self) -> list[Allocation]:
        """Return the job's allocations, the oldest first, those that are over included."""
        found = self.api.get(f"job/{self.name}/allocations", list[Allocation]) or []
        return sorted(found, key=lambda each: each.create_index)

    def deployments(self) -> list[Deployment]:
        """Return the job's deployments, the newest first."""
        found = self.api.get(f"job/{self.name}/deployments", list[Deployment]) or []
        return sorted(found, key=lambda each: -each.create_index)

    def instances(self) -> list[Instance]:
        """Return what is meant to run now of the job."""
        answers = self.api.ask([f"job/{self.name}/allocations", f"job/{self.name}/versions"])
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

    def check_results(self, allocations: Sequence[Allocation]) -> dict[str, list[CheckResult]]:
        """Return what the checks of running allocations found last, by allocation."""
        if not allocations:
            return {}
        answers = self.api.ask([f"client/allocation/{each.id}/checks" for each in allocations])
        return {
            each.id: list((self.api.read(answer, dict[str, CheckResult]) or {}).values())
            for each, answer in zip(allocations, answers, strict=True)
        }

    def last_event(self, instance: Instance) -> str:
        """Return what happened last to an instance, in Nomad's words."""
        found = self.api.get(f"allocation/{instance.id}", Allocation)
        states = (found.task_states or {}).values() if found else ()
        events = sorted(
            (event for state in states for event in state.events or ()), key=lambda each: each.time
        )
        return f"{events[-1].type}: {events[-1].display_message}" if events else ""

    def unplaced(self) -> Unplaced | None:
        """Return why copies of the job found no client, when the last look of the scheduler left some without."""
        found = self.api.get(f"job/{self.name}/evaluations", list[Evaluation]) or []
        for each in sorted(found, key=lambda each: -each.create_index):
            if each.failed_tg_allocs:
                return next(iter(each.failed_tg_allocs.values()))
            if each.status == "complete":
                return None
        return None

    def shows(self) -> str:
        """Return the command that shows a learner the same."""
        return f"nomad job status {self.name}"

    def is_ready(self, node: str) -> bool:
        """Whether the server counts on a client."""
        return any(each.name == node and each.ready for each in self.api.get("nodes", list[Node]) or ())

    # -- what a check does to it ---------------------------------------------------------------------------

    def crash(self, instance: Instance) -> None:
        """End an instance's process, as a crash does."""
        self.api.post(f"client/allocation/{instance.id}/signal", '{"Signal": "SIGKILL"}')

    def lose(self, node: str) -> None:
        """Kill a client, its engine and all that runs there, as a power cut does."""
        lose_node(self._lab, node)

    def bring_back(self, node: str) -> None:
        """Start a client again, and wait until the server counts on it: that is what its health means."""
        start_node(self._lab, node)


def tag_of(image: str) -> str:
    """Return the tag of an image's name; empty when it has none."""
    last = image.rpartition("/")[2].partition("@")[0]
    return last.partition(":")[2]
