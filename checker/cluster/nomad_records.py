"""The parts of Nomad's API records that checks read: jobs, allocations, deployments, clients."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from checker.cluster.interface import tag_of

_VARIABLE = re.compile(r"\$\{(\w+)\}")
"""A variable that the client fills in when it starts a task, such as `${NOMAD_META_release}`."""


def _fill_in(text: str, known: dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found[1], found[0]), text)


class _Record(msgspec.Struct, frozen=True, rename="pascal"):
    """A record of Nomad's API: our names in its spelling, without the fields that no check reads."""


class Health(_Record, frozen=True):
    """The health of an allocation in a deployment."""

    healthy: bool | None = None
    canary: bool = False


class Event(_Record, frozen=True):
    """Something that happened to a task."""

    type: str = ""
    display_message: str = ""
    time: int = 0


class TaskState(_Record, frozen=True):
    """The state of an allocation's task."""

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
    create_index: int = 0

    @property
    def wanted(self) -> bool:
        """Whether it should run now: placed, not yet replaced, and not set to stop."""
        over = self.client_status in {"complete", "lost"} or bool(self.next_allocation)
        return self.desired_status == "run" and not over

    @property
    def canary(self) -> bool:
        """Whether it was placed as a canary."""
        return self.deployment_status is not None and self.deployment_status.canary


class Held(_Record, frozen=True):
    """A port of a client that an allocation holds."""

    value: int = 0


class Shared(_Record, frozen=True):
    """What an allocation's tasks have together."""

    ports: list[Held] | None = None


class Resources(_Record, frozen=True):
    """What an allocation was given of its client."""

    shared: Shared = Shared()


class Occupant(_Record, frozen=True):
    """An allocation of any job, with what it was given."""

    node_name: str
    job: str = msgspec.field(name="JobID")
    namespace: str = "default"
    client_status: str = ""
    allocated_resources: Resources | None = None

    def holds(self, port: int) -> bool:
        """Whether it runs, or is about to, with this port of its client."""
        ports = self.allocated_resources.shared.ports if self.allocated_resources else None
        return self.client_status in {"pending", "running"} and any(
            each.value == port for each in ports or ()
        )


class Course(_Record, frozen=True):
    """The task states of one allocation: only the answer about this allocation has them, not the list of all."""

    task_states: dict[str, TaskState] | None = None


class Port(_Record, frozen=True):
    """A port that a group asks for."""

    label: str = ""
    value: int = 0
    to: int = 0


class GroupNetwork(_Record, frozen=True):
    """A group's network."""

    mode: str = ""
    reserved_ports: list[Port] | None = None


class ServiceCheck(_Record, frozen=True):
    """A check of a service, as the job defines it."""

    type: str = ""
    on_update: str = ""


class Service(_Record, frozen=True):
    """A service that a group or a task registers."""

    provider: str = ""
    on_update: str = ""
    checks: list[ServiceCheck] | None = None


class Update(_Record, frozen=True):
    """How a group is updated from one version to the next."""

    max_parallel: int = 1
    """How many copies are replaced at the same time; 0 for all, without a deployment."""
    canary: int = 0
    auto_revert: bool = False
    auto_promote: bool = False
    health_check: str = ""


class Lifecycle(_Record, frozen=True):
    """When a task runs that is not a main task of its group, such as before it."""

    hook: str = ""


class Task(_Record, frozen=True):
    """A task of a group."""

    name: str
    driver: str
    lifecycle: Lifecycle | None = None
    config: dict[str, Any] | None = None
    services: list[Service] | None = None
    env: dict[str, str] | None = None
    meta: dict[str, str] | None = None

    @property
    def image(self) -> str:
        """The image that it runs; empty when it runs none."""
        return str((self.config or {}).get("image") or "")

    @property
    def has_own_command(self) -> bool:
        """Whether it runs another command than its image's own, as a helper beside the application does."""
        return any((self.config or {}).get(name) for name in ("command", "args", "entrypoint"))


class Group(_Record, frozen=True):
    """A group of a job: tasks that are placed together, and how many times."""

    name: str
    tasks: list[Task]
    count: int = 1
    meta: dict[str, str] | None = None
    networks: list[GroupNetwork] | None = None
    services: list[Service] | None = None
    update: Update | None = None

    @property
    def main_tasks(self) -> list[Task]:
        """Its tasks that run as long as the group, without those that only run before or after them."""
        return [task for task in self.tasks if task.lifecycle is None or not task.lifecycle.hook]

    @property
    def image(self) -> str:
        """The image of its main task: of several that run one, the first that runs its image's own command."""
        with_image = [task for task in self.main_tasks if task.image]
        return next((task.image for task in sorted(with_image, key=lambda task: task.has_own_command)), "")

    @property
    def version(self) -> str:
        """The tag of its image; empty when the image's name has none."""
        return tag_of(self.image)

    @property
    def checks(self) -> list[ServiceCheck]:
        """Every check that it has, of all its services."""
        return [check for service in self._all_services for check in service.checks or ()]

    @property
    def unheard(self) -> str:
        """The setting that makes Nomad ignore the checks in a release; empty when they decide."""
        if self.update is not None and self.update.health_check not in {"", "checks"}:
            return f'health_check = "{self.update.health_check}"'
        said = [
            (check.on_update or service.on_update, check.type)
            for service in self._all_services
            for check in service.checks or ()
        ]
        # An open port says nothing of an answer, so such a check beside an ignored one does not decide either.
        heard = {kind for on_update, kind in said if on_update != "ignore"}
        ignored = any(on_update == "ignore" for on_update, _ in said)
        return 'on_update = "ignore"' if ignored and heard <= {"tcp"} else ""

    @property
    def _all_services(self) -> list[Service]:
        return [*(self.services or ()), *(each for task in self.tasks for each in task.services or ())]


