"""Rollouts that are not done: that stand still, that the cluster refuses, or that reach only some of what there is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NoReturn

from checker.cluster.kubernetes import NO_IMAGE, held_back, version_of

from .parcel import WHY, image_of, space

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_records import Container, Pod

    from .parcel import Parcel

STILL_SECONDS = 45.0
"""How old a copy of a new version has to be, besides what its probes put off, until its rollout counts as stuck."""

NO_START = {
    *NO_IMAGE,
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
}
"""The cluster's words for a container that it cannot start, or starts again and again."""


def delay(container: Container) -> int:
    """Return how many seconds a container's own probes may put off the moment in which it is ready."""
    asked = container.readiness_probe.initial_delay_seconds if container.readiness_probe else 0
    return asked + (container.startup_probe.patience if container.startup_probe else 0)


def standing_still(parcel: Parcel) -> Pod | None:
    """Return a copy that keeps a rollout waiting while older ones of the same workload serve; None if there is none."""
    serving = {(parcel.owner(pod), parcel.container(pod).image) for pod in parcel.pods if pod.ready}
    for pod in parcel.pods:
        owner, image = parcel.owner(pod), parcel.container(pod).image
        older = [other for other, had in serving if other == owner and had != image]
        if not pod.ready and older and is_stuck(parcel, pod):
            return pod
    return None


def is_stuck(parcel: Parcel, pod: Pod) -> bool:
    """Whether a copy that is not ready will not get ready by itself: it cannot start, or was given long enough."""
    if pod.unschedulable or pod.trouble in NO_START:
        return True
    made = dt.datetime.fromisoformat(pod.metadata.creation_timestamp or "1970-01-01T00:00:00Z").timestamp()
    waited = parcel.looked_at - made
    return waited > STILL_SECONDS + delay(parcel.container(pod)) and bool(
        pod.trouble or parcel.last_warning(pod)
    )


def fail_standing_still(parcel: Parcel, pod: Pod) -> NoReturn:
    """End the check: a release was begun that cannot be done."""
    image, trouble = parcel.container(pod).image, pod.trouble or "0/1"
    old = {parcel.container(each).image for each in parcel.pods if each.ready} - {image}
    serving = sum(each.ready for each in parcel.pods)
    WHY.fail(
        "standing-still",
        serving=serving,
        old=sorted(old),
        image=image,
        trouble=trouble,
        owner=parcel.owner(pod).title,
        space=space(pod),
        seen=f"{pod.metadata.name}: {trouble}",
        evidence=parcel.last_warning(pod),
    )


def require_current(parcel: Parcel, workload: Workload, asked: Callable[[Container], object]) -> None:
    """Require that the copies of a workload that does not replace them are as it says now.

    Args:
        parcel: the learner's Parcel.
        workload: the workload.
        asked: what of a container counts.
    """
    old = parcel.outdated(workload, asked)
    if not old:
        return
    kept = held_back(workload.kind, parcel.spec(workload))
    WHY.fail(
        "older-by-a-pause" if kept else "older",
        number=len(old),
        workload=workload.title,
        kind=workload.kind,
        kept=kept,
        space=space(old[0]),
        seen=f"{old[0].metadata.name}, with another {'image' if asked is image_of else 'probe'}",
    )


def fail_refused(parcel: Parcel, workload: Workload, refused: str) -> NoReturn:
    """End the check: a release was begun of which the cluster makes no copy."""
    pod = parcel.pods_of(workload)[0]
    WHY.fail("rollout-refused", workload=workload.title, space=space(pod), seen=refused)


def require_told(parcel: Parcel, version: str) -> None:
    """Require that what makes copies says the version that the copies run."""
    for workload in parcel.workloads:
        made, pod = parcel.made_of(workload), parcel.pods_of(workload)[0]
        told = made.image if made else ""
        WHY.require(
            made is None or version_of(told) == version,
            "told-otherwise",
            workload=workload.title,
            image=parcel.container(pod).image,
            told=told,
            space=space(pod),
            seen=f"{workload.title}: {told}",
        )


def left_behind(parcel: Parcel, version: str) -> str:
    """Return which of several workloads was not told of the new version, as a sentence."""
    made = {workload.title: parcel.made_of(workload) for workload in parcel.workloads}
    old = {title: each.image for title, each in made.items() if each and version_of(each.image) != version}
    return f"{' and '.join(f'{title} says {image}' for title, image in old.items())}. " if old else ""
