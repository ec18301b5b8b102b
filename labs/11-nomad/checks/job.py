"""What the learner's job says and came to, told in words where it is not what the task asks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import repository_of
from checker.grading.author import Reasons, could_not_run

if TYPE_CHECKING:
    from collections.abc import Collection

    from checker.cluster.interface import Instance
    from checker.cluster.nomad import Group, Job, Nomad

WHY = Reasons(Path(__file__).with_name("reasons.toml"))

COPIES = 2
"""How many copies the task asks for."""

PORT = 8080
"""The port of a client that a copy is published on."""

REPOSITORY = "drydock/parcel"


def group_of(job: Job) -> Group | None:
    """Return the group of a job that runs Parcel; the first, where there are several."""
    return next(iter(groups_of(job)), None)


def groups_of(job: Job) -> list[Group]:
    """Return the groups of a job that run Parcel."""
    return [group for group in job.task_groups if repository_of(group.image) == REPOSITORY]


def require_job(nomad: Nomad) -> tuple[Job, Group]:
    """Return the job and its group; fail when Nomad has no such job."""
    job = nomad.job
    if job is None:
        _fail_no_job(nomad)
    group = group_of(job)
    if group is None:
        images = ", ".join(sorted({each.image for each in job.task_groups if each.image})) or "no image"
        WHY.fail("not-parcel", job=nomad.name, option=nomad.option, seen=images)
    return job, group


def _fail_no_job(nomad: Nomad) -> NoReturn:
    strays = nomad.loose()
    if strays:
        client, name = strays[0]
        seen = ", ".join(f"{one} on {where}" for where, one in strays)
        WHY.fail("started-by-hand", job=nomad.name, name=name, client=client, seen=seen)
    others = ", ".join(nomad.others())
    WHY.fail("no-job", job=nomad.name, seen=f"jobs: {others}" if others else "no job")


def require_two_copies(nomad: Nomad, job: Job) -> None:
    """Fail unless two copies run, on two clients."""
    WHY.require(
        job.type == "service",
        "system-job" if job.type == "system" else "another-type",
        job=nomad.name,
        type=job.type,
        source=nomad.shows(),
        seen=f"type {job.type}",
    )
    wanted = sum(each.count for each in groups_of(job))
    counts = " and ".join(f"count = {each.count} in the group {each.name}" for each in groups_of(job))
    WHY.require(
        wanted == COPIES,
        "one-wanted" if wanted == 1 else "others-wanted" if wanted else "none-wanted",
        wanted=wanted,
        job=nomad.name,
        option=nomad.option,
        seen="count = 1" if wanted == 1 else counts,
    )
    _require_port(nomad)
    instances = nomad.instances()
    if len(instances) < COPIES:
        _fail_unplaced(nomad, instances)
    ready = [each for each in instances if each.ready]
    nodes = {each.node for each in ready}
    if len(ready) < COPIES:
        _fail_unready(nomad, instances)
    seen = ", ".join(f"{each.id[:8]} on {each.node}" for each in ready)
    WHY.require(
        len(nodes) >= COPIES, "on-one-client", client=next(iter(nodes)), source=nomad.shows(), seen=seen
    )


def _fail_unready(nomad: Nomad, instances: list[Instance]) -> NoReturn:
    well = sum(each.ready for each in instances)
    one = next(each for each in instances if not each.ready)
    refused = nomad.refused(one)
    states = (f"{each.id[:8]} on {each.node}: {'well' if each.ready else 'not well'}" for each in instances)
    WHY.fail(
        "not-well"
        if not refused
        else "check-not-yet"
        if refused.pending
        else "check-unanswered"
        if refused.unanswered
        else "check-not-passed",
        all=len(instances),
        well=well,
        client=one.node,
        option=nomad.option,
        id=one.id[:8],
        seen=f"check {refused.check}: {refused.status}" if refused else ", ".join(states),
        evidence=refused.output[:200] if refused else nomad.last_event(one),
    )


def _require_port(nomad: Nomad) -> None:
    """Fail when another job holds the port that the copies are published on."""
    taken = nomad.holders(PORT)
    if taken:
        client, holder = taken[0]
        seen = ", ".join(f"{one} on {where}" for where, one in taken)
        WHY.fail("port-held", client=client, holder=holder, job=nomad.name, seen=seen)


def require_alone(nomad: Nomad, names: Collection[str]) -> None:
    """Fail when more answer than Nomad runs, because of a container that somebody started by hand.

    Args:
        nomad: the cluster.
        names: the names that answered.
    """
    running = sum(each.client_status == "running" for each in nomad.allocations())
    strays = nomad.loose() if len(names) > running else []
    if strays:
        client, name = strays[0]
        copies = "copy" if running == 1 else "copies"
        seen = f"{len(names)} names answer, and Nomad runs {running} {copies}"
        WHY.fail("answers-beside", name=name, client=client, job=nomad.name, seen=seen)


def _fail_unplaced(nomad: Nomad, instances: list[Instance]) -> NoReturn:
    unplaced = nomad.unplaced()
    why = unplaced.why if unplaced else ""
    seen = ", ".join(f"{each.id[:8]} on {each.node}" for each in instances) or "no copy is placed"
    seen += f"; not placed: {why}" if why else ""
    number = len(instances)
    consul = "consul" in why
    network = "plugins.cni" in why or ("network" in why and "port" not in why)
    if not consul and not network:
        require_open(nomad, why, f"{number} of {COPIES} copies run{'s' * (number == 1)}", seen)
    WHY.fail(
        "wants-consul" if consul else "wants-another-network" if network else "not-placed",
        number=number,
        rest=max(1, COPIES - number),
        source=nomad.shows(),
        seen=seen,
    )


def by_port(why: str, *others: str) -> bool:
    """Whether nothing rules clients out but ports in use, or what has one of some other words in it, or nothing is known."""
    known = ("port", "no client", *others)
    return all(any(word in reason for word in known) for reason in why.split(", ") if reason)


def require_open(nomad: Nomad, why: str, begins: str, seen: str) -> None:
    """End the check if a client is lost, or was told to take nothing new, so that a copy may have no place for that.

    Args:
        nomad: the cluster.
        why: what rules clients out.
        begins: the beginning of the sentence that tells it.
        seen: what there is instead.
    """
    if lost := nomad.ailing():
        could_not_run(f"{begins}, and it may be for want of a client. {lost}")
    # Copies that shun each other's clients find no more places than by their port.
    if by_port(why, "distinct_hosts") and (closed := nomad.closed()):
        evidence = f"{closed[0]}: ineligible"
        WHY.fail(
            "client-closed", begins=begins, client=closed[0], job=nomad.name, seen=seen, evidence=evidence
        )
