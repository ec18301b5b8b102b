"""How version 2.0 came: whether it is everywhere, and whether a canary went before it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.interface import repository_of, tag_of

from .job import COPIES, REPOSITORY, WHY, by_port, groups_of, require_open

if TYPE_CHECKING:
    from collections.abc import Sequence

    from checker.cluster.interface import Instance
    from checker.cluster.nomad import Deployment, Job, Nomad

OLD, NEW = "1.0", "2.0"


def require_version_2(nomad: Nomad) -> None:
    """Fail unless all copies are of version 2.0, and nothing is half done."""
    instances = nomad.instances()
    newest = next(iter(nomad.deployments()), None)
    seen = ", ".join(f"{each.version} on {each.node}" for each in instances) or "no copy"
    version = _brings(nomad, newest) if newest else ""
    if newest and (newest.waits or newest.lacks_places) and version in {OLD, NEW}:
        if version == NEW:
            _require_new_image(nomad, newest, nomad.versions()[newest.job_version], seen)
        _fail_waiting(nomad, newest, version, instances, seen)
    versions = {each.version for each in instances}
    if NEW not in versions:
        _fail_old(nomad, seen)
    number = len(instances)
    WHY.require(
        versions == {NEW} and number == COPIES,
        "too-few-or-many" if versions == {NEW} else "half-done",
        number=number,
        source=nomad.shows(),
        seen=seen,
    )


def _fail_old(nomad: Nomad, seen: str) -> NoReturn:
    known = nomad.versions()
    # Where Nomad took a release back by itself, a later one brought 1.0.
    others = [each for each in nomad.deployments() if each.job_version in known]
    tried = next((each for each in others if not _is_parcel(known[each.job_version], OLD)), None)
    if tried:
        _require_new_image(nomad, tried, known[tried.job_version], seen)
    said = tried.status_description if tried and tried.status == "failed" else None
    was = [number for number, job in known.items() if job.tag == NEW]
    WHY.fail(
        "failed-by-hand" if said is not None and "marked as failed" in said
        else "did-not-become-healthy" if said is not None
        else "brought-back" if was
        else "not-handed-over",
        number=max(was, default=0),
        source=nomad.shows(),
        seen=seen,
        evidence=said or "",
    )  # fmt: skip


def _require_new_image(nomad: Nomad, tried: Deployment, job: Job, seen: str) -> None:
    """Fail if a release that did not come to its end was of an image that is not the new one."""
    bad = [each for each in nomad.instances() if each.version == job.tag and not each.ready]
    WHY.require(
        _is_parcel(job, NEW),
        "another-image",
        image=_image_of(job),
        source=nomad.shows(),
        seen=seen,
        evidence=nomad.last_event(bad[0]) if bad else tried.status_description,
    )


def _image_of(job: Job) -> str:
    """Return the image of a job's copies of Parcel, of a group that has some if there is one; else that of its first group."""
    return next(
        (group.image for group in sorted(groups_of(job), key=lambda group: not group.count)), job.image
    )


def _is_parcel(job: Job, version: str) -> bool:
    """Whether a job makes copies of this version of Parcel's image, whatever registry stands in front of its name."""
    image = _image_of(job)
    return repository_of(image) == REPOSITORY and tag_of(image) == version


def _brings(nomad: Nomad, deployment: Deployment) -> str:
    """Return the version that a deployment brings; empty when Nomad no longer knows."""
    job = nomad.versions().get(deployment.job_version)
    return job.tag if job else ""


