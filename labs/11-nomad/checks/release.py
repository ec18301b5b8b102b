"""How version 2.0 came: whether it is everywhere, and whether a canary went before it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NoReturn

from checker.grading.author import fail, require

from .job import COPIES, PORT, by_port, fail_closed, groups_of

if TYPE_CHECKING:
    from checker.cluster.interface import Instance
    from checker.cluster.nomad import Deployment, Job, Nomad

OLD, NEW = "1.0", "2.0"


def settled(nomad: Nomad) -> bool:
    """Whether nothing is under way that ends by itself: no deployment runs, or it waits for somebody."""
    newest = next(iter(nomad.deployments()), None)
    if newest is None or newest.status != "running":
        return True
    return nomad.unplaced() is not None if newest.lacks_places else newest.waits


def require_version_2(nomad: Nomad) -> None:
    """Fail unless all copies are of version 2.0, and nothing is half done."""
    instances = nomad.instances()
    newest = next(iter(nomad.deployments()), None)
    seen = ", ".join(f"{each.version} on {each.node}" for each in instances) or "no copy"
    facts = {
        "expected": f"{COPIES} copies of version {NEW} and none of {OLD}",
        "seen": seen,
        "source": nomad.shows(),
    }
    if newest and (newest.waits or newest.lacks_places) and _brings(nomad, newest) == NEW:
        _fail_waiting(nomad, newest, instances, facts)
    versions = {each.version for each in instances}
    if NEW not in versions:
        tried = next((each for each in nomad.deployments() if each.status == "failed"), None)
        if tried and _brings(nomad, tried) == NEW and "marked as failed" in tried.status_description:
            fail(
                f"The release of {NEW} was marked as failed by hand, so the job is where it was before.",
                **facts,
                evidence=tried.status_description,
                hint="`nomad job deployments` lists the releases. Release it once more, and look at its canary.",
            )
        if tried and _brings(nomad, tried) == NEW:
            fail(
                f"Version {NEW} was tried and did not become healthy, so the job is where it was before.",
                **facts,
                evidence=tried.status_description,
                hint="`nomad job status` lists allocations that failed; `nomad alloc status ID` says how far one came.",
            )
        was = [number for number, job in nomad.versions().items() if job.tag == NEW]
        if was:
            fail(
                f"Only version {OLD} runs: version {NEW} was handed to Nomad as version {max(was)} of the job, and a later "
                f"version of the job brought {OLD} back.",
                **facts,
                hint="`nomad job history` lists the job's versions. Release the new image once more.",
            )
        fail(
            f"Only version {OLD} runs: version {NEW} was not handed to Nomad, or not under this job's name.",
            **facts,
            hint="Lesson, “A canary”: what is changed in the job's file, and which command hands it over?",
        )
    require(
        versions != {NEW} or len(instances) == COPIES,
        f"{len(instances)} {'copy of' if len(instances) == 1 else 'copies of'} {NEW} run{'s' * (len(instances) == 1)}; the task asks for {COPIES}.",
        **facts,
        hint="How many copies does the job want now, in all of its groups together? `nomad job status` shows it under “Summary”.",
    )
    require(
        versions == {NEW},
        f"Version {NEW} is not alone: the release is half done.",
        **facts,
        hint="`nomad deployment list` shows whether a release is under way, has failed, or was cancelled.",
    )


def _brings(nomad: Nomad, deployment: Deployment) -> str:
    """Return the version that a deployment brings; empty when Nomad no longer knows."""
    job = nomad.versions().get(deployment.job_version)
    return job.tag if job else ""


def _fail_waiting(
    nomad: Nomad, deployment: Deployment, instances: list[Instance], facts: dict[str, str]
) -> NoReturn:
    if deployment.lacks_places:
        unplaced = nomad.unplaced()
        why = unplaced.why if unplaced else ""
        if by_port(why) and (closed := nomad.closed()):
            fail_closed(nomad, closed[0], "A canary of the release finds no client", facts)
        placed = deployment.canaries_placed
        those = (
            "1 canary, which"
            if deployment.canaries == 1
            else f"{deployment.canaries} canaries; {placed} {'has' if placed == 1 else 'have'} a place, and another"
        )
        fail(
            f"The release wants {those} finds no client {f'with port {PORT} free' if by_port(why) else 'that may take it'}. "
            "It cannot be promoted before all of its canaries are healthy, so it never ends.",
            **{**facts, "seen": f"{facts['seen']}; not placed: {why or 'a canary'}"},
            evidence=deployment.status_description,
            hint="Three clients, two copies: how many canaries find a place beside them?"
            if by_port(why)
            else "Each reason has the number of clients that it rules out. Which line of your job asks for that?",
        )
    new = next((each.node for each in instances if each.version == NEW), "a client")
    fail(
        f"Version {NEW} runs on {new} as a canary, beside the copies of {OLD}, and waits for somebody to promote it. "
        "A canary is a question; Nomad answers it by itself only if the job says so.",
        **facts,
        evidence=deployment.status_description,
        hint="Lesson, “A canary”: which command says that the canary did well?",
    )


def require_canary_first(nomad: Nomad) -> None:
    """Fail unless the latest move from 1.0 to 2.0 had a canary that was promoted."""
    versions = nomad.versions()
    move = _latest_move(nomad, versions)
    newest = versions[max(versions)] if versions else None
    if (
        move is None
        and newest
        and any(each.update and not each.update.max_parallel for each in newest.task_groups)
    ):
        fail(
            "The job says `max_parallel = 0`: Nomad then replaces all copies at the same time, keeps no deployment, and "
            "places no canary.",
            expected=f"a deployment of {NEW} with a canary",
            seen="no deployment",
            source=f"nomad job deployments{nomad.option} {nomad.name}",
            hint=f"Take that line out of the `update` block. Then hand over {OLD} again, and release {NEW} once more.",
        )
    if move is None:
        fail(
            f"Nomad knows of no release that took this job from {OLD} to {NEW}: it began with {NEW}, or was stopped "
            "in between, so there was nothing for a canary to stand beside.",
            expected=f"a deployment of {NEW} while {OLD} runs",
            seen=", ".join(
                f"{each.id[:8]}: {versions[each.job_version].tag}, {each.status}"
                for each in nomad.deployments()
                if each.job_version in versions
            )
            or "no deployment",
            source=f"nomad job deployments{nomad.option} {nomad.name}",
            hint=f"Hand over {OLD} again, wait until it is healthy, and release {NEW} once more.",
        )
    require(
        move.canaries > 0,
        f"Version {NEW} was released without a canary: the first copy that was replaced was the first trial. Had it been "
        "bad, half of the service would have been gone when that came out.",
        expected="a deployment with at least one canary",
        seen=f"deployment {move.id[:8]}: {move.status}, no canary",
        source=f"nomad deployment status{nomad.option} {move.id[:8]}",
        hint="Lesson, “A canary”: which line of the `update` block asks for one? Then release once more, from 1.0.",
    )
    untried = _untried(nomad, move)
    require(
        not untried,
        f"The release had a canary, but not for all copies: in the group {' and '.join(untried)}, {NEW} replaced {OLD} without "
        "waiting for it. Had it been bad, those copies would have been gone when that came out.",
        expected="a canary in every group whose version changes",
        seen=f"deployment {move.id[:8]}: {move.canaries} canar{'y' if move.canaries == 1 else 'ies'}, none in {' and '.join(untried)}",
        source=f"nomad deployment status{nomad.option} {move.id[:8]}",
        hint="One group with two copies needs one `update` block. Two groups need one each, and then a release for each: a free "
        "client is there for one canary.",
    )
    require(
        move.promoted and move.status == "successful",
        f"The canary of {NEW} was not promoted: that release ended as {move.status}.",
        expected="a deployment whose canary was promoted, and which was successful",
        seen=f"deployment {move.id[:8]}: {move.status}; {move.status_description}",
        source=f"nomad deployment status{nomad.option} {move.id[:8]}",
        hint="Hand over 1.0 again, wait until it is healthy, and release 2.0 once more.",
    )


def _untried(nomad: Nomad, move: Deployment) -> list[str]:
    """Return the groups that a deployment took from 1.0 to 2.0 without a canary of their own."""
    versions = nomad.versions()
    older = [number for number in versions if number < move.job_version]
    before = {group.name: group.version for group in groups_of(versions[max(older)])} if older else {}
    return sorted(
        group.name
        for group in groups_of(versions[move.job_version])
        if (before.get(group.name), group.version) == (OLD, NEW)
        and group.count
        and not move.canaries_of(group.name)
    )


def _latest_move(nomad: Nomad, versions: dict[int, Job]) -> Deployment | None:
    """Return the latest successful deployment that brought 2.0 where 1.0 was."""

    def counts(each: Deployment) -> bool:
        # One of 1.0 that Nomad cancelled had copies that ran, but not yet for as long as the job asks.
        status = each.status
        return status == "successful" or (status == "cancelled" and versions[each.job_version].tag == OLD)

    done = [each for each in nomad.deployments() if each.job_version in versions and counts(each)]
    for newer, older in itertools.pairwise(done):
        if versions[newer.job_version].tag == NEW and versions[older.job_version].tag == OLD:
            return newer
    return None