class Job(_Record, frozen=True):
    """A job, in one of its versions."""

    id: str = msgspec.field(name="ID")
    type: str
    version: int
    task_groups: list[Group]
    meta: dict[str, str] | None = None
    stop: bool = False
    stable: bool = False

    def __post_init__(self) -> None:
        """Fill variables into the images' names, as a client does."""
        for group in self.task_groups:
            for task in group.tasks:
                if task.config and "${" in task.image:
                    meta = {**(self.meta or {}), **(group.meta or {}), **(task.meta or {})}
                    known = {f"NOMAD_META_{name}": value for name, value in meta.items()}
                    known |= {name.upper(): value for name, value in known.items()} | (task.env or {})
                    task.config["image"] = _fill_in(task.image, known)

    @property
    def image(self) -> str:
        """The image of its first group that has copies; empty when no group has an image."""
        groups = sorted(self.task_groups, key=lambda group: not group.count)
        return next((group.image for group in groups if group.image), "")

    @property
    def tag(self) -> str:
        """The version of what it runs: the tag of that image."""
        return tag_of(self.image)


class Stub(_Record, frozen=True):
    """A job in the list of all."""

    id: str = msgspec.field(name="ID")
    namespace: str = "default"
    stop: bool = False


class JobVersions(_Record, frozen=True):
    """The versions of a job that Nomad remembers, the newest first."""

    versions: list[Job] | None = None


class GroupDeployment(_Record, frozen=True):
    """A deployment's progress with a group."""

    promoted: bool = False
    auto_promote: bool = False
    desired_canaries: int = 0
    placed_canaries: list[str] | None = None
    healthy_allocs: int = 0


class Deployment(_Record, frozen=True):
    """One rollout of a job to a new version."""

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

    def canaries_of(self, group: str) -> int:
        """Return how many canaries it asked for in one group."""
        return self.task_groups.get(group, GroupDeployment()).desired_canaries

    @property
    def canary_ids(self) -> list[str]:
        """The allocations that are its canaries."""
        return [each for group in self.task_groups.values() for each in group.placed_canaries or ()]

    @property
    def canaries_placed(self) -> int:
        """How many canaries were placed."""
        return len(self.canary_ids)

    @property
    def promoted(self) -> bool:
        """Whether every group that has canaries was promoted."""
        return all(group.promoted for group in self.task_groups.values() if group.desired_canaries)

    @property
    def waits(self) -> bool:
        """Whether it is running and its canaries wait for a person to promote them, because Nomad may not."""
        asked = any(
            group.desired_canaries and not group.promoted and not group.auto_promote
            for group in self.task_groups.values()
        )
        return self.status == "running" and asked

    @property
    def lacks_places(self) -> bool:
        """Whether it is running and some of its canaries are not placed yet."""
        return self.status == "running" and self.canaries_placed < self.canaries


class Unplaced(_Record, frozen=True):
    """Why copies of a group could not be placed."""

    nodes_evaluated: int = 0
    constraint_filtered: dict[str, int] | None = None
    dimension_exhausted: dict[str, int] | None = None

    @property
    def why(self) -> str:
        """The reasons, each with the number of clients that it rules out."""
        reasons = {**(self.constraint_filtered or {}), **(self.dimension_exhausted or {})}
        if not reasons and not self.nodes_evaluated:
            return "no client that takes work is in the job's data centre"
        return ", ".join(f"{reason} ({count})" for reason, count in sorted(reasons.items()))


class Evaluation(_Record, frozen=True):
    """One evaluation of a job by the scheduler."""

    status: str
    create_index: int = 0
    failed_tg_allocs: dict[str, Unplaced] | None = msgspec.field(name="FailedTGAllocs", default=None)


class Driver(_Record, frozen=True):
    """A task driver of a client."""

    healthy: bool = False


class Node(_Record, frozen=True):
    """A client, as the server sees it."""

    name: str
    status: str
    scheduling_eligibility: str = ""
    drivers: dict[str, Driver] | None = None

    @property
    def ready(self) -> bool:
        """Whether the server places work there, and its engine can run it."""
        docker = (self.drivers or {}).get("docker")
        return (
            self.status == "ready"
            and self.scheduling_eligibility == "eligible"
            and bool(docker and docker.healthy)
        )


class CheckResult(_Record, frozen=True):
    """The last result of a service's check."""

    status: str
    check: str = ""
    output: str = ""
    status_code: int = 0
    """Of the answer to a check of type http; 0 where none came."""

    @property
    def pending(self) -> bool:
        """Whether it was not asked yet."""
        return self.status == "pending"

    @property
    def unanswered(self) -> bool:
        """Whether nobody answered, so that what was asked for makes no difference."""
        return self.status == "failure" and not self.status_code