def _fail_waiting(
    nomad: Nomad, deployment: Deployment, version: str, instances: list[Instance], seen: str
) -> NoReturn:
    if deployment.lacks_places:
        unplaced = nomad.unplaced()
        why = unplaced.why if unplaced else ""
        require_open(nomad, why, "A canary of the release finds no client", seen)
        placed = deployment.canaries_placed
        WHY.fail(
            "canary-without-a-port" if by_port(why) else "canary-without-a-client",
            canaries="1 canary, which"
            if deployment.canaries == 1
            else f"{deployment.canaries} canaries; {placed} {'has' if placed == 1 else 'have'} a place, and another",
            source=nomad.shows(),
            seen=f"{seen}; not placed: {why or 'a canary'}",
            evidence=deployment.status_description,
        )
    canaries = [each for each in instances if each.id in deployment.canary_ids] or [
        each for each in instances if each.version == version
    ]
    WHY.fail(
        "canary-waits" if version == NEW else "canary-of-old-waits",
        client=canaries[0].node if canaries else "a client",
        others=sorted({each.version for each in instances if each not in canaries}) or "another version",
        source=nomad.shows(),
        seen=seen,
        evidence=deployment.status_description,
    )


def require_canary_first(nomad: Nomad) -> None:
    """Fail unless the latest move from 1.0 to 2.0 had a canary that was promoted."""
    versions = nomad.versions()
    moves = _latest_moves(nomad, versions)
    if not moves:
        _fail_no_move(nomad, versions)
    for move, groups in moves:
        _require_canary(nomad, move, groups)


def _require_canary(nomad: Nomad, move: Deployment, moved: Sequence[str]) -> None:
    """Fail unless a deployment had a canary that was promoted, for each of the groups that it moved to 2.0."""
    option, short = nomad.option, move.id[:8]
    what = f"deployment {short}: {move.status}"
    WHY.require(move.canaries > 0, "no-canary", option=option, id=short, seen=f"{what}, no canary")
    groups = " and ".join(each for each in moved if not move.canaries_of(each))
    canaries = f"{move.canaries} canar{'y' if move.canaries == 1 else 'ies'}"
    WHY.require(
        not groups,
        "canary-of-some",
        groups=groups,
        option=option,
        id=short,
        seen=f"deployment {short}: {canaries}, none in {groups}",
    )
    WHY.require(
        move.promoted and move.status == "successful",
        "not-promoted",
        status=move.status,
        option=option,
        id=short,
        seen=f"{what}; {move.status_description}",
    )


def _fail_no_move(nomad: Nomad, versions: dict[int, Job]) -> NoReturn:
    groups = versions[max(versions)].task_groups if versions else []
    if any(each.update and not each.update.max_parallel for each in groups):
        WHY.fail("all-at-once", option=nomad.option, job=nomad.name, seen="no deployment")
    known = [each for each in nomad.deployments() if each.job_version in versions]
    seen = ", ".join(f"{each.id[:8]}: {versions[each.job_version].tag}, {each.status}" for each in known)
    WHY.fail("no-move", option=nomad.option, job=nomad.name, seen=seen or "no deployment")


def _latest_moves(nomad: Nomad, versions: dict[int, Job]) -> list[tuple[Deployment, list[str]]]:
    """Return the successful deployments that brought 2.0 where 1.0 was, the latest first, each with the groups that it moved.

    A job of several groups may be moved group by group, each in a deployment of its own.
    """

    def counts(each: Deployment) -> bool:
        # One of 1.0 that Nomad cancelled had copies that ran, but not yet for as long as the job asks. Where they were
        # canaries that nobody promoted, they never took the place of others.
        begun = each.status == "cancelled" and versions[each.job_version].tag == OLD and each.promoted
        return begun or each.status == "successful"

    done = [each for each in nomad.deployments() if each.job_version in versions and counts(each)]
    found = []
    for newer, older in itertools.pairwise(done):
        before = {group.name: group.version for group in groups_of(versions[older.job_version])}
        after = [group for group in groups_of(versions[newer.job_version]) if group.version == NEW]
        moved = sorted(group.name for group in after if before.get(group.name) == OLD and group.count)
        if moved or (versions[newer.job_version].tag, versions[older.job_version].tag) == (NEW, OLD):
            found.append((newer, moved))
        if found and NEW not in before.values():
            break
    return found
