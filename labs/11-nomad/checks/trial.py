"""A bad release, handed to the learner's own job: whether Nomad finds it out and takes it back."""

from __future__ import annotations

import contextlib
import copy
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from checker.cluster.interface import repository_of, require_whole, run_uninterrupted
from checker.cluster.nomad import Job
from checker.grading.author import wait_until

from .job import COPIES, REPOSITORY, WHY, group_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from checker.cluster.nomad import Deployment, Group, Nomad
    from checker.timeline.model import Timeline

LISTENS = 8080
"""Where Parcel listens if nothing else is set."""

SECOND = 10**9
"""Nomad's API counts in nanoseconds."""

JUDGED_SECONDS = 40.0
"""How long Nomad may take to judge the release: it is given 8 s to become healthy."""

BACK_SECONDS = 40.0


@dataclass
class Verdict:
    """What Nomad made of the bad release."""

    healthy: bool = False
    """Whether it was taken for healthy."""
    deployment: Deployment | None = None
    reverted: bool = False
    """Whether the job is again what it was, by Nomad's own doing."""


HUNG = (
    "import os, signal, socket; p = os.environ.get('PARCEL_PORT', ''); "
    "s = [socket.create_server(('', n), backlog=128) for n in {PORTS} | {int(p) if p.isdecimal() else 8080}]; signal.pause()"
)
"""A program that accepts connections and answers nobody, as one that hangs does: on the port that Parcel should listen
on, and on those that the job's ports lead to."""


def bad_copy(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a job whose copies start and run, and answer nobody; asked every second, and judged within 8 s."""
    bad = copy.deepcopy(spec)
    # Its images as the clients call them, where the job has variables.
    told = msgspec.convert(spec, Job, strict=False)
    for group, known in zip(bad["TaskGroups"], told.task_groups, strict=True):
        program = HUNG.replace("{PORTS}", repr(_ports(group) or {LISTENS}))
        for task in _copies(group, known):
            task["Config"].pop("entrypoint", None)
            task["Config"] |= {"command": "python3", "args": ["-c", program]}
        for check in _checks(group):
            # One that Nomad has not asked yet has not found out anything.
            check["Interval"] = min(int(check.get("Interval") or SECOND), SECOND)
        if update := group.get("Update"):
            update["MinHealthyTime"] = min(int(update.get("MinHealthyTime") or 0), 2 * SECOND)
            update["HealthyDeadline"] = 8 * SECOND
            update["ProgressDeadline"] = 12 * SECOND
    return bad


def _copies(group: dict[str, Any], known: Group) -> list[dict[str, Any]]:
    """Return the tasks of a group that are Parcel, without those that run before it or beside it as helpers."""
    found = [task for task in known.main_tasks if repository_of(task.image) == REPOSITORY]
    own = [task for task in found if not task.has_own_command] or found
    names = {task.name for task in own}
    return [task for task in group["Tasks"] if task["Name"] in names]


def _checks(group: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checks of a group's services, and of its tasks'."""
    owners = (group, *group["Tasks"])
    return [
        check
        for owner in owners
        for service in owner.get("Services") or []
        for check in service.get("Checks") or []
    ]


def _ports(group: dict[str, Any]) -> set[int]:
    """Return the ports inside the copies of a group that the job's own ports lead to, as far as it says so."""
    networks = group.get("Networks") or []
    ports = [
        port
        for network in networks
        for kind in ("ReservedPorts", "DynamicPorts")
        for port in network.get(kind) or []
    ]
    return {int(port["To"]) for port in ports if int(port.get("To") or 0) > 0}


def release_bad(nomad: Nomad) -> Verdict:
    """Hand a bad release to Nomad, watch what happens to it, and restore the job in any case."""
    require_whole(nomad)
    verdict = Verdict()
    with _released(nomad) as number:

        def newest() -> Deployment | None:
            return next((each for each in nomad.deployments() if each.job_version == number), None)

        def judged() -> bool:
            verdict.deployment = newest()
            if verdict.deployment is None:
                return False
            verdict.healthy = any(group.healthy_allocs for group in verdict.deployment.task_groups.values())
            return verdict.healthy or verdict.deployment.status not in {"running", "pending"}

        wait_until(judged, JUDGED_SECONDS, every=0.25)
        if not verdict.healthy:
            verdict.reverted = wait_until(lambda: _is_back(nomad, number), 10.0, every=0.25)
    return verdict


def _is_back(nomad: Nomad, bad: int) -> bool:
    job = nomad.job
    return job is not None and job.version > bad


@contextlib.contextmanager
def _released(nomad: Nomad) -> Iterator[int]:
    """Give the number of the bad version; at the end the job is what it was, and its copies are well."""
    spec: dict[str, Any] = json.loads(nomad.api.ask([nomad.at(f"job/{nomad.name}")])[0])
    before = int(spec["Version"])
    try:
        nomad.api.post(nomad.at(f"job/{nomad.name}"), json.dumps({"Job": bad_copy(spec)}))
        job = nomad.job
        yield job.version if job else before + 1
    finally:
        run_uninterrupted(lambda: _put_back(nomad, before))


def _put_back(nomad: Nomad, before: int) -> None:
    number = before + 1
    if not _is_back(nomad, number):
        nomad.api.post(
            nomad.at(f"job/{nomad.name}/revert"), json.dumps({"JobID": nomad.name, "JobVersion": before})
        )
    wait_until(lambda: _is_well(nomad), BACK_SECONDS, every=0.25)


def _is_well(nomad: Nomad) -> bool:
    newest = next(iter(nomad.deployments()), None)
    if newest is not None and newest.status == "running":
        return False
    instances = nomad.instances()
    return len(instances) == COPIES and all(each.ready for each in instances)


def require_contained(nomad: Nomad, verdict: Verdict, seen: Timeline) -> None:
    """Fail unless the bad release was never called healthy, was rolled back, and cost no request."""
    deployment = verdict.deployment
    told = "no deployment"
    if deployment:
        told = f"deployment {deployment.id[:8]}: {deployment.status}; {deployment.status_description}"
    job = nomad.job if verdict.healthy else None
    group = group_of(job) if job else None
    unheard = group.unheard if group else ""
    undecided = deployment is None or deployment.status == "running"
    WHY.require(
        verdict.reverted and not verdict.healthy and not undecided,
        "healthy-unheard" if unheard
        else "healthy-all-the-same" if verdict.healthy
        else "undecided" if undecided
        else "not-taken-back",
        unheard=unheard,
        seconds=JUDGED_SECONDS,
        option=nomad.option,
        job=nomad.name,
        seen=told,
    )  # fmt: skip
    failed = len(seen.failures)
    WHY.require(not failed, "cost-requests", failed=failed, all=len(seen.requests), seen=seen.summary)
