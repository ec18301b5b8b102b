"""Rollouts that are not done: that stand still, that the cluster refuses, or that reach only some of what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checker.cluster.kubernetes import version_of
from checker.cluster.kubernetes_hindrances import standing_still

from .parcel import WHY, image_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from checker.cluster.kubernetes import Workload
    from checker.cluster.kubernetes_records import Container

    from .parcel import Parcel


def require_parcel_made(parcel: Parcel) -> None:
    """Require that what made the copies is to make copies of Parcel, and nothing else."""
    for workload in parcel.workloads:
        images = parcel.images_told(workload)
        if not images or any(parcel.cluster.is_parcel(each) for each in images):
            continue
        waiting = [pod for pod in parcel.cluster.misnamed() if parcel.owner(pod) == workload]
        WHY.fail(
            "told-another-image",
            workload=workload.title,
            images=images,
            image=parcel.cluster.image,
            space=workload.space,
            seen=f"{waiting[0].metadata.name}: {waiting[0].trouble}" if waiting else ", ".join(images),
            evidence=parcel.last_warning(waiting[0]) if waiting else "",
        )


def require_going_on(parcel: Parcel) -> None:
    """Require that no release was begun that cannot be done."""
    require_parcel_made(parcel)
    pod = standing_still(parcel)
    if pod is None:
        return
    image, trouble = parcel.container(pod).image, "Pending" if pod.unschedulable else pod.trouble or "0/1"
    serving = [each for each in parcel.pods_of(parcel.owner(pod)) if each.ready]
    images = {parcel.container(each).image for each in serving}
    WHY.fail(
        "standing-still",
        serving=len(serving),
        old=sorted(images - {image} or images),
        image=image,
        trouble=trouble,
        owner=parcel.owner(pod).title,
        space=pod.metadata.space,
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
    kept = parcel.kept(workload)
    WHY.fail(
        "older-by-a-pause" if kept else "older",
        number=len(old),
        workload=workload.title,
        kind=workload.kind,
        kept=kept,
        space=workload.space,
        seen=f"{old[0].metadata.name}, with another {'image' if asked is image_of else 'probe'}",
    )


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
            space=pod.metadata.space,
            seen=f"{workload.title}: {told}",
        )


def left_behind(parcel: Parcel, version: str) -> str:
    """Return what was not told of a version, and what runs it where the service does not lead, as sentences."""
    made = {workload.title: parcel.made_of(workload) for workload in parcel.workloads}
    old = {title: each.image for title, each in made.items() if each and version_of(each.image) != version}
    said = [" and ".join(f"{title} says {image}" for title, image in old.items())] if old else []
    images = {parcel.owner(pod).title: parcel.container(pod).image for pod in parcel.beside}
    new = [f"{title} runs {image}" for title, image in images.items() if version_of(image) == version]
    if new and parcel.service:
        it, name = "it" if len(new) == 1 else "them", parcel.service.metadata.name
        said.append(f"{' and '.join(new)}, and the service {name} does not lead to {it}")
    return " ".join(f"{each}." for each in said)
